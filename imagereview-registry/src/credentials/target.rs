//! What credentials are wanted for.

/// What credentials are wanted for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Target<'a> {
    /// The registry as images name it.
    pub(crate) registry: &'a str,
    pub(crate) repository: &'a str,
}
