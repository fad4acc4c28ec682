//! Decides whether container images may run in Kubernetes.
//!
//! Kubernetes sends a request to a webhook: may these images run? This crate is the part of such a
//! webhook that decides. It reads the request, reads each image reference as the node will, applies
//! a policy, and writes the response. It does no I/O, so the webhook (`imagereview-http`), the
//! command line (`imagereview-cli`) and your own program give the same verdict.
//!
//! ```
//! use imagereview_core::{ImageReview, ImageReviewResponse, Language, NoLatestTag, decide};
//!
//! let bytes = br#"{
//!     "apiVersion": "imagepolicy.k8s.io/v1alpha1",
//!     "kind": "ImageReview",
//!     "spec": {"containers": [{"image": "nginx"}, {"image": "redis:7.4"}]}
//! }"#;
//!
//! let request = ImageReview::from_slice(bytes)?;
//! let verdict = decide(&NoLatestTag, &request.review());
//! assert!(!verdict.is_allowed());
//!
//! let response = ImageReviewResponse::new(&verdict, Language::English).to_json();
//! assert!(String::from_utf8_lossy(&response).contains(r#""allowed":false"#));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # A policy of your own
//!
//! Implement [`Policy`]: one function from a [`Review`] to a [`Verdict`].
//!
//! ```
//! use imagereview_core::{Policy, Review, Verdict, Violation};
//!
//! struct PinnedInProduction;
//!
//! impl Policy for PinnedInProduction {
//!     fn evaluate(&self, review: &Review<'_>) -> Verdict {
//!         if review.namespace() != Some("production") {
//!             return Verdict::allowed();
//!         }
//!         Verdict::for_each_image(review, |image| {
//!             let is_pinned = image.reference().digest().is_some();
//!             (!is_pinned).then(|| Violation::new("pinned", image, "it has no digest"))
//!         })
//!     }
//! }
//! ```
//!
//! The folder `examples/` has three programs: a policy of one's own, this crate inside another
//! webhook, and a policy document from a string.
//!
//! # Map
//!
//! bytes → [`wire`] → [`review`] → [`mod@reference`] → [`policy`] → [`Verdict`] → [`wire`] → bytes
//!
//! - [`mod@reference`]: what an image reference means: [`ImageRef`].
//! - [`object`]: words about Kubernetes objects: their kinds, operations, users.
//! - [`review`]: one request to decide: [`Review`], [`Image`], [`Location`].
//! - [`policy`]: the [`Policy`] trait, how policies compose, and the built-in [`NoLatestTag`].
//! - [`workload`]: the images of Kubernetes objects, and their locations.
//! - [`facts`]: what only registries can tell of images, and which of it a policy needs.
//! - [`wire`]: what an API server sends and reads back: [`ImageReview`], [`AdmissionReview`].
//! - [`limits`]: how much is read of one request.
//! - `document`, with the feature of that name: policies as YAML documents.
//! - `mutation`, with the feature of that name: changes to an object before it is stored.
//! - [`Language`] and [`Message`]: reasons in English and Chinese.
//!
//! # Features
//!
//! Each brings its own dependencies and nothing else does. Without any, references, reviews, the
//! [`Policy`] trait, [`ImageReview`] and [`AdmissionReview`] cost 18 crates, this one included.
//!
//! | feature | default | what it gives |
//! | --- | --- | --- |
//! | `document` | yes | policies as YAML documents: `ImagePolicy` and the module `document` |
//! | `cel` | yes | rules with an expression in the Common Expression Language; implies `document` |
//! | `facts-file` | no | facts as a file: `Facts::to_file` and `Facts::from_file` |
//! | `oci-spec` | yes | `ImageRef::to_oci`: the owned reference type of the crate `oci-spec` |
//! | `mutation` | no | the module `mutation`, `AdmissionResponse::with_patch`, and `mutations` in documents |
//! | `signatures` | yes | `facts::Trust::key` and its like: what signatures are verified with; `document` implies it |
//! | `schema` | no | `document::json_schema`: the JSON Schema of a policy document; implies `document` |
//!
//! A document that uses what is switched off does not compile as a policy: the error names the feature.
//!
//! # Crates of others in the API
//!
//! A new major version of one of these is a new major version of this crate.
//!
//! | crate | where |
//! | --- | --- |
//! | `serde` 1 | `Serialize` and `Deserialize` of the wire types, `Serialize` of [`Verdict`]; `DeserializeSeed` of [`workload::WorkloadKinds`] |
//! | `serde_json` 1 | the source of [`DecodeError::Json`]; the value of `document::json_schema`, with the feature `schema` |
//! | `oci-spec` 0.10 | `ImageRef::to_oci`, with the feature `oci-spec` |
//! | `json-patch` 4 | `mutation::Patch`, with the feature `mutation` |

#![cfg_attr(docsrs, feature(doc_cfg))]
#![forbid(unsafe_code)]

// The README is the page on crates.io, so its examples are tested too.
#[cfg(all(doctest, feature = "document"))]
#[doc = include_str!("../README.md")]
mod readme {}

#[cfg(feature = "document")]
pub mod document;
#[cfg(feature = "cel")]
mod expression;
pub mod facts;
mod json;
mod language;
pub mod limits;
#[cfg(feature = "mutation")]
pub mod mutation;
pub mod object;
#[cfg(feature = "document")]
mod pattern;
pub mod policy;
mod quote;
pub mod reference;
pub mod review;
#[cfg(feature = "document")]
mod suggestion;
pub mod wire;
pub mod workload;

#[cfg(feature = "document")]
pub use crate::document::{Explanation, ImageExplanation, ImagePolicy, PolicyErrors, PolicySource};
pub use crate::{
    json::DecodeError,
    language::{Language, Message, UnknownLanguage},
    object::{ContainerKind, Operation, User},
    policy::{
        AllowAll, Exempted, Mode, Modes, NoLatestTag, Policy, Subject, Verdict, Violation, decide,
    },
    reference::{Digest, DigestAlgorithm, ImageRef, ReferenceError, ReferenceErrorKind},
    review::{Image, Location, Review, StringMap},
    wire::{AdmissionResponse, AdmissionReview, ImageReview, ImageReviewResponse},
};
