//! Declared exemptions from rules.

use std::sync::Arc;

use jiff::Timestamp;

use super::{
    declaration::{self, Name},
    price::CHECK,
    problem::Problems,
    scope::{compiled, namespace_set, repositories},
};
use crate::{
    language::{Language, Message},
    pattern::{Lengths, MAX_VALUE_LEN, NameSet, Reading, RepositorySet},
    review::{Image, Review},
};

/// A declared exemption from rules; compiled. A field that a review does not have does not match.
#[derive(Debug)]
pub(super) struct Exemption {
    pub(super) shared_name: Arc<str>,
    pub(super) reason: Arc<str>,
    expires: Option<Timestamp>,
    rules: Option<Vec<Name>>,
    images: Option<RepositorySet>,
    namespaces: Option<NameSet>,
    annotation: Option<(Box<str>, Option<NameSet>)>,
}

impl Exemption {
    pub(super) fn compile(
        declared: declaration::Exemption,
        problems: &mut Problems,
    ) -> Option<Self> {
        let position = declared.position;
        let mut sound = true;
        if declared.reason.trim().is_empty() {
            problems.add(position, "the reason is empty; it is recorded at every use");
            sound = false;
        }
        if declared.annotation.is_some() && declared.namespaces.is_none() {
            problems.add(
                position,
                "an exemption by annotation needs \"namespaces\": whoever may create a pod may annotate \
                 it, so say where that is good enough",
            );
            sound = false;
        }
        if declared.images.is_none()
            && declared.namespaces.is_none()
            && declared.annotation.is_none()
        {
            problems.add(
                position,
                "this exempts everything; give \"images\", \"namespaces\" or \"annotation\"",
            );
            sound = false;
        }
        let images = declared
            .images
            .map(|list| repositories(list, Reading::Strict));
        let images = compiled(images, position, problems);
        let namespaces = declared.namespaces.map(|list| namespace_set(&list));
        let namespaces = compiled(namespaces, position, problems);
        let annotation = match declared.annotation {
            None => None,
            Some(annotation) => {
                let value = annotation.value.map(|value| NameSet::new(&[value]));
                Some((annotation.key.0, compiled(value, position, problems).ok()?))
            }
        };
        sound.then_some(())?;
        Some(Self {
            shared_name: declared.name.0.as_ref().into(),
            reason: declared.reason.into(),
            expires: declared.expires.map(|expiry| expiry.0),
            rules: declared.rules,
            images: images.ok()?,
            namespaces: namespaces.ok()?,
            annotation,
        })
    }

    /// The rules that it names.
    pub(super) fn rules(&self) -> &[Name] {
        self.rules.as_deref().unwrap_or_default()
    }

    /// Whether it covers violations of this rule, if it is [granted](Self::is_granted).
    pub(super) fn covers_rule(&self, rule: &Name) -> bool {
        let rules = self.rules.as_ref();
        rules.is_none_or(|rules| rules.contains(rule))
    }

    /// Whether it covers images of this review, now.
    pub(super) fn is_granted(&self, review: &Review<'_>) -> bool {
        // Without a clock it may have expired.
        let in_time = self
            .expires
            .is_none_or(|end| now(review).is_some_and(|now| now < end));
        in_time && self.is_about(review)
    }

    /// That it would cover this rule for this image, had it not expired, as the end of a reason.
    pub(super) fn expired(
        &self,
        rule: &Name,
        review: &Review<'_>,
        image: &Image<'_>,
    ) -> Option<Message> {
        let end = self.expires?;
        let now = now(review);
        if now.is_some_and(|now| now < end)
            || !(self.covers_rule(rule) && self.is_about(review) && self.covers_image(image))
        {
            return None;
        }
        let name = &self.shared_name;
        let (english, chinese) = if now.is_some() {
            (
                format!("the exemption \"{name}\" expired at {end}"),
                format!("豁免\"{name}\"已于{end}到期"),
            )
        } else {
            (
                format!(
                    "the exemption \"{name}\" may have expired at {end}: the review has no time"
                ),
                format!("豁免\"{name}\"可能已于{end}到期:审查没有时间"),
            )
        };
        Some(Message::from(english).with(Language::Chinese, chinese))
    }

    /// Whether it is for images of this review, at whatever time.
    fn is_about(&self, review: &Review<'_>) -> bool {
        let in_namespace = || match (&self.namespaces, review.namespace()) {
            (None, _) => true,
            (Some(set), Some(namespace)) => {
                namespace.len() <= MAX_VALUE_LEN && set.matches(namespace)
            }
            (Some(_), None) => false,
        };
        let annotated = || match &self.annotation {
            None => true,
            Some((key, value)) => review.annotation(key).is_some_and(|found| {
                let matches = |set: &NameSet| found.len() <= MAX_VALUE_LEN && set.matches(found);
                value.as_ref().is_none_or(matches)
            }),
        };
        in_namespace() && annotated()
    }

    /// Whether it covers this image of a review that it is granted for.
    pub(super) fn covers_image(&self, image: &Image<'_>) -> bool {
        let images = self.images.as_ref();
        images.is_none_or(|set| set.find(image.reference()).is_some())
    }

    /// The steps to find out whether it covers an image, at most.
    pub(super) fn image_steps(&self, lengths: Lengths) -> u64 {
        let images = self.images.as_ref();
        CHECK.saturating_add(images.map_or(0, |set| set.steps(lengths)))
    }

    /// The steps to find out whether it is granted, at most.
    pub(super) fn review_steps(&self) -> u64 {
        let value = self
            .annotation
            .iter()
            .filter_map(|(_, value)| value.as_ref());
        let sets = value.chain(&self.namespaces);
        let steps = sets.map(|set| set.price().of(MAX_VALUE_LEN as u64));
        steps.fold(CHECK, u64::saturating_add)
    }
}

fn now(review: &Review<'_>) -> Option<Timestamp> {
    review.time().and_then(|now| Timestamp::try_from(now).ok())
}
