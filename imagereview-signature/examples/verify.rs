//! Verifies the evidence of a file with a public key, and prints the outcome of each piece as JSON:
//! `verify KEY DIGEST EVIDENCE`.
//!
//! The evidence is a JSON list, each entry as in a file of facts.

use std::{env, error::Error, fs, time::SystemTime};

use imagereview_core::facts::{ContentDigest, Evidence, Format, Trust};
use imagereview_signature::Verifier;
use serde_json::json;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [key, digest, evidence] = &arguments[..] else {
        return Err("give a file of public keys, a digest and a file of evidence".into());
    };
    let verifier = Verifier::new(&Trust::key(fs::read_to_string(key)?, None))?;
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
