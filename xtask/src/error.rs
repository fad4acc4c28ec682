//! Why a task fails.

/// A sentence for whoever ran the task.
pub(crate) type Error = Box<dyn std::error::Error>;
