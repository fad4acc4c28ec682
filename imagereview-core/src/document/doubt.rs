//! What is no mistake in a policy document, and hardly meant: rules and exemptions that do nothing.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::{
    declaration::{self, Document, Rule, Scope, Verdict},
    problem::{Position, Problem, Problems},
};
use crate::{
    object::{ContainerKind, Operation},
    pattern::{RegistryPattern, RepositoryPattern, TagPattern},
    suggestion::suggestion,
    workload::WorkloadKinds,
};

/// How many rules a document may have for each to be compared with each.
const MAX_COMPARED: usize = 300;

/// Finds what is hardly meant in the documents of a policy that was compiled.
pub(super) struct Doubts<'p> {
    problems: Problems,
    /// The kinds of the whole policy that have images.
    kinds: Vec<&'p str>,
    now: Option<Timestamp>,
}

impl<'p> Doubts<'p> {
    pub(super) fn new(kinds: &'p WorkloadKinds, now: Option<Timestamp>) -> Self {
        let mut kinds: Vec<&str> = kinds.names().collect();
        kinds.sort_unstable();
        Self {
            problems: Problems::default(),
            kinds,
            now,
        }
    }

    /// All that was found, in the order of the files and lines.
    pub(super) fn finish(self) -> Vec<Problem> {
        self.problems.sorted()
    }

    /// Sets the file that is read from here on.
    pub(super) fn in_source(&mut self, source: &str) {
        self.problems.in_source(source, "");
    }

    /// Looks at a document that is read.
    pub(super) fn of(&mut self, document: &Document) {
        let scope = document.scope.as_ref();
        if let Some(scope) = scope {
            self.scope(scope, None, "scope");
        }
        for (index, rule) in document.rules.iter().enumerate() {
            let path = format!("rules[{index}]");
            if let Some(own) = &rule.scope {
                self.scope(own, scope, &format!("{path}.scope"));
            }
            self.lists(rule, &path);
            self.expression(rule, &path);
            self.implied(document, index, &path);
        }
        for (index, exemption) in document.exemptions.iter().flatten().enumerate() {
            if let Some(end) = exemption.expires.as_ref().map(|expiry| expiry.0)
                && self.now.is_some_and(|now| end <= now)
            {
                let field = format!("exemptions[{index}].expires");
                let message = format!("the exemption expired at {end}; take it out");
                self.add(exemption.position, &field, message);
            }
        }
    }

    fn add(&mut self, position: Position, field: &str, message: impl AsRef<str>) {
        self.problems.within(format_args!("{field}"), |problems| {
            problems.add(position, message);
        });
    }

    /// Whether anything can be in a scope, within that of its document.
    fn scope(&mut self, scope: &Scope, outer: Option<&Scope>, field: &str) {
        let outers = |get: fn(&Scope) -> Vec<&str>| outer.map(get).unwrap_or_default();
        let lists: [(&str, Patterns, Patterns); 6] = [
            (
                "namespaces",
                |s| namespaces(s, true),
                |s| namespaces(s, false),
            ),
            ("images", |s| images(s, true), |s| images(s, false)),
            (
                "kinds",
                |s| names(s.kinds.as_ref(), true),
                |s| names(s.kinds.as_ref(), false),
            ),
            (
                "users",
                |s| names(s.users.as_ref(), true),
                |s| names(s.users.as_ref(), false),
            ),
            (
                "groups",
                |s| names(s.groups.as_ref(), true),
                |s| names(s.groups.as_ref(), false),
            ),
            (
                "serviceAccounts",
                |s| names(s.service_accounts.as_ref(), true),
                |s| names(s.service_accounts.as_ref(), false),
            ),
        ];
        for (name, include, exclude) in lists {
            let included = include(scope);
            let excluded: BTreeSet<&str> =
                exclude(scope).into_iter().chain(outers(exclude)).collect();
            if !included.is_empty() && included.iter().all(|one| excluded.contains(one)) {
                let message =
                    format!("everything that {name} includes is excluded, so nothing is in scope");
                self.add(scope.position, field, message);
            }
            let outer_included = outers(include);
            let is_apart = |outer: &[&str]| {
                let all = included.iter().chain(outer);
                // A glob may have something in common with a name, and an image with a host.
                all.copied().all(is_name) && !included.iter().any(|one| outer.contains(one))
            };
            if name != "images"
                && name != "groups"
                && !included.is_empty()
                && !outer_included.is_empty()
                && is_apart(&outer_included)
            {
                let message = format!(
                    "the {name} of the rule and those of its document have none in common, so nothing is in scope"
                );
                self.add(scope.position, field, message);
            }
        }
        let containers: fn(&Scope) -> Option<&Vec<ContainerKind>> =
            |scope| scope.containers.as_ref();
        let operations: fn(&Scope) -> Option<&Vec<Operation>> = |scope| scope.operations.as_ref();
        if are_apart(scope, outer, containers) || are_apart(scope, outer, operations) {
            self.add(
                scope.position,
                field,
                "the scope of the rule and that of its document have nothing in common, so nothing is in scope",
            );
        }
        for kind in names(scope.kinds.as_ref(), true) {
            if is_name(kind) && self.kinds.binary_search(&kind).is_err() {
                let message = format!(
                    "no kind with images is named {kind:?}{}; a custom resource is declared in customResources",
                    suggestion(kind, &self.kinds)
                );
                self.add(scope.position, &format!("{field}.kinds"), message);
            }
        }
    }

