//! What an expression is about.

use std::{
    collections::{BTreeSet, HashMap},
    time::SystemTime,
};

use cel::{Value, objects::Key};
use jiff::Timestamp;

use super::language::{MAX_IMAGE_BYTES, WORD};
use crate::{
    facts::{ImageDetails, ImageFacts, PlatformFacts},
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

/// The digest that a name means.
pub(super) const RESOLVED_DIGEST: &str = "resolvedDigest";

/// The fields of an image that only a registry can tell.
pub(super) const FACT_FIELDS: [&str; 3] = [RESOLVED_DIGEST, "mediaType", "platforms"];

/// Those that it has for each platform.
pub(super) const PLATFORM_FIELDS: [&str; 13] = [
    "platform",
    "created",
    "ageHours",
    "size",
    "layers",
    "user",
    "labels",
    "annotations",
    "volumes",
    "exposedPorts",
    "entrypoint",
    "command",
    "foreignLayers",
];

/// Fields of an image, with their values.
pub(crate) type ImageFields = HashMap<&'static str, Value>;

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

/// How much fields hold, in bytes, as the bounds count it.
pub(super) fn size_of_fields(fields: &ImageFields) -> usize {
    let fields = fields.iter();
    let sizes = fields.map(|(name, value)| WORD + name.len() + size_of(value));
    WORD + sizes.sum::<usize>()
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
fn describe_image(image: &Image<'_>, used: &UsedFields) -> Value {
    image_fields(image, used).into()
}

/// The fields of an image that the review has and the expression uses.
pub(super) fn image_fields(image: &Image<'_>, used: &UsedFields) -> ImageFields {
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
    known_fields(IMAGE_FIELDS.map(|field| {
        let is_used = used.contains(field);
        (field, is_used.then(|| value(field)).flatten())
    }))
}

/// The facts of these names, of an image and one of its platforms. The error is the name of a fact that
/// is not known.
pub(crate) fn describe_facts(
    names: &BTreeSet<&'static str>,
    image: &ImageFacts,
    platform: Option<(&PlatformFacts, &ImageDetails)>,
    now: Option<SystemTime>,
) -> Result<ImageFields, &'static str> {
    let describe = |name: &'static str| {
        let value = match platform {
            Some((platform, details)) if PLATFORM_FIELDS.contains(&name) => {
                platform_fact(name, image, platform, details, now)
            }
            _ => image_fact(name, image),
        };
        Ok((name, value.ok_or(name)?))
    };
    names.iter().copied().map(describe).collect()
}

fn image_fact(name: &str, image: &ImageFacts) -> Option<Value> {
    let platforms = image.platforms.as_ref();
    Some(match name {
        RESOLVED_DIGEST => image.digest.as_str().into(),
        "mediaType" => image.media_type?.as_str().into(),
        "platforms" => {
            let names = platforms?.iter().map(|facts| {
                let platform = facts.platform.as_ref()?;
                Some(Value::from(platform.to_string()))
            });
            names.collect::<Option<Vec<Value>>>()?.into()
        }
        _ => return None,
    })
}

fn platform_fact(
    name: &str,
    image: &ImageFacts,
    platform: &PlatformFacts,
    details: &ImageDetails,
    now: Option<SystemTime>,
) -> Option<Value> {
    let number = |number: u64| i64::try_from(number).ok().map(Value::from);
    let texts = |texts: &[String]| {
        let texts = texts.iter().map(|text| Value::from(text.as_str()));
        Value::from(texts.collect::<Vec<_>>())
    };
    Some(match name {
        "platform" => platform.platform.as_ref()?.to_string().into(),
        "created" => Timestamp::try_from(details.created?)
            .ok()?
            .to_string()
            .into(),
        "ageHours" => {
            // Of an image from the future nobody knows the age.
            let age = now?.duration_since(details.created?).ok()?;
            number(age.as_secs() / (60 * 60))?
        }
        "size" => number(details.size)?,
        "layers" => number(u64::try_from(details.layers).ok()?)?,
        "user" => details.user.as_str().into(),
        "labels" => map(details.labels.iter()),
        "annotations" => map(image.annotations.iter().chain(&details.annotations)),
        "volumes" => texts(&details.volumes),
        "exposedPorts" => texts(&details.exposed_ports),
        "entrypoint" => texts(&details.entrypoint),
        "command" => texts(&details.command),
        "foreignLayers" => details.has_foreign_layers.into(),
        _ => return None,
    })
}

/// A map of text; of two values of one name it has the last.
fn map<'t>(entries: impl Iterator<Item = (&'t String, &'t String)>) -> Value {
    let entries = entries.map(|(name, value)| (name.as_str(), value.as_str()));
    entries.collect::<HashMap<&str, &str>>().into()
}

/// A map of the fields that are there.
fn fields<const N: usize>(fields: [(&'static str, Option<Value>); N]) -> Value {
    known_fields(fields).into()
}

fn known_fields<const N: usize>(fields: [(&'static str, Option<Value>); N]) -> ImageFields {
    let known = fields
        .into_iter()
        .filter_map(|(name, value)| Some((name, value?)));
    known.collect()
}
