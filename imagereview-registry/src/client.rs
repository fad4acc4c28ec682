//! From the name of an image to what is known of it.

mod artifact;
mod fetch;
mod found;
mod last_known;
mod lifetime;
mod reference;
mod request;
mod signatures;
mod statements;

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    sync::Arc,
    time::{Duration, Instant},
};

use imagereview_core::{
    ImageRef,
    facts::{
        Candidate, Cause, ContentDigest, Fact, Facts, ImageFacts, Need, Needs, Platform,
        Signatures, StatementNeed, Trust, Unavailable,
    },
    reference::DEFAULT_TAG,
};
use tokio::{
    task::{JoinSet, spawn_blocking},
    time,
};

use self::{
    fetch::{Fetcher, Place},
    last_known::{LastKey, LastKnown, PATIENCE, is_away},
    lifetime::{lifetime, no_value},
    reference::Reference,
    request::Resolved,
    statements::{SignedKey, judge_all, kept_signed, wanted},
};
use crate::{
    cache::{Cache, Fetched, Lifetime},
    credentials::{Keyring, PodCredentials, Target},
    error::AskError,
    limits::Limits,
    observe::{Lookup, Observer},
    registries::Registries,
    verification::{Verifiers, Verify},
};

/// Asks registries about images.
///
/// It only reads, and it trusts no answer: digests are computed from the bytes that came, whatever
/// could be read in two ways is refused, and everything that a registry can make grow has a limit
/// (see [`Limits`]). It fetches no layers.
///
/// Answers are kept in a cache, which those share who ask for one thing at once; clones of a client
/// share it too. It must be used within a Tokio runtime.
///
/// ```no_run
/// use imagereview_core::{ImageRef, facts::Fact};
/// use imagereview_registry::{Client, Keyring, Limits, Registries};
/// use std::time::{Duration, Instant};
///
/// # async fn example() -> Result<(), imagereview_core::ReferenceError> {
/// let client = Client::new(Registries::new(), Keyring::new(), Limits::default());
/// let image = ImageRef::parse("registry.example.com/team/app:1.4")?;
/// let deadline = Instant::now() + Duration::from_secs(5);
/// match client.digest(&image, deadline).await {
///     Fact::Known(digest) => println!("{image}@{digest}"),
///     Fact::Absent => println!("there is no such image"),
///     Fact::Unavailable(why) => println!("not known: {why}"),
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Client {
    fetcher: Fetcher,
    /// What images of a pod are pulled with, if it is for one.
    pod: Option<Arc<PodCredentials>>,
    images: Cache<ImageKey, Fact<Arc<ImageFacts>>>,
    signed: Cache<SignedKey, Fact<Arc<ImageFacts>>>,
    verify: Arc<dyn Verify>,
    last_known: LastKnown,
}

/// What is asked for of which image.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct ImageKey {
    place: Place,
    reference: Reference,
    /// The platforms whose details are asked for; all where it is empty.
    platforms: Arc<[Platform]>,
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("fetcher", &self.fetcher)
            .finish_non_exhaustive()
    }
}

impl Client {
    /// A client that asks registries in this way and with these credentials.
    #[must_use]
    pub fn new(registries: Registries, keyring: Keyring, limits: Limits) -> Self {
        Self::with_observer(registries, keyring, limits, None)
    }

    /// The same, which reports what it does.
    #[must_use]
    pub fn observed(
        registries: Registries,
        keyring: Keyring,
        limits: Limits,
        observer: Arc<dyn Observer>,
    ) -> Self {
        Self::with_observer(registries, keyring, limits, Some(observer))
    }

    fn with_observer(
        registries: Registries,
        keyring: Keyring,
        limits: Limits,
        observer: Option<Arc<dyn Observer>>,
    ) -> Self {
        let images = Cache::new(limits.cache_bytes / 4, limits.fetches);
        let signed = Cache::new(limits.cache_bytes / 4, limits.fetches);
        let last_known = LastKnown::new(limits.cache_bytes / 8);
        Self {
            fetcher: Fetcher::new(registries, keyring, limits, observer),
            pod: None,
            images,
            signed,
            verify: Arc::new(Verifiers::new()),
            last_known,
        }
    }

    /// The same client, by which signatures are verified in another way.
    #[must_use]
    pub fn with_verifier(mut self, verify: Arc<dyn Verify>) -> Self {
        self.verify = verify;
        self
    }

    /// The same client for somebody with other credentials: what they may read is not handed to
    /// each other, while limits and connections are shared.
    #[must_use]
    pub fn with_keyring(&self, keyring: Keyring) -> Self {
        Self {
            fetcher: self.fetcher.with_keyring(keyring),
            pod: None,
            images: self.images.clone(),
            signed: self.signed.clone(),
            verify: Arc::clone(&self.verify),
            last_known: self.last_known.clone(),
        }
    }

