//! What is fetched, each thing once.

use std::{sync::Arc, time::SystemTime};

use imagereview_core::facts::{
    ContentDigest, Fact, ImageDetails, ImageFacts, MediaType, Platform, PlatformFacts,
};
use tokio::{task::JoinSet, time::Instant};

use super::{
    found::AllFound,
    lifetime::{lifetime, no_value},
    reference::Reference,
    request::{
        ConfigRequest, ManifestContent, ManifestRequest, RegistryRequest, Resolved, TagRequest,
    },
};
use crate::{
    cache::{Cache, Fetched, Lifetime},
    content::{Artifact, Child, ImageConfig, ImageManifest, Manifest},
    credentials::{Keyring, KeyringId, PodCredentials, Target},
    error::AskError,
    exchange::{Exchanges, Reply, Subject},
    limits::Limits,
    observe::{Lookup, Observer},
    registries::{Registries, Route},
};

/// How deep indexes may hold indexes.
const MAX_DEPTH: usize = 2;

/// The most indexes of one image.
const MAX_INDEXES: usize = 8;

/// Fetches what registries hold, each thing once for all who want it at a time.
#[derive(Clone, Debug)]
pub(super) struct Fetcher {
    keyring: Arc<Keyring>,
    pub(super) shared: Arc<Shared>,
}

#[derive(Debug)]
pub(super) struct Shared {
    registries: Registries,
    exchanges: Exchanges,
    tags: Cache<TagKey, Fact<Resolved>>,
    manifests: Cache<ContentKey, Fact<Arc<ManifestContent>>>,
    configs: Cache<ContentKey, Fact<Arc<ImageConfig>>>,
    /// What lies beside a digest.
    pub(super) signatures: Cache<ContentKey, Fact<AllFound>>,
    pub(super) artifacts: Cache<ContentKey, Fact<Arc<Option<Artifact>>>>,
    pub(super) layers: Cache<ContentKey, Fact<Arc<[u8]>>>,
}

/// A repository, and with whose credentials it is asked: what one may read is not handed to another.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Place(Arc<(KeyringId, Box<str>, Box<str>)>);

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct TagKey(Place, Box<str>);

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct ContentKey(pub(super) Place, pub(super) ContentDigest);

impl Place {
    pub(super) fn new(keyring: &Keyring, registry: &str, repository: &str) -> Self {
        Self(Arc::new((keyring.id(), registry.into(), repository.into())))
    }

    pub(super) fn registry(&self) -> &str {
        &self.0.1
    }

    fn repository(&self) -> &str {
        &self.0.2
    }
}

impl Fetcher {
    pub(super) fn new(
        registries: Registries,
        keyring: Keyring,
        limits: Limits,
        observer: Option<Arc<dyn Observer>>,
    ) -> Self {
        let (bytes, fetches) = (limits.cache_bytes, limits.fetches);
        Self {
            keyring: Arc::new(keyring),
            shared: Arc::new(Shared {
                registries,
                exchanges: Exchanges::new(limits, observer),
                tags: Cache::new(bytes / 8, fetches),
                manifests: Cache::new(bytes / 4, fetches),
                configs: Cache::new(bytes / 4, fetches),
                signatures: Cache::new(bytes / 4, fetches),
                artifacts: Cache::new(bytes / 8, fetches),
                layers: Cache::new(bytes / 4, fetches),
            }),
        }
    }

    pub(super) fn with_keyring(&self, keyring: Keyring) -> Self {
        Self {
            keyring: Arc::new(keyring),
            shared: Arc::clone(&self.shared),
        }
    }

    /// The same for an image of a pod.
    pub(super) fn for_pod(&self, pod: &PodCredentials, target: Target<'_>) -> Self {
        match self.keyring.for_pod(pod, target) {
            Some(keyring) => self.with_keyring(keyring),
            None => self.clone(),
        }
    }

    pub(super) fn keyring(&self) -> &Keyring {
        &self.keyring
    }

    /// Whether it is known already what a name means.
    pub(super) fn look_up(&self, place: &Place, reference: &Reference) -> Lookup {
        match reference {
            Reference::Tag(tag) => {
                let key = TagKey(place.clone(), tag.clone());
                self.shared.tags.look_up(&key)
            }
            Reference::Digest(digest) => {
                let key = ContentKey(place.clone(), digest.clone());
                self.shared.manifests.look_up(&key)
            }
        }
    }

    /// Reports what came of looking for an image.
    pub(super) fn looked_up(&self, lookup: Lookup) {
        if let Some(observer) = self.shared.exchanges.observer() {
            observer.looked_up(lookup);
        }
    }

    pub(super) fn limits(&self) -> &Limits {
        &self.shared.exchanges.limits
    }