    /// Whether what a rule allows is denied by it too.
    fn lists(&mut self, rule: &Rule, path: &str) {
        let tags = rule.tags.as_ref().map(AllowsAndDenies::lists);
        let registries = rule.registries.as_ref().map(AllowsAndDenies::lists);
        let repositories = rule.repositories.as_ref().map(AllowsAndDenies::lists);
        for (name, lists) in [
            ("tags", tags),
            ("registries", registries),
            ("repositories", repositories),
        ] {
            let Some((position, Some(allow), Some(deny))) = lists else {
                continue;
            };
            let deny: BTreeSet<&str> = deny.into_iter().collect();
            let both: Vec<&str> = allow
                .iter()
                .copied()
                .filter(|one| deny.contains(one))
                .collect();
            let field = format!("{path}.{name}");
            if both.len() == allow.len() {
                self.add(
                    position,
                    &field,
                    "everything that is allowed is denied too, so the rule denies every image",
                );
            } else if let Some(one) = both.first() {
                self.add(
                    position,
                    &field,
                    format!("{one:?} is allowed and denied, so it is denied; take one of them out"),
                );
            }
        }
    }

    /// Whether an expression can be true and false.
    fn expression(&mut self, rule: &Rule, path: &str) {
        #[cfg(feature = "cel")]
        if let Some(expression) = &rule.expression
            && let Some(message) = crate::expression::never_decides(&expression.text)
        {
            self.add(expression.position, &format!("{path}.expression"), message);
        }
        #[cfg(not(feature = "cel"))]
        let _ = (rule, path);
    }

    /// Whether another rule of the document finds all that a rule finds.
    fn implied(&mut self, document: &Document, index: usize, path: &str) {
        if document.rules.len() > MAX_COMPARED {
            return;
        }
        let rule = &document.rules[index];
        // One that is covered by an exemption of its own is of use.
        let is_exempt = |rule: &Rule| {
            let mut named = document
                .exemptions
                .iter()
                .flatten()
                .filter_map(|one| one.rules.as_ref());
            named.any(|rules| rules.contains(&rule.name))
        };
        let others = document.rules.iter().enumerate();
        let other = others.filter(|(other, _)| *other != index).find(|(position, other)| {
            let mode = |rule: &Rule| rule.mode.unwrap_or_default();
            other.scope.is_none()
                && !is_exempt(other)
                && other.inline_exemptions != Some(Verdict::Allow)
                && mode(other) >= mode(rule)
                && implies(other, rule)
                // Of two that are the same, one is of use.
                && !(position > &index && rule.scope.is_none() && mode(other) == mode(rule) && implies(rule, other))
        });
        if let Some((_, other)) = other {
            let message = format!(
                "the rule {:?} fails for every image for which this one does, so this one is not needed",
                other.name.0
            );
            self.add(rule.position, path, message);
        }
    }
}

/// The patterns of a list of a scope.
type Patterns = fn(&Scope) -> Vec<&str>;

/// Whether a pattern is a name and no glob.
fn is_name(pattern: &str) -> bool {
    !pattern.contains(['*', '?', '[', '{'])
}

fn names(names: Option<&declaration::Names>, is_included: bool) -> Vec<&str> {
    let list = names.and_then(|names| {
        if is_included {
            names.include.as_ref()
        } else {
            names.exclude.as_ref()
        }
    });
    list.into_iter()
        .flatten()
        .map(crate::pattern::NamePattern::as_str)
        .collect()
}

fn namespaces(scope: &Scope, is_included: bool) -> Vec<&str> {
    let names = scope.namespaces.as_ref();
    let list = names.and_then(|names| {
        if is_included {
            names.include.as_ref()
        } else {
            names.exclude.as_ref()
        }
    });
    list.into_iter()
        .flatten()
        .map(|pattern| pattern.0.as_str())
        .collect()
}

