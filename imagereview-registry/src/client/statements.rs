//! Who vouches for images, and what they say.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::{Duration, Instant, SystemTime},
};

use imagereview_core::{
    ImageRef,
    facts::{
        Candidate, Cause, ContentDigest, Fact, ImageFacts, Need, Outcome, Signatures,
        StatementNeed, Trust, Unavailable,
    },
};
use tokio::task::{JoinSet, spawn_blocking};

use super::{
    Client, asked,
    fetch::{AllFound, Place},
    lifetime::{lifetime, no_value},
    until,
};
use crate::{
    cache::{Fetched, Lifetime},
    error::AskError,
    limits::Limits,
    verification::{Verify, judge, subjects},
};

/// Which statements are needed about what.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct SignedKey {
    place: Place,
    name: Box<str>,
    need: Need,
    statements: Arc<[StatementNeed]>,
    /// The other repositories in which they are, and with whose credentials those are asked.
    others: Arc<[Place]>,
}

/// What is signed, and in which repository that is looked for if not in the image's own.
type Where = (Option<Arc<str>>, ContentDigest);

impl Client {
    /// What there is to know of an image, and who vouches for it.
    pub(super) async fn with_statements(
        &self,
        image: &ImageRef<'_>,
        need: Need,
        statements: BTreeSet<StatementNeed>,
        deadline: Instant,
    ) -> Fact<Arc<ImageFacts>> {
        let place = match asked(&self.fetcher_for(image), image) {
            Ok((place, _)) => place,
            Err(error) => return Fact::Unavailable(error.into()),
        };
        let host = place.registry().to_owned();
        let key = SignedKey {
            place,
            name: image.to_string().into(),
            need,
            others: self.repositories(&statements),
            statements: statements.into_iter().collect(),
        };
        let client = self.clone();
        let wanted = key.clone();
        let fetch = |_| async move { client.fetch_statements(wanted).await };
        let facts = async {
            let fact = self.signed.get_or_fetch(key, fetch).await;
            fact.unwrap_or_else(|error| no_value(error, &host))
        };
        until(deadline, &host, facts).await
    }

    /// The repositories that statements are in, where that is not the image's own.
    fn repositories(&self, statements: &BTreeSet<StatementNeed>) -> Arc<[Place]> {
        let names = statements
            .iter()
            .filter_map(|need| need.repository.as_deref());
        let images = names.filter_map(|name| ImageRef::parse(name).ok());
        let places = images.map(|image| {
            let fetcher = self.fetcher_for(&image);
            let path = image.repository().to_string();
            Place::new(fetcher.keyring(), image.registry(), &path)
        });
        places.collect()
    }

    async fn fetch_statements(self, wanted: SignedKey) -> Fetched<Fact<Arc<ImageFacts>>> {
        let SignedKey {
            name,
            need,
            statements,
            ..
        } = wanted;
        // Whoever waits has a deadline; what they wait for has its own.
        let limits = self.fetcher.limits().clone();
        let fetch_deadline = Instant::now() + limits.fetch_timeout;
        // A signature is of what the name means now.
        let known = self
            .needed(&name, need, Duration::ZERO, fetch_deadline)
            .await;
        let facts = match known {
            Fact::Known(facts) => {
                let signatures = self.statements(&name, &facts, &statements).await;
                let mut facts = ImageFacts::clone(&facts);
                facts.signatures = signatures;
                Fact::Known(Arc::new(facts))
            }
            other => other,
        };
        Fetched {
            bytes: facts.known().map_or(0, |facts| facts.bytes()),
            lifetime: kept(&facts, &limits),
            value: facts,
        }
    }

    /// What was found for each digest and in each repository, and what came of it.
    async fn statements(
        &self,
        name: &str,
        facts: &ImageFacts,
        statements: &[StatementNeed],
    ) -> Vec<Signatures> {
        let mut wanted: BTreeMap<Where, Vec<Trust>> = BTreeMap::new();
        for need in statements {
            for subject in subjects(facts, need) {
                let place = (need.repository.clone(), subject);
                wanted.entry(place).or_default().push(need.trust.clone());
            }
        }
        let mut tasks = JoinSet::new();
        for (index, ((repository, subject), trusts)) in wanted.into_iter().enumerate() {
            let (client, verify) = (self.clone(), Arc::clone(&self.verify));
            let name: Box<str> = repository.as_deref().unwrap_or(name).into();
            tasks.spawn(async move {
                let candidates = client.candidates(&name, &subject, trusts, verify).await;
                let repository = repository.map(|repository| repository.as_ref().into());
                let found = Signatures::new(subject, candidates).in_repository(repository);
                (index, found)
            });
        }
        let mut found = BTreeMap::new();
        while let Some(task) = tasks.join_next().await {
            // Of what a task that panicked was to find out, nothing is known.
            if let Ok((index, signatures)) = task {
                found.insert(index, signatures);
            }
        }
        found.into_values().collect()
    }

    /// What lies beside a digest in a repository, and what comes of it with each trust.
    async fn candidates(
        &self,
        repository: &str,
        subject: &ContentDigest,
        trusts: Vec<Trust>,
        verify: Arc<dyn Verify>,
    ) -> Fact<Vec<Candidate>> {
        let image = match ImageRef::parse(repository) {
            Ok(image) => image,
            Err(error) => {
                return Fact::Unavailable(Unavailable::new(Cause::Internal, error.to_string()));
            }
        };
        let fetcher = self.fetcher_for(&image);
        let path = image.repository().to_string();
        let place = Place::new(fetcher.keyring(), image.registry(), &path);
        let found = match fetcher.signatures(&place, subject).await {
            Fact::Known(found) => found,
            Fact::Absent => return Fact::Absent,
            Fact::Unavailable(why) => return Fact::Unavailable(why),
        };
        let subject = subject.clone();
        // It takes a millisecond for each at most, and there may be many.
        let judged = spawn_blocking(move || judge_all(&found, &trusts, &subject, &*verify)).await;
        match judged {
            Ok(candidates) => Fact::Known(candidates),
            Err(_) => Fact::Unavailable(
                AskError::Internal {
                    host: place.registry().into(),
                }
                .into(),
            ),
        }
    }
}

fn judge_all(
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
fn kept(facts: &Fact<Arc<ImageFacts>>, limits: &Limits) -> Lifetime {
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
