//! `--namespace`.

use imagereview_core::StringMap;

/// The namespace of what names none.
#[derive(Debug, clap::Args)]
pub(crate) struct NamespaceArgs {
    /// Namespace of objects that name none, and of images that are given by themselves
    ///
    /// As in kubectl. Rules and exemptions whose scope is by namespaces then apply as in the cluster.
    #[arg(long, short = 'n', value_name = "NAMESPACE")]
    pub(crate) namespace: Option<String>,

    /// Labels of the namespace that --namespace names, such as env=prod,team=shop
    ///
    /// No request and no file has them. Without this option, rules whose scope is by labels of namespaces
    /// apply everywhere.
    #[arg(
        long = "namespace-labels", value_name = "KEY=VALUE,…", value_parser = Labels::parse,
        requires = "namespace"
    )]
    namespace_labels: Option<Labels>,
}

impl NamespaceArgs {
    /// The labels of the namespace, where they are known.
    pub(crate) fn labels(&self) -> Option<&StringMap<'static>> {
        self.namespace_labels.as_ref().map(|labels| &labels.0)
    }
}

#[derive(Clone, Debug)]
struct Labels(StringMap<'static>);

impl Labels {
    fn parse(text: &str) -> Result<Self, String> {
        let labels = text.split(',').map(|label| {
            let (key, value) = label
                .split_once('=')
                .ok_or_else(|| format!("{label:?} has no =; write KEY=VALUE, such as env=prod"))?;
            Ok((key.to_owned(), value.to_owned()))
        });
        Ok(Self(labels.collect::<Result<_, String>>()?))
    }
}
