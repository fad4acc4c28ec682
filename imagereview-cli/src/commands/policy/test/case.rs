//! A case of a test file: the request, and the verdict that is expected.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::SystemTime,
};

use imagereview_core::{
    ContainerKind, ImagePolicy, Language, Location, Operation, Review, StringMap, User, Verdict,
    Violation, decide, facts::Facts, object::ObjectKind, policy::UNREADABLE_REFERENCE,
};
use serde::{Deserialize, Deserializer, de::Error};

use crate::one_or_many::one_or_many;

#[derive(Debug, Deserialize)]
#[serde(
    deny_unknown_fields,
    rename_all = "camelCase",
    expecting = "a mapping with name, images and expect"
)]
pub(super) struct Case {
    pub(super) name: String,
    #[serde(deserialize_with = "one_or_many")]
    images: Vec<String>,
    #[serde(default)]
    namespace: Option<String>,
    /// What the annotations of the pod are, in pairs.
    #[serde(default)]
    annotations: BTreeMap<String, String>,
    /// The labels of the pod; not known if absent.
    #[serde(default)]
    labels: Option<BTreeMap<String, String>>,
    /// The labels of its namespace; not known if absent.
    #[serde(default)]
    namespace_labels: Option<BTreeMap<String, String>>,
    /// When all images are pulled; not known if absent.
    #[serde(default)]
    image_pull_policy: Option<String>,
    /// The kind of object, such as `Deployment`.
    #[serde(default)]
    kind: Option<String>,
    #[serde(default)]
    api_version: Option<String>,
    /// What kind of container all images are of.
    #[serde(default)]
    container: Option<Container>,
    #[serde(default)]
    operation: Option<Action>,
    #[serde(default)]
    user: Option<String>,
    #[serde(default)]
    groups: Vec<String>,
    /// The images of the object before an update, of the same kind of container.
    #[serde(default)]
    old_images: Option<Vec<String>>,
    /// When it is decided, for exemptions that end (RFC 3339); now if absent.
    #[serde(default, deserialize_with = "time")]
    time: Option<SystemTime>,
    expect: Expected,
    /// The rules that are broken, in whatever mode; not compared if absent.
    #[serde(default)]
    rules: Option<BTreeSet<String>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Expected {
    Allowed,
    Denied,
}

/// A kind of container, by the word that policy documents have for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Container {
    Regular,
    Init,
    Ephemeral,
    Volume,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
enum Action {
    Create,
    Update,
}

fn time<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<SystemTime>, D::Error> {
    let text = String::deserialize(deserializer)?;
    let time = humantime::parse_rfc3339(&text);
    time.map(Some).map_err(|_| {
        let message = format!("{text:?} is not a time; write one such as 2027-01-31T23:59:59Z");
        D::Error::custom(message)
    })
}

impl From<Container> for ContainerKind {
    fn from(container: Container) -> Self {
        match container {
            Container::Regular => Self::Regular,
            Container::Init => Self::Init,
            Container::Ephemeral => Self::Ephemeral,
            Container::Volume => Self::Volume,
        }
    }
}

impl Case {
    /// How what the policy decides differs from what is expected.
    pub(super) fn differences(&self, policy: &ImagePolicy, facts: &Facts) -> Vec<String> {
        self.review(facts, |review| {
            self.compare(policy, &decide(policy, review))
        })
    }

    /// Uses the review that is to be decided.
    pub(super) fn review<T>(&self, facts: &Facts, use_it: impl FnOnce(&Review<'_>) -> T) -> T {
        fn entries(map: &BTreeMap<String, String>) -> StringMap<'_> {
            map.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect()
        }
        let annotations = entries(&self.annotations);
        let labels = self.labels.as_ref().map(entries);
        let namespace_labels = self.namespace_labels.as_ref().map(entries);
        let user = self.user();
        let mut review = self.request().with_facts(facts);
        review = review.with_annotations(&annotations);
        if let Some(user) = &user {
            review = review.with_user(user);
        }
        if let Some(labels) = &labels {
            review = review.with_labels(labels);
        }
        if let Some(labels) = &namespace_labels {
            review = review.with_namespace_labels(labels);
        }
        use_it(&review)
    }

    fn user(&self) -> Option<User<'_>> {
        if self.user.is_none() && self.groups.is_empty() {
            return None;
        }
        let user = User::new(self.user.as_deref().unwrap_or_default());
        let groups = self.groups.iter();
        Some(groups.fold(user, User::with_group))
    }

    /// The location of an image, by its place in the list.
    fn location(&self, index: usize) -> Location<'_> {
        let location = Location::new("IMAGE", index, "");
        match self.container {
            Some(container) => location.with_kind(container.into()),
            None => location,
        }
    }

    /// The review, but for what it borrows from elsewhere.
    fn request(&self) -> Review<'_> {
        let mut review = Review::with_capacity(self.images.len());
        for (index, image) in self.images.iter().enumerate() {
            let location = self.location(index);
            match self.image_pull_policy.as_deref() {
                Some(policy) => review.add_image_of_container(image, location, Some(policy)),
                None => review.add_image(image, location),
            }
        }
        review = review.with_time(self.time.unwrap_or_else(SystemTime::now));
        if let Some(namespace) = &self.namespace {
            review = review.with_namespace(namespace);
        }
        if let Some(kind) = &self.kind {
            let api_version = self.api_version.as_deref().unwrap_or_default();
            review = review.with_kind(ObjectKind::new(api_version, kind));
        }
        match (self.operation, &self.old_images) {
            (Some(Action::Create), _) => review = review.with_operation(Operation::Create),
            // Only an update has an object that was there before.
            (Some(Action::Update), _) | (None, Some(_)) => {
                review = review.with_operation(Operation::Update);
            }
            (None, None) => {}
        }
        if let Some(old) = &self.old_images {
            let locations: Vec<_> = (0..old.len()).map(|index| self.location(index)).collect();
            let former = old.iter().map(String::as_str).zip(&locations);
            review = review.with_former_images(former);
        }
        review
    }

    fn compare(&self, policy: &ImagePolicy, verdict: &Verdict) -> Vec<String> {
        let mut differences = Vec::new();
        let is_expected = verdict.is_allowed() == (self.expect == Expected::Allowed);
        if !is_expected {
            let (expected, found) = match self.expect {
                Expected::Allowed => ("allowed", "denied"),
                Expected::Denied => ("denied", "allowed"),
            };
            differences.push(format!("expected {expected}, found {found}"));
        }
        let violations = verdict.violations();
        let omitted = verdict.omitted().map(|(rule, ..)| rule);
        let found = violations.iter().map(Violation::rule).chain(omitted);
        let found: BTreeSet<&str> = found.collect();
        if let Some(expected) = &self.rules {
            for rule in expected
                .iter()
                .filter(|rule| !found.contains(rule.as_str()))
            {
                let is_rule = rule == UNREADABLE_REFERENCE || policy.rules().any(|r| r == rule);
                let why = if is_rule {
                    "passed"
                } else {
                    "the policy does not have"
                };
                differences.push(format!("expected to fail {rule:?}, which {why}"));
            }
            for rule in found.iter().filter(|rule| !expected.contains(**rule)) {
                differences.push(format!("failed {rule:?}, which is not expected"));
            }
        }
        if !differences.is_empty() {
            let sentences = violations.iter().map(|v| v.describe(Language::English));
            differences.extend(sentences);
        }
        differences
    }
}
