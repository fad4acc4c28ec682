//! Decides whether container images may run in Kubernetes.
//!
//! Kubernetes asks an outside service "may these images run?". This crate is the part of such a
//! service that decides: it reads the question, reads each image reference as the node will, asks a
//! policy, and writes the answer. It does no I/O, so the webhook (`imagereview-http`), the command
//! line (`imagereview-cli`) and your own program give the same verdict.
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
//! let question = ImageReview::from_slice(bytes)?;
//! let verdict = decide(&NoLatestTag, &question.review());
//! assert!(!verdict.is_allowed());
//!
//! let answer = serde_json::to_string(&ImageReviewResponse::new(&verdict, Language::English))?;
//! assert!(answer.contains(r#"image \"nginx\" (spec.containers[0].image) breaks rule"#));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # A policy of your own
//!
//! Implement [`Policy`]: one function from a [`Review`] to a [`Verdict`].
//!
//! ```
//! use imagereview_core::{Image, Policy, Review, Verdict, Violation};
//!
//! struct PinnedInProduction;
//!
//! impl Policy for PinnedInProduction {
//!     fn evaluate(&self, review: &Review<'_>) -> Verdict {
//!         let production = review.namespace() == Some("production");
//!         let unpinned = |image: &&Image<'_>| production && image.reference().digest().is_none();
//!         let violation = |image| Violation::new("pinned", image, "it has no digest");
//!         review.images().iter().filter(unpinned).map(violation).collect()
//!     }
//! }
//! ```
//!
//! # Map
//!
//! bytes → [`review`] → [`mod@reference`] → [`policy`] → [`Verdict`] → [`review`] → bytes
//!
//! - [`mod@reference`]: what an image reference means: [`ImageRef`].
//! - [`review`]: one request to decide, and the wire types that carry it: [`ImageReview`] and
//!   [`AdmissionReview`].
//! - [`policy`]: the [`Policy`] trait, how policies compose, and the built-in [`NoLatestTag`].
//! - [`document`]: policies as YAML documents: [`ImagePolicy`].
//! - [`workload`]: the images of Kubernetes objects, and where in them they stand.
//! - [`mutation`]: changes to an object before it is stored.
//! - [`Language`] and [`Message`]: reasons in English and Chinese.

#![cfg_attr(docsrs, feature(doc_cfg))]
#![forbid(unsafe_code)]

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