    /// What a name means.
    pub(super) async fn resolve(&self, place: &Place, reference: &Reference) -> Fact<Resolved> {
        match reference {
            Reference::Tag(tag) => self.tag(place, tag).await,
            Reference::Digest(digest) => {
                let content = self.manifest(place, digest).await;
                content.map(|content| Resolved::by_digest(digest, &content))
            }
        }
    }

    /// What a name means, if that is in the cache.
    pub(super) fn cached(&self, place: &Place, reference: &Reference) -> Option<Fact<Resolved>> {
        match reference {
            Reference::Tag(tag) => {
                let key = TagKey(place.clone(), tag.clone());
                self.shared.tags.get(&key)
            }
            Reference::Digest(digest) => {
                let key = ContentKey(place.clone(), digest.clone());
                let content = self.shared.manifests.get(&key)?;
                Some(content.map(|content| Resolved::by_digest(digest, &content)))
            }
        }
    }

    /// What there is to know of an image.
    pub(super) async fn image(
        &self,
        place: &Place,
        reference: &Reference,
        platforms: &[Platform],
    ) -> Fact<ImageFacts> {
        let resolved = match self.resolve(place, reference).await {
            Fact::Known(resolved) => resolved,
            Fact::Absent => return Fact::Absent,
            Fact::Unavailable(why) => return Fact::Unavailable(why),
        };
        let content = match self.manifest(place, &resolved.digest).await {
            Fact::Known(content) => content,
            Fact::Absent => return Fact::Absent,
            Fact::Unavailable(why) => return Fact::Unavailable(why),
        };
        let manifest = match &content.manifest {
            Ok(manifest) => manifest,
            Err(what) if content.is_schema_1 => {
                // Its type is a fact, which a rule may refuse. What is in it is not known.
                let mut facts = resolved.into_facts();
                let mut platform = PlatformFacts::new(None, facts.digest.clone());
                platform.details = Some(unsupported(place, what));
                facts.media_type = Some(MediaType::DockerSchema1);
                facts.platforms = Some(vec![platform]);
                return Fact::Known(facts);
            }
            Err(what) => return unsupported(place, what),
        };
        let children = match self.children(place, &resolved.digest, &content).await {
            Ok(children) => children,
            Err(fact) => return fact,
        };
        let mut facts = resolved.into_facts();
        facts.media_type = Some(manifest.media_type());
        facts.annotations.clone_from(manifest.annotations());
        facts.platforms = Some(self.platforms(place, children, platforms).await);
        Fact::Known(facts)
    }

    /// The manifests of an image for all platforms. Those of indexes within an index stand in its
    /// place.
    async fn children(
        &self,
        place: &Place,
        digest: &ContentDigest,
        content: &ManifestContent,
    ) -> Result<Vec<Child>, Fact<ImageFacts>> {
        let refuse = |error: AskError| Fact::Unavailable(error.into());
        let limit = self.limits().platforms;
        let index = match &content.manifest {
            Ok(Manifest::Index(index)) => index,
            Ok(Manifest::Image(image)) => {
                return Ok(vec![Child {
                    media_type: image.media_type,
                    digest: digest.clone(),
                    size: content.bytes,
                    platform: None,
                }]);
            }
            Err(what) => return Err(unsupported(place, what)),
        };
        let mut images = Vec::new();
        let mut indexes = 0;
        // The next is the last.
        let children = index.children.iter().rev();
        let mut open: Vec<(usize, Child)> = children.map(|child| (1, child.clone())).collect();
        while let Some((depth, child)) = open.pop() {
            if !child.media_type.is_index() {
                if images.len() == limit {
                    return Err(refuse(AskError::TooManyPlatforms { limit }));
                }
                images.push(child);
                continue;
            }
            indexes += 1;
            if depth > MAX_DEPTH || indexes > MAX_INDEXES {
                return Err(refuse(AskError::TooDeep { limit: MAX_DEPTH }));
            }
            let content = match self.child(place, &child).await {
                Fact::Known(content) => content,
                // An index that lists what isn't there is broken.
                Fact::Absent => return Err(missing(place, &child.digest)),
                Fact::Unavailable(why) => return Err(Fact::Unavailable(why)),
            };
            if let Ok(Manifest::Index(index)) = &content.manifest {
                let children = index.children.iter().rev();
                open.extend(children.map(|child| (depth + 1, child.clone())));
            }
        }
        Ok(images)
    }

