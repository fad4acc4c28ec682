//! Why an API server can't be asked for pull secrets.

use crate::file::FileError;

/// The API server can't be asked for pull secrets.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PullSecretsError {
    /// The variables that every pod has are missing.
    #[error(
        "cannot read pull secrets: {variable} is not the API server's {what}; run in a pod of the cluster, \
         or set the variable"
    )]
    NotInCluster {
        /// The variable of the environment.
        variable: &'static str,
        /// What it should be.
        what: &'static str,
    },
    /// A file of the service account can't be used.
    #[error(
        "cannot read pull secrets: {0}; let the pod mount its service account's token \
         (automountServiceAccountToken: true)"
    )]
    ServiceAccount(#[from] FileError),
}
