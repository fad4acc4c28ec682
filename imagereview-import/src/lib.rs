//! Reads the image policies of other admission engines, and writes documents of imagereview that mean the
//! same to the node.
//!
//! ```
//! use imagereview_import::{Source, import};
//!
//! let import = import([Source::new("repos.yaml", r#"
//! apiVersion: constraints.gatekeeper.sh/v1beta1
//! kind: K8sAllowedRepos
//! metadata: {name: our-registry}
//! spec:
//!   parameters:
//!     repos: [registry.example.com]
//! "#)])?;
//!
//! assert!(import.document().contains("allow: [registry.example.com]"));
//! // The prefix matched other hosts too. Here it does not.
//! assert_eq!(
//!     import.remarks()[0].to_string(),
//!     "repos.yaml:7: stricter: K8sAllowedRepos our-registry, spec.parameters.repos: \
//!      \"registry.example.com\" also matched hosts that only begin so, such as \
//!      registry.example.com.evil.example; here it is this registry",
//! );
//! # Ok::<(), imagereview_import::ImportError>(())
//! ```
//!
//! # What becomes of a policy
//!
//! Most engines compare strings: a prefix, a suffix, a glob over the whole name. An import keeps that reading as
//! a formula, and translates it to the parts that the node sees: registry, repository, tag and digest. A
//! comparison that allows becomes what is surely meant. A comparison that denies becomes all that it could mean.
//! So no image is allowed that the original denied, unless it is another spelling of an image that the
//! original allowed.
//!
//! - What differs is a [`Remark`] with its file, line, field and reason.
//! - What can't be read at all is an [`ImportError`].
//! - [`Import::tests`] has test cases for `imagereview policy test`.
//! - [`Import::compare`] shows for which images the original's own reading differs from the document's.
//!
//! This crate does no I/O. `imagereview policy import` is the command.

#![forbid(unsafe_code)]

mod admission;
mod cel_reading;
mod clause;
mod compare;
mod connaisseur;
mod draft;
mod error;
mod formula;
mod gatekeeper;
mod image_facts;
mod kubewarden;
mod kyverno;
mod meaning;
mod mutation;
mod namespaces;
mod portieris;
mod rego;
mod remark;
mod samples;
mod signatures;
mod sigstore;
mod sink;
mod wildcard;
mod write;
mod yaml;

use imagereview_core::{ContainerKind, ImagePolicy, PolicySource, document::PolicyFiles};

pub use self::{
    compare::{Cause, Difference},
    error::ImportError,
    remark::{Remark, RemarkKind},
};
use self::{sink::Sink, yaml::At};

/// The text of an input, and the name that messages call it by.
#[derive(Clone, Copy, Debug)]
pub struct Source<'a> {
    name: &'a str,
    text: &'a str,
}

impl<'a> Source<'a> {
    /// A text of one or more YAML or JSON documents, or of Rego if the name ends in `.rego`.
    #[must_use]
    pub fn new(name: &'a str, text: &'a str) -> Self {
        Self { name, text }
    }
}

/// What the policies of other engines became.
#[derive(Debug)]
pub struct Import {
    document: String,
    cases: Vec<samples::Case>,
    remarks: Vec<Remark>,
    originals: Vec<sink::Read>,
    policy: Option<ImagePolicy>,
}

/// Reads policies of other engines.
///
/// # Errors
///
/// The first text that is no YAML, is no policy of an engine that is known, or has a field of the wrong type.
pub fn import<'a>(sources: impl IntoIterator<Item = Source<'a>>) -> Result<Import, ImportError> {
    import_with_trusted_root(sources, None)
}

/// Reads policies of other engines. The file of this name beside the policy has the trusted root of keyless
/// signatures; without one they are not taken.
///
/// # Errors
///
/// Those of [`import`].
pub fn import_with_trusted_root<'a>(
    sources: impl IntoIterator<Item = Source<'a>>,
    trusted_root: Option<&str>,
) -> Result<Import, ImportError> {
    let mut sink = Sink {
        trusted_root: trusted_root.map(str::to_owned),
        ..Sink::default()
    };
    for source in sources {
        if source.name.ends_with(rego::ENDING) {
            rego::import(source.name, source.text, &mut sink)?;
            continue;
        }
        for node in &yaml::parse(source.name, source.text)? {
            object(&At::root(source.name, node), &mut sink)?;
        }
    }
    sink.into_import()
}

/// Reads one object, or the objects of a `List`.
fn object(at: &At<'_>, sink: &mut Sink) -> Result<(), ImportError> {
    if let Some(values) = connaisseur::values(at) {
        return connaisseur::import(&values, sink);
    }
    let api_version = at.required_text("apiVersion")?;
    let kind = at.required_text("kind")?;
    let group = api_version.split_once('/').map_or("", |(group, _)| group);
    match (group, kind) {
        ("", "List") => {
            for item in at.list("items")? {
                object(&item, sink)?;
            }
            Ok(())
        }
        (gatekeeper::GROUP, kind) if gatekeeper::KINDS.contains(&kind) => {
            gatekeeper::import(at, kind, sink)
        }
        (kyverno::GROUP, "ClusterPolicy" | "Policy") => kyverno::import(at, kind, sink),
        (kyverno::GROUP | "policies.kyverno.io", "PolicyException") => kyverno::exception(at, sink),
        (
            admission::KYVERNO,
            "ValidatingPolicy"
            | "NamespacedValidatingPolicy"
            | "ImageValidatingPolicy"
            | "NamespacedImageValidatingPolicy"
            | "MutatingPolicy"
            | "NamespacedMutatingPolicy",
        )
        | (admission::KUBERNETES, "ValidatingAdmissionPolicy") => admission::import(at, kind, sink),
        (admission::KUBERNETES, "ValidatingAdmissionPolicyBinding") => admission::binding(at, sink),
        (sigstore::GROUP, "ClusterImagePolicy") => sigstore::import(at, kind, sink),
        (group, "ImagePolicy" | "ClusterImagePolicy") if portieris::GROUPS.contains(&group) => {
            portieris::import(at, kind, sink)
        }
        (kubewarden::GROUP, "ClusterAdmissionPolicy" | "AdmissionPolicy") => {
            kubewarden::import(at, kind, sink)
        }
        _ => {
            let kind_at = at.get("kind").unwrap_or_else(|| at.clone());
            Err(kind_at.error(format!(
                "a {kind} of {api_version} is no image policy of an engine that is known; docs/moving.md lists them"
            )))
        }
    }
}