    /// What is known for each platform; details of those that are wanted, all at once.
    async fn platforms(
        &self,
        place: &Place,
        children: Vec<Child>,
        wanted: &[Platform],
    ) -> Vec<PlatformFacts> {
        let mut tasks = JoinSet::new();
        for (index, child) in children.iter().enumerate() {
            let is_wanted = |platform: &Platform| {
                wanted.is_empty() || wanted.iter().any(|wanted| platform.is_of(wanted))
            };
            if child.platform.as_ref().is_none_or(is_wanted) {
                let (fetcher, place, child) = (self.clone(), place.clone(), child.clone());
                tasks.spawn(async move { (index, fetcher.details(&place, &child).await) });
            }
        }
        let mut facts: Vec<PlatformFacts> = children
            .into_iter()
            .map(|child| PlatformFacts::new(child.platform, child.digest))
            .collect();
        while let Some(done) = tasks.join_next().await {
            // A task that panicked leaves what it was to find out unasked, and so unknown.
            let Ok((index, (platform, details))) = done else {
                continue;
            };
            if let Some(facts) = facts.get_mut(index) {
                if facts.platform.is_none() {
                    facts.platform = platform;
                }
                facts.details = Some(details);
            }
        }
        facts
    }

    /// What the manifest and the configuration of one image say.
    async fn details(
        &self,
        place: &Place,
        child: &Child,
    ) -> (Option<Platform>, Fact<ImageDetails>) {
        let content = match self.child(place, child).await {
            Fact::Known(content) => content,
            Fact::Absent => return (None, missing(place, &child.digest)),
            Fact::Unavailable(why) => return (None, Fact::Unavailable(why)),
        };
        let manifest = match &content.manifest {
            Ok(Manifest::Image(manifest)) => manifest,
            Ok(Manifest::Index(_)) => return (None, unsupported(place, "an index among images")),
            Err(what) => return (None, unsupported(place, what)),
        };
        if !manifest.is_image {
            return (None, unsupported(place, "an artifact that is no image"));
        }
        match self
            .config(place, &manifest.config, manifest.config_size)
            .await
        {
            Fact::Known(config) => {
                let details = details_of(manifest, &config);
                (config.platform.clone(), Fact::Known(details))
            }
            Fact::Absent => (None, missing(place, &manifest.config)),
            Fact::Unavailable(why) => (None, Fact::Unavailable(why)),
        }
    }

    /// A manifest that an index lists, which must be what the index says.
    async fn child(&self, place: &Place, child: &Child) -> Fact<Arc<ManifestContent>> {
        let content = match self.manifest(place, &child.digest).await {
            Fact::Known(content) => content,
            other => return other,
        };
        let error = match &content.manifest {
            _ if content.bytes != child.size => AskError::WrongSize {
                host: content.from.clone(),
                digest: child.digest.clone(),
                expected: child.size,
                found: content.bytes,
            },
            Ok(manifest) if manifest.media_type() != child.media_type => {
                wrong_type(&content.from, manifest.media_type(), child.media_type)
            }
            _ => return Fact::Known(content),
        };
        Fact::Unavailable(error.into())
    }

    async fn tag(&self, place: &Place, tag: &str) -> Fact<Resolved> {
        let key = TagKey(place.clone(), tag.into());
        let (fetcher, asked) = (self.clone(), key.clone());
        let fetch = |previous: Option<Fact<Resolved>>| async move {
            let TagKey(place, tag) = &asked;
            let previous = previous.as_ref().and_then(Fact::known);
            let seen = previous.map(|resolved| &resolved.digest).filter(|digest| {
                let key = ContentKey(place.clone(), ContentDigest::clone(digest));
                matches!(fetcher.shared.manifests.get(&key), Some(Fact::Known(_)))
            });
            let fact = fetcher.ask_each(place, &TagRequest { tag, seen }).await;
            let limits = fetcher.limits();
            let value = fact.map(|tagged| {
                if let Some(content) = tagged.content {
                    let key = ContentKey(place.clone(), tagged.resolved.digest.clone());
                    let bytes = content.size();
                    let fact = fetcher.kept(Fact::Known(Arc::new(content)), bytes);
                    fetcher.shared.manifests.insert(key, fact);
                }
                tagged.resolved
            });
            Fetched {
                bytes: 512,
                lifetime: match &value {
                    Fact::Known(_) => Lifetime::For(limits.tag_lifetime),
                    other => lifetime(other, limits),
                },
                value,
            }
        };
        let fact = self.shared.tags.get_or_fetch(key, fetch).await;
        fact.unwrap_or_else(|error| no_value(error, place.registry()))
    }

