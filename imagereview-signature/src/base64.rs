//! Base64 with one spelling for each sequence of bytes.

use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};

use crate::malformed::Malformed;

/// Decodes base64 of the standard alphabet with padding. Line breaks, bits beyond the last byte and
/// the alphabet for URLs are refused: a reader that skips them would read other bytes.
pub(crate) fn decode(text: &str, what: &str) -> Result<Vec<u8>, Malformed> {
    STANDARD.decode(text).map_err(|_| {
        Malformed::new(format!(
            "{what} is not base64 of the standard alphabet with padding"
        ))
    })
}

/// Decodes base64 of the alphabet for URLs without padding, as strictly.
pub(crate) fn decode_url(text: &str, what: &str) -> Result<Vec<u8>, Malformed> {
    URL_SAFE_NO_PAD.decode(text).map_err(|_| {
        Malformed::new(format!(
            "{what} is not base64 of the alphabet for URLs without padding"
        ))
    })
}

/// Encodes bytes with the standard alphabet.
pub(crate) fn encode(bytes: impl AsRef<[u8]>) -> String {
    STANDARD.encode(bytes)
}

/// Encodes bytes with the alphabet for URLs.
#[cfg(test)]
pub(crate) fn encode_url(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn odd_spellings_are_refused() {
        for (text, expected) in [
            ("", Some(&b""[..])),
            ("AA==", Some(b"\0")),
            ("+/8=", Some(b"\xfb\xff")),
            ("AB==", None),
            ("AA=", None),
            ("AA", None),
            ("AA==\n", None),
            ("A A==", None),
            ("-_8=", None),
            ("AA==AA==", None),
        ] {
            assert_eq!(decode(text, "it").ok().as_deref(), expected, "{text:?}");
        }
    }
}
