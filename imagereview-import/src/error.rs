//! Why an input can't be read as a policy.

use std::fmt;

/// What is wrong with an input, and where.
///
/// ```
/// use imagereview_import::{Source, import};
///
/// let error = import([Source::new("pod.yaml", "apiVersion: v1\nkind: Pod\n")]).unwrap_err();
/// assert_eq!(
///     error.to_string(),
///     "pod.yaml:2:7: kind: a Pod of v1 is no image policy of an engine that is known; docs/moving.md lists them",
/// );
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImportError {
    pub(crate) source: String,
    pub(crate) line: u64,
    pub(crate) column: u64,
    pub(crate) field: String,
    pub(crate) message: String,
}

impl ImportError {
    /// The line of the input, from 1.
    #[must_use]
    pub fn line(&self) -> u64 {
        self.line
    }

    /// The field, such as `spec.rules[0].validate`; empty for the whole document.
    #[must_use]
    pub fn field(&self) -> &str {
        &self.field
    }
}

impl fmt::Display for ImportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}: ", self.source, self.line, self.column)?;
        if !self.field.is_empty() {
            write!(f, "{}: ", self.field)?;
        }
        f.write_str(&self.message)
    }
}

impl std::error::Error for ImportError {}