    /// The same client for the images of a pod: its credentials are tried before all others. What is
    /// read of an image for which the pod has some is kept for those who have the same.
    #[must_use]
    pub fn for_pod(&self, pod: PodCredentials) -> Self {
        Self {
            fetcher: self.fetcher.clone(),
            pod: Some(Arc::new(pod)),
            images: self.images.clone(),
            signed: self.signed.clone(),
            verify: Arc::clone(&self.verify),
            last_known: self.last_known.clone(),
        }
    }

    /// The digest that a name means: of a manifest, or of an index of them. A digest in the name is
    /// asked for too, so what is known is there.
    ///
    /// What is not answered before the deadline is [`Fact::Unavailable`], and goes on being asked for, so
    /// that whoever asks again finds it.
    pub async fn digest(&self, image: &ImageRef<'_>, deadline: Instant) -> Fact<ContentDigest> {
        let resolved = self.resolve(image, deadline).await;
        resolved.map(|facts| facts.digest)
    }

    /// As [`digest`](Self::digest), with the time at which it was asked for and the server that told it.
    pub async fn resolve(&self, image: &ImageRef<'_>, deadline: Instant) -> Fact<ImageFacts> {
        let fetcher = self.fetcher_for(image);
        let (place, reference) = match asked(&fetcher, image) {
            Ok(asked) => asked,
            Err(error) => return Fact::Unavailable(error.into()),
        };
        let host = place.registry().to_owned();
        fetcher.looked_up(fetcher.look_up(&place, &reference));
        let resolve = async {
            let resolved = fetcher.resolve(&place, &reference).await;
            resolved.map(Resolved::into_facts)
        };
        until(deadline, &host, resolve).await
    }

