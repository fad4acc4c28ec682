//! What a policy says, for a program that says the same in another language.
//!
//! [`ImagePolicy`] decides; an [outline](outlines) is what it decides by: the rules as they are written,
//! each with its line, and the patterns in the form in which they are matched. Both come from one reader,
//! so they can't be of different minds.

use super::{
    ImagePolicy, PolicySource,
    declaration::{self, Document},
    node,
    problem::{PolicyErrors, Problems},
    read::Read as _,
};
pub use crate::pattern::{HostForm, PathForm, PortForm, TagForm, VersionBound, VersionReading};
use crate::{
    object::{ContainerKind, Operation, PullPolicy},
    pattern::{NamePattern, Reading, RepositoryPattern, TagPattern},
    policy::{Mode, Modes},
    reference::DigestAlgorithm,
    workload::{self, KnownResources},
};

/// Outlines of the documents of some texts, in their order.
///
/// # Errors
///
/// [`PolicyErrors`] where [`ImagePolicy::compile`] would fail.
///
/// ```
/// use imagereview_core::{PolicySource, document::outlines};
///
/// let outlines = outlines(&[PolicySource::new("policy.yaml", r#"
/// apiVersion: imagereview/v1alpha1
/// kind: ImagePolicy
/// metadata: {name: example}
/// rules:
///   - {name: fixed, tags: {deny: [latest]}}
/// "#)])?;
/// assert_eq!(&*outlines[0].name, "example");
/// assert_eq!((&*outlines[0].rules[0].name, outlines[0].rules[0].line), ("fixed", 6));
/// # Ok::<(), imagereview_core::PolicyErrors>(())
/// ```
pub fn outlines(sources: &[PolicySource<'_>]) -> Result<Vec<DocumentOutline>, PolicyErrors> {
    ImagePolicy::compile(sources.iter().copied())?;
    let mut problems = Problems::default();
    let mut outlines = Vec::new();
    for source in sources {
        problems.in_source(source.name, source.text);
        for node in node::parse(source.text, &mut problems) {
            if Document::is_meant(&node, &mut problems)
                && let Some(document) = Document::read(&node, &mut problems)
            {
                outlines.push(DocumentOutline::new(document, source.name, &mut problems));
            }
        }
    }
    problems.finish(outlines)
}

/// What a document says.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct DocumentOutline {
    /// The file, as problems name it.
    pub source: Box<str>,
    /// The line at which the document begins, from 1.
    pub line: u64,
    /// Its name.
    pub name: Box<str>,
    /// The modes of what no rule decides.
    pub modes: Modes,
    /// Which images it is about.
    pub scope: ScopeOutline,
    /// The custom resources in which images are looked for.
    pub custom_resources: Vec<workload::CustomResource>,
    /// What images must pass.
    pub rules: Vec<RuleOutline>,
    /// Exemptions from rules.
    pub exemptions: Vec<ExemptionOutline>,
    /// What is changed before it is decided.
    pub mutations: MutationsOutline,
}

/// What a rule says. An image must pass all checks that are there.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct RuleOutline {
    /// The line at which it begins, from 1.
    pub line: u64,
    /// Its name.
    pub name: Box<str>,
    /// What it is for.
    pub description: Option<Box<str>>,
    /// The mode of its violations, capped at the document's.
    pub mode: Mode,
    /// Which images it is about.
    pub scope: ScopeOutline,
    /// The reason of a violation in English, as a template.
    pub message: Option<Box<str>>,
    /// What the user should do, as a template.
    pub remedy: Option<Box<str>>,
    /// Allowed and denied tags.
    pub tags: Option<TagsOutline>,
    /// Whether a digest must be written.
    pub digest: Option<DigestOutline>,
    /// Allowed and denied registries.
    pub registries: Option<ListsOutline>,
    /// Allowed and denied repositories.
    pub repositories: Option<ListsOutline>,
    /// The most images of one review.
    pub max_images: Option<usize>,
    /// Which `imagePullPolicy` containers may have.
    pub image_pull_policies: Option<Vec<PullPolicy>>,
    /// Whether it is about what only a registry can tell: facts, signatures or attestations.
    pub uses_facts: bool,
    /// The text of its expression.
    pub expression: Option<Box<str>>,
}

