//! What lies beside an image that may be a signature: from each place where signatures are kept, always.

use std::{collections::BTreeMap, sync::Arc};

use imagereview_core::facts::{
    Candidate, ContentDigest, Evidence, Fact, Format, Refusal, RefusalCause, Unavailable,
};
use tokio::task::JoinSet;

use super::{
    artifact::{ArtifactRequest, ArtifactTagRequest, LayerRequest, ReferrersRequest},
    fetch::{ContentKey, Fetcher, Place},
    found::{AllFound, Found},
    lifetime::{lifetime, no_value},
    request::RegistryRequest,
};
use crate::{
    cache::{Fetched, Lifetime},
    content::{Artifact, ArtifactManifest, Layer},
    error::AskError,
};

/// A manifest that was named as one that may hold signatures.
struct Named {
    digest: ContentDigest,
    /// Whether it is only one if it says so itself, as what lists say is no proof.
    must_refer: bool,
    manifest: Option<ArtifactManifest>,
}

impl Fetcher {
    /// What lies beside a digest. The places are asked at once: the referrers API, the tag that stands in
    /// its place, and the tags of cosign 2. An answer of one says nothing of the others.
    pub(super) async fn signatures(&self, place: &Place, digest: &ContentDigest) -> Fact<AllFound> {
        let key = ContentKey(place.clone(), digest.clone());
        let (fetcher, asked) = (self.clone(), key.clone());
        let fetch = |_| async move {
            let ContentKey(place, digest) = &asked;
            let fact = match Box::pin(fetcher.find_signatures(place, digest)).await {
                Ok(found) if found.is_empty() => Fact::Absent,
                Ok(found) => Fact::Known(AllFound::from(found)),
                Err(unavailable) => Fact::Unavailable(unavailable),
            };
            let limits = fetcher.limits();
            Fetched {
                bytes: fact.known().map_or(0, |found| bytes_of(found)),
                lifetime: match &fact {
                    Fact::Known(_) => Lifetime::For(limits.signatures_lifetime),
                    other => lifetime(other, limits),
                },
                value: fact,
            }
        };
        let fact = self.shared.signatures.get_or_fetch(key, fetch).await;
        fact.unwrap_or_else(|error| no_value(error, place.registry()))
    }

    async fn find_signatures(
        &self,
        place: &Place,
        digest: &ContentDigest,
    ) -> Result<Vec<Found>, Unavailable> {
        let limit = self.limits().signatures;
        let (algorithm, hex) = digest.as_str().split_once(':').unwrap_or_default();
        // Tags have 128 characters at most.
        let list = format!("{algorithm}-{}", &hex[..hex.len().min(64)]);
        let [signature, attestation] =
            ["sig", "att"].map(|suffix| format!("{algorithm}-{hex}.{suffix}"));
        let referrers = ReferrersRequest { digest, limit };
        let (referrers, list, signature, attestation) = tokio::join!(
            self.beside(place, &referrers),
            self.tagged(place, &list),
            self.tagged(place, &signature),
            self.tagged(place, &attestation),
        );
        let mut named: BTreeMap<ContentDigest, Named> = BTreeMap::new();
        let mut add = |digest: ContentDigest, must_refer, manifest| {
            named.entry(digest.clone()).or_insert(Named {
                digest,
                must_refer,
                manifest,
            });
        };
        // A tag of cosign's names its subject. So what lies there need not.
        for (digest, artifact) in [signature?, attestation?].into_iter().flatten() {
            if let Some(Artifact::Manifest(manifest)) = artifact {
                add(digest, false, Some(manifest));
            }
        }
        for digest in referrers?.into_iter().flatten() {
            add(digest, true, None);
        }
        if let Some((_, Some(Artifact::List(digests)))) = list? {
            for digest in digests {
                add(digest, true, None);
            }
        }
        let too_many = || AskError::TooManySignatures { limit };
        if named.len() > limit {
            return Err(too_many().into());
        }
        let mut tasks = JoinSet::new();
        for (index, mut named) in named.into_values().enumerate() {
            let (fetcher, place) = (self.clone(), place.clone());
            tasks.spawn(async move {
                if named.manifest.is_none() {
                    named.manifest = fetcher.artifact(&place, &named.digest).await?;
                }
                Ok::<_, Unavailable>((index, named))
            });
        }
        let mut read = BTreeMap::new();
        while let Some(task) = tasks.join_next().await {
            let internal = |_| AskError::Internal {
                host: place.registry().into(),
            };
            let (index, named) = task.map_err(internal)??;
            read.insert(index, named);
        }
        let mut layers = Vec::new();
        let mut bytes = 0_u64;
        for named in read.into_values() {
            let Some(manifest) = named.manifest else {
                continue;
            };
            if named.must_refer && manifest.subject.as_ref() != Some(digest) {
                continue;
            }
            for (position, layer) in manifest.layers.into_iter().enumerate() {
                let Some(format) = Format::of_media_type(&layer.media_type) else {
                    continue;
                };
                if layers.len() == limit {
                    return Err(too_many().into());
                }
                if layer.size <= self.limits().blob_bytes as u64 {
                    bytes = bytes.saturating_add(layer.size);
                }
                layers.push((named.digest.clone(), position, format, layer));
            }
        }
        let most = self.limits().signature_bytes;
        if bytes > most as u64 {
            let host = place.registry().into();
            let what = "all that may be signatures of one image";
            return Err(AskError::TooLarge {
                host,
                what,
                limit: most,
            }
            .into());
        }
        self.layers(place, layers).await
    }