impl Sink {
    /// The files that the document names. What is in them is not looked at here.
    fn files(&self) -> PolicyFiles {
        let mut files = PolicyFiles::new();
        if let Some(name) = &self.trusted_root {
            files.insert(name.as_str(), Ok("{}".into()));
        }
        files
    }

    /// A value of the original may be one that our documents can't have, such as a namespace in upper case.
    fn leave_out_what_does_not_compile(&mut self) {
        let files = self.files();
        let remarks = &mut self.remarks;
        self.documents.retain(|document| {
            let text = write::documents(std::slice::from_ref(document));
            let source = PolicySource::new(&document.name, &text).with_files(&files);
            let Err(errors) = ImagePolicy::compile([source]) else {
                return true;
            };
            for problem in errors.problems() {
                remarks.document_not_taken(&document.origin, problem.message());
            }
            false
        });
    }

    fn into_import(mut self) -> Result<Import, ImportError> {
        self.bind();
        self.add_exceptions();
        self.leave_out_what_does_not_compile();
        let document = write::documents(&self.documents);
        let mut cases = Vec::new();
        let policy = if self.documents.is_empty() {
            None
        } else {
            let files = self.files();
            let source =
                PolicySource::new("the document that was written", &document).with_files(&files);
            let policy = ImagePolicy::compile([source]).map_err(|errors| ImportError {
                source: String::from("the document that was written"),
                line: 1,
                column: 1,
                field: String::new(),
                message: format!("it does not compile, which is a mistake of the import: {errors}"),
            })?;
            let wrong;
            (cases, wrong) = samples::cases(&self.documents, &policy);
            for (rule, image) in wrong {
                self.remarks.rule_is_wrong(&rule, &image);
            }
            Some(policy)
        };
        Ok(Import {
            document,
            cases,
            remarks: self.remarks.into_all(),
            originals: self.originals,
            policy,
        })
    }
}

impl Import {
    /// The documents, one for each policy, with comments that say where each line comes from; empty if nothing
    /// was taken.
    #[must_use]
    pub fn document(&self) -> &str {
        &self.document
    }

    /// A file of test cases for `imagereview policy test`. The document is in a file of this name beside it.
    /// There are none if no rule can be shown by a name alone.
    #[must_use]
    pub fn tests(&self, policy: &str) -> Option<String> {
        (!self.cases.is_empty()).then(|| write::tests(policy, &self.cases))
    }

    /// The parts of the inputs that are not in the document as they were.
    #[must_use]
    pub fn remarks(&self) -> &[Remark] {
        &self.remarks
    }

    /// Whether all parts of the inputs are in the document, be it in a form that denies more.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        let mut remarks = self.remarks.iter();
        !remarks.any(|remark| remark.kind() == RemarkKind::NotTaken)
    }

    /// The rules of the originals that say another thing of an image than the document does. The namespace and
    /// the kind of container may be unknown.
    ///
    /// ```
    /// use imagereview_import::{Cause, Source, import};
    /// use imagereview_core::ContainerKind;
    ///
    /// let import = import([Source::new("repos.yaml", r#"
    /// apiVersion: constraints.gatekeeper.sh/v1beta1
    /// kind: K8sAllowedRepos
    /// metadata: {name: our-registry}
    /// spec: {parameters: {repos: [registry.example.com]}}
    /// "#)])?;
    ///
    /// let image = "registry.example.com.evil.example/app:1";
    /// let differences = import.compare(image, None, ContainerKind::Unknown);
    /// assert!(differences[0].was_allowed());
    /// assert_eq!(differences[0].cause(), Cause::OtherName);
    /// # Ok::<(), imagereview_import::ImportError>(())
    /// ```
    #[must_use]
    pub fn compare(
        &self,
        image: &str,
        namespace: Option<&str>,
        kind: ContainerKind,
    ) -> Vec<Difference> {
        match &self.policy {
            None => Vec::new(),
            Some(policy) => compare::differences(&self.originals, policy, image, namespace, kind),
        }
    }

    /// Whether all rules that were read allow an image in a container, as their engines read the string. Rules over
    /// what only registries know are left out.
    ///
    /// ```
    /// use imagereview_import::{Source, import};
    ///
    /// let import = import([Source::new("repos.yaml", r#"
    /// apiVersion: constraints.gatekeeper.sh/v1beta1
    /// kind: K8sAllowedRepos
    /// metadata: {name: our-registry}
    /// spec: {parameters: {repos: [registry.example.com]}}
    /// "#)])?;
    ///
    /// assert!(import.original_allows("registry.example.com.evil.example/app:1"));
    /// # Ok::<(), imagereview_import::ImportError>(())
    /// ```
    #[must_use]
    pub fn original_allows(&self, image: &str) -> bool {
        let mut originals = self.originals.iter().filter(|read| read.is_comparable);
        originals.all(|read| read.original.allows(image))
    }
}
