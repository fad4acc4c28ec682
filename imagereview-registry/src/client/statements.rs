//! Who vouches for images, and what they say.

use std::{collections::BTreeMap, sync::Arc, time::SystemTime};

use imagereview_core::facts::{
    Candidate, ContentDigest, Fact, ImageFacts, Need, Outcome, Signatures, StatementNeed, Trust,
};

use super::{fetch::Place, found::AllFound, lifetime::lifetime};
use crate::{
    cache::Lifetime,
    limits::Limits,
    verification::{Verify, judge, subjects},
};

/// Which statements are needed about what.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct SignedKey {
    pub(super) place: Place,
    pub(super) name: Box<str>,
    pub(super) need: Need,
    pub(super) statements: Arc<[StatementNeed]>,
}

/// What is signed, and in which repository that is looked for if not in the image's own.
pub(super) type Where = (Option<Arc<str>>, ContentDigest);

pub(super) fn judge_all(
    found: &AllFound,
    trusts: &[Trust],
    subject: &ContentDigest,
    verify: &dyn Verify,
) -> Vec<Candidate> {
    let now = SystemTime::now();
    let trusts: Vec<&Trust> = trusts.iter().collect();
    let judged = found.iter().map(|found| {
        let mut candidate = found.candidate.clone();
        match &found.broken {
            None => judge(&mut candidate, &trusts, subject, verify, now),
            Some(refusal) => {
                candidate.outcomes = trusts
                    .iter()
                    .map(|trust| Outcome {
                        trust: trust.id().clone(),
                        result: Err(refusal.clone()),
                    })
                    .collect();
            }
        }
        candidate
    });
    judged.collect()
}

/// How long it is believed who vouches for an image: no longer than what its name means.
pub(super) fn kept_signed(facts: &Fact<Arc<ImageFacts>>, limits: &Limits) -> Lifetime {
    match facts {
        Fact::Known(facts) if !facts.is_whole() => Lifetime::For(limits.failure_lifetime),
        Fact::Known(facts) => {
            let is_absent = |one: &Signatures| one.candidates == Fact::Absent;
            Lifetime::For(if facts.signatures.iter().any(is_absent) {
                limits.absence_lifetime
            } else {
                limits.tag_lifetime.min(limits.signatures_lifetime)
            })
        }
        other => lifetime(other, limits),
    }
}

/// What has to be looked for where, and with what it is verified.
pub(super) fn wanted(
    facts: &ImageFacts,
    statements: &[StatementNeed],
) -> BTreeMap<Where, Vec<Trust>> {
    let mut wanted: BTreeMap<Where, Vec<Trust>> = BTreeMap::new();
    for need in statements {
        for subject in subjects(facts, need) {
            let place = (need.repository.clone(), subject);
            wanted.entry(place).or_default().push(need.trust.clone());
        }
    }
    wanted
}
