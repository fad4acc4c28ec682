//! Readers of what a signature can be written as. They verify nothing.

pub(crate) mod bundle;
pub(crate) mod dsse;
pub(crate) mod in_toto;
pub(crate) mod simple_signing;

use std::collections::BTreeMap;

use serde_json::{Map, Value};

/// The entries that are strings. Others are left out: a condition on them would compare a number or
/// an object with a text.
pub(crate) fn strings(object: &Map<String, Value>) -> BTreeMap<String, String> {
    let texts = object.iter();
    let texts = texts.filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned())));
    texts.collect()
}
