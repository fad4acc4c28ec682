//! Image references, read as the node reads them.
//!
//! The kubelet and containerd read a reference with Go's
//! [`distribution/reference`](https://pkg.go.dev/github.com/distribution/reference). A policy that
//! reads it otherwise can be bypassed, so [`ImageRef`] accepts a string only where that
//! module and `oci-spec` agree on every part of it, with one named exception (IPv6 hosts).
//!
//! ```text
//! reference  := name [ ":" tag ] [ "@" digest ]
//! name       := [ host "/" ] path
//! host       := ( label { "." label } | "[" IPv6 "]" ) [ ":" port ]
//! path       := component { "/" component }
//! component  := alnum { separator alnum }      separator := "." | "_" | "__" | "-" { "-" }
//! tag        := [A-Za-z0-9_] { [A-Za-z0-9_.-] }  at most 128 bytes
//! digest     := ( "sha256" | "sha384" | "sha512" ) ":" lower-case hex of that length
//! ```
//!
//! The first part of a name is a host if it holds a `.` or a `:`, or is `localhost`; else the name
//! is one of Docker Hub's.
//!
//! # Where readers differ
//!
//! What the node and `oci-spec` read differently is denied, and the error says so
//! ([`ReferenceErrorKind::is_ambiguous`]):
//!
//! | written | the node | `oci-spec` | here |
//! | --- | --- | --- | --- |
//! | `Foo/bar:1`, `LOCALHOST/x:1` | host `Foo` | `docker.io/Foo/bar` | [`UppercaseHost`] |
//! | `a_b.c/d` | a name without a host | host `a_b.c` | [`UnderscoreInHost`] |
//! | `nginx:é`, `nginx:１` | refused | accepted | [`NonAsciiTag`] |
//! | 64 hex digits and nothing else | refused | a repository | [`BareIdentifier`] |
//! | `x@sha256:FF…` | refused | accepted | [`UppercaseDigest`] |
//! | `sha256:2d71` | an image that it holds with that identifier, else as `oci-spec` | `docker.io/library/sha256:2d71` | [`ImageId`] |
//! | a host of more than 255 bytes, its port included | accepted | accepted | [`HostTooLong`] |
//! | `[2001:db8::1]:5000/x:1` | accepted | refused | accepted; `ImageRef::to_oci` is an error |
//!
//! No host of more than 253 bytes can be looked up, so nothing is lost with [`HostTooLong`]; with it,
//! a valid reference has at most 800 bytes. In brackets the node takes any hexadecimal digits and colons; here they must be an address, since
//! nothing else can be pulled from.
//!
//! [`HostTooLong`]: ReferenceErrorKind::HostTooLong
//! [`UppercaseHost`]: ReferenceErrorKind::UppercaseHost
//! [`UnderscoreInHost`]: ReferenceErrorKind::UnderscoreInHost
//! [`NonAsciiTag`]: ReferenceErrorKind::NonAsciiTag
//! [`BareIdentifier`]: ReferenceErrorKind::BareIdentifier
//! [`ImageId`]: ReferenceErrorKind::ImageId
//! [`UppercaseDigest`]: ReferenceErrorKind::UppercaseDigest

mod digest;
mod error;
mod parse;

use std::fmt;

#[cfg(feature = "oci-spec")]
pub use self::error::NotOci;
pub use self::{
    digest::{Digest, DigestAlgorithm},
    error::{ReferenceError, ReferenceErrorKind},
};

/// The registry of a name that names none, after Docker Hub's short host name.
pub const DEFAULT_REGISTRY: &str = "docker.io";

/// The tag that the node pulls for a reference that has neither tag nor digest.
pub const DEFAULT_TAG: &str = "latest";

/// Another spelling of [`DEFAULT_REGISTRY`] that the node still understands.
const LEGACY_DEFAULT_REGISTRY: &str = "index.docker.io";

/// The namespace of a Docker Hub name that has only one component.
const OFFICIAL_NAMESPACE: &str = "library";

/// A valid image reference, borrowed from the text that it was written in.
///
/// It keeps what was written apart from what that implies: [`tag`](Self::tag) is the tag as
/// written, [`pulled_tag`](Self::pulled_tag) the one that the node will ask the registry for.
/// Reading one is a single pass over the bytes and allocates nothing.
///
/// ```
/// use imagereview_core::ImageRef;
///
/// let image = ImageRef::parse("nginx")?;
/// assert_eq!(image.registry(), "docker.io");
/// assert_eq!(image.repository(), "library/nginx");
/// assert_eq!(image.tag(), None);
/// assert_eq!(image.pulled_tag(), Some("latest"));
/// assert_eq!(image.to_string(), "docker.io/library/nginx:latest");
///
/// // A port is not a tag.
/// let image = ImageRef::parse("registry.example.com:5000/team/app")?;
/// assert_eq!(image.registry(), "registry.example.com:5000");
/// assert_eq!(image.tag(), None);
/// # Ok::<(), imagereview_core::ReferenceError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ImageRef<'a> {
    text: &'a str,
    /// The host as written, with its port.
    host: Option<&'a str>,
    /// The name without its host, as written.
    path: &'a str,
    tag: Option<&'a str>,
    digest: Option<Digest<'a>>,
}

