//! Which images a document or rule applies to.

use std::collections::BTreeMap;

use super::{
    declaration::{self, EntryName, NamespacePattern, SystemNamespaces},
    price::CHECK,
    problem::{Position, Problems},
};
use crate::{
    language::Message,
    limits::ENTRIES_LIMIT,
    object::{ContainerKind, Operation, User},
    pattern::{
        Lengths, MAX_VALUE_LEN, NamePattern, NameSet, PatternError, Reading, RepositoryPattern,
        RepositorySet,
    },
    review::{Image, Review, StringMap},
};

/// The longest groups of a user together that are compared with patterns, in bytes. A user of more is
/// in scope, whatever the patterns.
const MAX_GROUPS_LEN: usize = 64 * 1024;

/// The namespaces of Kubernetes itself.
const SYSTEM_NAMESPACES: [&str; 3] = ["kube-system", "kube-public", "kube-node-lease"];

/// Which images something is about; compiled.
#[derive(Debug, Default)]
pub(super) struct Scope {
    namespaces: IncludeExclude<NameSet>,
    without_system_namespaces: bool,
    images: IncludeExclude<RepositorySet>,
    containers: Option<Vec<ContainerKind>>,
    annotations: Vec<(Box<str>, NameSet)>,
    labels: Vec<(Box<str>, NameSet)>,
    namespace_labels: Vec<(Box<str>, NameSet)>,
    kinds: IncludeExclude<NameSet>,
    operations: Option<Vec<Operation>>,
    users: IncludeExclude<NameSet>,
    groups: IncludeExclude<NameSet>,
    service_accounts: IncludeExclude<NameSet>,
}

#[derive(Debug)]
struct IncludeExclude<T> {
    include: Option<T>,
    exclude: Option<T>,
}

impl<T> Default for IncludeExclude<T> {
    fn default() -> Self {
        Self {
            include: None,
            exclude: None,
        }
    }
}

impl<T> IncludeExclude<T> {
    fn compile(
        include: Option<Result<T, PatternError>>,
        exclude: Option<Result<T, PatternError>>,
        position: Position,
        problems: &mut Problems,
    ) -> Option<Self> {
        Some(Self {
            include: compiled(include, position, problems).ok()?,
            exclude: compiled(exclude, position, problems).ok()?,
        })
    }

    fn admits(&self, matches: impl Fn(&T) -> bool) -> bool {
        self.include.as_ref().is_none_or(&matches) && !self.exclude.as_ref().is_some_and(matches)
    }
}

impl IncludeExclude<NameSet> {
    fn admits_name(&self, name: &str) -> bool {
        name.len() > MAX_VALUE_LEN || self.admits(|set| set.matches(name))
    }
}

/// Why an image is out of scope.
#[derive(Clone, Copy, Debug)]
pub(super) enum OutOfScope {
    Namespace,
    Image,
    Container,
    Annotation,
    Label,
    NamespaceLabel,
    Kind,
    Operation,
    User,
}

impl OutOfScope {
    pub(super) fn message(self) -> Message {
        match self {
            Self::Namespace => Message::new("not about this namespace", "不适用于此命名空间"),
            Self::Image => Message::new("not about this image", "不适用于此镜像"),
            Self::Container => Message::new("not about this kind of container", "不适用于此类容器"),
            Self::Kind => Message::new("not about this kind of object", "不适用于此类对象"),
            Self::Operation => Message::new("not about this operation", "不适用于此操作"),
            Self::User => Message::new("not about this user", "不适用于此用户"),
            Self::Label => Message::new(
                "about other labels than this pod has",
                "标签不符合其适用范围",
            ),
            Self::NamespaceLabel => Message::new(
                "about other labels than this namespace has",
                "命名空间的标签不符合其适用范围",
            ),
            Self::Annotation => Message::new(
                "about other annotations than this review has",
                "注解不符合其适用范围",
            ),
        }
    }
}

