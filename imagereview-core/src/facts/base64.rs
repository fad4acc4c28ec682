//! Bytes in base64.

use std::{borrow::Cow, sync::Arc};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde::{Deserialize, Deserializer, Serializer, de};

pub(super) fn serialize<S: Serializer>(
    bytes: &Arc<[u8]>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&BASE64_STANDARD.encode(bytes))
}

pub(super) fn deserialize<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Arc<[u8]>, D::Error> {
    let text = Cow::<'de, str>::deserialize(deserializer)?;
    let bytes = BASE64_STANDARD.decode(&*text);
    let bytes = bytes.map_err(|_| de::Error::custom("this is not base64"))?;
    Ok(bytes.into())
}

/// How a schema describes it.
#[cfg(feature = "schema")]
pub(super) struct Text;

#[cfg(feature = "schema")]
impl schemars::JsonSchema for Text {
    fn schema_name() -> Cow<'static, str> {
        "Base64".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({"type": "string", "contentEncoding": "base64"})
    }
}
