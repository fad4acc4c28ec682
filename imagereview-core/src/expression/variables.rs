//! What an expression is about.

use std::collections::HashMap;

use cel::{Value, objects::Key};

use super::language::WORD;
use crate::{
    object::{ContainerKind, Operation, User},
    pattern::host_and_port,
    review::{Image, Review},
    wire::image_review::FORWARDED,
};

/// The fields of an image.
pub(super) const IMAGE_FIELDS: [&str; 10] = [
    "written",
    "registry",
    "host",
    "port",
    "repository",
    "tag",
    "digest",
    "container",
    "kind",
    "path",
];

/// The fields of a review.
pub(super) const REVIEW_FIELDS: [&str; 7] = [
    "namespace",
    "user",
    "groups",
    "operation",
    "kind",
    "annotations",
    "images",
];

/// How much a value holds, in bytes, as the bounds count it.
pub(super) fn size_of(value: &Value) -> usize {
    let held: usize = match value {
        Value::String(text) => text.len(),
        Value::List(list) => list.iter().map(size_of).sum(),
        Value::Map(map) => {
            let key = |key: &Key| match key {
                Key::String(text) => WORD + text.len(),
                _ => WORD,
            };
            map.map.iter().map(|(k, v)| key(k) + size_of(v)).sum()
        }
        _ => 0,
    };
    WORD + held
}

/// The annotations that an API server forwards in an `ImageReview`. An `AdmissionReview` has the others
/// too; an expression is about the same in both.
pub(super) fn forwarded_annotations<'r>(
    review: &Review<'r>,
) -> impl Iterator<Item = (&'r str, &'r str)> {
    review
        .annotations()
        .filter(|(key, _)| key.contains(FORWARDED))
}

/// Which images of a review an expression sees in `review.images`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Images {
    All,
    /// Those that were there before the update that is reviewed.
    Unchanged,
}

/// A review as a map, without the fields that it does not have.
pub(super) fn describe_review(review: &Review<'_>, listed: Images) -> Value {
    let annotations: HashMap<&str, &str> = forwarded_annotations(review).collect();
    let images = review
        .images()
        .iter()
        .filter(|image| listed == Images::All || image.is_unchanged());
    let images: Vec<Value> = images.map(describe_image).collect();
    let groups = |user: &User<'_>| Value::from(user.groups().map(Value::from).collect::<Vec<_>>());
    fields([
        ("namespace", review.namespace().map(Value::from)),
        ("user", review.user().map(|user| user.name().into())),
        ("groups", review.user().map(groups)),
        (
            "operation",
            review.operation().map(Operation::as_str).map(Value::from),
        ),
        ("kind", review.kind().map(|kind| kind.name().into())),
        ("annotations", Some(annotations.into())),
        ("images", Some(images.into())),
    ])
}

/// An image as a map, without the fields that the review does not have.
pub(super) fn describe_image(image: &Image<'_>) -> Value {
    let reference = image.reference();
    let digest = reference.digest().map(|digest| digest.to_string());
    let tag = reference
        .tag()
        .or(reference.pulled_tag())
        .unwrap_or_default();
    let (host, port) = host_and_port(reference.registry());
    let location = image.location();
    let kind = Some(location.kind()).filter(|kind| *kind != ContainerKind::Unknown);
    fields([
        ("written", Some(reference.as_written().into())),
        ("registry", Some(reference.registry().into())),
        ("host", Some(host.to_ascii_lowercase().into())),
        ("port", Some(port.into())),
        (
            "repository",
            Some(reference.repository().to_string().into()),
        ),
        ("tag", Some(tag.into())),
        ("digest", Some(digest.unwrap_or_default().into())),
        ("container", location.container().map(Value::from)),
        ("kind", kind.map(|kind| kind.as_str().into())),
        ("path", Some(location.path().to_string().into())),
    ])
}

/// A map of the fields that are there.
fn fields<const N: usize>(fields: [(&str, Option<Value>); N]) -> Value {
    let known = fields
        .into_iter()
        .filter_map(|(name, value)| Some((name, value?)));
    known.collect::<HashMap<&str, Value>>().into()
}
