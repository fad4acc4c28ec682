//! A text against a regular expression.

use crate::{
    cel::{Condition, string},
    cost,
};

/// Whether a text of at most this many bytes matches.
pub(crate) fn matches(field: &str, longest: u64, expression: &str) -> Condition {
    Condition::new(
        format!("{field}.matches({})", string(expression)),
        cost::regex(longest, expression),
    )
}
