//! The policy that a server asks: one that the program holds, or documents in files.

use std::{path::PathBuf, sync::Arc};

use imagereview_core::{
    AdmissionReview, ImagePolicy, Language, NoLatestTag, Policy, PolicyErrors, Review,
    facts::{Facts, Needs},
    mutation::Patch,
    workload::WorkloadKinds,
};
use imagereview_files::{PolicyFileError, PolicyPaths};

/// Where the policy comes from.
///
/// A server that is given an [`Arc`] of a [`Policy`] holds it for good; the files of
/// [`Files`](Self::Files) are read again when they change.
#[derive(Clone)]
#[non_exhaustive]
pub enum ServerPolicy {
    /// The built-in policy, [`NoLatestTag`].
    BuiltIn,
    /// A policy that the program holds.
    Memory(Arc<dyn Policy + Send + Sync>),
    /// Files of policy documents, and folders of them. All of them together are one policy, as
    /// [`ImagePolicy::compile`] reads it.
    ///
    /// [`imagereview_files`] says what a path means. What can be read only once, such as standard input
    /// (`-`), is read when the server starts, and kept.
    Files(Vec<PathBuf>),
}

impl<P: Policy + Send + Sync + 'static> From<Arc<P>> for ServerPolicy {
    fn from(policy: Arc<P>) -> Self {
        Self::Memory(policy)
    }
}

/// Why a policy can't be served. Each message names the file and what to do about it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PolicyError {
    /// The files can't be read.
    #[error(transparent)]
    Files(#[from] PolicyFileError),
    /// The documents have mistakes: all of them, one a line.
    #[error("the policy cannot be used:\n{0}")]
    Documents(PolicyErrors),
    /// Signatures can't be verified with what a document names.
    #[error("the policy cannot be used:\n{0}")]
    Trust(String),
}

/// A policy as it is served.
#[derive(Clone)]
pub(crate) struct ServedPolicy {
    pub(crate) policy: Arc<dyn Policy + Send + Sync>,
    /// What tells it from others; a policy that the program holds has no such name.
    pub(crate) identity: Option<Arc<str>>,
    /// Whether a small review takes it little time for sure: it is ours, and evaluates no expression.
    pub(crate) is_quick: bool,
    /// Whether there is a review for which it may need facts.
    pub(crate) may_need_facts: bool,
    /// The same policy where it comes from documents, which declare more than rules.
    documents: Option<Arc<ImagePolicy>>,
}

impl ServedPolicy {
    /// The kinds of objects in which images are looked for.
    pub(crate) fn kinds(&self) -> &WorkloadKinds {
        match &self.documents {
            Some(documents) => documents.kinds(),
            None => WorkloadKinds::builtin(),
        }
    }

    /// What should be looked at, though it is no mistake.
    pub(crate) fn warnings(&self) -> Vec<String> {
        let documents = self.documents.as_ref();
        documents.map_or_else(Vec::new, |documents| documents.warnings())
    }

    /// Logs what each rule found in each image, where the log takes that much.
    pub(crate) fn log_explanation(&self, review: &Review<'_>) {
        let Some(documents) = &self.documents else {
            return;
        };
        if !tracing::enabled!(tracing::Level::DEBUG) {
            return;
        }
        for image in documents.explain(review).images() {
            for step in image.steps() {
                tracing::debug!(
                    image = ?image.image(),
                    place = %image.location(),
                    rule = step.rule(),
                    declared_at = step.declared_at(),
                    mode = %step.mode(),
                    outcome = ?step.outcome(),
                    why = step.why().text(Language::English),
                    "explained"
                );
            }
        }
    }

    /// Changes an object as the documents declare.
    pub(crate) fn mutate(&self, request: &mut AdmissionReview<'_>, facts: &Facts) -> Patch {
        match &self.documents {
            Some(documents) => documents.mutate(request, facts),
            None => Patch::default(),
        }
    }

    /// Adds the facts that are needed to change an object.
    pub(crate) fn mutation_needs(&self, request: &AdmissionReview<'_>, needs: &mut Needs) {
        if let Some(documents) = &self.documents {
            documents.mutation_needs(request, needs);
        }
    }
}

impl ServerPolicy {
    /// Looks at the files, and reads what can be read only once.
    pub(crate) fn open(self) -> Result<OpenedPolicy, PolicyError> {
        Ok(match self {
            Self::BuiltIn => OpenedPolicy::BuiltIn,
            Self::Memory(policy) => OpenedPolicy::Memory(policy),
            Self::Files(paths) => OpenedPolicy::Files(PolicyPaths::open(paths)?),
        })
    }
}

/// Where the policy comes from, after a look at its files.
#[derive(Clone)]
pub(crate) enum OpenedPolicy {
    BuiltIn,
    Memory(Arc<dyn Policy + Send + Sync>),
    Files(PolicyPaths),
}

impl OpenedPolicy {
    /// Reads and compiles what has to be.
    pub(crate) fn load(&self) -> Result<ServedPolicy, PolicyError> {
        match self {
            Self::BuiltIn => Ok(ServedPolicy {
                policy: Arc::new(NoLatestTag),
                identity: None,
                documents: None,
                is_quick: true,
                may_need_facts: false,
            }),
            Self::Memory(policy) => Ok(ServedPolicy {
                policy: Arc::clone(policy),
                identity: None,
                documents: None,
                is_quick: false,
                may_need_facts: true,
            }),
            Self::Files(paths) => load(paths),
        }
    }
}

/// Reads and compiles the documents in these files and folders.
pub(crate) fn load(paths: &PolicyPaths) -> Result<ServedPolicy, PolicyError> {
    let policy = paths.read()?.compile().map_err(PolicyError::Documents)?;
    // What can't be used is told now, and not at the first image.
    if let Some(why) = imagereview_registry::unusable(policy.trusts()) {
        return Err(PolicyError::Trust(why));
    }
    let policy = Arc::new(policy);
    Ok(ServedPolicy {
        identity: Some(policy.identity().into()),
        documents: Some(Arc::clone(&policy)),
        is_quick: !policy.has_expressions(),
        may_need_facts: policy.uses_facts(),
        policy,
    })
}
