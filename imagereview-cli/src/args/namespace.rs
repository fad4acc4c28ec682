//! `--namespace`.

/// The namespace of what names none.
#[derive(Debug, clap::Args)]
pub(crate) struct NamespaceArgs {
    /// Namespace of objects that name none, and of images that are given by themselves
    ///
    /// As in kubectl. Rules and exemptions whose scope is by namespaces then apply as in the cluster.
    #[arg(long, short = 'n', value_name = "NAMESPACE")]
    pub(crate) namespace: Option<String>,
}
