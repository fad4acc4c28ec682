//! The Kubernetes objects that a policy becomes.
//!
//! Source: `k8s.io/api/admissionregistration/v1`.

use serde::Serialize;

/// What happens where an object fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub enum ValidationAction {
    /// The request is denied.
    Deny,
    /// Whoever sends the request is warned.
    Warn,
    /// The API server's audit log has the message.
    Audit,
}

/// A named expression.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Named {
    /// What it is, for those who read the policy.
    #[serde(skip)]
    pub comment: String,
    /// Its name.
    pub name: String,
    /// Its text, in the Common Expression Language.
    pub expression: String,
}

/// One thing that an object must pass.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Validation {
    /// What it is, for those who read the policy.
    #[serde(skip)]
    pub comment: String,
    /// True where the object passes.
    pub expression: String,
    /// What is said where it fails.
    pub message_expression: String,
    /// What is said where that is too long.
    pub message: String,
    /// The reason that goes with it.
    pub reason: &'static str,
}

/// What the API server's audit log has of a decision.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct AuditAnnotation {
    /// Its key, behind the name of the policy.
    pub key: &'static str,
    /// Its value; nothing is recorded where it is empty.
    pub value_expression: String,
}

/// Resources, and what is done to them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct ResourceRule {
    /// API groups.
    pub api_groups: Vec<String>,
    /// Versions of them.
    pub api_versions: Vec<String>,
    /// Resources and subresources.
    pub resources: Vec<String>,
    /// Operations.
    pub operations: Vec<&'static str>,
}

/// A `ValidatingAdmissionPolicy`, and the binding that makes it count everywhere.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ValidatingPolicy {
    /// What it is, for those who read it.
    pub comment: String,
    /// The name of both objects.
    pub name: String,
    /// Whether an object is refused where the policy can't be evaluated.
    pub fails_closed: bool,
    /// Which resources it is about.
    pub resource_rules: Vec<ResourceRule>,
    /// Which requests.
    pub match_conditions: Vec<Named>,
    /// The steps of a decision; each may use those before it.
    pub variables: Vec<Named>,
    /// What objects must pass.
    pub validations: Vec<Validation>,
    /// What is recorded.
    pub audit_annotations: Vec<AuditAnnotation>,
    /// What happens where one fails.
    pub actions: Vec<ValidationAction>,
    /// What it costs.
    pub cost: PolicyCost,
}

/// What a policy costs the API server at most, in its own units.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PolicyCost {
    /// For each image with the longest names: validations and messages together.
    pub image: u64,
    /// For each such image, of the expression that costs most.
    pub expression: u64,
    /// Whatever the images.
    pub fixed: u64,
    /// The images that an object may have, all with the longest names, before the API server stops and the policy
    /// can't be evaluated.
    pub images: u64,
    /// The length of the policy in YAML, in bytes.
    pub bytes: usize,
}
