//! What one server is asked for, and what is checked about its answer.

use std::{future::Future, sync::Arc, time::SystemTime};

use bytes::Bytes;
use imagereview_core::facts::{ContentDigest, ImageFacts, MediaType};

use crate::{
    content::{ImageConfig, Manifest, ManifestError, signed_content},
    digest::{computed_alike, is_digest_of, sha256_of},
    error::AskError,
    exchange::{Exchanges, Head, Reply, Subject, What},
};

/// Something to ask a server for.
pub(super) trait RegistryRequest: Sync {
    type Found: Send;

    fn send(
        &self,
        exchanges: &Exchanges,
        subject: Subject<'_>,
    ) -> impl Future<Output = Result<Reply<Self::Found>, AskError>> + Send;
}

/// What a name means.
#[derive(Clone, Debug)]
pub(super) struct Resolved {
    pub(super) digest: ContentDigest,
    pub(super) at: SystemTime,
    pub(super) from: Box<str>,
    pub(super) credentials: Arc<str>,
}

impl Resolved {
    /// What a digest means whose content is there.
    pub(super) fn by_digest(digest: &ContentDigest, content: &ManifestContent) -> Self {
        Self {
            digest: digest.clone(),
            at: SystemTime::now(),
            from: content.from.clone(),
            credentials: Arc::clone(&content.credentials),
        }
    }

    /// What is known from that alone.
    pub(super) fn into_facts(self) -> ImageFacts {
        let mut facts = ImageFacts::new(self.digest, self.at, self.from);
        facts.credentials = (*self.credentials).into();
        facts
    }
}

/// What a tag means.
///
/// The first time its manifest is asked for, since it is wanted next, and its digest computed. Later
/// the headers are enough as long as they name a digest whose content was seen: registries don't
/// count those as a pull.
pub(super) struct TagRequest<'a> {
    pub(super) tag: &'a str,
    /// What the tag meant before, if its content was seen.
    pub(super) seen: Option<&'a ContentDigest>,
}

/// What a tag means, with the manifest if it was sent.
pub(super) struct Tagged {
    pub(super) resolved: Resolved,
    pub(super) content: Option<ManifestContent>,
}

/// A manifest by its digest.
pub(super) struct ManifestRequest<'a> {
    pub(super) digest: &'a ContentDigest,
}

/// A manifest that was read, and how long it is.
#[derive(Debug)]
pub(super) struct ManifestContent {
    /// What it is, unless it is that of something else than an image.
    pub(super) manifest: Result<Manifest, Box<str>>,
    /// Whether it is of Docker's schema 1, of which nothing else is read.
    pub(super) is_schema_1: bool,
    pub(super) bytes: u64,
    pub(super) from: Box<str>,
    pub(super) credentials: Arc<str>,
}

impl ManifestContent {
    /// How many bytes it was.
    pub(super) fn size(&self) -> usize {
        usize::try_from(self.bytes).unwrap_or(usize::MAX)
    }
}

/// The configuration of an image.
pub(super) struct ConfigRequest<'a> {
    pub(super) digest: &'a ContentDigest,
    /// The size that the manifest says it has.
    pub(super) size: u64,
}

impl RegistryRequest for TagRequest<'_> {
    type Found = Tagged;

    async fn send(
        &self,
        exchanges: &Exchanges,
        subject: Subject<'_>,
    ) -> Result<Reply<Tagged>, AskError> {
        if let Some(seen) = self.seen
            && let Ok(reply) = exchanges.head(subject, self.tag).await
        {
            match reply {
                Reply::Absent => return Ok(Reply::Absent),
                Reply::Found(head) if head.digest.as_deref() == Some(seen.as_str()) => {
                    return Ok(Reply::Found(Tagged {
                        resolved: resolved(seen.clone(), &head, subject),
                        content: None,
                    }));
                }
                // It was moved, or the registry doesn't say.
                Reply::Found(_) => {}
            }
        }
        let reply = exchanges.get(subject, What::Manifest, self.tag).await?;
        let Reply::Found((head, body)) = reply else {
            return Ok(Reply::Absent);
        };
        let digest = computed_digest(subject, &head, &body)?;
        Ok(Reply::Found(Tagged {
            resolved: resolved(digest, &head, subject),
            content: Some(read_manifest(subject, head, &body)?),
        }))
    }
}

impl RegistryRequest for ManifestRequest<'_> {
    type Found = ManifestContent;

    async fn send(
        &self,
        exchanges: &Exchanges,
        subject: Subject<'_>,
    ) -> Result<Reply<ManifestContent>, AskError> {
        let reference = self.digest.as_str();
        let reply = exchanges.get(subject, What::Manifest, reference).await?;
        let Reply::Found((head, body)) = reply else {
            return Ok(Reply::Absent);
        };
        check_digest(subject, self.digest, &digested(subject, &head, &body)?)?;
        read_manifest(subject, head, &body).map(Reply::Found)
    }
}

