//! What is trusted by the targets that verify signatures, and what holds of every outcome.

use std::{sync::LazyLock, time::SystemTime};

use imagereview_core::facts::{
    ContentDigest, Evidence, Format, NotationLevel, Statement, TimeProof, Trust,
};
use imagereview_signature::Verifier;
use serde_json::Value;

/// The image that everything is asked about.
pub static IMAGE: LazyLock<ContentDigest> = LazyLock::new(|| {
    ContentDigest::parse(&format!("sha256:{}", "1".repeat(64))).expect("a digest")
});

/// One of each kind.
static VERIFIERS: LazyLock<Vec<Verifier>> = LazyLock::new(|| {
    let root =
        include_str!("../../imagereview-signature/tests/data/sigstore/public-good-root.json");
    let proof = |log| TimeProof {
        trusted_root: root.into(),
        log,
        timestamp: false,
    };
    let notation =
        include_str!("../../imagereview-signature/tests/data/notation-core-go-1.3.0.json");
    let notation: Value = serde_json::from_str(notation).expect("JSON");
    let roots = notation[0]["roots"].as_str().expect("certificates");
    let key = include_str!("../../imagereview-signature/tests/data/cosign-3.1.3.json");
    let key: Value = serde_json::from_str(key).expect("JSON");
    let key = key[0]["public"].as_str().expect("a key");
    let authorities = Some(roots.into());
    let trusts = [
        Trust::key(key, None),
        Trust::key(key, Some(proof(true))),
        Trust::key(key, Some(proof(false))),
        Trust::keyless(proof(true), true),
        Trust::keyless(proof(false), false),
        Trust::certificate(roots, None),
        Trust::certificate(roots, Some(proof(false))),
        Trust::notation(
            roots,
            authorities,
            Some(roots.into()),
            NotationLevel::Strict,
        ),
        Trust::notation(roots, None, None, NotationLevel::Permissive),
    ];
    let verifiers = trusts
        .iter()
        .map(|trust| Verifier::new(trust).expect("usable"));
    verifiers.collect()
});

/// Verifies evidence with each kind of trust, and returns the statements that come of it.
pub fn statements(evidence: &Evidence) -> Vec<Statement> {
    let format = Format::of_media_type(&evidence.media_type).expect("a signature");
    // In the year 2027, whatever the clock of the machine says.
    let now = SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(1_800_000_000);
    let mut statements = Vec::new();
    for verifier in &*VERIFIERS {
        match verifier.verify(format, evidence, &IMAGE, now) {
            Ok(statement) => {
                assert_eq!(statement.subject, *IMAGE);
                statements.push(statement);
            }
            Err(refusal) => {
                let message = refusal.message();
                assert!(message.is_ascii() && message.len() < 400, "{message}");
            }
        }
    }
    statements
}
