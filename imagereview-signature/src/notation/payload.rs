//! What a signature of the Notary Project says.

use std::collections::BTreeMap;

use imagereview_core::facts::{Claim, ContentDigest, Refusal, RefusalCause};
use serde_json::Value;

use crate::{
    format::strings,
    json::{self, Object},
};

/// The most annotations of an image.
const MAX_ANNOTATIONS: usize = 256;

/// Reads a payload, which must be about an image.
pub(super) fn read(payload: &[u8], image: &ContentDigest) -> Result<Claim, Refusal> {
    let value = json::parse(payload, "the payload")?;
    let payload = Object::new(&value, "the payload", &["targetArtifact"])?;
    let target = Object::new(
        payload.need("targetArtifact")?,
        "targetArtifact",
        &["mediaType", "digest", "size", "annotations"],
    )?;
    if target.need_string("digest")? != image.as_str() {
        return Err(Refusal::new(
            RefusalCause::OtherSubject,
            format!("the signature is not about {image}"),
        ));
    }
    let annotations = match target.get("annotations") {
        None => BTreeMap::new(),
        Some(Value::Object(entries)) if entries.len() <= MAX_ANNOTATIONS => strings(entries),
        Some(_) => {
            let problem = format!("is not a JSON object of at most {MAX_ANNOTATIONS} entries");
            return Err(target.wrong("annotations", &problem).into());
        }
    };
    Ok(Claim::Signature {
        annotations,
        reference: None,
    })
}
