//! Digests that are computed from content.

use imagereview_core::facts::ContentDigest;
use ring::digest;

/// The SHA-256 of content.
///
/// ```
/// use imagereview_registry::{is_digest_of, sha256_of};
///
/// let digest = sha256_of(b"{}");
/// assert!(is_digest_of(&digest, b"{}"));
/// assert!(!is_digest_of(&digest, b"[]"));
/// ```
#[must_use]
pub fn sha256_of(content: &[u8]) -> ContentDigest {
    hash(&digest::SHA256, "sha256", content)
}

/// Whether the content has this digest.
#[must_use]
pub fn is_digest_of(digest: &ContentDigest, content: &[u8]) -> bool {
    *digest == computed_alike(digest, content)
}

/// The digest that the content has, by the algorithm of another.
pub(crate) fn computed_alike(digest: &ContentDigest, content: &[u8]) -> ContentDigest {
    if digest.as_str().starts_with("sha512:") {
        hash(&digest::SHA512, "sha512", content)
    } else {
        hash(&digest::SHA256, "sha256", content)
    }
}

fn hash(algorithm: &'static digest::Algorithm, name: &str, content: &[u8]) -> ContentDigest {
    use std::fmt::Write as _;

    let hash = digest::digest(algorithm, content);
    let mut text = String::with_capacity(name.len() + 1 + 2 * hash.as_ref().len());
    text.push_str(name);
    text.push(':');
    for byte in hash.as_ref() {
        // Writing to a string does not fail.
        let _ = write!(text, "{byte:02x}");
    }
    #[expect(
        clippy::expect_used,
        reason = "the digits of a hash of these algorithms are a digest"
    )]
    ContentDigest::parse(&text).expect("a digest")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_algorithms_are_computed() {
        // Source: FIPS 180-2, appendix B.1 and C.1.
        let sha256 = "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        let sha512 = "sha512:ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a\
                      2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f";
        assert_eq!(sha256_of(b"abc").as_str(), sha256);
        for text in [sha256, sha512] {
            let digest = ContentDigest::parse(text).unwrap();
            assert!(is_digest_of(&digest, b"abc"), "{text}");
        }
    }
}