/// The check of a tag.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct TagsOutline {
    /// The tag must match one of these.
    pub allow: Option<Vec<TagOutline>>,
    /// The tag must match none of these.
    pub deny: Option<Vec<TagOutline>>,
    /// Whether a missing tag passes or fails for that alone.
    pub missing_passes: Option<bool>,
    /// Whether the tag beside a digest is checked.
    pub checks_pinned: bool,
}

/// A pattern over tags.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct TagOutline {
    /// As it is written.
    pub text: Box<str>,
    /// As it is matched: one of these must match.
    pub forms: Vec<TagForm>,
}

/// The check of a digest.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct DigestOutline {
    /// Whether there must be one.
    pub required: bool,
    /// The algorithms that it may use; all if `None`.
    pub algorithms: Option<Vec<DigestAlgorithm>>,
}

/// Allowed and denied registries or repositories.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ListsOutline {
    /// One of these must match, exactly.
    pub allow: Option<Vec<RepositoryOutline>>,
    /// None of these may match, broadly.
    pub deny: Option<Vec<RepositoryOutline>>,
}

/// A pattern over registries or repositories.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct RepositoryOutline {
    /// As it is written.
    pub text: Box<str>,
    /// Which hosts.
    pub host: HostForm,
    /// Which ports.
    pub port: PortForm,
    /// Which paths. On Docker Hub both `library/nginx` and `nginx` are tried.
    pub path: PathForm,
}

/// A glob over a whole name.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct NameOutline {
    /// As it is written.
    pub text: Box<str>,
    /// A regular expression for the whole name, if it has wildcards: in the syntax of the crate `regex`, with
    /// `.` for line breaks too.
    pub expression: Option<Box<str>>,
}

/// What is included and what is excluded. What is not given does not restrict.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct IncludeExclude<T> {
    /// One of these must match.
    pub include: Option<Vec<T>>,
    /// None of these may match.
    pub exclude: Option<Vec<T>>,
}

impl<T> Default for IncludeExclude<T> {
    fn default() -> Self {
        Self {
            include: None,
            exclude: None,
        }
    }
}

/// Which images something is about. A field that a review does not have matches.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct ScopeOutline {
    /// By namespace.
    pub namespaces: IncludeExclude<NameOutline>,
    /// Whether the namespaces of Kubernetes itself are excluded.
    pub excludes_system_namespaces: bool,
    /// By repository: what is included broadly, what is excluded exactly.
    pub images: IncludeExclude<RepositoryOutline>,
    /// By the kind of container.
    pub containers: Option<Vec<ContainerKind>>,
    /// By annotations, which must all match.
    pub annotations: Vec<(Box<str>, NameOutline)>,
    /// By labels of the object or of its namespace.
    pub uses_labels: bool,
    /// By the kind of object.
    pub kinds: IncludeExclude<NameOutline>,
    /// By operation.
    pub operations: Option<Vec<Operation>>,
    /// By the name of the user.
    pub users: IncludeExclude<NameOutline>,
    /// By the groups of the user.
    pub groups: IncludeExclude<NameOutline>,
    /// By service account, as `namespace/name`.
    pub service_accounts: IncludeExclude<NameOutline>,
}

/// A declared exemption. A field that a review does not have does not match.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ExemptionOutline {
    /// The line at which it begins, from 1.
    pub line: u64,
    /// Its name.
    pub name: Box<str>,
    /// Why; it is recorded at every use.
    pub reason: Box<str>,
    /// Whether it ends some day.
    pub expires: bool,
    /// The rules that it covers; all if `None`.
    pub rules: Option<Vec<Box<str>>>,
    /// Which repositories, exactly.
    pub images: Option<Vec<RepositoryOutline>>,
    /// Which namespaces.
    pub namespaces: Option<Vec<NameOutline>>,
    /// Which annotation must be there, and with which value.
    pub annotation: Option<(Box<str>, Option<NameOutline>)>,
}

