//! What one server is asked for beside an image.

use std::sync::Arc;

use imagereview_core::facts::ContentDigest;

use super::request::{RegistryRequest, check_digest, computed_digest};
use crate::{
    content::{Artifact, Layer},
    error::AskError,
    exchange::{Exchanges, Reply, Subject, What},
};

/// The most pages of a list that are followed.
const MAX_PAGES: usize = 16;

/// The manifests that say they are about a digest.
///
/// A registry without the API has no such list, and neither has one that knows the API and lists nothing
/// under it: some answer so for what was stored before they had it.
pub(super) struct ReferrersRequest<'a> {
    pub(super) digest: &'a ContentDigest,
    /// The most manifests that are looked at.
    pub(super) limit: usize,
}

/// What lies under a tag.
pub(super) struct ArtifactTagRequest<'a> {
    pub(super) tag: &'a str,
}

/// A manifest of something that may hold signatures; `None` if it can't be read.
pub(super) struct ArtifactRequest<'a> {
    pub(super) digest: &'a ContentDigest,
}

/// Content that such a manifest points to.
pub(super) struct LayerRequest<'a> {
    pub(super) layer: &'a Layer,
}

impl RegistryRequest for ReferrersRequest<'_> {
    type Found = Vec<ContentDigest>;

    async fn send(
        &self,
        exchanges: &Exchanges,
        subject: Subject<'_>,
    ) -> Result<Reply<Vec<ContentDigest>>, AskError> {
        let mut all: Vec<ContentDigest> = Vec::new();
        let mut reference = self.digest.to_string();
        for page in 0.. {
            let too_many = || AskError::TooManySignatures { limit: self.limit };
            if page == MAX_PAGES {
                return Err(too_many());
            }
            let reply = exchanges.get(subject, What::Referrers, &reference).await;
            let (head, body) = match reply {
                Ok(Reply::Found(found)) => found,
                Ok(Reply::Absent) => break,
                // A registry that does not know the path says so in one of these ways.
                Err(AskError::Status {
                    status: 400 | 405 | 501,
                    ..
                }) if page == 0 => break,
                Err(error) => return Err(error),
            };
            let malformed = |reason: String| AskError::Malformed {
                host: subject.endpoint.authority.clone(),
                what: "a list of referrers",
                reason: reason.into(),
            };
            match Artifact::parse(&body).map_err(malformed)? {
                Artifact::List(digests) => all.extend(digests),
                Artifact::Manifest(_) => return Err(malformed("it is a manifest".into())),
            }
            if all.len() > self.limit {
                return Err(too_many());
            }
            match head.next.as_deref().map(next_query) {
                None => break,
                // Only its query is taken: nothing leads elsewhere.
                Some(Some(query)) => reference = format!("{}?{query}", self.digest),
                Some(None) => {
                    return Err(malformed("its link to the next page can't be read".into()));
                }
            }
        }
        Ok(if all.is_empty() {
            Reply::Absent
        } else {
            Reply::Found(all)
        })
    }
}

impl RegistryRequest for ArtifactTagRequest<'_> {
    type Found = (ContentDigest, Option<Artifact>);

    async fn send(
        &self,
        exchanges: &Exchanges,
        subject: Subject<'_>,
    ) -> Result<Reply<Self::Found>, AskError> {
        let reply = exchanges.get(subject, What::Manifest, self.tag).await?;
        let Reply::Found((head, body)) = reply else {
            return Ok(Reply::Absent);
        };
        let digest = computed_digest(subject, &head, &body)?;
        Ok(Reply::Found((digest, Artifact::parse(&body).ok())))
    }
}

impl RegistryRequest for ArtifactRequest<'_> {
    type Found = Option<Artifact>;

    async fn send(
        &self,
        exchanges: &Exchanges,
        subject: Subject<'_>,
    ) -> Result<Reply<Option<Artifact>>, AskError> {
        let reference = self.digest.as_str();
        let reply = exchanges.get(subject, What::Manifest, reference).await?;
        let Reply::Found((_, body)) = reply else {
            return Ok(Reply::Absent);
        };
        check_digest(subject, self.digest, &body)?;
        Ok(Reply::Found(Artifact::parse(&body).ok()))
    }
}

impl RegistryRequest for LayerRequest<'_> {
    type Found = Arc<[u8]>;

    async fn send(
        &self,
        exchanges: &Exchanges,
        subject: Subject<'_>,
    ) -> Result<Reply<Arc<[u8]>>, AskError> {
        let reference = self.layer.digest.as_str();
        let reply = exchanges.get(subject, What::Blob, reference).await?;
        let Reply::Found((_, body)) = reply else {
            return Ok(Reply::Absent);
        };
        check_digest(subject, &self.layer.digest, &body)?;
        let found = body.len() as u64;
        if found != self.layer.size {
            return Err(AskError::WrongSize {
                host: subject.endpoint.authority.clone(),
                digest: self.layer.digest.clone(),
                expected: self.layer.size,
                found,
            });
        }
        Ok(Reply::Found(Arc::from(&body[..])))
    }
}

/// The query of the next page, from the header `Link`: `</v2/…?n=2&last=…>; rel="next"`.
///
/// Source: [distribution specification, "Listing Referrers"](https://github.com/opencontainers/distribution-spec/blob/main/spec.md#listing-referrers).
fn next_query(link: &str) -> Option<&str> {
    let (target, _) = link.trim().strip_prefix('<')?.split_once('>')?;
    let (_, query) = target.split_once('?')?;
    let is_plain = |b: u8| b.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:@/?%".contains(&b);
    (!query.is_empty() && query.len() <= 2048 && query.bytes().all(is_plain)).then_some(query)
}

#[cfg(test)]
mod tests {
    use super::next_query;

    #[test]
    fn only_the_query_of_a_link_is_taken() {
        for (link, query) in [
            (
                "</v2/a/referrers/sha256:0?n=2&last=x>; rel=\"next\"",
                Some("n=2&last=x"),
            ),
            (
                "<https://evil.example.com/?token=1>; rel=\"next\"",
                Some("token=1"),
            ),
            ("</v2/a/referrers/sha256:0>; rel=\"next\"", None),
            ("</v2/a?n=1#x>", None),
            ("</v2/a?n=1 x>", None),
            ("n=2", None),
            ("", None),
        ] {
            assert_eq!(next_query(link), query, "{link}");
        }
    }
}
