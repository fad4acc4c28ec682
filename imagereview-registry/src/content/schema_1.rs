//! Docker's schema 1: which of its bytes the digest is of. Nothing else of it is read.
//!
//! Source: [Docker, "Image Manifest Version 2, Schema
//! 1"](https://distribution.github.io/distribution/spec/deprecated-schema-v1/), whose signatures are in the form of
//! [libtrust](https://github.com/distribution/distribution/blob/v2.8.3/vendor/github.com/docker/libtrust/jsonsign.go): each says
//! how many bytes there were before they were added, and what came after those.

use base64::{
    Engine as _,
    alphabet::URL_SAFE,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use bytes::Bytes;
use serde::Deserialize;

const BASE64: GeneralPurpose = GeneralPurpose::new(
    &URL_SAFE,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// The longest end that is signed apart from its beginning: it closes an object.
const MAX_TAIL: usize = 64;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Document {
    schema_version: u64,
    #[serde(default)]
    signatures: Vec<Signature>,
}

#[derive(Deserialize)]
struct Signature {
    protected: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Protected {
    format_length: usize,
    format_tail: String,
}

/// The bytes that the digest of a manifest of schema 1 is of: all but its signatures. `None` for what is no such
/// manifest.
pub(crate) fn signed_content(body: &Bytes) -> Option<Bytes> {
    let document: Document = serde_json::from_slice(body).ok()?;
    if document.schema_version != 1 {
        return None;
    }
    let mut contents = document
        .signatures
        .iter()
        .map(|signature| content_of(body, signature));
    let Some(first) = contents.next() else {
        return Some(body.clone());
    };
    let first = first?;
    // All are of the same content.
    contents
        .all(|other| other.as_ref() == Some(&first))
        .then_some(first)
}

fn content_of(body: &Bytes, signature: &Signature) -> Option<Bytes> {
    let protected = BASE64.decode(&signature.protected).ok()?;
    let protected: Protected = serde_json::from_slice(&protected).ok()?;
    let tail = BASE64.decode(&protected.format_tail).ok()?;
    if tail.len() > MAX_TAIL {
        return None;
    }
    let mut content = body.get(..protected.format_length)?.to_vec();
    content.extend(tail);
    Some(content.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn signed(length: usize, tail: &str) -> String {
        let tail = BASE64.encode(tail);
        let protected =
            format!(r#"{{"formatLength":{length},"formatTail":"{tail}","time":"2015"}}"#);
        format!(r#"{{"protected":"{}"}}"#, BASE64.encode(protected))
    }

    #[test]
    fn signatures_are_left_out() {
        let content = "{\n   \"schemaVersion\": 1\n}";
        let begin = content.strip_suffix("\n}").unwrap();
        let with = |signatures: &str| format!("{begin},\n   \"signatures\": [{signatures}]\n}}");
        let good = signed(begin.len(), "\n}");
        for (text, expected) in [
            (content.to_owned(), Some(content)),
            (with(&good), Some(content)),
            (with(&format!("{good},{good}")), Some(content)),
            // Two that disagree, one that is longer than all there is, and a tail that is no tail.
            (with(&format!("{good},{}", signed(3, "\n}"))), None),
            (with(&signed(1 << 20, "\n}")), None),
            (with(&signed(3, &"x".repeat(MAX_TAIL + 1))), None),
            (with(r#"{"protected":"?"}"#), None),
            (with("{}"), None),
            (content.replace('1', "2"), None),
            ("no JSON".to_owned(), None),
        ] {
            let found = signed_content(&Bytes::from(text.clone()));
            assert_eq!(found.as_deref(), expected.map(str::as_bytes), "{text}");
        }
    }
}
