//! Digests of content, computed from its bytes.

use std::fmt;

use imagereview_core::DigestAlgorithm;
use ring::digest;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// The digest of content: `sha256:` or `sha512:` and lower-case hexadecimal digits.
///
/// Other algorithms are refused: a registry is not to choose a weak one.
///
/// ```
/// use imagereview_registry::ContentDigest;
///
/// let digest = ContentDigest::sha256_of(b"{}");
/// assert!(digest.is_of(b"{}"));
/// assert!(!digest.is_of(b"[]"));
/// assert_eq!(ContentDigest::parse(digest.as_str()), Some(digest));
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

    /// The SHA-256 of content.
    #[must_use]
    pub fn sha256_of(content: &[u8]) -> Self {
        Self(hash(&digest::SHA256, "sha256", content))
    }

    /// Whether the content has this digest.
    #[must_use]
    pub fn is_of(&self, content: &[u8]) -> bool {
        *self.0 == *self.computed_alike(content)
    }

    /// The digest that the content has, by the algorithm of this one.
    pub(crate) fn computed_alike(&self, content: &[u8]) -> Box<str> {
        if self.0.starts_with("sha512:") {
            hash(&digest::SHA512, "sha512", content)
        } else {
            hash(&digest::SHA256, "sha256", content)
        }
    }

    /// The digest as it stands in a reference.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn hash(algorithm: &'static digest::Algorithm, name: &str, content: &[u8]) -> Box<str> {
    use fmt::Write as _;

    let hash = digest::digest(algorithm, content);
    let mut text = String::with_capacity(name.len() + 1 + 2 * hash.as_ref().len());
    text.push_str(name);
    text.push(':');
    for byte in hash.as_ref() {
        // Writing to a string does not fail.
        let _ = write!(text, "{byte:02x}");
    }
    text.into()
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

    #[test]
    fn both_algorithms_are_computed() {
        // Source: FIPS 180-2, appendix B.1 and C.1.
        let sha256 = "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        let sha512 = "sha512:ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a\
                      2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f";
        assert_eq!(ContentDigest::sha256_of(b"abc").as_str(), sha256);
        for text in [sha256, sha512] {
            assert!(ContentDigest::parse(text).unwrap().is_of(b"abc"), "{text}");
        }
    }
}