/// What is changed in objects before they are stored.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct MutationsOutline {
    /// The line at which they begin, from 1; 0 where there are none.
    pub line: u64,
    /// Repositories, and where they are pulled from instead; the first that matches applies.
    pub mirrors: Vec<(Box<str>, Box<str>)>,
    /// Whether names are written in full.
    pub full_names: bool,
    /// Whether `latest` is written where it is implied.
    pub implied_tags: bool,
    /// Whether images are pinned, which only a registry can tell.
    pub pins_digests: bool,
    /// Tags, and when nodes pull images with them; the first that matches applies.
    pub pull_policies: Vec<(Vec<Box<str>>, PullPolicy)>,
    /// Repositories, and the secret that nodes pull them with.
    pub pull_secrets: Vec<(Box<str>, Box<str>)>,
}

impl DocumentOutline {
    fn new(document: Document, source: &str, problems: &mut Problems) -> Self {
        let mode = document.mode.unwrap_or_default();
        let modes = super::modes(
            mode,
            document.unreadable_references,
            document.unchanged_images,
        );
        let known = document.known_resources.into_iter().flatten();
        let known = known.flat_map(KnownResources::resources);
        let declared = document.custom_resources.into_iter().flatten();
        let declared: Vec<_> = declared.filter_map(|one| one.compile(problems)).collect();
        Self {
            source: source.into(),
            line: document.position.line,
            name: document.metadata.name.0,
            modes,
            scope: document.scope.map(Into::into).unwrap_or_default(),
            custom_resources: declared.into_iter().chain(known).collect(),
            rules: all(Some(document.rules), |rule| RuleOutline::new(rule, mode)),
            exemptions: all(document.exemptions, Into::into),
            mutations: document.mutations.map(Into::into).unwrap_or_default(),
        }
    }
}

impl RuleOutline {
    /// Takes all fields by name, so that a new one can't be left out in silence.
    fn new(rule: declaration::Rule, document_mode: Mode) -> Self {
        let english = |text: Option<declaration::Text>| {
            let text = text?;
            text.english.or(text.chinese)
        };
        let declaration::Rule {
            position,
            name,
            description,
            mode,
            scope,
            message,
            remedy,
            tags,
            digest,
            registries,
            repositories,
            max_images,
            image_pull_policies,
            facts,
            // No cluster sees comments.
            inline_exemptions: _,
            signed,
            attested,
            expression,
        } = rule;
        Self {
            line: position.line,
            name: name.0,
            description: description.map(Into::into),
            mode: mode.unwrap_or_default().min(document_mode),
            scope: scope.map(Into::into).unwrap_or_default(),
            message: english(message).map(|template| template.to_string().into()),
            remedy: english(remedy).map(|template| template.to_string().into()),
            tags: tags.map(Into::into),
            digest: digest.map(|digest| DigestOutline {
                required: digest.required.unwrap_or(true),
                algorithms: digest.algorithms,
            }),
            registries: registries.map(|lists| lists_of(lists.allow, lists.deny)),
            repositories: repositories.map(|lists| lists_of(lists.allow, lists.deny)),
            max_images,
            image_pull_policies,
            uses_facts: facts.is_some() || signed.is_some() || attested.is_some(),
            expression: expression.map(|expression| expression.text.into()),
        }
    }
}

/// Each of a list that may not be there.
fn all<T, U>(list: Option<Vec<T>>, map: impl FnMut(T) -> U) -> Vec<U> {
    list.into_iter().flatten().map(map).collect()
}

fn lists_of<P: Into<RepositoryPattern>>(
    allow: Option<Vec<P>>,
    deny: Option<Vec<P>>,
) -> ListsOutline {
    ListsOutline {
        allow: allow.map(repositories),
        deny: deny.map(repositories),
    }
}

fn repositories<P: Into<RepositoryPattern>>(list: Vec<P>) -> Vec<RepositoryOutline> {
    list.into_iter().map(|one| one.into().into()).collect()
}

impl From<RepositoryPattern> for RepositoryOutline {
    fn from(pattern: RepositoryPattern) -> Self {
        let (host, port, path) = pattern.forms();
        Self {
            text: pattern.as_str().into(),
            host,
            port,
            path,
        }
    }
}

impl From<&NamePattern> for NameOutline {
    fn from(pattern: &NamePattern) -> Self {
        Self {
            text: pattern.as_str().into(),
            expression: pattern.expression(),
        }
    }
}