fn images(scope: &Scope, is_included: bool) -> Vec<&str> {
    let images = scope.images.as_ref();
    let list = images.and_then(|images| {
        if is_included {
            images.include.as_ref()
        } else {
            images.exclude.as_ref()
        }
    });
    list.into_iter()
        .flatten()
        .map(RepositoryPattern::as_str)
        .collect()
}

/// Whether two scopes name none that both have.
fn are_apart<T: PartialEq>(
    scope: &Scope,
    outer: Option<&Scope>,
    list: fn(&Scope) -> Option<&Vec<T>>,
) -> bool {
    match (list(scope), outer.and_then(list)) {
        (Some(own), Some(outer)) => !own.iter().any(|one| outer.contains(one)),
        _ => false,
    }
}

/// Whether each image that fails a check of one rule fails the same check of the other, as far as that is plain.
fn implies(other: &Rule, rule: &Rule) -> bool {
    let is_within = |smaller: &[&str], larger: &[&str]| {
        let larger: BTreeSet<&&str> = larger.iter().collect();
        smaller.iter().all(|one| larger.contains(one))
    };
    // More is denied, and no more is allowed.
    let lists = |rule: Option<Lists<'_>>, other: Option<Lists<'_>>| match (rule, other) {
        (None, _) => true,
        (Some(_), None) => false,
        (Some((_, allow, deny)), Some((_, other_allow, other_deny))) => {
            let denies = deny.is_none_or(|deny| is_within(&deny, &other_deny.unwrap_or_default()));
            let allows = match (allow, other_allow) {
                (None, _) => true,
                (Some(_), None) => false,
                (Some(allow), Some(other)) => is_within(&other, &allow),
            };
            denies && allows
        }
    };
    let is_same_tags = match (&rule.tags, &other.tags) {
        (None, _) => true,
        (Some(_), None) => false,
        (Some(rule), Some(other)) => {
            rule.missing == other.missing
                && rule.pinned == other.pinned
                && lists(
                    Some(AllowsAndDenies::lists(rule)),
                    Some(AllowsAndDenies::lists(other)),
                )
        }
    };
    let is_same_digest = match (&rule.digest, &other.digest) {
        (None, _) => true,
        (Some(_), None) => false,
        (Some(rule), Some(other)) => {
            rule.required.unwrap_or(true) == other.required.unwrap_or(true)
                && rule.algorithms == other.algorithms
        }
    };
    let is_max = match (rule.max_images, other.max_images) {
        (None, _) => true,
        (Some(_), None) => false,
        (Some(rule), Some(other)) => other <= rule,
    };
    let is_pulled = match (&rule.image_pull_policies, &other.image_pull_policies) {
        (None, _) => true,
        (Some(_), None) => false,
        (Some(rule), Some(other)) => other.iter().all(|one| rule.contains(one)),
    };
    let is_same_expression = match (&rule.expression, &other.expression) {
        (None, _) => true,
        (Some(_), None) => false,
        (Some(rule), Some(other)) => rule.text == other.text,
    };
    rule.facts.is_none()
        && rule.signed.is_none()
        && rule.attested.is_none()
        && is_same_tags
        && is_same_digest
        && is_max
        && is_pulled
        && is_same_expression
        && lists(
            rule.registries.as_ref().map(AllowsAndDenies::lists),
            other.registries.as_ref().map(AllowsAndDenies::lists),
        )
        && lists(
            rule.repositories.as_ref().map(AllowsAndDenies::lists),
            other.repositories.as_ref().map(AllowsAndDenies::lists),
        )
}

/// Lists of what is allowed and denied.
trait AllowsAndDenies {
    fn lists(&self) -> Lists<'_>;
}

macro_rules! allows_and_denies {
    ($($name:ident: $text:path;)*) => {$(
        impl AllowsAndDenies for declaration::$name {
            fn lists(&self) -> Lists<'_> {
                fn texts<'d, P>(list: Option<&'d Vec<P>>, text: fn(&'d P) -> &'d str) -> Option<Vec<&'d str>> {
                    list.map(|list| list.iter().map(text).collect())
                }
                (self.position, texts(self.allow.as_ref(), $text), texts(self.deny.as_ref(), $text))
            }
        }
    )*};
}

allows_and_denies! {
    Tags: TagPattern::as_str;
    Registries: RegistryPattern::as_str;
    Repositories: RepositoryPattern::as_str;
}

/// The position of two lists, and what they allow and deny.
type Lists<'d> = (Position, Option<Vec<&'d str>>, Option<Vec<&'d str>>);