    async fn manifest(&self, place: &Place, digest: &ContentDigest) -> Fact<Arc<ManifestContent>> {
        let key = ContentKey(place.clone(), digest.clone());
        let (fetcher, asked) = (self.clone(), key.clone());
        let fetch = |_| async move {
            let ContentKey(place, digest) = &asked;
            let fact = fetcher.ask_each(place, &ManifestRequest { digest }).await;
            let bytes = fact.known().map_or(0, ManifestContent::size);
            fetcher.kept(fact.map(Arc::new), bytes)
        };
        let fact = self.shared.manifests.get_or_fetch(key, fetch).await;
        fact.unwrap_or_else(|error| no_value(error, place.registry()))
    }

    async fn config(
        &self,
        place: &Place,
        digest: &ContentDigest,
        size: u64,
    ) -> Fact<Arc<ImageConfig>> {
        let key = ContentKey(place.clone(), digest.clone());
        let (fetcher, asked) = (self.clone(), key.clone());
        let fetch = |_| async move {
            let ContentKey(place, digest) = &asked;
            let fact = fetcher
                .ask_each(place, &ConfigRequest { digest, size })
                .await;
            fetcher.kept(
                fact.map(Arc::new),
                usize::try_from(size).unwrap_or(usize::MAX),
            )
        };
        let fact = self.shared.configs.get_or_fetch(key, fetch).await;
        fact.unwrap_or_else(|error| no_value(error, place.registry()))
    }

    /// Asks the mirrors of a registry and itself, until one knows. What the last says holds
    /// otherwise.
    pub(super) async fn ask_each<R: RegistryRequest>(
        &self,
        place: &Place,
        request: &R,
    ) -> Fact<R::Found> {
        match self.ask_endpoints(place, request).await {
            // A mirror that lacks something says nothing of the registry.
            (Fact::Absent, false) => {
                let registry = place.registry().into();
                Fact::Unavailable(AskError::MirrorsOnly { registry }.into())
            }
            (fact, _) => fact,
        }
    }

    /// The same, and whether the registry itself is among those that are asked.
    pub(super) async fn ask_endpoints<R: RegistryRequest>(
        &self,
        place: &Place,
        request: &R,
    ) -> (Fact<R::Found>, bool) {
        let Route {
            endpoints,
            ends_at_registry,
        } = match self.shared.registries.route(place.registry()) {
            Ok(route) => route,
            Err(error) => return (Fact::Unavailable(error.into()), true),
        };
        let deadline = Instant::now() + self.limits().fetch_timeout;
        let mut last = None;
        for endpoint in &endpoints {
            let subject = Subject {
                endpoint,
                keyring: &self.keyring,
                repository: place.repository(),
                deadline,
            };
            match request.send(&self.shared.exchanges, subject).await {
                Ok(Reply::Found(found)) => return (Fact::Known(found), ends_at_registry),
                Ok(Reply::Absent) => last = Some(Fact::Absent),
                Err(error) => last = Some(Fact::Unavailable(error.into())),
            }
        }
        (last.unwrap_or(Fact::Absent), ends_at_registry)
    }

    /// How long content is kept.
    pub(super) fn kept<T>(&self, fact: Fact<T>, bytes: usize) -> Fetched<Fact<T>> {
        Fetched {
            bytes,
            lifetime: lifetime(&fact, self.limits()),
            value: fact,
        }
    }
}

/// A fact about what is there and is no image.
fn unsupported<T>(place: &Place, what: &str) -> Fact<T> {
    let error = AskError::Unsupported {
        host: place.registry().into(),
        what: what.into(),
    };
    Fact::Unavailable(error.into())
}

/// A fact about content that is listed and isn't there.
fn missing<T>(place: &Place, digest: &ContentDigest) -> Fact<T> {
    let error = AskError::Malformed {
        host: place.registry().into(),
        what: "an image",
        reason: format!("it lists {digest}, which is not there").into(),
    };
    Fact::Unavailable(error.into())
}

/// What the manifest and the configuration of an image say of it.
fn details_of(manifest: &ImageManifest, config: &ImageConfig) -> ImageDetails {
    let mut details = ImageDetails::default();
    details.created = config
        .created
        .and_then(|time| SystemTime::try_from(time).ok());
    details.size = manifest.size;
    details.layers = manifest.layers;
    details.has_foreign_layers = manifest.has_foreign_layers;
    details.user.clone_from(&config.user);
    details.labels.clone_from(&config.labels);
    details.annotations.clone_from(&manifest.annotations);
    details.volumes.clone_from(&config.volumes);
    details.exposed_ports.clone_from(&config.exposed_ports);
    details.entrypoint.clone_from(&config.entrypoint);
    details.command.clone_from(&config.command);
    details
}

fn wrong_type(host: &str, found: MediaType, expected: MediaType) -> AskError {
    AskError::MediaType {
        host: host.into(),
        reason: format!(
            "of the type {} that an index lists as {}",
            found.as_str(),
            expected.as_str()
        )
        .into(),
    }
}
