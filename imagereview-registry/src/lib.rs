//! Asks container registries what an image is, and trusts no answer.
//!
//! A policy that wants to know which digest a tag means, which platforms an image is for, how old
//! it is or as whom it runs must ask a registry. This crate asks: [`Client`] goes from the name of
//! an image to [`Fact`](imagereview_core::facts::Fact)s about it, within [`Limits`] and a deadline.
//!
//! ```no_run
//! use imagereview_core::ImageRef;
//! use imagereview_registry::{Client, Keyring, Limits, Registries};
//! use std::{path::Path, time::{Duration, Instant}};
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let registries = Registries::open(Path::new("/etc/imagereview/registries.yaml"))?;
//! let keyring = Keyring::new().with_docker_config(Path::new("/etc/pull/config.json"))?;
//! let client = Client::new(registries, keyring, Limits::default());
//!
//! let image = ImageRef::parse("registry.example.com/team/app:1.4")?;
//! let deadline = Instant::now() + Duration::from_secs(5);
//! let facts = client.image(&image, &["linux/amd64".parse()?], deadline).await;
//! if let Some(facts) = facts.known() {
//!     println!("{image} is {}", facts.digest);
//! }
//! # Ok(())
//! # }
//! ```
//!
//! # What it holds to
//!
//! - It only reads: tags, manifests, configurations. It never fetches a layer.
//! - Digests are computed from the bytes that came. What two readers could read differently is
//!   refused: names that stand twice or differ in case, a media type that is not what was sent.
//! - Whatever a registry can make grow has a limit: see [`Limits`].
//! - No credential goes to a server that is not the registry's. Tokens are fetched only from the
//!   registry's own domain, or from where the [`Registries`] file says; a redirect is followed for
//!   blobs only, once, over HTTPS and without credentials.
//! - No name leads to this machine, its link, or its cloud's metadata service. The addresses that a
//!   name leads to are checked, and connected to, with nothing in between.
//! - A credential is in no log, error, [`Debug`] output or fact; what is shown is where it is from.
//! - What could not be found out is [`Fact::Unavailable`](imagereview_core::facts::Fact::Unavailable), with the reason in words.
//!
//! # Map
//!
//! image → [`Registries`] (which servers) → [`Keyring`] (as whom) → HTTP → bytes → [`Manifest`],
//! [`ImageConfig`] → [`ImageFacts`](imagereview_core::facts::ImageFacts)
//!
//! - [`Client`]: what there is to ask, and the cache.
//! - [`Verifiers`]: who vouches for an image, by what lies beside it.
//! - [`Registries`]: how each registry is asked: mirrors, authorities, token realms.
//! - [`Keyring`]: files of Docker, its helpers, and the kubelet's credential provider plugins.
//! - [`PullSecrets`]: what the API server says that a pod's images are pulled with.
//! - [`Observer`]: who is told what was done, for metrics.
//! - [`Challenge`], [`Manifest`], [`ImageConfig`]: readers of what registries send.
//!
//! # Features
//!
//! - `schema`: the JSON Schema of the registries file.

#![forbid(unsafe_code)]

mod address;
mod cache;
mod challenge;
mod client;
mod content;
mod credentials;
mod digest;
mod error;
mod exchange;
mod file;
mod hosts;
mod http;
mod limits;
mod observe;
mod pull_secrets;
mod realm;
mod registries;
mod verification;

#[cfg(feature = "schema")]
pub use crate::registries::json_schema;
pub use crate::{
    challenge::{Challenge, ChallengeError},
    client::Client,
    content::{Child, ImageConfig, ImageManifest, Index, Manifest, ManifestError},
    credentials::{Keyring, PodCredentials},
    digest::{is_digest_of, sha256_of},
    file::FileError,
    limits::Limits,
    observe::{Asked, Lookup, Observer, Outcome},
    pull_secrets::{PodSecrets, PullSecrets, PullSecretsError},
    registries::Registries,
    verification::{Verifiers, Verify, unusable, verified_again},
};
