//! Pinning images in what is no object: Compose files and Dockerfiles.

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
    edit::{Edit, Edits},
    refusal::Reason,
    writer::{Plan, Written},
};
use crate::input::{
    compose::{self, written_images},
    dockerfile::{BaseImage, base_images},
    from_yaml, is_compose,
};

/// What rules for pinning call a Compose file.
const COMPOSE: &str = "Compose";

/// What rules for pinning call a Dockerfile.
const DOCKERFILE: &str = "Dockerfile";

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

fn pinned(policy: &ImagePolicy, facts: &Facts, kind: &str, image: &str) -> Option<String> {
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

/// The Dockerfile with its images pinned; `None` if there is nothing to change.
pub(super) fn write_dockerfile(
    policy: &ImagePolicy,
    facts: &Facts,
    text: &str,
    variables: &BTreeMap<String, String>,
) -> Option<Written> {
    let images: Vec<BaseImage> = base_images(text, variables).into_iter().flatten().collect();
    let mut changes = Vec::new();
    for image in &images {
        let Some(pinned) = pinned(policy, facts, DOCKERFILE, &image.reference) else {
            continue;
        };
        let change = Change {
            path: vec![image.instruction.to_owned()],
            is_there: true,
            target: Target::Text(pinned),
            refusal: (text[image.span.clone()] != image.reference).then_some(Reason::Variable),
            operations: Vec::new(),
        };
        changes.push((image, change));
    }
    if changes.is_empty() {
        return None;
    }
    let plan: Plan<'_> = changes
        .iter()
        .map(|(image, change)| {
            let edits = match change.refusal {
                Some(reason) => Err(reason.at(image.span.start)),
                None => Ok(Edits {
                    edits: vec![Edit {
                        range: image.span.clone(),
                        text: change.text().unwrap_or_default().to_owned(),
                    }],
                    before: Some(&text[image.span.clone()]),
                }),
            };
            (change, edits)
        })
        .collect();
    let written = Written::new(text, &plan);
    // The builder reads the same images as before, with their digests.
    let mut expected: Vec<String> = Vec::new();
    for image in &images {
        let change = changes
            .iter()
            .find(|(changed, _)| changed.span == image.span);
        let text = change.filter(|(_, change)| change.refusal.is_none());
        let text = text.and_then(|(_, change)| change.text());
        expected.push(text.unwrap_or(&image.reference).to_owned());
    }
    let found = base_images(&written.text, variables);
    let found: Vec<String> = found
        .into_iter()
        .flatten()
        .map(|one| one.reference)
        .collect();
    if found == expected {
        return Some(written);
    }
    let plan = plan.into_iter().zip(&changes);
    let refused = plan
        .map(|((change, _), (image, _))| (change, Err(Reason::Unverified.at(image.span.start))));
    Some(Written::new(text, &refused.collect()))
}
