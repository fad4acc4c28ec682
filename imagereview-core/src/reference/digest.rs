//! The digest of a reference.

use std::fmt;

/// A content digest, borrowed from the reference that it was written in.
///
/// Source: the [OCI image specification, "Digests"](https://github.com/opencontainers/image-spec/blob/main/descriptor.md#digests),
/// restricted to the algorithms that the node verifies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Digest<'a> {
    pub(super) algorithm: DigestAlgorithm,
    pub(super) hex: &'a str,
}

impl<'a> Digest<'a> {
    /// The hash function.
    #[must_use]
    pub fn algorithm(&self) -> DigestAlgorithm {
        self.algorithm
    }

    /// The hash in lower-case hexadecimal digits.
    #[must_use]
    pub fn hex(&self) -> &'a str {
        self.hex
    }
}

impl fmt::Display for Digest<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.algorithm, self.hex)
    }
}

/// A hash function that the node accepts in a digest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum DigestAlgorithm {
    /// `sha256`: 64 hexadecimal digits.
    Sha256,
    /// `sha384`: 96 hexadecimal digits.
    Sha384,
    /// `sha512`: 128 hexadecimal digits.
    Sha512,
}

impl DigestAlgorithm {
    pub(super) const ALL: [Self; 3] = [Self::Sha256, Self::Sha384, Self::Sha512];

    /// The name as it stands in a reference.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Sha256 => "sha256",
            Self::Sha384 => "sha384",
            Self::Sha512 => "sha512",
        }
    }

    /// How many hexadecimal digits its hash has.
    #[must_use]
    pub fn hex_len(self) -> usize {
        match self {
            Self::Sha256 => 64,
            Self::Sha384 => 96,
            Self::Sha512 => 128,
        }
    }
}

impl fmt::Display for DigestAlgorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