impl From<declaration::Tags> for TagsOutline {
    fn from(tags: declaration::Tags) -> Self {
        let list = |list: Option<Vec<TagPattern>>, reading: Reading| {
            list.map(|list| {
                let outline = |pattern: &TagPattern| TagOutline {
                    text: pattern.as_str().into(),
                    forms: pattern.forms(reading),
                };
                list.iter().map(outline).collect()
            })
        };
        Self {
            allow: list(tags.allow, Reading::Strict),
            deny: list(tags.deny, Reading::Wide),
            missing_passes: tags
                .missing
                .map(|missing| missing == declaration::Verdict::Allow),
            checks_pinned: tags.pinned == Some(declaration::Pinned::Check),
        }
    }
}

fn names<'p>(list: impl IntoIterator<Item = &'p NamePattern>) -> Vec<NameOutline> {
    list.into_iter().map(NameOutline::from).collect()
}

impl From<declaration::Names> for IncludeExclude<NameOutline> {
    fn from(declared: declaration::Names) -> Self {
        Self {
            include: declared.include.as_ref().map(names),
            exclude: declared.exclude.as_ref().map(names),
        }
    }
}

impl From<declaration::Scope> for ScopeOutline {
    /// Takes all fields by name, so that a new one can't be left out in silence.
    fn from(scope: declaration::Scope) -> Self {
        let declaration::Scope {
            position: _,
            namespaces,
            system_namespaces,
            images,
            containers,
            annotations,
            labels,
            namespace_labels,
            kinds,
            operations,
            users,
            groups,
            service_accounts,
        } = scope;
        let namespaces = namespaces
            .map(|namespaces| {
                let list = |list: Option<Vec<declaration::NamespacePattern>>| {
                    list.map(|list| names(list.iter().map(|one| &one.0)))
                };
                IncludeExclude {
                    include: list(namespaces.include),
                    exclude: list(namespaces.exclude),
                }
            })
            .unwrap_or_default();
        let images = images
            .map(|images| IncludeExclude {
                include: images.include.map(repositories),
                exclude: images.exclude.map(repositories),
            })
            .unwrap_or_default();
        let annotations = annotations.unwrap_or_default().into_iter();
        let or_none = |names: Option<declaration::Names>| names.map(Into::into).unwrap_or_default();
        Self {
            namespaces,
            excludes_system_namespaces: system_namespaces
                == Some(declaration::SystemNamespaces::Exclude),
            images,
            containers,
            annotations: annotations
                .map(|(key, pattern)| (key.0, (&pattern).into()))
                .collect(),
            uses_labels: labels.is_some() || namespace_labels.is_some(),
            kinds: or_none(kinds),
            operations,
            users: or_none(users),
            groups: or_none(groups),
            service_accounts: or_none(service_accounts),
        }
    }
}

impl From<declaration::Exemption> for ExemptionOutline {
    fn from(exemption: declaration::Exemption) -> Self {
        let namespaces = exemption.namespaces;
        Self {
            line: exemption.position.line,
            name: exemption.name.0,
            reason: exemption.reason.into(),
            expires: exemption.expires.is_some(),
            rules: exemption
                .rules
                .map(|rules| rules.into_iter().map(|rule| rule.0).collect()),
            images: exemption.images.map(repositories),
            namespaces: namespaces.map(|list| names(list.iter().map(|one| &one.0))),
            annotation: exemption.annotation.map(|annotation| {
                let value = annotation.value.as_ref();
                (annotation.key.0, value.map(Into::into))
            }),
        }
    }
}

impl From<declaration::Mutations> for MutationsOutline {
    fn from(mutations: declaration::Mutations) -> Self {
        Self {
            line: mutations.position.line,
            mirrors: all(mutations.mirrors, |mirror| {
                (mirror.from.into(), mirror.to.into())
            }),
            full_names: mutations.full_names == Some(true),
            implied_tags: mutations.implied_tags == Some(true),
            pins_digests: mutations.pin_digests.is_some(),
            pull_policies: all(mutations.pull_policies, |rule| {
                (all(Some(rule.tags), Into::into), rule.policy)
            }),
            pull_secrets: all(mutations.pull_secrets, |rule| {
                (rule.repositories.into(), rule.secret.into())
            }),
        }
    }
}