impl RegistryRequest for ConfigRequest<'_> {
    type Found = ImageConfig;

    async fn send(
        &self,
        exchanges: &Exchanges,
        subject: Subject<'_>,
    ) -> Result<Reply<ImageConfig>, AskError> {
        let reference = self.digest.as_str();
        let reply = exchanges.get(subject, What::Blob, reference).await?;
        let Reply::Found((_, body)) = reply else {
            return Ok(Reply::Absent);
        };
        check_digest(subject, self.digest, &body)?;
        let host = || subject.endpoint.authority.clone();
        let found = body.len() as u64;
        if found != self.size {
            return Err(AskError::WrongSize {
                host: host(),
                digest: self.digest.clone(),
                expected: self.size,
                found,
            });
        }
        let config = ImageConfig::parse(&body).map_err(|reason| AskError::Malformed {
            host: host(),
            what: "an image's configuration",
            reason: reason.into(),
        })?;
        Ok(Reply::Found(config))
    }
}

fn resolved(digest: ContentDigest, head: &Head, subject: Subject<'_>) -> Resolved {
    Resolved {
        digest,
        at: SystemTime::now(),
        from: subject.endpoint.authority.clone(),
        credentials: Arc::clone(&head.credentials),
    }
}

/// The digest of a manifest that was asked for by tag: SHA-256, or what the registry uses in its
/// place and says in a header, which must be right.
pub(super) fn computed_digest(
    subject: Subject<'_>,
    head: &Head,
    body: &Bytes,
) -> Result<ContentDigest, AskError> {
    let body = &digested(subject, head, body)?;
    let claimed = head.digest.as_deref().map(str::trim);
    let Some(claimed) = claimed.filter(|text| !text.is_empty()) else {
        // Some registries say none where content is asked for.
        return Ok(sha256_of(body));
    };
    let claimed = ContentDigest::parse(claimed).ok_or_else(|| AskError::Malformed {
        host: subject.endpoint.authority.clone(),
        what: "a digest in a header",
        reason: "it is neither sha256 nor sha512".into(),
    })?;
    check_digest(subject, &claimed, body)?;
    Ok(claimed)
}

/// The bytes that the digest of a manifest is of: all, but of schema 1, whose signatures are not among them.
fn digested(subject: Subject<'_>, head: &Head, body: &Bytes) -> Result<Bytes, AskError> {
    if !is_schema_1(head) {
        return Ok(body.clone());
    }
    signed_content(body).ok_or_else(|| AskError::Unsupported {
        host: subject.endpoint.authority.clone(),
        what: format!("{} that can't be read", ManifestError::Schema1).into(),
    })
}

fn is_schema_1(head: &Head) -> bool {
    let sent_as = head.content_type.as_deref().and_then(MediaType::parse);
    sent_as == Some(MediaType::DockerSchema1)
}

pub(super) fn check_digest(
    subject: Subject<'_>,
    digest: &ContentDigest,
    body: &Bytes,
) -> Result<(), AskError> {
    if is_digest_of(digest, body) {
        return Ok(());
    }
    Err(AskError::WrongDigest {
        host: subject.endpoint.authority.clone(),
        expected: digest.clone(),
        found: computed_alike(digest, body),
    })
}

fn read_manifest(
    subject: Subject<'_>,
    head: Head,
    body: &Bytes,
) -> Result<ManifestContent, AskError> {
    let host = subject.endpoint.authority.clone();
    let manifest = match Manifest::parse(body, head.content_type.as_deref()) {
        Ok(manifest) => Ok(manifest),
        Err(ManifestError::Other(what)) => Err(what),
        Err(ManifestError::Form(reason)) => {
            return Err(AskError::Malformed {
                host,
                what: "a manifest",
                reason: reason.into(),
            });
        }
        Err(ManifestError::MediaType(reason)) => {
            let reason = reason.into();
            return Err(AskError::MediaType { host, reason });
        }
        // What its digest is of was found.
        Err(error @ ManifestError::Schema1) if is_schema_1(&head) => Err(error.to_string().into()),
        Err(error @ ManifestError::Schema1) => {
            let what = error.to_string().into();
            return Err(AskError::Unsupported { host, what });
        }
    };
    Ok(ManifestContent {
        is_schema_1: manifest.is_err() && is_schema_1(&head),
        manifest,
        bytes: body.len() as u64,
        from: host,
        credentials: head.credentials,
    })
}
