//! What the readers of the engines fill: documents, remarks, and the originals to compare with.

use std::collections::BTreeSet;

use imagereview_core::{ContainerKind, Mode};

use crate::{
    clause::{as_expression, checks},
    draft::{Checks, Document, Exemption, Names, Rule, Scope, Taken},
    formula::{Atom, Field, Formula, LooksAt, Original},
    meaning::{Meaning, Side},
    remark::Remarks,
    yaml::At,
};

/// What the inputs have given so far.
#[derive(Debug, Default)]
pub(crate) struct Sink {
    /// The file beside the policy that has the trusted root of keyless signatures.
    pub(crate) trusted_root: Option<String>,
    pub(crate) remarks: Remarks,
    pub(crate) documents: Vec<Document>,
    pub(crate) originals: Vec<Read>,
    pub(crate) exceptions: Vec<Exception>,
    pub(crate) bindings: Vec<Binding>,
    pub(crate) document_names: Taken,
    pub(crate) rule_names: Taken,
    pub(crate) exemption_names: Taken,
}

/// A rule of another engine that was read.
#[derive(Clone, Debug)]
pub(crate) struct Read {
    /// The policy, such as `ClusterPolicy disallow-latest-tag`, and its name.
    pub(crate) policy: String,
    pub(crate) policy_name: String,
    /// The name of its rule there, and the names of ours.
    pub(crate) rule: String,
    pub(crate) ours: Vec<String>,
    pub(crate) original: Original,
    pub(crate) scope: Scope,
    /// Whether a name alone tells what the original says.
    pub(crate) is_comparable: bool,
    /// Whether our rules look at names, and not at tags and digests alone.
    pub(crate) is_about_names: bool,
}

/// What binds a policy to a mode and to namespaces.
#[derive(Clone, Debug)]
pub(crate) struct Binding {
    pub(crate) policy: String,
    pub(crate) mode: Mode,
    pub(crate) namespaces: Names,
    /// The object that declares it, and where.
    pub(crate) object: String,
    pub(crate) source: String,
    pub(crate) line: u64,
}

/// An exception that is declared by an object of its own.
#[derive(Clone, Debug)]
pub(crate) struct Exception {
    /// The policy, and the rules of it; all if empty.
    pub(crate) policy: String,
    pub(crate) rules: Vec<String>,
    pub(crate) exemption: Exemption,
    /// The object that declares it, and where.
    pub(crate) object: String,
    pub(crate) source: String,
    pub(crate) line: u64,
}

/// A rule of another engine, to be taken.
pub(crate) struct Taking<'a> {
    /// What the rule is called there.
    pub(crate) name: &'a str,
    /// Where its condition is.
    pub(crate) at: &'a At<'a>,
    /// What it requires, as the original reads it, and of which containers.
    pub(crate) requirement: Formula,
    pub(crate) looks_at: LooksAt,
    /// Images to which it does not apply.
    pub(crate) exempt: Vec<Atom>,
    /// What it requires, if that is not what the original reads.
    pub(crate) meant: Option<Formula>,
    pub(crate) scope: Scope,
    pub(crate) mode: Option<Mode>,
    pub(crate) message: Option<String>,
    /// Where the exempt images are.
    pub(crate) exempt_at: Option<At<'a>>,
    /// Checks that no formula says, in place of those of the requirement.
    pub(crate) checks: Option<Vec<Checks>>,
}

impl<'a> Taking<'a> {
    /// A rule in the mode of its document, of which nothing more is said.
    pub(crate) fn new(
        name: &'a str,
        at: &'a At<'a>,
        requirement: Formula,
        looks_at: LooksAt,
        scope: &Scope,
    ) -> Self {
        Self {
            name,
            at,
            requirement,
            looks_at,
            exempt: Vec::new(),
            meant: None,
            scope: scope.clone(),
            mode: None,
            message: None,
            exempt_at: None,
            checks: None,
        }
    }
}

impl Document {
    /// Puts it into the mode and the namespaces of a binding.
    fn bind(&mut self, binding: &Binding) {
        self.mode = binding.mode;
        for rule in &mut self.rules {
            rule.mode = binding.mode;
            let names = &mut rule.scope.namespaces;
            names.include.extend_from_slice(&binding.namespaces.include);
            names.exclude.extend_from_slice(&binding.namespaces.exclude);
        }
    }
}

impl Sink {
    /// Begins the document of a policy.
    pub(crate) fn document(
        &mut self,
        at: &At<'_>,
        object: &str,
        name: &str,
        mode: Mode,
    ) -> Document {
        self.remarks.about(object.to_owned());
        Document {
            name: self.document_names.take(name),
            origin: format!("{object}, from {}:{}", at.source, at.node.line),
            mode,
            ..Document::default()
        }
    }

