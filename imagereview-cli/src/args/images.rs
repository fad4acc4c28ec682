//! Images that are given by themselves.

use std::time::SystemTime;

use imagereview_core::{
    Policy, Review,
    facts::{Facts, Needs},
};

use super::namespace::NamespaceArgs;

/// The images to decide, and what is known of the pods that they would run in.
#[derive(Debug, clap::Args)]
pub(crate) struct ImageArgs {
    /// Image reference, as written in a manifest
    #[arg(value_name = "IMAGE", required = true)]
    images: Vec<String>,

    #[command(flatten)]
    namespace: NamespaceArgs,
}

impl ImageArgs {
    /// What a policy needs to know of the images.
    pub(crate) fn needs(&self, policy: &dyn Policy, facts: &Facts) -> Needs {
        let mut needs = Needs::new();
        for (_, review) in self.reviews() {
            policy.needs(&review.with_facts(facts), &mut needs);
        }
        needs
    }

    /// Each image, and a review of it alone. All are decided as of the same time.
    pub(crate) fn reviews(&self) -> impl Iterator<Item = (&str, Review<'_>)> {
        let now = SystemTime::now();
        self.images.iter().map(move |image| {
            let image = image.as_str();
            let mut review: Review<'_> = [image].into_iter().collect();
            if let Some(namespace) = &self.namespace.namespace {
                review = review.with_namespace(namespace);
            }
            if let Some(labels) = self.namespace.labels() {
                review = review.with_namespace_labels(labels);
            }
            (image, review.with_time(now))
        })
    }
}
