//! What every part of a run is reviewed with.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
    time::SystemTime,
};

use imagereview_core::{
    Review, StringMap,
    facts::{Facts, Needs},
};

use super::reviewed::ReviewedDocument;
use crate::policy_file::LoadedPolicy;

/// What every part of a run is reviewed with.
pub(super) struct Context<'p> {
    pub(super) policy: &'p LoadedPolicy,
    /// The values of build arguments and variables.
    pub(super) variables: BTreeMap<String, String>,
    /// The namespace of objects that name none, if that is known.
    pub(super) namespace: Option<String>,
    /// The labels of that namespace, if they are known.
    pub(super) namespace_labels: Option<StringMap<'static>>,
    /// When the run began: the time by which every review of it is decided.
    pub(super) now: SystemTime,
    /// What is known of images.
    pub(super) facts: Option<&'p Facts>,
    /// What is needed to know, where that is looked for.
    pub(super) needs: Option<Mutex<Needs>>,
    /// Whether the positions of images that break no rule are wanted too.
    pub(super) locates_all: bool,
}

impl Context<'_> {
    pub(super) fn decide(&self, title: impl Into<String>, review: Review<'_>) -> ReviewedDocument {
        let mut review = review.with_time(self.now);
        if let Some(facts) = self.facts {
            review = review.with_facts(facts);
        }
        if let Some(needs) = &self.needs {
            let mut needs = needs.lock().unwrap_or_else(PoisonError::into_inner);
            self.policy.as_policy().needs(&review, &mut needs);
        }
        ReviewedDocument::decide(title.into(), self.policy.as_policy(), &review)
    }

    /// Decides an object as the cluster will have it: in the namespace that it is created in.
    pub(super) fn decide_object(
        &self,
        title: impl Into<String>,
        review: Review<'_>,
    ) -> ReviewedDocument {
        let Some(namespace) = &self.namespace else {
            return self.decide(title, review);
        };
        let is_there = review.namespace().is_none_or(|own| own == namespace);
        let mut review = if is_there {
            review.with_namespace(namespace)
        } else {
            review
        };
        if let Some(labels) = self.namespace_labels.as_ref().filter(|_| is_there) {
            review = review.with_namespace_labels(labels);
        }
        self.decide(title, review)
    }
}
