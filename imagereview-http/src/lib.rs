//! The image-admission webhook: kube-apiserver sends it images over HTTPS, and a
//! [`Policy`](imagereview_core::Policy) decides.
//!
//! Everything that has to do with images and verdicts is [`imagereview_core`]'s; this crate fetches
//! bytes, hands them to it and writes bytes. It is also the program `imagereview-http`, which serves the
//! built-in policy. A server with a policy of your own is a few lines:
//!
//! ```no_run
//! use std::sync::Arc;
//! use imagereview_core::{NoLatestTag, Policy, Review, Verdict, Violation};
//! use imagereview_http::{Config, Server, ServerIdentity};
//!
//! struct OwnRegistry;
//!
//! impl Policy for OwnRegistry {
//!     fn evaluate(&self, review: &Review<'_>) -> Verdict {
//!         Verdict::for_each_image(review, |image| {
//!             let is_own = image.reference().registry() == "registry.example.com";
//!             (!is_own).then(|| Violation::new("own-registry", image, "it is not from our registry"))
//!         })
//!     }
//! }
//!
//! # async fn run() -> Result<(), Box<dyn std::error::Error>> {
//! let identity = ServerIdentity::Files { certificate: "tls.crt".into(), key: "tls.key".into() };
//! let mut config = Config::new("0.0.0.0:8443".parse()?, identity);
//! config.client_ca = Some("client-ca.crt".into());
//!
//! let server = Server::bind(config, Arc::new(NoLatestTag.and(OwnRegistry))).await?;
//! server.serve(async { tokio::signal::ctrl_c().await.unwrap_or(()) }).await;
//! # Ok(())
//! # }
//! ```
//!
//! # Requests and responses
//!
//! `POST /image_policy` takes an `ImageReview` (`imagepolicy.k8s.io/v1alpha1`) as
//! `application/json`, or without a content type. The response is 200 with the verdict in `status`.
//! That includes images that can't be read and a policy that panics: both are denials, because
//! kube-apiserver lets its `defaultAllow` decide after anything but a 200.
//!
//! `POST /validate` and `POST /mutate` do the same with an `AdmissionReview`
//! (`admission.k8s.io/v1`), of any kind of object that runs images. `/mutate` first changes the
//! object as the policy's documents declare, decides the result, and responds with the patch.
//!
//! A request that holds no review gets a Kubernetes `Status` whose message says what was wrong:
//!
//! | status | when |
//! | --- | --- |
//! | 400 | the body is no JSON, of another kind or version, without `spec`, or ended early |
//! | 404 | another path; the message lists those that exist |
//! | 405 | another method than POST |
//! | 408 | the headers or the body didn't arrive in time; see [`Timeouts`] and [`Limits`] |
//! | 413 | the body is longer than [`Config::max_body_bytes`] |
//! | 415 | another content type than `application/json`, or a content encoding |
//! | 429 | more than [`Limits::requests`], [`Limits::body_memory`] or [`Limits::response_memory`] is in flight, or no review gets a permit within [`Timeouts::review`]; kube-apiserver sends it again |
//! | 431 | the headers are longer than [`Limits::header_bytes`]; without a message |
//!
//! # TLS
//!
//! TLS 1.2 and 1.3; HTTP/2 or HTTP/1.1, as client and server agree by ALPN. With
//! [`Config::client_ca`] set, a client without a certificate from one of those authorities doesn't
//! get past the handshake, and with [`Config::client_names`] it needs one of those names too. A client
//! CA vouches until it expires. [`Config::client_crl`] names certificates that were revoked.
//!
//! # While it runs
//!
//! Policy, certificate, key, client CA and revocation lists are read again when their files change, and when a
//! [`Reload`] asks for it. What can't be used never replaces what is served. A second listener
//! ([`Config::health_listen`]) serves `/livez`, `/readyz`, `/healthz` and `/metrics`.
//!
//! # Where things are
//!
//! `serve` accepts connections, `tls` says who may, `request` reads what they send, `review` decides it
//! and makes the response, and `observe` shows what happened. `state` is what all requests share, and
//! `reload` replaces parts of it.
//!
//! # Features
//!
//! `opentelemetry` brings traces of requests, exported by OTLP over HTTP; it is off by default.

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

mod check;
mod config;
mod deciding;
mod facts;
mod observe;
mod policy;
mod regular_file;
mod reload;
mod request;
mod review;
mod serve;
mod slots;
mod state;
mod text;
mod tls;
mod untaken;

pub use check::Check;
pub use config::{
    AuditLog, AuditTarget, Config, DEFAULT_LISTEN, DEFAULT_MAX_BODY_BYTES, DroppedLogLines,
    FactsError, FactsSource, Limits, RegistryFiles, ServerIdentity, Timeouts, WhenFull,
};
pub use observe::{Log, LogFormat};
#[cfg(feature = "opentelemetry")]
pub use observe::{Traces, TracesError};
pub use policy::{PolicyError, ServerPolicy};
pub use reload::Reload;
pub use serve::{Server, ServerError};
pub use tls::{PemFileError, TlsError};

/// The path at which an `ImageReview` is reviewed.
pub const IMAGE_POLICY_PATH: &str = request::Endpoint::ImagePolicy.path();

/// The path at which an `AdmissionReview` is reviewed as a validating webhook does.
pub const VALIDATE_PATH: &str = request::Endpoint::Validate.path();

/// The path at which an `AdmissionReview` is reviewed as a mutating webhook does.
pub const MUTATE_PATH: &str = request::Endpoint::Mutate.path();
