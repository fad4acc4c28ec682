//! Times in RFC 3339.

use std::{borrow::Cow, time::SystemTime};

use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serializer, de, ser};

pub(super) fn serialize<S: Serializer>(
    time: &SystemTime,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    let time = Timestamp::try_from(*time).map_err(ser::Error::custom)?;
    serializer.collect_str(&time)
}

pub(super) fn deserialize<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<SystemTime, D::Error> {
    read(&Cow::<'de, str>::deserialize(deserializer)?)
}

fn read<E: de::Error>(text: &str) -> Result<SystemTime, E> {
    let time = text.parse::<Timestamp>().and_then(SystemTime::try_from);
    time.map_err(|_| E::custom("a time is written as 2026-11-28T08:00:00Z"))
}

/// Times that may not be there.
pub(super) mod optional {
    use super::{Cow, Deserialize as _, Deserializer, Serializer, SystemTime};

    #[allow(clippy::ref_option, reason = "serde calls it so")]
    pub(in crate::facts) fn serialize<S: Serializer>(
        time: &Option<SystemTime>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        match time {
            Some(time) => super::serialize(time, serializer),
            None => serializer.serialize_none(),
        }
    }

    pub(in crate::facts) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<SystemTime>, D::Error> {
        let text = Option::<Cow<'de, str>>::deserialize(deserializer)?;
        text.map(|text| super::read(&text)).transpose()
    }
}

/// How a schema describes a time.
#[cfg(feature = "schema")]
pub(super) struct Text;

#[cfg(feature = "schema")]
impl schemars::JsonSchema for Text {
    fn schema_name() -> Cow<'static, str> {
        "Time".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({"type": "string", "format": "date-time"})
    }
}
