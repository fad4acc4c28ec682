//! Digests that content is asked for by.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::reference::{Digest, DigestAlgorithm};

/// The digest of content in a registry: `sha256:` or `sha512:` and lower-case hexadecimal digits.
///
/// Other algorithms are refused: a registry is not to choose a weak one.
///
/// ```
/// use imagereview_core::facts::ContentDigest;
///
/// let text = format!("sha256:{}", "0".repeat(64));
/// assert_eq!(ContentDigest::parse(&text).unwrap().as_str(), text);
/// assert_eq!(ContentDigest::parse("md5:99914b932bd37a50b983c5e7c90ae93b"), None);
/// ```
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ContentDigest(Box<str>);

impl ContentDigest {
    /// Reads a digest. `None` if it is none, or of an algorithm that is not accepted.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (name, hex) = text.split_once(':')?;
        let len = match name {
            "sha256" => DigestAlgorithm::Sha256.hex_len(),
            "sha512" => DigestAlgorithm::Sha512.hex_len(),
            _ => return None,
        };
        let is_hex = hex.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        (hex.len() == len && is_hex).then(|| Self(text.into()))
    }

    /// The digest as it is written in a reference.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The digest of a reference, if its algorithm is accepted.
impl TryFrom<Digest<'_>> for ContentDigest {
    type Error = DigestAlgorithm;

    fn try_from(digest: Digest<'_>) -> Result<Self, Self::Error> {
        Self::parse(&digest.to_string()).ok_or(digest.algorithm())
    }
}

impl fmt::Display for ContentDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for ContentDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Serialize for ContentDigest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for ContentDigest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| {
            de::Error::custom("a digest is sha256: or sha512: and lower-case hexadecimal digits")
        })
    }
}

#[cfg(feature = "schema")]
impl schemars::JsonSchema for ContentDigest {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "ContentDigest".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": "string",
            "pattern": "^(sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128})$",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests_are_read_strictly() {
        let sha256 = "0".repeat(64);
        let sha512 = "0".repeat(128);
        for (text, is_digest) in [
            (format!("sha256:{sha256}"), true),
            (format!("sha512:{sha512}"), true),
            (format!("sha512:{sha256}"), false),
            (format!("sha384:{}", "0".repeat(96)), false),
            (format!("sha1:{}", "0".repeat(40)), false),
            (format!("md5:{}", "0".repeat(32)), false),
            (format!("SHA256:{sha256}"), false),
            (format!("sha256:{}", "F".repeat(64)), false),
            (format!("sha256:{}", "é".repeat(32)), false),
            (format!("sha256:{sha256} "), false),
            (format!("sha256+b64:{sha256}"), false),
            (String::new(), false),
        ] {
            assert_eq!(ContentDigest::parse(&text).is_some(), is_digest, "{text}");
        }
    }
}
