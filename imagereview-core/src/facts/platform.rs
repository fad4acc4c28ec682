//! The platforms that an image runs on.

use std::{borrow::Cow, fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// The most bytes of one part of a platform.
const MAX_PART: usize = 64;

/// An operating system and a processor, such as `linux/arm64/v8`.
///
/// ```
/// use imagereview_core::facts::Platform;
///
/// let platform: Platform = "linux/arm/v7".parse()?;
/// assert_eq!(platform.architecture(), "arm");
/// assert_eq!(platform.to_string(), "linux/arm/v7");
/// # Ok::<(), imagereview_core::facts::PlatformError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Platform {
    os: Box<str>,
    architecture: Box<str>,
    variant: Box<str>,
    os_version: Box<str>,
}

/// A text is no platform.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a platform is written as os/architecture or os/architecture/variant, such as linux/amd64")]
#[non_exhaustive]
pub struct PlatformError;

impl Platform {
    /// Takes what a registry says: operating system, processor, its variant, and the version of the
    /// operating system; the last two may be empty. `None` where a part is no word.
    #[must_use]
    pub fn new(os: &str, architecture: &str, variant: &str, os_version: &str) -> Option<Self> {
        let is_word = |part: &str| {
            let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_.+".contains(c);
            part.len() <= MAX_PART && part.chars().all(is_plain)
        };
        let parts = [os, architecture, variant, os_version];
        (parts.iter().all(|part| is_word(part)) && !os.is_empty() && !architecture.is_empty()).then(
            || Self {
                os: os.into(),
                architecture: architecture.into(),
                variant: variant.into(),
                os_version: os_version.into(),
            },
        )
    }

    /// The operating system, such as `linux`.
    #[must_use]
    pub fn os(&self) -> &str {
        &self.os
    }

    /// The processor, such as `amd64`.
    #[must_use]
    pub fn architecture(&self) -> &str {
        &self.architecture
    }

    /// The variant of the processor, such as `v8`; empty where none is said.
    #[must_use]
    pub fn variant(&self) -> &str {
        &self.variant
    }

    /// The version of the operating system, which Windows has; empty where none is said.
    #[must_use]
    pub fn os_version(&self) -> &str {
        &self.os_version
    }

    /// Whether this is one of those that another names: the same operating system and processor, and
    /// the same variant unless the other names none.
    #[must_use]
    pub fn is_of(&self, wanted: &Self) -> bool {
        self.os == wanted.os
            && self.architecture == wanted.architecture
            && (wanted.variant.is_empty() || self.variant == wanted.variant)
    }

    /// Whether it is `unknown/unknown`, as attestations in an index are marked.
    #[must_use]
    pub fn is_unknown(&self) -> bool {
        *self.os == *"unknown" && *self.architecture == *"unknown"
    }
}

impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.os, self.architecture)?;
        if !self.variant.is_empty() {
            write!(f, "/{}", self.variant)?;
        }
        if !self.os_version.is_empty() {
            write!(f, " ({})", self.os_version)?;
        }
        Ok(())
    }
}

impl FromStr for Platform {
    type Err = PlatformError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut parts = text.split('/');
        let mut part = || parts.next().unwrap_or_default();
        let (os, architecture, variant, rest) = (part(), part(), part(), part());
        if !rest.is_empty() || text.ends_with('/') {
            return Err(PlatformError);
        }
        Self::new(os, architecture, variant, "").ok_or(PlatformError)
    }
}

/// Reads what is displayed: a version of the operating system may stand behind it in brackets.
impl<'de> Deserialize<'de> for Platform {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<'de, str>::deserialize(deserializer)?;
        let version = text
            .strip_suffix(')')
            .and_then(|text| text.split_once(" ("));
        let (platform, version) = version.unwrap_or((&text, ""));
        let platform: Self = platform.parse().map_err(de::Error::custom)?;
        Self::new(
            &platform.os,
            &platform.architecture,
            &platform.variant,
            version,
        )
        .ok_or_else(|| de::Error::custom(PlatformError))
    }
}

impl Serialize for Platform {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(feature = "schema")]
impl schemars::JsonSchema for Platform {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Platform".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": "string",
            "pattern": "^[-_.+a-zA-Z0-9]+(/[-_.+a-zA-Z0-9]+){1,2}( [(][-_.+a-zA-Z0-9]+[)])?$",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn platforms_are_read_and_matched() {
        for (text, is_platform) in [
            ("linux/amd64", true),
            ("linux/arm/v7", true),
            ("linux", false),
            ("linux/", false),
            ("/amd64", false),
            ("linux/arm/", false),
            ("linux/arm/v7/x", false),
            ("linux/am d64", false),
            ("", false),
        ] {
            assert_eq!(text.parse::<Platform>().is_ok(), is_platform, "{text}");
        }
        let arm: Platform = "linux/arm".parse().unwrap();
        let v7: Platform = "linux/arm/v7".parse().unwrap();
        assert!(v7.is_of(&arm) && !arm.is_of(&v7));
    }
}
