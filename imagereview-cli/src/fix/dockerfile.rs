//! Writes pinned images into a Dockerfile.

use std::collections::BTreeMap;

use imagereview_core::{ImagePolicy, facts::Facts};

use super::{
    change::{Change, Target},
    edit::{Edit, Edits},
    pins::{DOCKERFILE, pinned},
    refusal::Reason,
    writer::{Plan, Written},
};
use crate::input::dockerfile::{BaseImage, base_images};

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
