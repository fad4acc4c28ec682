//! What an expression is about.

use std::collections::HashMap;

use cel::{Value, objects::Key};

use super::language::{MAX_IMAGE_BYTES, WORD};
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

/// The fields of images that an expression uses. Images are described without the others: a loop copies
/// each of its items.
#[derive(Clone, Debug, Default)]
pub(super) struct UsedFields([bool; IMAGE_FIELDS.len()]);

impl UsedFields {
    pub(super) fn add(&mut self, field: &str) {
        for (name, is_used) in IMAGE_FIELDS.iter().zip(&mut self.0) {
            *is_used |= *name == field;
        }
    }

    pub(super) fn add_all(&mut self) {
        self.0.fill(true);
    }

    /// The most bytes of an image of these fields, as the bounds count them; of one with a container or a
    /// path no less than any may have.
    pub(super) fn most_bytes(&self) -> usize {
        let fields = IMAGE_FIELDS.iter().filter(|field| self.contains(field));
        let sizes = fields.map(|field| match longest(field) {
            Some(longest) => 2 * WORD + field.len() + longest,
            None => MAX_IMAGE_BYTES,
        });
        WORD + sizes.sum::<usize>()
    }

    fn contains(&self, field: &str) -> bool {
        let mut fields = IMAGE_FIELDS.iter().zip(&self.0);
        fields.any(|(name, is_used)| *name == field && *is_used)
    }
}

/// The most bytes of a field of an image, by the grammar of references. Nothing limits where it is and what
/// its container is called.
pub(super) fn longest(field: &str) -> Option<usize> {
    Some(match field {
        "written" => 800,
        "registry" | "host" | "repository" => 260,
        "digest" => 144,
        "tag" => 128,
        "kind" | "port" => 16,
        _ => return None,
    })
}

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
pub(super) fn describe_review(review: &Review<'_>, listed: Images, used: &UsedFields) -> Value {
    let annotations: HashMap<&str, &str> = forwarded_annotations(review).collect();
    let images = review
        .images()
        .iter()
        .filter(|image| listed == Images::All || image.is_unchanged());
    let images: Vec<Value> = images.map(|image| describe_image(image, used)).collect();
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

/// An image as a map, without the fields that the review does not have, or the expression does not use.
pub(super) fn describe_image(image: &Image<'_>, used: &UsedFields) -> Value {
    let reference = image.reference();
    let location = image.location();
    let value = |field: &str| -> Option<Value> {
        Some(match field {
            "written" => reference.as_written().into(),
            "registry" => reference.registry().into(),
            "host" => {
                let (host, _) = host_and_port(reference.registry());
                host.to_ascii_lowercase().into()
            }
            "port" => {
                let (_, port) = host_and_port(reference.registry());
                port.into()
            }
            "repository" => reference.repository().to_string().into(),
            "tag" => {
                let tag = reference.tag().or(reference.pulled_tag());
                tag.unwrap_or_default().into()
            }
            "digest" => {
                let digest = reference.digest().map(|digest| digest.to_string());
                digest.unwrap_or_default().into()
            }
            "container" => location.container()?.into(),
            "kind" if location.kind() == ContainerKind::Unknown => return None,
            "kind" => location.kind().as_str().into(),
            "path" => location.path().to_string().into(),
            _ => return None,
        })
    };
    fields(IMAGE_FIELDS.map(|field| {
        let is_used = used.contains(field);
        (field, is_used.then(|| value(field)).flatten())
    }))
}

/// A map of the fields that are there.
fn fields<const N: usize>(fields: [(&str, Option<Value>); N]) -> Value {
    let known = fields
        .into_iter()
        .filter_map(|(name, value)| Some((name, value?)));
    known.collect::<HashMap<&str, Value>>().into()
}
