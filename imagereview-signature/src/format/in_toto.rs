//! Statements of in-toto: what a DSSE envelope says, and about which artifacts.
//!
//! Source: [in-toto, "Statement"](https://github.com/in-toto/attestation/blob/main/spec/v1/statement.md).

use std::collections::BTreeMap;

use imagereview_core::facts::{Claim, ContentDigest, Refusal, RefusalCause};
use serde_json::{Map, Value};

use crate::{
    json::{self, Object},
    malformed::Malformed,
};

/// The predicate type of a signature that says no more than that an image is signed. Every other
/// type is an attestation, such as a bill of materials, which does not say that its image is good.
pub(crate) const SIGNATURE: &str = "https://sigstore.dev/cosign/sign/v1";

/// The types of statement. The older one is that of cosign 2.
const STATEMENTS: &[&str] = &[
    "https://in-toto.io/Statement/v1",
    "https://in-toto.io/Statement/v0.1",
];

/// The most subjects of a statement.
const MAX_SUBJECTS: usize = 1024;

/// The most annotations of a subject.
const MAX_ANNOTATIONS: usize = 256;

/// Reads a payload, which must be about an image.
pub(crate) fn read(payload: &[u8], image: &ContentDigest) -> Result<Claim, Refusal> {
    let value = json::parse(payload, "the statement")?;
    let statement = Object::new(
        &value,
        "the statement",
        &["_type", "subject", "predicateType", "predicate"],
    )?;
    if !STATEMENTS.contains(&statement.need_string("_type")?) {
        return Err(statement
            .wrong("_type", "is none of in-toto's, versions 0.1 and 1")
            .into());
    }
    let predicate_type = statement.need_string("predicateType")?;
    let mut about = Vec::new();
    for value in statement.list("subject", MAX_SUBJECTS)? {
        about.extend(subject(value, image)?);
    }
    if about.is_empty() {
        return Err(Refusal::new(
            RefusalCause::OtherSubject,
            format!("the statement is not about {image}"),
        ));
    }
    if predicate_type == SIGNATURE {
        let Subject { name, annotations } = about.swap_remove(0);
        return Ok(Claim::Signature {
            annotations,
            reference: name,
        });
    }
    let predicate = statement.get("predicate").cloned();
    Ok(Claim::Attestation {
        predicate_type: predicate_type.into(),
        // A predicate that is left out is an empty one, by the specification.
        predicate: predicate.unwrap_or_else(|| Value::Object(Map::new())),
        subjects: about.into_iter().filter_map(|about| about.name).collect(),
    })
}

/// What a statement says of a subject that is the image.
struct Subject {
    name: Option<Box<str>>,
    annotations: BTreeMap<String, String>,
}

/// Reads one subject. `None` if it is another one than the image.
fn subject(value: &Value, image: &ContentDigest) -> Result<Option<Subject>, Malformed> {
    let subject = Object::new(value, "the subject", &["name", "digest", "annotations"])?;
    let name = subject.string("name")?.filter(|name| !name.is_empty());
    let Value::Object(digests) = subject.need("digest")? else {
        return Err(subject.wrong("digest", "is not a JSON object"));
    };
    let (algorithm, digits) = image.as_str().split_once(':').unwrap_or_default();
    if digests.get(algorithm).and_then(Value::as_str) != Some(digits) {
        return Ok(None);
    }
    let annotations = subject.strings("annotations", MAX_ANNOTATIONS)?;
    Ok(Some(Subject {
        name: name.map(Into::into),
        annotations,
    }))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn digest(digit: &str) -> ContentDigest {
        ContentDigest::parse(&format!("sha256:{}", digit.repeat(64))).unwrap()
    }

    #[test]
    fn a_statement_is_about_the_subjects_that_it_lists() {
        let sha512 = "b".repeat(128);
        let value = json!({
            "_type": "https://in-toto.io/Statement/v0.1",
            "predicateType": "https://example.com/scan",
            "predicate": {"high": 0},
            "subject": [
                {"name": "other", "digest": {"sha256": "1".repeat(64)}},
                {"digest": {"sha256": "2".repeat(64), "sha512": sha512, "gitCommit": "f00"}},
            ],
        });
        let bytes = value.to_string().into_bytes();
        for (image, is_about) in [
            (digest("1"), true),
            (digest("2"), true),
            (
                ContentDigest::parse(&format!("sha512:{sha512}")).unwrap(),
                true,
            ),
            (digest("3"), false),
        ] {
            match read(&bytes, &image) {
                Ok(Claim::Attestation {
                    predicate,
                    subjects,
                    ..
                }) => {
                    assert!(is_about, "{image}");
                    assert_eq!(predicate["high"], 0);
                    let names = if image == digest("1") {
                        &["other".into()][..]
                    } else {
                        &[]
                    };
                    assert_eq!(subjects, names);
                }
                Ok(other) => panic!("{other:?}"),
                Err(refusal) => {
                    assert!(!is_about, "{image}: {refusal}");
                    assert_eq!(refusal.cause(), RefusalCause::OtherSubject);
                }
            }
        }
    }

    #[test]
    fn only_one_predicate_type_is_a_signature() {
        for (predicate_type, is_signature) in [
            (SIGNATURE, true),
            ("https://sigstore.dev/cosign/sign/v1/", false),
            ("https://spdx.dev/Document", false),
            ("", false),
        ] {
            let value = json!({
                "_type": STATEMENTS[0],
                "predicateType": predicate_type,
                "subject": [{
                    "name": "registry.example.com/app",
                    "digest": {"sha256": "1".repeat(64)},
                    "annotations": {"env": "prod", "count": 1},
                }],
            });
            let claim = read(value.to_string().as_bytes(), &digest("1")).unwrap();
            assert_eq!(matches!(claim, Claim::Signature { .. }), is_signature);
            if let Claim::Signature {
                annotations,
                reference,
            } = claim
            {
                assert_eq!(annotations, BTreeMap::from([("env".into(), "prod".into())]));
                assert_eq!(reference.as_deref(), Some("registry.example.com/app"));
            }
        }
    }

    #[test]
    fn statements_that_are_not_of_the_form_are_refused() {
        let good = json!({
            "_type": STATEMENTS[0],
            "predicateType": SIGNATURE,
            "subject": [{"digest": {"sha256": "1".repeat(64)}}],
        });
        assert!(read(good.to_string().as_bytes(), &digest("1")).is_ok());
        for (field, value) in [
            ("_type", json!("https://in-toto.io/Statement/v2")),
            ("_type", json!(null)),
            ("predicateType", json!(1)),
            ("predicateType", json!(null)),
            ("subject", json!([])),
            ("subject", json!([{"digest": {"sha256": "1".repeat(63)}}])),
            ("subject", json!([{"digest": {"SHA256": "1".repeat(64)}}])),
            ("subject", json!([{"digest": {"sha256": 1}}])),
            ("subject", json!([{"digest": []}])),
            ("subject", json!({"digest": {"sha256": "1".repeat(64)}})),
            (
                "subject",
                json!(vec![json!({"digest": {}}); MAX_SUBJECTS + 1]),
            ),
            ("Subject", json!([])),
            ("predicate_type", json!("x")),
        ] {
            let mut wrong = good.clone();
            wrong[field] = value;
            let read = read(wrong.to_string().as_bytes(), &digest("1"));
            assert!(read.is_err(), "{wrong}");
        }
    }
}