    /// Ends a document. One that has nothing is not written.
    pub(crate) fn finish(&mut self, mut document: Document) {
        // The mode of a rule is capped at that of its document.
        if let Some(strongest) = document.rules.iter().map(|rule| rule.mode).max() {
            document.mode = strongest;
            self.documents.push(document);
        }
    }

    /// Takes a rule.
    pub(crate) fn take(&mut self, document: &mut Document, taking: Taking<'_>) {
        let at = taking.at;
        let groups = match &taking.checks {
            Some(groups) => Ok(groups.clone()),
            None => checks(taking.meant.as_ref().unwrap_or(&taking.requirement)),
        };
        let mut groups = match groups {
            Ok(groups) => groups,
            Err(error) => {
                self.remarks.not_taken(at, error.to_string());
                return;
            }
        };
        let left_out = taking.looks_at.leaves_out();
        if !left_out.is_empty() && taking.scope.containers.is_empty() && taking.checks.is_none() {
            self.remarks.stricter(
                at,
                format!(
                    "the original does not look at {}; here all images of a pod are checked",
                    left_out.join(" and ")
                ),
            );
        }
        for note in groups.iter().flat_map(|group| &group.notes) {
            if !note.starts_with("what the original") {
                self.remarks.stricter(at, note.clone());
            }
        }
        let exempt = self.exempt(&taking, &mut groups);
        let is_about_names = groups.iter().any(|group| {
            group.expression.is_some()
                || ![
                    &group.images,
                    &group.repositories_allowed,
                    &group.repositories_denied,
                ]
                .iter()
                .all(|list| list.is_empty())
        });
        let is_comparable = groups.iter().all(Checks::is_about_references);
        let mut names = Vec::new();
        for checks in groups {
            let name = self.rule_names.take(taking.name);
            names.push(name.clone());
            document.rules.push(Rule {
                name,
                origin: origin(at),
                mode: taking.mode.unwrap_or(document.mode),
                scope: taking.scope.clone(),
                message: taking.message.as_deref().and_then(message),
                checks,
            });
        }
        if let (false, Some(at), false) = (exempt.is_empty(), &taking.exempt_at, names.is_empty()) {
            document.exemptions.push(Exemption {
                name: self
                    .exemption_names
                    .take(&format!("exempt-from-{}", taking.name)),
                origin: origin(at),
                reason: format!("{} of {}", at.path, document.origin),
                rules: names.clone(),
                images: exempt,
                namespaces: Vec::new(),
            });
        }
        self.originals.push(Read {
            policy: document.origin.clone(),
            policy_name: document.policy.clone(),
            rule: taking.name.to_owned(),
            ours: names,
            original: Original {
                requirement: taking.requirement,
                exempt: taking.exempt,
                looks_at: taking.looks_at,
            },
            scope: taking.scope,
            is_comparable,
            is_about_names,
        });
    }

    /// Gives the documents the modes and the namespaces of their bindings.
    pub(crate) fn bind(&mut self) {
        let mut bound = BTreeSet::new();
        for binding in std::mem::take(&mut self.bindings) {
            let mut documents = self.documents.iter_mut();
            match documents.find(|document| document.policy == binding.policy) {
                Some(document) if bound.insert(binding.policy.clone()) => document.bind(&binding),
                Some(_) => self.remarks.object_not_taken(
                    &binding.object,
                    &binding.source,
                    binding.line,
                    format!(
                        "another binding of the policy {:?} is taken, and a document has one scope",
                        binding.policy
                    ),
                ),
                None => self.remarks.object_not_taken(
                    &binding.object,
                    &binding.source,
                    binding.line,
                    format!(
                        "no policy {:?} was taken; name its file too",
                        binding.policy
                    ),
                ),
            }
        }
    }

    /// Adds the exceptions that are objects of their own to the documents of their policies.
    pub(crate) fn add_exceptions(&mut self) {
        for exception in std::mem::take(&mut self.exceptions) {
            let Exception {
                policy,
                rules,
                mut exemption,
                ..
            } = exception;
            // A policy may be named with its namespace before it.
            let policy = policy.rsplit('/').next().unwrap_or_default();
            let read = self.originals.iter().filter(|read| {
                read.policy_name == policy
                    && (rules.is_empty()
                        || rules.contains(&"*".to_owned())
                        || rules.contains(&read.rule))
            });
            exemption.rules = read.flat_map(|read| read.ours.clone()).collect();
            let mut documents = self.documents.iter_mut();
            let document = documents.find(|document| {
                let mut rules = document.rules.iter();
                rules.any(|rule| exemption.rules.contains(&rule.name))
            });
            match document {
                Some(document) => document.exemptions.push(exemption),
                None => self.remarks.object_not_taken(
                    &exception.object,
                    &exception.source,
                    exception.line,
                    format!(
                        "no rule that was taken is of the policy {policy:?}; name its file too"
                    ),
                ),
            }
        }
    }

