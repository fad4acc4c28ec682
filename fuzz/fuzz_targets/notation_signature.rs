//! Signatures of the Notary Project, of which every signature fits. What is verified is what another
//! reader finds in the same bytes.

#![no_main]

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use imagereview_core::facts::{Claim, Evidence};
use imagereview_fuzz::signature::{IMAGE, statements};
use libfuzzer_sys::fuzz_target;
use serde_json::Value;

fuzz_target!(|bytes: &[u8]| {
    let Some((kind, rest)) = bytes.split_first() else {
        return;
    };
    if kind % 2 == 0 {
        for statement in statements(&Evidence::new("application/jose+json", rest)) {
            let jws: Value = serde_json::from_slice(rest).expect("what is read is JSON");
            let text = jws["payload"].as_str().expect("a payload");
            payload(
                &BASE64_URL_SAFE_NO_PAD.decode(text).expect("base64"),
                &statement.claim,
            );
        }
    } else {
        for statement in statements(&Evidence::new("application/cose", rest)) {
            let value: ciborium::Value = ciborium::from_reader(rest).expect("what is read is CBOR");
            let mut again = Vec::new();
            ciborium::into_writer(&value, &mut again).expect("a vector takes everything");
            assert_eq!(again, rest);
            let parts = value.as_tag().and_then(|(_, inner)| inner.as_array());
            let bytes = parts
                .and_then(|parts| parts[2].as_bytes())
                .expect("a payload");
            payload(bytes, &statement.claim);
        }
    }
});

fn payload(bytes: &[u8], claim: &Claim) {
    let payload: Value = serde_json::from_slice(bytes).expect("what is read is JSON");
    assert_eq!(payload["targetArtifact"]["digest"], IMAGE.as_str());
    assert!(matches!(claim, Claim::Signature { .. }));
}
