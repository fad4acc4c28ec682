//! What the node pulls with.

use super::repositories::{Repositories, RepositoriesError};

/// Pods with an image of some repositories have this secret in `imagePullSecrets`.
///
/// ```
/// use imagereview_core::mutation::PullSecretRule;
///
/// let rule = PullSecretRule::new("registry.example.com/**", "registry-credentials")?;
/// # Ok::<(), imagereview_core::mutation::RepositoriesError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PullSecretRule {
    pub(super) repositories: Repositories,
    pub(super) secret: Box<str>,
}

impl PullSecretRule {
    /// Pods with an image of these repositories have the secret of this name.
    ///
    /// # Errors
    ///
    /// A [`RepositoriesError`] where the text names no [`Repositories`].
    pub fn new(repositories: &str, secret: impl Into<Box<str>>) -> Result<Self, RepositoriesError> {
        Ok(Self {
            repositories: repositories.parse()?,
            secret: secret.into(),
        })
    }
}