impl Scope {
    pub(super) fn compile(
        declared: Option<declaration::Scope>,
        problems: &mut Problems,
    ) -> Option<Self> {
        let Some(declared) = declared else {
            return Some(Self::default());
        };
        let position = declared.position;
        let (include, exclude) = match declared.namespaces {
            None => (None, None),
            Some(namespaces) => (namespaces.include, namespaces.exclude),
        };
        let set = |list: Vec<_>| namespace_set(&list);
        let namespaces =
            IncludeExclude::compile(include.map(set), exclude.map(set), position, problems)?;
        let (include, exclude) = match declared.images {
            None => (None, None),
            Some(images) => (images.include, images.exclude),
        };
        // A rule denies, so what it includes is matched broadly, and what it excludes exactly.
        let include = include.map(|list| repositories(list, Reading::Wide));
        let exclude = exclude.map(|list| repositories(list, Reading::Strict));
        let images = IncludeExclude::compile(include, exclude, position, problems)?;
        let mut annotations = Vec::new();
        for (key, pattern) in declared.annotations.unwrap_or_default() {
            let set = compiled(Some(NameSet::new(&[pattern])), position, problems).ok()??;
            annotations.push((key.0, set));
        }
        let mut entries = |declared: Option<BTreeMap<EntryName, NamePattern>>| {
            let entries = declared.unwrap_or_default().into_iter();
            let compile = |(key, pattern): (EntryName, NamePattern)| {
                let set = compiled(Some(NameSet::new(&[pattern])), position, problems).ok()??;
                Some((key.as_ref().into(), set))
            };
            entries.map(compile).collect::<Option<Vec<_>>>()
        };
        let labels = entries(declared.labels)?;
        let namespace_labels = entries(declared.namespace_labels)?;
        for kind in all_names(declared.kinds.as_ref()) {
            let is_kind = |c: char| c.is_ascii_alphanumeric() || "*?[]{},".contains(c);
            if kind.starts_with(|c: char| c.is_ascii_lowercase()) || !kind.chars().all(is_kind) {
                problems.add(
                    position,
                    format!(
                        "invalid kind {kind:?}: kinds are CamelCase, such as Pod or StatefulSet"
                    ),
                );
                return None;
            }
        }
        for account in all_names(declared.service_accounts.as_ref()) {
            if !account.contains(['/', '*']) {
                problems.add(
                    position,
                    format!("no service account is named {account:?}: write namespace/name"),
                );
                return None;
            }
        }
        let mut names = |declared: Option<declaration::Names>| {
            let (include, exclude) = match declared {
                None => (None, None),
                Some(names) => (names.include, names.exclude),
            };
            let set = |list: Vec<NamePattern>| NameSet::new(&list);
            IncludeExclude::compile(include.map(set), exclude.map(set), position, problems)
        };
        Some(Self {
            kinds: names(declared.kinds)?,
            operations: declared.operations,
            users: names(declared.users)?,
            groups: names(declared.groups)?,
            service_accounts: names(declared.service_accounts)?,
            namespaces,
            without_system_namespaces: declared.system_namespaces
                == Some(SystemNamespaces::Exclude),
            images,
            containers: declared.containers,
            annotations,
            labels,
            namespace_labels,
        })
    }

    /// The steps to find out whether a review can be in scope, at most.
    pub(super) fn review_steps(&self) -> u64 {
        let most = |names: u64, bytes: usize| {
            move |set: &NameSet| set.price().of_many(names, bytes as u64)
        };
        let names = |sets: &IncludeExclude<NameSet>, names: u64, bytes: usize| {
            let sets = sets.include.iter().chain(&sets.exclude);
            sets.map(most(names, bytes)).fold(0, u64::saturating_add)
        };
        let sets = [
            names(&self.namespaces, 1, MAX_VALUE_LEN),
            names(&self.kinds, 1, MAX_VALUE_LEN),
            names(&self.users, 1, MAX_VALUE_LEN),
            names(&self.groups, ENTRIES_LIMIT as u64, MAX_GROUPS_LEN),
            names(&self.service_accounts, 1, MAX_VALUE_LEN),
        ];
        let entries = [&self.annotations, &self.labels, &self.namespace_labels];
        let annotations = entries.into_iter().flatten();
        let annotations = annotations.map(|(_, value)| most(1, MAX_VALUE_LEN)(value));
        sets.into_iter()
            .chain(annotations)
            .fold(CHECK, u64::saturating_add)
    }

    /// The steps to find out whether an image is in scope, at most.
    pub(super) fn image_steps(&self, lengths: Lengths) -> u64 {
        let sets = self.images.include.iter().chain(&self.images.exclude);
        let steps = sets.map(|set| set.steps(lengths));
        steps.fold(0, u64::saturating_add)
    }

