//! Files of keys and certificates in PEM.

use crate::public_key::{KeyError, PublicKey};

/// The most keys or certificates of one file.
const MAX_BLOCKS: usize = 64;

/// Why a file of PEM can't be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PemError {
    /// Nothing of PEM is there.
    #[error("there is no `-----BEGIN {0}-----` in it")]
    Empty(&'static str),
    /// A block is damaged.
    #[error("it is damaged: a block does not end as it begins, or is not base64")]
    Damaged,
    /// More blocks than are read.
    #[error("it has more than {MAX_BLOCKS} blocks, the most that are read")]
    TooMany,
    /// A block is something else.
    #[error("block {number} is a {label}; {advice}")]
    #[non_exhaustive]
    Label {
        /// Which block, from 1.
        number: usize,
        /// What it is.
        label: Box<str>,
        /// What is wanted.
        advice: &'static str,
    },
    /// A key can't be used.
    #[error("block {number}: {error}")]
    #[non_exhaustive]
    Key {
        /// Which block, from 1.
        number: usize,
        /// Why.
        error: KeyError,
    },
}

/// Reads one or more public keys.
pub(crate) fn public_keys(text: &str) -> Result<Vec<PublicKey>, PemError> {
    let blocks = blocks(text, "PUBLIC KEY", |label| match label {
        "CERTIFICATE" => {
            "trust a certificate as one, or write its key with `openssl x509 -pubkey -noout`"
        }
        "RSA PUBLIC KEY" => "write it as a PUBLIC KEY with `openssl rsa -RSAPublicKey_in -pubout`",
        label if label.contains("PRIVATE KEY") => {
            "it is secret: keep it where signatures are made, and give the PUBLIC KEY here"
        }
        _ => "a PUBLIC KEY is needed, such as cosign.pub",
    })?;
    let keys = blocks.iter().enumerate().map(|(index, block)| {
        PublicKey::from_spki(block).map_err(|error| PemError::Key {
            number: index + 1,
            error,
        })
    });
    keys.collect()
}

/// Reads one or more certificates.
pub(crate) fn certificates(text: &str) -> Result<Vec<Vec<u8>>, PemError> {
    blocks(text, "CERTIFICATE", |label| match label {
        "PUBLIC KEY" => "trust a key as one, and give a CERTIFICATE here",
        label if label.contains("PRIVATE KEY") => {
            "it is secret: keep it where signatures are made, and give the CERTIFICATE here"
        }
        _ => "a CERTIFICATE is needed",
    })
}

/// The contents of blocks that all have one label.
fn blocks(
    text: &str,
    expected: &'static str,
    advice: impl Fn(&str) -> &'static str,
) -> Result<Vec<Vec<u8>>, PemError> {
    let begun = text.matches("-----BEGIN ").count();
    if begun == 0 {
        return Err(PemError::Empty(expected));
    }
    if begun > MAX_BLOCKS {
        return Err(PemError::TooMany);
    }
    let blocks = ::pem::parse_many(text).map_err(|_| PemError::Damaged)?;
    // A block without its end is passed over there.
    if blocks.len() != begun {
        return Err(PemError::Damaged);
    }
    let contents = blocks.into_iter().enumerate().map(|(index, block)| {
        if block.tag() == expected {
            return Ok(block.into_contents());
        }
        Err(PemError::Label {
            number: index + 1,
            label: block.tag().chars().take(40).collect::<String>().into(),
            advice: advice(block.tag()),
        })
    });
    contents.collect()
}
