//! From policy documents to Kubernetes objects.

use std::{collections::BTreeSet, fmt};

use imagereview_core::{
    ImagePolicy, Mode, PolicyErrors, PolicySource,
    document::{DocumentOutline, outlines},
};

use crate::{kinds, object::ValidatingPolicy, options::Options, refusal::Refusal, validation};

/// A policy as Kubernetes objects.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct CompiledPolicy {
    /// The validating policies, each with its binding.
    pub validating: Vec<ValidatingPolicy>,
    /// What is left out, since it can't be said: only where that was [asked for](Options::partially).
    pub left_out: Vec<Refusal>,
}

/// Why a policy can't be compiled.
#[derive(Debug)]
#[non_exhaustive]
pub enum CompileError {
    /// It is no policy.
    Policy(PolicyErrors),
    /// Something of it can't be said to the API server.
    Refused(Vec<Refusal>),
}

impl fmt::Display for CompileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Policy(errors) => errors.fmt(f),
            Self::Refused(refusals) => {
                for (index, refusal) in refusals.iter().enumerate() {
                    if index > 0 {
                        f.write_str("\n")?;
                    }
                    refusal.fmt(f)?;
                }
                Ok(())
            }
        }
    }
}

impl std::error::Error for CompileError {}

impl From<PolicyErrors> for CompileError {
    fn from(errors: PolicyErrors) -> Self {
        Self::Policy(errors)
    }
}

/// Compiles the documents of some texts.
///
/// # Errors
///
/// [`CompileError`] where the texts are no policy, or the API server can't be told all of it.
///
/// ```
/// use imagereview_admission_policy::{Options, compile};
/// use imagereview_core::PolicySource;
///
/// let compiled = compile(&[PolicySource::new("policy.yaml", r#"
/// apiVersion: imagereview/v1alpha1
/// kind: ImagePolicy
/// metadata: {name: example}
/// rules:
///   - {name: own-registry, registries: {allow: [registry.example.com]}}
/// "#)], Options::new())?;
/// assert_eq!(compiled.validating[0].name, "imagereview-example");
/// assert!(compiled.validating[0].to_yaml().contains("image.registry == 'registry.example.com'"));
/// # Ok::<(), imagereview_admission_policy::CompileError>(())
/// ```
pub fn compile(
    sources: &[PolicySource<'_>],
    options: Options,
) -> Result<CompiledPolicy, CompileError> {
    let policy = ImagePolicy::compile(sources.iter().copied())?;
    let documents = outlines(sources)?;
    let mut refusals = Vec::new();
    // What no document can be left out of.
    let mut impossible = conflicts(&documents);
    // The rules of each document look into what any declares.
    let resources = documents.iter().flat_map(|one| &one.custom_resources);
    let customs = kinds::customs(resources);
    let mut validating = Vec::new();
    for document in &documents {
        let (policies, refused) =
            validation::policies(document, &customs, policy.identity(), options);
        validating.extend(policies);
        refusals.extend(refused);
        refusals.extend(mutations(document));
    }
    if options.is_partial && impossible.is_empty() {
        return Ok(CompiledPolicy {
            validating,
            left_out: refusals,
        });
    }
    impossible.extend(refusals);
    if impossible.is_empty() {
        Ok(CompiledPolicy {
            validating,
            left_out: Vec::new(),
        })
    } else {
        Err(CompileError::Refused(impossible))
    }
}

/// Mutations are objects of another kind.
fn mutations(document: &DocumentOutline) -> Option<Refusal> {
    let line = document.mutations.line;
    (line > 0).then(|| {
        let reason = "a ValidatingAdmissionPolicy changes nothing; leave them to the webhook";
        Refusal::new(&document.source, line, "mutations".into(), reason)
    })
}

/// What documents say together and policies can't, since each decides alone.
fn conflicts(documents: &[DocumentOutline]) -> Vec<Refusal> {
    let mut refusals = Vec::new();
    let mut names = BTreeSet::new();
    for document in documents {
        let subject = || format!("document \"{}\"", document.name);
        let refuse =
            |reason: &str| Refusal::new(&document.source, document.line, subject(), reason);
        if !names.insert(&document.name) {
            refusals.push(refuse(
                "another document has the same name, and each becomes an object of its own",
            ));
        }
    }
    // Unreadable references have the strongest mode of all documents, and unchanged ones the strongest cap.
    let modes = || documents.iter().map(|document| document.modes);
    let strongest = modes()
        .reduce(imagereview_core::Modes::strongest)
        .unwrap_or_default();
    let together = strongest.unreadable_references().min(strongest.unchanged());
    let alone = modes().map(|modes| modes.unreadable_references().min(modes.unchanged()));
    if let (Some(first), Some(alone)) = (documents.first(), alone.max())
        && alone < together
    {
        let subject = "unchangedImages and unreadableReferences".into();
        let reason = format!(
            "the documents together {} unreadable references that an update does not change, and each alone does not; \
             give all documents the same unchangedImages",
            match together {
                Mode::Enforce => "deny",
                _ => "warn of",
            }
        );
        refusals.push(Refusal::new(&first.source, first.line, subject, reason));
    }
    refusals
}