    /// The repositories that are exempt as a whole. What is exempt in part changes the checks.
    fn exempt(&mut self, taking: &Taking<'_>, groups: &mut Vec<Checks>) -> Vec<String> {
        let Some(at) = &taking.exempt_at else {
            return Vec::new();
        };
        let mut whole = Vec::new();
        let mut partly: Vec<(Vec<String>, &Atom)> = Vec::new();
        for atom in &taking.exempt {
            let sense = atom.sense(Side::Allow);
            match sense.meaning {
                Meaning::Names(names) => whole.extend(names),
                Meaning::Everything => whole.push("**".to_owned()),
                Meaning::NamesAndTags(names, _) => partly.push((names, atom)),
                Meaning::Nothing => {}
                _ => self.remarks.not_taken(
                    at,
                    "an exempt image without a repository could be any image; write an exemption that names it",
                ),
            }
            if let Some(note) = sense.note {
                self.remarks.stricter(at, note);
            }
        }
        if partly.is_empty() {
            return whole;
        }
        // One rule for these repositories, with the exempt tags as alternatives.
        let mut images: Vec<_> = partly.iter().flat_map(|(names, _)| names.clone()).collect();
        images.dedup();
        match partly_exempt(&partly, &taking.requirement) {
            Ok(expression) => {
                for group in groups.iter_mut() {
                    group.images_excluded.extend_from_slice(&images);
                }
                groups.push(Checks {
                    images,
                    expression: Some(expression),
                    notes: vec!["the original exempts some tags of these".to_owned()],
                    ..Checks::default()
                });
            }
            Err(reason) => self.remarks.not_taken(at, reason),
        }
        whole
    }
}

/// True for the exempt images, and for those that pass.
fn partly_exempt(partly: &[(Vec<String>, &Atom)], requirement: &Formula) -> Result<String, String> {
    let exempt = Formula::Or(
        partly
            .iter()
            .map(|(_, atom)| Formula::Atom((*atom).clone()))
            .collect(),
    );
    let texts = [as_expression(&exempt), as_expression(requirement)];
    match texts {
        [Ok(exempt), Ok(requirement)] => Ok(format!("({exempt}) || ({requirement})")),
        [Err(error), _] | [_, Err(error)] => Err(error.to_string()),
    }
}

/// A rule that no container of a kind may be there, which no formula over names says.
pub(crate) fn no_ephemeral_containers() -> (Formula, LooksAt, Vec<Checks>) {
    let checks = Checks {
        expression: Some("!has(image.kind) || image.kind != 'ephemeral'".to_owned()),
        ..Checks::default()
    };
    let looks_at = LooksAt {
        ephemeral: true,
        ..LooksAt::NONE
    };
    (Formula::Or(Vec::new()), looks_at, vec![checks])
}

/// The comment that says where a line comes from.
pub(crate) fn origin(at: &At<'_>) -> String {
    format!("from {}:{} {}", at.source, at.node.line, at.path)
}

/// A message in our form, unless it has variables of the engine.
fn message(text: &str) -> Option<String> {
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let has_variables = text.contains("{{") || text.contains("$(");
    let is_fit = !text.is_empty() && text.len() <= 600 && !has_variables;
    is_fit.then(|| text.replace('{', "{{").replace('}', "}}"))
}

/// A requirement of the whole string that forbids or allows nothing.
pub(crate) fn digest_required() -> Formula {
    Formula::atom(Field::Written, crate::wildcard::Wild::containing("@"))
}

impl Read {
    /// Whether the original looks at a container of this kind in this namespace.
    pub(crate) fn is_about(&self, namespace: Option<&str>, kind: ContainerKind) -> bool {
        let names = &self.scope.namespaces;
        let matches = |globs: &[String], namespace: &str| {
            globs
                .iter()
                .any(|glob| crate::wildcard::Wild::glob(glob).matches(namespace))
        };
        let is_in_namespace = namespace.is_none_or(|namespace| {
            (names.include.is_empty() || matches(&names.include, namespace))
                && !matches(&names.exclude, namespace)
        });
        is_in_namespace && self.original.looks_at.is_at(kind)
    }
}
