//! How the files in YAML are written.

use serde::Serialize;
use serde_saphyr::ser::Error;

/// The value as YAML, a long string on one line like a short one.
pub(super) fn yaml(value: &impl Serialize) -> Result<String, Error> {
    let options = serde_saphyr::ser_options! { prefer_block_scalars: false };
    serde_saphyr::to_string_with_options(value, options)
}
