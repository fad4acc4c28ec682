//! The platforms that an image runs on.

use std::{fmt, str::FromStr};

use serde::{Serialize, Serializer};

/// The most bytes of one part of a platform.
const MAX_PART: usize = 64;

/// An operating system and a processor, such as `linux/arm64/v8`.
///
/// ```
/// use imagereview_registry::Platform;
///
/// let platform: Platform = "linux/arm/v7".parse()?;
/// assert_eq!(platform.architecture(), "arm");
/// assert_eq!(platform.to_string(), "linux/arm/v7");
/// # Ok::<(), imagereview_registry::PlatformError>(())
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
    /// Takes what a registry says. `None` where a part is no word.
    pub(super) fn new(
        os: &str,
        architecture: &str,
        variant: &str,
        os_version: &str,
    ) -> Option<Self> {
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

    /// Whether it stands for no platform, as attestations in an index are marked.
    pub(super) fn is_unknown(&self) -> bool {
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

impl Serialize for Platform {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
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
