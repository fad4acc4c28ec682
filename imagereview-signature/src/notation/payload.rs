//! What a signature of the Notary Project says.

use imagereview_core::facts::{Claim, ContentDigest, Refusal, RefusalCause};

use crate::json::{self, Object};

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
    Ok(Claim::Signature {
        annotations: target.strings("annotations", MAX_ANNOTATIONS)?,
        reference: None,
    })
}