    /// Whether a review can be in scope at all. A field that it does not have matches, and so does a
    /// name that is too long to be compared with patterns.
    pub(super) fn admits_review(&self, review: &Review<'_>) -> Result<(), OutOfScope> {
        if let Some(namespace) = review.namespace() {
            let is_system = SYSTEM_NAMESPACES.contains(&namespace);
            let left_out = self.without_system_namespaces && is_system;
            if left_out || !self.namespaces.admits_name(namespace) {
                return Err(OutOfScope::Namespace);
            }
        }
        let has = |(key, value): &(Box<str>, NameSet)| {
            review
                .annotation(key)
                .is_some_and(|found| found.len() > MAX_VALUE_LEN || value.matches(found))
        };
        if review.tells_annotations() && !self.annotations.iter().all(has) {
            return Err(OutOfScope::Annotation);
        }
        let known = [
            (review.labels(), &self.labels, OutOfScope::Label),
            (
                review.namespace_labels(),
                &self.namespace_labels,
                OutOfScope::NamespaceLabel,
            ),
        ];
        for (labels, wanted, out) in known {
            let is_there = |labels: &StringMap<'_>| {
                wanted.iter().all(|(key, value)| {
                    labels
                        .get(key)
                        .is_some_and(|found| found.len() > MAX_VALUE_LEN || value.matches(found))
                })
            };
            if labels.is_some_and(|labels| !is_there(labels)) {
                return Err(out);
            }
        }
        if let Some(kind) = review.kind()
            && !self.kinds.admits_name(kind.name())
        {
            return Err(OutOfScope::Kind);
        }
        let about = |operations: &Vec<Operation>| {
            review
                .operation()
                .is_none_or(|operation| operations.contains(&operation))
        };
        if !self.operations.as_ref().is_none_or(about) {
            return Err(OutOfScope::Operation);
        }
        if review.user().is_some_and(|user| !self.admits_user(user)) {
            return Err(OutOfScope::User);
        }
        Ok(())
    }

    fn admits_user(&self, user: &User<'_>) -> bool {
        let account = user
            .service_account()
            .map(|(namespace, name)| format!("{namespace}/{name}"));
        let is_account = match &account {
            Some(account) => self.service_accounts.admits_name(account),
            None => self.service_accounts.admits(|_| false),
        };
        let has_long_groups = || user.groups().map(str::len).sum::<usize>() > MAX_GROUPS_LEN;
        let in_group = |set: &NameSet| user.groups().any(|group| set.matches(group));
        let admits_groups = || has_long_groups() || self.groups.admits(in_group);
        self.users.admits_name(user.name()) && is_account && admits_groups()
    }

    /// Whether an image of a review that is in scope is so too.
    pub(super) fn admits_image(&self, image: &Image<'_>) -> Result<(), OutOfScope> {
        let kind = image.location().kind();
        let about_kind =
            |kinds: &Vec<ContainerKind>| kind == ContainerKind::Unknown || kinds.contains(&kind);
        if !self.containers.as_ref().is_none_or(about_kind) {
            return Err(OutOfScope::Container);
        }
        let matches = |set: &RepositorySet| set.find(image.reference()).is_some();
        if !self.images.admits(matches) {
            return Err(OutOfScope::Image);
        }
        Ok(())
    }
}

/// The patterns of both lists, as they are written.
fn all_names(names: Option<&declaration::Names>) -> impl Iterator<Item = &str> {
    let lists = names
        .into_iter()
        .flat_map(|names| [&names.include, &names.exclude]);
    lists.flatten().flatten().map(NamePattern::as_str)
}

/// A problem was found and recorded.
pub(super) struct Recorded;

/// The set, if it compiles; else the problem is recorded.
pub(super) fn compiled<T>(
    set: Option<Result<T, PatternError>>,
    position: Position,
    problems: &mut Problems,
) -> Result<Option<T>, Recorded> {
    set.transpose().map_err(|error| {
        problems.add(position, error.to_string());
        Recorded
    })
}

pub(super) fn namespace_set(patterns: &[NamespacePattern]) -> Result<NameSet, PatternError> {
    let names: Vec<NamePattern> = patterns.iter().map(|pattern| pattern.0.clone()).collect();
    NameSet::new(&names)
}

pub(super) fn repositories<P: Into<RepositoryPattern>>(
    patterns: Vec<P>,
    reading: Reading,
) -> Result<RepositorySet, PatternError> {
    RepositorySet::new(patterns.into_iter().map(Into::into).collect(), reading)
}
