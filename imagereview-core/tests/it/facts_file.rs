//! Facts as a file.

use std::{fs, path::PathBuf};

use imagereview_core::{
    ImageRef,
    facts::{
        Candidate, Cause, Claim, ContentDigest, Evidence, Fact, Facts, Format, ImageFacts,
        MAX_FILE_LEN, Outcome, Refusal, RefusalCause, Signatures, Signer, Statement, TimeProof,
        Trust, Unavailable, json_schema,
    },
};
use serde_json::{Value, json};

fn repository() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn example() -> Value {
    let path = repository().join("examples/facts/maintained-images.json");
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

fn read(file: &Value) -> Result<Facts, String> {
    Facts::from_file(file.to_string().as_bytes()).map_err(|error| error.to_string())
}

/// With the variable `UPDATE_SCHEMA` set, it writes the file instead.
#[test]
fn the_schema_that_is_checked_in_is_current() {
    let path = repository().join("schema/facts.schema.json");
    let current = serde_json::to_string_pretty(&json_schema()).unwrap() + "\n";
    if std::env::var_os("UPDATE_SCHEMA").is_some() {
        fs::write(&path, &current).unwrap();
    }
    assert!(
        fs::read_to_string(&path).unwrap_or_default() == current,
        "schema/facts.schema.json is old; write it anew with \
         `UPDATE_SCHEMA=1 cargo test -p imagereview-core --all-features --test it schema`"
    );
}

#[test]
fn what_is_written_is_read_again() {
    let file = example();
    let facts = read(&file).unwrap();
    let saved_at = std::time::UNIX_EPOCH + std::time::Duration::from_secs(1_795_852_800);
    let written = facts.to_file(saved_at, "imagereview").unwrap();
    let written: Value = serde_json::from_str(&written).unwrap();
    assert_eq!(written, file);
    assert_eq!(read(&written).unwrap(), facts);
    let validator = jsonschema::validator_for(&json_schema()).unwrap();
    assert!(validator.is_valid(&written));
}

#[test]
fn what_is_wrong_with_a_file_is_told_with_its_line_and_field() {
    let validator = jsonschema::validator_for(&json_schema()).unwrap();
    for (pointer, value, expected) in [
        (
            "/kind",
            json!("Facts"),
            "kind is \"Facts\"; a file of facts has \"ImageFacts\"",
        ),
        ("/apiVersion", json!("v2"), "apiVersion is \"v2\""),
        (
            "/savedAt",
            json!("yesterday"),
            "savedAt: a time is written as 2026-11-28T08:00:00Z",
        ),
        (
            "/images/0/image",
            json!("Foo/bar"),
            "images[0].image: \"Foo/bar\" is no image reference",
        ),
        (
            "/images/1/image",
            json!("nginx:1.27"),
            "images[1].image: \"nginx:1.27\" is the image of images[0] too",
        ),
        (
            "/images/0/facts/known/digest",
            json!("sha1:00"),
            "images[0].facts.known.digest: a digest is sha256: or sha512:",
        ),
        (
            "/images/0/facts/known/platforms/0/platform",
            json!("amd64"),
            "images[0].facts.known.platforms[0].platform: a platform is written as",
        ),
        (
            "/images/0/facts/known/platforms/0/details/known/size",
            json!("large"),
            "images[0].facts.known.platforms[0].details.known.size: invalid type",
        ),
        (
            "/images/0/facts/known/mediaType",
            json!("text/html"),
            "images[0].facts.known.mediaType: this is the media type of no manifest",
        ),
        (
            "/images/0/facts/known/usr",
            json!("root"),
            "unknown field `usr`",
        ),
    ] {
        let mut file = example();
        let (parent, field) = pointer.rsplit_once('/').unwrap();
        file.pointer_mut(parent).unwrap()[field] = value;
        let error = read(&file).unwrap_err();
        assert!(error.contains(expected), "{pointer}: {error}");
        let is_form = error.starts_with("line 1, column ");
        assert_eq!(is_form, !validator.is_valid(&file), "{pointer}: {error}");
    }
}

#[test]
fn a_file_that_is_too_long_or_has_something_behind_it_is_refused() {
    let long = vec![b' '; MAX_FILE_LEN + 1];
    let error = Facts::from_file(&long).unwrap_err().to_string();
    assert!(error.contains("may have 67108864"), "{error}");
    let error = Facts::from_file(format!("{} x", example()).as_bytes()).unwrap_err();
    assert!(error.to_string().contains("trailing characters"), "{error}");
}

#[test]
fn signatures_are_written_with_what_was_found_and_read_again() {
    let digest =
        |digit: &str| ContentDigest::parse(&format!("sha256:{}", digit.repeat(64))).unwrap();
    let mut image = ImageFacts::new(digest("0"), std::time::UNIX_EPOCH, "registry.example.com");
    let bundle = "application/vnd.dev.sigstore.bundle.v0.3+json";
    let evidence =
        Evidence::new(bundle, *b"{}").with_annotations([("a".to_owned(), "b".to_owned())].into());
    let mut candidate = Candidate::new(digest("1"), 0, Format::Bundle, evidence);
    let signer = Signer::Keyless {
        issuer: "https://issuer.example.com".into(),
        subject: "dev@example.com".into(),
        claims: [("buildTrigger".to_owned(), "push".to_owned())].into(),
    };
    let claim = Claim::Attestation {
        predicate_type: "https://slsa.dev/provenance/v1".into(),
        predicate: json!({"buildDefinition": {}}),
        subjects: vec!["registry.example.com/app".into()],
    };
    let mut statement = Statement::new(signer, claim, digest("0"));
    statement.logged = Some(std::time::UNIX_EPOCH);
    let other = Refusal::new(RefusalCause::OtherKind, "it is signed with a certificate");
    let key = Trust::key("…", None);
    let keyless = TimeProof {
        trusted_root: "{}".into(),
        log: true,
        timestamp: false,
    };
    candidate.outcomes = vec![
        Outcome {
            trust: key.id().clone(),
            result: Err(other),
        },
        Outcome {
            trust: Trust::keyless(keyless, true).id().clone(),
            result: Ok(statement.into()),
        },
    ];
    let late = Unavailable::new(Cause::TooLarge, "more than 64 candidates");
    image.signatures = vec![
        Signatures::new(digest("0"), Fact::Known(vec![candidate])),
        Signatures::new(digest("2"), Fact::Unavailable(late))
            .in_repository(Some("registry.example.com/signatures".into())),
    ];
    assert!(!image.is_whole());
    let name = ImageRef::parse("registry.example.com/app:1").unwrap();
    let mut facts = Facts::new();
    facts.insert(&name, Fact::Known(image.into()));
    let written = facts.to_file(std::time::UNIX_EPOCH, "imagereview").unwrap();
    assert_eq!(Facts::from_file(written.as_bytes()).unwrap(), facts);
    let written: Value = serde_json::from_str(&written).unwrap();
    let validator = jsonschema::validator_for(&json_schema()).unwrap();
    let errors: Vec<String> = validator
        .iter_errors(&written)
        .map(|e| e.to_string())
        .collect();
    assert!(errors.is_empty(), "{errors:?}");
    let found = facts.image(&name).unwrap().known().unwrap();
    let own = found.signatures(&digest("0"), None).unwrap();
    let candidate = &own.known().unwrap()[0];
    assert!(candidate.outcome(key.id()).unwrap().is_err());
    assert_eq!(
        found.signatures(&digest("0"), Some("registry.example.com/signatures")),
        None
    );
}