    /// All that a policy [needs](imagereview_core::Policy::needs), asked for at once. `done` is called
    /// whenever something is known of one more image.
    ///
    /// What is not answered before the deadline is [`Fact::Unavailable`], and goes on being asked for, so
    /// that whoever asks again finds it.
    pub async fn facts(
        &self,
        needs: &Needs,
        deadline: Instant,
        mut done: impl FnMut(&ImageRef<'_>),
    ) -> Facts {
        let mut facts = Facts::new();
        let mut tasks = JoinSet::new();
        let images: Vec<_> = needs.iter_with_statements().collect();
        for (index, (image, need, statements)) in images.iter().enumerate() {
            // Most are known, and a task costs more than that.
            if statements.is_empty()
                && let Some(fact) = self.cached(image, need, needs.stale_for(image))
            {
                facts.insert(image, fact);
                done(image);
                continue;
            }
            let (client, name, need) = (self.clone(), image.to_string(), Need::clone(need));
            let statements = BTreeSet::clone(statements);
            let stale_for = needs.stale_for(image);
            tasks.spawn(async move {
                let image = ImageRef::parse(&name);
                let facts = match image {
                    Ok(image) if !statements.is_empty() => {
                        client
                            .with_statements(&image, need, statements, deadline)
                            .await
                    }
                    _ => client.needed(&name, need, stale_for, deadline).await,
                };
                (index, facts)
            });
        }
        while let Some(task) = tasks.join_next().await {
            // Of what a task that panicked was to find out, nothing is known.
            if let Ok((index, fact)) = task
                && let Some((image, ..)) = images.get(index)
            {
                facts.insert(image, fact);
                done(image);
            }
        }
        facts
    }

    async fn needed(
        &self,
        name: &str,
        need: Need,
        stale_for: Duration,
        deadline: Instant,
    ) -> Fact<Arc<ImageFacts>> {
        let image = match ImageRef::parse(name) {
            Ok(image) => image,
            Err(error) => {
                return Fact::Unavailable(Unavailable::new(Cause::Internal, error.to_string()));
            }
        };
        let fetcher = self.fetcher_for(&image);
        let Ok((place, Reference::Tag(tag))) = asked(&fetcher, &image) else {
            return self.fresh(&image, need, deadline).await;
        };
        if stale_for.is_zero() {
            return self.fresh(&image, need, deadline).await;
        }
        let key = LastKey::new(place, tag, &need);
        let within = self.fetcher.limits().tag_lifetime + stale_for;
        let older = self.last_known.get(&key, within);
        let deadline = match older {
            Some(_) => deadline.min(Instant::now() + PATIENCE),
            None => deadline,
        };
        let fact = self.fresh(&image, need, deadline).await;
        match older {
            Some(older) if is_away(&fact) => {
                fetcher.looked_up(Lookup::Stale);
                Fact::Known(older)
            }
            _ => {
                self.last_known.keep(key, &fact);
                fact
            }
        }
    }

    /// What is needed of an image, if it is in the cache.
    fn cached(
        &self,
        image: &ImageRef<'_>,
        need: &Need,
        stale_for: Duration,
    ) -> Option<Fact<Arc<ImageFacts>>> {
        let fetcher = self.fetcher_for(image);
        let (place, reference) = asked(&fetcher, image).ok()?;
        let platforms: Option<Arc<[Platform]>> = match need {
            Need::Digest => None,
            Need::Platforms(platforms) => Some(platforms.iter().cloned().collect()),
            _ => Some([].into()),
        };
        let fact = match platforms {
            None => {
                let resolved = fetcher.cached(&place, &reference)?;
                resolved.map(|resolved| Arc::new(resolved.into_facts()))
            }
            Some(platforms) => self.images.get(&ImageKey {
                place: place.clone(),
                reference: reference.clone(),
                platforms,
            })?,
        };
        if let (Reference::Tag(tag), false) = (reference, stale_for.is_zero()) {
            // An older answer may be better than that the registry is away.
            if is_away(&fact) {
                return None;
            }
            self.last_known.keep(LastKey::new(place, tag, need), &fact);
        }
        fetcher.looked_up(Lookup::Hit);
        Some(fact)
    }

    /// What is needed of an image, from its registry or from the cache.
    async fn fresh(
        &self,
        image: &ImageRef<'_>,
        need: Need,
        deadline: Instant,
    ) -> Fact<Arc<ImageFacts>> {
        match need {
            Need::Digest => self.resolve(image, deadline).await.map(Arc::new),
            Need::Platforms(platforms) => {
                let platforms: Vec<Platform> = platforms.into_iter().collect();
                self.image(image, &platforms, deadline).await
            }
            _ => self.image(image, &[], deadline).await,
        }
    }

    /// What there is to know of an image: its platforms, and the details of those that are of
    /// `platforms`; of all where that is empty.
    ///
    /// What is not answered before the deadline is [`Fact::Unavailable`], and goes on being asked for, so
    /// that whoever asks again finds it.
    pub async fn image(
        &self,
        image: &ImageRef<'_>,
        platforms: &[Platform],
        deadline: Instant,
    ) -> Fact<Arc<ImageFacts>> {
        let fetcher = self.fetcher_for(image);
        let (place, reference) = match asked(&fetcher, image) {
            Ok(asked) => asked,
            Err(error) => return Fact::Unavailable(error.into()),
        };
        let host = place.registry().to_owned();
        let key = ImageKey {
            place,
            reference,
            platforms: platforms.into(),
        };
        fetcher.looked_up(self.images.look_up(&key));
        let facts = async {
            let asked = key.clone();
            let fetch = |_| async move {
                let facts = fetcher
                    .image(&asked.place, &asked.reference, &asked.platforms)
                    .await;
                kept(facts, &asked.reference, fetcher.limits())
            };
            let fact = self.images.get_or_fetch(key, fetch).await;
            fact.unwrap_or_else(|error| no_value(error, &host))
        };
        until(deadline, &host, facts).await
    }

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
        images
            .map(|image| place(&self.fetcher_for(&image), &image))
            .collect()
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
            lifetime: kept_signed(&facts, &limits),
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
        let wanted = wanted(facts, statements);
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
        let place = place(&fetcher, &image);
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

    /// Who fetches what is known of an image: with the credentials of the pod, if there are any for it.
    fn fetcher_for(&self, image: &ImageRef<'_>) -> Fetcher {
        match &self.pod {
            None => self.fetcher.clone(),
            Some(pod) => {
                let target = Target {
                    registry: image.registry(),
                    repository: &image.repository().to_string(),
                };
                self.fetcher.for_pod(pod, target)
            }
        }
    }
}

/// What of an image's name a registry is asked for.
fn asked(fetcher: &Fetcher, image: &ImageRef<'_>) -> Result<(Place, Reference), AskError> {
    let reference = match image.digest() {
        None => Reference::Tag(image.tag().unwrap_or(DEFAULT_TAG).into()),
        Some(digest) => {
            let digest = ContentDigest::try_from(digest);
            Reference::Digest(digest.map_err(|_| AskError::Algorithm {
                image: image.to_string().into(),
            })?)
        }
    };
    Ok((place(fetcher, image), reference))
}

/// The repository of an image, with the credentials that it is asked with.
fn place(fetcher: &Fetcher, image: &ImageRef<'_>) -> Place {
    let path = image.repository().to_string();
    Place::new(fetcher.keyring(), image.registry(), &path)
}

/// Waits no longer than until a deadline.
async fn until<T>(deadline: Instant, host: &str, fact: impl Future<Output = Fact<T>>) -> Fact<T> {
    time::timeout_at(deadline.into(), fact)
        .await
        .unwrap_or_else(|_| Fact::Unavailable(AskError::Deadline { host: host.into() }.into()))
}

/// How long facts about an image are kept.
fn kept(
    facts: Fact<ImageFacts>,
    reference: &Reference,
    limits: &Limits,
) -> Fetched<Fact<Arc<ImageFacts>>> {
    let lifetime = match (&facts, reference) {
        (Fact::Known(image), _) if !image.is_whole() => Lifetime::For(limits.failure_lifetime),
        (Fact::Known(_), Reference::Digest(_)) => Lifetime::Forever,
        (Fact::Known(_), Reference::Tag(_)) => Lifetime::For(limits.tag_lifetime),
        (other, _) => lifetime(other, limits),
    };
    Fetched {
        bytes: facts.known().map_or(0, ImageFacts::bytes),
        value: facts.map(Arc::new),
        lifetime,
    }
}
