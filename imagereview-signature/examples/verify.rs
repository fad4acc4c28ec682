//! Verifies the evidence of a file, and prints the outcome of each piece as JSON:
//! `verify KIND=FILE DIGEST EVIDENCE`.
//!
//! What is trusted is `key=cosign.pub`, `keyless=trusted_root.json`, `certificate=roots.pem` or
//! `notation=roots.pem`. The evidence is a JSON list, each entry as in a file of facts.

use std::{env, error::Error, fs, time::SystemTime};

use imagereview_core::facts::{ContentDigest, Evidence, Format, NotationLevel, TimeProof, Trust};
use imagereview_signature::Verifier;
use serde_json::json;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [trust, digest, evidence] = &arguments[..] else {
        return Err("give KIND=FILE, a digest and a file of evidence".into());
    };
    let (kind, file) = trust.split_once('=').unwrap_or(("key", trust));
    let text = fs::read_to_string(file)?;
    let trust = match kind {
        "key" => Trust::key(text, None),
        "keyless" => {
            let time = TimeProof {
                trusted_root: text.into(),
                log: false,
                timestamp: false,
            };
            Trust::keyless(time, false)
        }
        "certificate" => Trust::certificate(text, None),
        "notation" => Trust::notation(text, None, None, NotationLevel::Strict),
        _ => return Err("the kinds are key, keyless, certificate and notation".into()),
    };
    let verifier = Verifier::new(&trust)?;
    let image = ContentDigest::parse(digest).ok_or("this is no digest")?;
    let evidence: Vec<Evidence> = serde_json::from_slice(&fs::read(evidence)?)?;

    let outcomes = evidence.iter().map(|evidence| {
        let Some(format) = Format::of_media_type(&evidence.media_type) else {
            return json!({"refused": "it is no signature"});
        };
        match verifier.verify(format, evidence, &image, SystemTime::now()) {
            Ok(statement) => json!({"verified": statement}),
            Err(refusal) => json!({"refused": refusal.message(), "cause": refusal.cause()}),
        }
    });
    println!(
        "{}",
        serde_json::to_string_pretty(&outcomes.collect::<Vec<_>>())?
    );
    Ok(())
}
