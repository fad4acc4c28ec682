//! Which images are pinned in what is no object: Compose files and Dockerfiles.

use std::collections::BTreeMap;

use imagereview_core::{
    ImagePolicy, ImageRef,
    facts::{Facts, Need, Needs},
};
use json_patch::{
    PatchOperation, ReplaceOperation,
    jsonptr::{PointerBuf, Token},
};
use serde::{Deserialize as _, de::DeserializeSeed as _};

use super::{
    change::{Change, Target},
    refusal::Reason,
};
use crate::input::{
    compose::{self, written_images},
    dockerfile::base_images,
    from_yaml, is_compose,
};

/// What rules for pinning call a Compose file.
const COMPOSE: &str = "Compose";

/// What rules for pinning call a Dockerfile.
pub(super) const DOCKERFILE: &str = "Dockerfile";

/// Adds what is needed to know for the changes of a document.
pub(super) fn needs_of_document(
    policy: &ImagePolicy,
    text: &str,
    is_json: bool,
    variables: &BTreeMap<String, String>,
    needs: &mut Needs,
) {
    let kinds = policy.kinds();
    let manifest = if is_json {
        kinds
            .deserialize(&mut serde_json::Deserializer::from_str(text))
            .ok()
    } else {
        from_yaml(text, |yaml| kinds.deserialize(yaml)).ok()
    };
    for object in manifest.into_iter().flatten().flatten() {
        policy.mutation_needs_of_object(&object, needs);
    }
    if let Some(document) = compose_file(text) {
        for (_, _, image) in written_images(&document, variables) {
            need(policy, COMPOSE, &image, needs);
        }
    }
}

/// Adds what is needed to know for the changes of a Dockerfile.
pub(super) fn needs_of_dockerfile(
    policy: &ImagePolicy,
    text: &str,
    variables: &BTreeMap<String, String>,
    needs: &mut Needs,
) {
    for image in base_images(text, variables).into_iter().flatten() {
        need(policy, DOCKERFILE, &image.reference, needs);
    }
}

fn need(policy: &ImagePolicy, kind: &str, image: &str, needs: &mut Needs) {
    if let Ok(image) = ImageRef::parse(image)
        && policy.pins(kind, &image)
    {
        needs.add(&image, Need::Digest);
    }
}

/// An image with its digest behind it, if it is to be pinned and the digest is known.
pub(super) fn pinned(
    policy: &ImagePolicy,
    facts: &Facts,
    kind: &str,
    image: &str,
) -> Option<String> {
    policy.pin(kind, &ImageRef::parse(image).ok()?, facts)
}

fn compose_file(text: &str) -> Option<compose::Node> {
    let document = from_yaml(text, |yaml| compose::Node::deserialize(yaml)).ok()?;
    (document.get("kind").is_none() && is_compose(&document)).then_some(document)
}

/// What is to change in a document, if it is a Compose file.
pub(super) fn changes_of_compose(
    policy: &ImagePolicy,
    facts: &Facts,
    text: &str,
    variables: &BTreeMap<String, String>,
) -> Vec<Change> {
    let Some(document) = compose_file(text) else {
        return Vec::new();
    };
    let changes =
        written_images(&document, variables)
            .into_iter()
            .filter_map(|(path, written, image)| {
                let pinned = pinned(policy, facts, COMPOSE, &image)?;
                let tokens = path.iter().map(|part| Token::new(part.as_str()));
                let operation = PatchOperation::Replace(ReplaceOperation {
                    path: PointerBuf::from_tokens(tokens),
                    value: pinned.clone().into(),
                });
                Some(Change {
                    path,
                    is_there: true,
                    target: Target::Text(pinned),
                    refusal: (written != image).then_some(Reason::Variable),
                    operations: vec![operation],
                })
            });
    changes.collect()
}
