//! Compiles image policies for the Kubernetes API server itself, which then needs no webhook to decide them.
//!
//! A policy document becomes `ValidatingAdmissionPolicy` objects: expressions in the Common Expression Language that
//! read an image reference as the node does, and deny what the document denies. What that language can't say
//! (what a registry says of an image, what expires) is [refused](Refusal), and never said in a weaker form.
//!
//! ```
//! use imagereview_admission_policy::{CompileError, Options, compile};
//! use imagereview_core::PolicySource;
//!
//! let policy = [PolicySource::new("policy.yaml", r#"
//! apiVersion: imagereview/v1alpha1
//! kind: ImagePolicy
//! metadata: {name: example}
//! rules:
//!   - {name: fixed, tags: {deny: [latest]}}
//!   - {name: not-root, facts: {nonRoot: true}}
//! "#)];
//! let Err(CompileError::Refused(refusals)) = compile(&policy, Options::new()) else { panic!() };
//! assert_eq!((refusals[0].subject(), refusals[0].line()), ("rule \"not-root\"", 7));
//!
//! let compiled = compile(&policy, Options::new().partially())?;
//! assert_eq!(compiled.left_out, refusals);
//! # Ok::<(), CompileError>(())
//! ```
//!
//! # How a policy becomes objects
//!
//! - Each document becomes a policy for each mode that its violations have: what an update does not change has a mode of
//!   its own, so there are usually two.
//! - The scope of a document becomes match conditions; those of rules become part of their conditions.
//! - Each rule becomes one validation, with the message that the webhook would give for its first image.
//! - [`PolicyCost`] says what it costs, and a policy that the API server would not evaluate to its end is refused.
//!
//! The crate does no I/O and reads no clock.

#![forbid(unsafe_code)]

mod cel;
mod compile;
mod cost;
mod exemption;
mod kinds;
mod kubernetes_version;
mod matching;
mod message;
mod object;
mod options;
mod pattern;
mod re2;
mod reading;
mod refusal;
mod rule;
mod scope;
mod validation;
mod version;
mod yaml;

pub use self::{
    compile::{CompileError, CompiledPolicy, compile},
    cost::{EXPRESSION_LENGTH_LIMIT, EXPRESSION_LIMIT, LEAST_IMAGES, OBJECT_LIMIT, POLICY_LIMIT},
    kubernetes_version::{KubernetesVersion, KubernetesVersionError},
    object::{
        AuditAnnotation, Named, PolicyCost, ResourceRule, ValidatingPolicy, Validation,
        ValidationAction,
    },
    options::Options,
    refusal::Refusal,
};
