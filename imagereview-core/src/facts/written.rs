//! What came of a candidate, in a file.

use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{refusal::Refusal, statement::Statement};

#[derive(Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub(super) enum Result {
    /// It counts.
    Verified(Box<Statement>),
    /// It does not.
    Refused(Refusal),
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
enum Borrowed<'a> {
    Verified(&'a Statement),
    Refused(&'a Refusal),
}

pub(super) fn serialize<S: Serializer>(
    result: &std::result::Result<Arc<Statement>, Refusal>,
    serializer: S,
) -> std::result::Result<S::Ok, S::Error> {
    match result {
        Ok(statement) => Borrowed::Verified(statement),
        Err(refusal) => Borrowed::Refused(refusal),
    }
    .serialize(serializer)
}

pub(super) fn deserialize<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> std::result::Result<std::result::Result<Arc<Statement>, Refusal>, D::Error> {
    Ok(match Result::deserialize(deserializer)? {
        Result::Verified(statement) => Ok(Arc::from(statement)),
        Result::Refused(refusal) => Err(refusal),
    })
}
