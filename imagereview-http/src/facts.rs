//! The facts that reviews need: asked for before a review is decided, within its time.

use std::{
    sync::Arc,
    time::{Duration, Instant, SystemTime},
};

use arc_swap::ArcSwap;
use imagereview_core::facts::{Cause, Fact, Facts, Needs, Unavailable};
use imagereview_registry::{PodSecrets, Verifiers, verified_again};
use tokio::{sync::Semaphore, time::timeout_at};

use crate::config::OpenedFacts;

/// The most images that are asked for of one review. A pod has a few; of what is beyond, nothing is known.
const MOST_OF_A_REVIEW: usize = 500;

/// The most images that all reviews together wait for.
const MOST_AT_A_TIME: usize = 4096;

/// What is left of the client's patience for reading, deciding and answering.
const FOR_DECIDING: Duration = Duration::from_secs(1);

/// Where the facts of reviews come from, and how long they may take.
pub(crate) struct FactsForReviews {
    source: ArcSwap<OpenedFacts>,
    waits: Semaphore,
    time: Duration,
    /// For facts that were saved.
    verifiers: Verifiers,
}

impl FactsForReviews {
    pub(crate) fn new(source: OpenedFacts, time: Duration) -> Self {
        Self {
            source: ArcSwap::from_pointee(source),
            waits: Semaphore::new(MOST_AT_A_TIME),
            time,
            verifiers: Verifiers::new(),
        }
    }

    /// Facts that were saved, with the signatures in them verified again.
    fn saved(&self, facts: &Facts, needs: &Needs) -> Facts {
        verified_again(facts, needs, &self.verifiers, SystemTime::now())
    }

    /// Whether there is anybody to ask.
    pub(crate) fn has_source(&self) -> bool {
        !matches!(**self.source.load(), OpenedFacts::Nowhere)
    }

    /// Whether the pull secrets of pods are read.
    pub(crate) fn reads_pull_secrets(&self) -> bool {
        let source = self.source.load();
        matches!(
            **source,
            OpenedFacts::Registries {
                pull_secrets: Some(_),
                ..
            }
        )
    }

    /// Takes facts from there from now on.
    pub(crate) fn set_source(&self, source: OpenedFacts) {
        self.source.store(Arc::new(source));
    }

    /// When the facts of a review have to be there that began at this time, whose client waits for so long.
    pub(crate) fn deadline(&self, started: Instant, timeout: Option<Duration>) -> Instant {
        let left = timeout.map_or(self.time, |timeout| {
            timeout.saturating_sub(FOR_DECIDING).max(timeout / 2)
        });
        started + self.time.min(left)
    }

    /// What is known of these images, which pods with these pull secrets run. Of each that is not asked for in
    /// time, it is said why it is not known.
    pub(crate) async fn ask(
        &self,
        mut needs: Needs,
        pod: Option<&PodSecrets>,
        deadline: Instant,
    ) -> Facts {
        let (mut client, pull_secrets) = match &**self.source.load() {
            OpenedFacts::Nowhere => return Facts::new(),
            OpenedFacts::Saved(facts) => return self.saved(facts, &needs),
            OpenedFacts::Registries {
                client,
                pull_secrets,
            } => (client.clone(), pull_secrets.clone()),
        };
        let mut facts = Facts::new();
        let left_out = needs.split_off(MOST_OF_A_REVIEW);
        let message = format!("it has more than {MOST_OF_A_REVIEW} images to ask registries for");
        unavailable(&left_out, Cause::Busy, &message, &mut facts);
        let waits = u32::try_from(needs.len()).unwrap_or(u32::MAX);
        let permit = timeout_at(deadline.into(), self.waits.acquire_many(waits)).await;
        if permit.is_ok() {
            if let (Some(pull_secrets), Some(pod)) = (pull_secrets, pod) {
                client = client.for_pod(pull_secrets.read(pod, deadline).await);
            }
            facts.extend(client.facts(&needs, deadline, |_| {}).await);
        } else {
            let message = "too many images are being asked for already";
            unavailable(&needs, Cause::Busy, message, &mut facts);
        }
        facts
    }
}

fn unavailable(needs: &Needs, cause: Cause, message: &str, facts: &mut Facts) {
    for (image, _) in needs.iter() {
        let why = Unavailable::new(cause, message.to_owned());
        facts.insert(&image, Fact::Unavailable(why));
    }
}