impl<'a> ImageRef<'a> {
    /// The reference as it was written.
    #[must_use]
    pub fn as_written(&self) -> &'a str {
        self.text
    }

    /// The registry's host, with its port where one is written: `docker.io` where none is, and for
    /// `index.docker.io`.
    ///
    /// Letters keep their case: compare with [`str::eq_ignore_ascii_case`] where a match denies.
    #[must_use]
    pub fn registry(&self) -> &'a str {
        match self.host {
            None | Some(LEGACY_DEFAULT_REGISTRY) => DEFAULT_REGISTRY,
            Some(host) => host,
        }
    }

    /// The registry's host as written; `None` where it was left implicit.
    #[must_use]
    pub fn written_registry(&self) -> Option<&'a str> {
        self.host
    }

    /// The repository in full, with Docker Hub's `library/` where it was left implicit.
    #[must_use]
    pub fn repository(&self) -> Repository<'a> {
        Repository {
            official: self.registry() == DEFAULT_REGISTRY && !self.path.contains('/'),
            path: self.path,
        }
    }

    /// The tag as written; `None` where it was left implicit.
    #[must_use]
    pub fn tag(&self) -> Option<&'a str> {
        self.tag
    }

    /// The digest, if one is written.
    #[must_use]
    pub fn digest(&self) -> Option<Digest<'a>> {
        self.digest
    }

    /// The tag that the node asks the registry for: `latest` where neither tag nor digest is
    /// written, and `None` with a digest, since then the node pulls by digest and the tag is
    /// decoration.
    ///
    /// ```
    /// # use imagereview_core::ImageRef;
    /// let hex = "0".repeat(64);
    /// let pinned = format!("nginx:latest@sha256:{hex}");
    /// assert_eq!(ImageRef::parse(&pinned)?.pulled_tag(), None);
    /// # Ok::<(), imagereview_core::ReferenceError>(())
    /// ```
    #[must_use]
    pub fn pulled_tag(&self) -> Option<&'a str> {
        match self.digest {
            Some(_) => None,
            None => Some(self.tag.unwrap_or(DEFAULT_TAG)),
        }
    }

    /// The owned type of the OCI ecosystem, with the implicit registry, namespace and tag filled
    /// in as `oci-spec`'s own parser does.
    ///
    /// # Errors
    ///
    /// [`NotOci`] for a host that is an IPv6 address: the node accepts those, and `oci-spec`'s own
    /// parser refuses them, so a value made here could not be read back.
    ///
    /// ```
    /// # use imagereview_core::ImageRef;
    /// let owned = ImageRef::parse("nginx:1.27")?.to_oci()?;
    /// assert_eq!(owned.whole(), "docker.io/library/nginx:1.27");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[cfg(feature = "oci-spec")]
    pub fn to_oci(&self) -> Result<oci_spec::distribution::Reference, NotOci> {
        use oci_spec::distribution::Reference;

        let registry = self.registry();
        if registry.starts_with('[') {
            return Err(NotOci::new(registry));
        }
        let registry = registry.to_owned();
        let repository = self.repository().to_string();
        Ok(match (self.tag, self.digest) {
            (Some(tag), Some(digest)) => Reference::with_tag_and_digest(
                registry,
                repository,
                tag.to_owned(),
                digest.to_string(),
            ),
            (None, Some(digest)) => {
                Reference::with_digest(registry, repository, digest.to_string())
            }
            (tag, None) => {
                Reference::with_tag(registry, repository, tag.unwrap_or(DEFAULT_TAG).to_owned())
            }
        })
    }
}

/// The full normal form: registry, repository, then the tag and digest, with `latest` written out
/// where it is implied.
impl fmt::Display for ImageRef<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.registry(), self.repository())?;
        if let Some(tag) = self.tag.or(self.pulled_tag()) {
            write!(f, ":{tag}")?;
        }
        if let Some(digest) = self.digest {
            write!(f, "@{digest}")?;
        }
        Ok(())
    }
}

/// The repository of a reference: the path below the registry.
///
/// It displays and compares as the full path; Docker Hub's `library/` is part of it even where it
/// was not written.
///
/// ```
/// # use imagereview_core::ImageRef;
/// let repository = ImageRef::parse("docker.io/nginx")?.repository();
/// assert_eq!(repository, "library/nginx");
/// assert_eq!(repository.as_written(), "nginx");
/// # Ok::<(), imagereview_core::ReferenceError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Repository<'a> {
    /// Whether `library/` is implied.
    official: bool,
    path: &'a str,
}

impl<'a> Repository<'a> {
    /// The path as written.
    #[must_use]
    pub fn as_written(&self) -> &'a str {
        self.path
    }

    /// The namespace that was left implicit: `library` for a Docker Hub name of one component.
    #[must_use]
    pub fn implied_namespace(&self) -> Option<&'static str> {
        self.official.then_some(OFFICIAL_NAMESPACE)
    }

    /// How many bytes the full path has beyond what is written.
    fn implied_len(&self) -> usize {
        self.implied_namespace()
            .map_or(0, |namespace| namespace.len() + "/".len())
    }
}

impl fmt::Display for Repository<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(namespace) = self.implied_namespace() {
            write!(f, "{namespace}/")?;
        }
        f.write_str(self.path)
    }
}

impl PartialEq<str> for Repository<'_> {
    fn eq(&self, other: &str) -> bool {
        let rest = match self.implied_namespace() {
            None => Some(other),
            Some(namespace) => other
                .strip_prefix(namespace)
                .and_then(|rest| rest.strip_prefix('/')),
        };
        rest == Some(self.path)
    }
}

impl PartialEq<&str> for Repository<'_> {
    fn eq(&self, other: &&str) -> bool {
        *self == **other
    }
}
