//! What expressions cost the API server, and how much it lets them.
//!
//! The numbers are estimates for the longest names that a reference may have, meant as upper bounds: by the cost model of
//! `cel-go`, with something added for each step.

/// The most that one expression or variable may cost (`PerCallLimit` in `k8s.io/apiserver/pkg/apis/cel`).
pub const EXPRESSION_LIMIT: u64 = 1_000_000;

/// The most that the validations of a policy and their messages may cost together
/// (`RuntimeCELCostBudget`, in the same place).
pub const POLICY_LIMIT: u64 = 10_000_000;

/// The longest expression, in characters (`ExpressionSizeCodePointLimit` of the parser in `cel-go`).
pub const EXPRESSION_LENGTH_LIMIT: usize = 100_000;

/// The largest object, in bytes: what etcd stores, less what the API server adds
/// (`DefaultMaxRequestBytes` of `go.etcd.io/etcd/server/v3/embed`).
pub const OBJECT_LIMIT: usize = 1_400_000;

/// The images with the longest names that an object must be able to have. A policy for which the API server
/// would stop before is refused.
pub const LEAST_IMAGES: u64 = 50;

/// The longest parts of a reference, in bytes.
pub(crate) const PART_LEN: u64 = 256;
pub(crate) const TAG_LEN: u64 = 128;

/// To look at a field of an image, and to compare it.
pub(crate) const FIELD: u64 = 30;

/// One more step of a loop.
pub(crate) const STEP: u64 = 10;

/// To make a map of an image: each of its fields.
pub(crate) const MAP_FIELD: u64 = 8;

/// To match a text of this length with a regular expression
/// (`StringTraversalCostFactor` and `RegexStringLengthCostFactor` of `cel-go`).
pub(crate) fn regex(text: u64, expression: &str) -> u64 {
    (text + 1).div_ceil(10) * (expression.len() as u64).div_ceil(4) + FIELD
}

/// To look a text up in a list.
pub(crate) fn lookup(count: usize) -> u64 {
    FIELD + 2 * count as u64
}

/// To try each text of a list as the beginning or the end of another.
pub(crate) fn each(count: usize, longest: usize) -> u64 {
    FIELD + count as u64 * (STEP + longest as u64 / 10)
}
