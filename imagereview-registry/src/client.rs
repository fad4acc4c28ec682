//! From the name of an image to what is known of it.

mod fetch;
mod request;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use imagereview_core::{ImageRef, reference::DEFAULT_TAG};
use tokio::time;

use self::fetch::{Fetcher, Place};
use crate::{
    cache::{Cache, Fetched, Lifetime, NoValue},
    content::Platform,
    credentials::Keyring,
    digest::ContentDigest,
    error::AskError,
    fact::{Cause, Fact},
    image::ImageFacts,
    limits::Limits,
    registries::Registries,
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
/// use imagereview_core::ImageRef;
/// use imagereview_registry::{Client, Fact, Keyring, Limits, Registries};
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
#[derive(Clone, Debug)]
pub struct Client {
    fetcher: Fetcher,
    images: Cache<ImageKey, Fact<Arc<ImageFacts>>>,
}

/// What is asked for of which image.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct ImageKey {
    place: Place,
    reference: Reference,
    /// The platforms whose details are asked for; all where it is empty.
    platforms: Arc<[Platform]>,
}

/// What names an image within its repository.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Reference {
    Tag(Box<str>),
    Digest(ContentDigest),
}

impl Client {
    /// A client that asks registries in this way and with these credentials.
    #[must_use]
    pub fn new(registries: Registries, keyring: Keyring, limits: Limits) -> Self {
        let images = Cache::new(limits.cache_bytes / 4, limits.fetches);
        Self {
            fetcher: Fetcher::new(registries, keyring, limits),
            images,
        }
    }

    /// The same client for somebody with other credentials: what they may read is not handed to
    /// each other, while limits and connections are shared.
    #[must_use]
    pub fn with_keyring(&self, keyring: Keyring) -> Self {
        Self {
            fetcher: self.fetcher.with_keyring(keyring),
            images: self.images.clone(),
        }
    }

    /// The digest that a name means: of a manifest, or of an index of them. A digest in the name is
    /// asked for too, so what is known is there.
    ///
    /// What is not answered before the deadline is [`Fact::Unavailable`], and goes on being asked for, so
    /// that whoever asks again finds it.
    pub async fn digest(&self, image: &ImageRef<'_>, deadline: Instant) -> Fact<ContentDigest> {
        let asked = match self.asked(image) {
            Ok(asked) => asked,
            Err(error) => return Fact::Unavailable(error.into()),
        };
        let (place, reference) = asked;
        let host = place.registry().to_owned();
        let resolve = async {
            let resolved = self.fetcher.resolve(&place, &reference).await;
            resolved.map(|resolved| resolved.digest)
        };
        until(deadline, &host, resolve).await
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
        let (place, reference) = match self.asked(image) {
            Ok(asked) => asked,
            Err(error) => return Fact::Unavailable(error.into()),
        };
        let host = place.registry().to_owned();
        let key = ImageKey {
            place,
            reference,
            platforms: platforms.into(),
        };
        let facts = async {
            let fetcher = self.fetcher.clone();
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

    /// What of an image's name a registry is asked for.
    fn asked(&self, image: &ImageRef<'_>) -> Result<(Place, Reference), AskError> {
        let reference = match image.digest() {
            None => Reference::Tag(image.tag().unwrap_or(DEFAULT_TAG).into()),
            Some(digest) => {
                let digest = ContentDigest::parse(&digest.to_string());
                Reference::Digest(digest.ok_or_else(|| AskError::Algorithm {
                    image: image.to_string().into(),
                })?)
            }
        };
        let place = Place::new(
            self.fetcher.keyring(),
            image.registry(),
            &image.repository().to_string(),
        );
        Ok((place, reference))
    }
}

/// Waits no longer than until a deadline.
async fn until<T>(deadline: Instant, host: &str, fact: impl Future<Output = Fact<T>>) -> Fact<T> {
    time::timeout_at(deadline.into(), fact)
        .await
        .unwrap_or_else(|_| Fact::Unavailable(AskError::Deadline { host: host.into() }.into()))
}

/// A fact that could not be fetched at all.
fn no_value<T>(error: NoValue, host: &str) -> Fact<T> {
    let error = match error {
        NoValue::Busy => AskError::Busy {
            what: "that many images".into(),
        },
        NoValue::Panicked => AskError::Internal { host: host.into() },
    };
    Fact::Unavailable(error.into())
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

/// How long it is believed that something is absent or not known.
fn lifetime<T>(fact: &Fact<T>, limits: &Limits) -> Lifetime {
    match fact {
        Fact::Known(_) => Lifetime::Forever,
        Fact::Absent => Lifetime::For(limits.absence_lifetime),
        Fact::Unavailable(why) => Lifetime::For(match why.cause() {
            // Those who may not ask now may do so as soon as somebody else has been answered.
            Cause::Busy => Duration::ZERO,
            _ => limits.failure_lifetime,
        }),
    }
}