    /// The content of each, in this order.
    async fn layers(
        &self,
        place: &Place,
        layers: Vec<(ContentDigest, usize, Format, Layer)>,
    ) -> Result<Vec<Found>, Unavailable> {
        let mut tasks = JoinSet::new();
        for (index, (found_in, position, format, layer)) in layers.into_iter().enumerate() {
            let (fetcher, place) = (self.clone(), place.clone());
            tasks.spawn(async move {
                let content = fetcher.layer(&place, &layer).await?;
                let (content, broken) = match content {
                    Ok(content) => (content, None),
                    Err(refusal) => (Arc::from([]), Some(refusal)),
                };
                let evidence =
                    Evidence::new(layer.media_type, content).with_annotations(layer.annotations);
                let mut candidate = Candidate::new(found_in, position, format, evidence);
                if broken.is_some() {
                    candidate.evidence = None;
                }
                Ok::<_, Unavailable>((index, Found { candidate, broken }))
            });
        }
        let mut found = BTreeMap::new();
        while let Some(task) = tasks.join_next().await {
            let internal = |_| AskError::Internal {
                host: place.registry().into(),
            };
            let (index, one) = task.map_err(internal)??;
            found.insert(index, one);
        }
        Ok(found.into_values().collect())
    }

    /// The content of a layer; or what is wrong with it for good, which says nothing of others.
    async fn layer(
        &self,
        place: &Place,
        layer: &Layer,
    ) -> Result<Result<Arc<[u8]>, Refusal>, Unavailable> {
        let broken = |message: String| Ok(Err(Refusal::new(RefusalCause::Malformed, message)));
        let most = self.limits().blob_bytes;
        if layer.size > most as u64 {
            return broken(format!(
                "it has {} bytes, and {most} are read at most",
                layer.size
            ));
        }
        let key = ContentKey(place.clone(), layer.digest.clone());
        let (fetcher, asked, wanted) = (self.clone(), key.clone(), layer.clone());
        let fetch = |_| async move {
            let ContentKey(place, _) = &asked;
            let request = LayerRequest { layer: &wanted };
            let fact = fetcher.ask_each(place, &request).await;
            let bytes = fact.known().map_or(0, |content| content.len());
            fetcher.kept(fact, bytes)
        };
        let fact = self.shared.layers.get_or_fetch(key, fetch).await;
        match fact.unwrap_or_else(|error| no_value(error, place.registry())) {
            Fact::Known(content) => Ok(Ok(content)),
            Fact::Absent => broken("its content is not in the registry".into()),
            Fact::Unavailable(why) => Err(why),
        }
    }

    async fn artifact(
        &self,
        place: &Place,
        digest: &ContentDigest,
    ) -> Result<Option<ArtifactManifest>, Unavailable> {
        let key = ContentKey(place.clone(), digest.clone());
        let (fetcher, asked) = (self.clone(), key.clone());
        let fetch = |_| async move {
            let ContentKey(place, digest) = &asked;
            let fact = fetcher.ask_each(place, &ArtifactRequest { digest }).await;
            let bytes = fact
                .known()
                .and_then(Option::as_ref)
                .map_or(0, Artifact::bytes);
            fetcher.kept(fact.map(Arc::new), bytes)
        };
        let fact = self.shared.artifacts.get_or_fetch(key, fetch).await;
        match fact.unwrap_or_else(|error| no_value(error, place.registry())) {
            Fact::Known(artifact) => Ok(match &*artifact {
                Some(Artifact::Manifest(manifest)) => Some(manifest.clone()),
                // A list in a list, and what can't be read, hold no signature.
                Some(Artifact::List(_)) | None => None,
            }),
            // It is listed, and was taken away.
            Fact::Absent => Ok(None),
            Fact::Unavailable(why) => Err(why),
        }
    }

    async fn tagged(
        &self,
        place: &Place,
        tag: &str,
    ) -> Result<Option<(ContentDigest, Option<Artifact>)>, Unavailable> {
        self.beside(place, &ArtifactTagRequest { tag }).await
    }

    /// What a place holds. Where only mirrors are asked, what they don't have is not there.
    async fn beside<R: RegistryRequest>(
        &self,
        place: &Place,
        request: &R,
    ) -> Result<Option<R::Found>, Unavailable> {
        match self.ask_endpoints(place, request).await {
            (Fact::Known(found), _) => Ok(Some(found)),
            (Fact::Absent, _) => Ok(None),
            (Fact::Unavailable(why), _) => Err(why),
        }
    }
}

fn bytes_of(found: &[Found]) -> usize {
    let evidence = found.iter().map(|one| {
        let evidence = one.candidate.evidence.as_ref();
        512 + evidence.map_or(0, |evidence| evidence.content.len())
    });
    evidence.sum()
}
