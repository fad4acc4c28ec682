//! Which repositories a mutation is about.

use std::{collections::HashMap, fmt, str::FromStr};

use crate::{
    quote::Quoted,
    reference::{ImageRef, ReferenceError},
};

/// One repository, or all below a registry or a path.
///
/// | written | means |
/// | --- | --- |
/// | `docker.io/library/nginx`, `nginx` | this repository |
/// | `docker.io/**` | every repository of this registry |
/// | `registry.example.com:5000/team/**` | every repository below `team` |
/// | `**` | every repository of every registry |
///
/// Short names mean what they mean to the node, here as in manifests. The registry is compared
/// without regard to case.
///
/// ```
/// use imagereview_core::{ImageRef, mutation::Repositories};
///
/// let official: Repositories = "docker.io/library/**".parse()?;
/// assert!(official.matches(&ImageRef::parse("nginx:1.27")?));
/// assert!(!official.matches(&ImageRef::parse("team/nginx:1.27")?));
/// assert!(!official.matches(&ImageRef::parse("docker.io.evil.example/library/nginx")?));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Repositories {
    /// `None` for every registry; then the path is empty too.
    registry: Option<Box<str>>,
    path: Box<str>,
    /// Whether it ends in `**`.
    is_below: bool,
}

impl Repositories {
    /// Whether an image is of one of the repositories.
    #[must_use]
    pub fn matches(&self, image: &ImageRef<'_>) -> bool {
        self.rest(image).is_some()
    }

    /// Whether it ends in `**`.
    #[must_use]
    pub fn is_below(&self) -> bool {
        self.is_below
    }

    /// What `**` stands for in an image's repository: empty where there is none.
    pub(super) fn rest(&self, image: &ImageRef<'_>) -> Option<String> {
        let repository = image.repository().to_string();
        let Some(registry) = &self.registry else {
            return Some(format!("{}/{repository}", image.registry()));
        };
        if !registry.eq_ignore_ascii_case(image.registry()) {
            return None;
        }
        rest_below(&self.path, self.is_below, &repository).map(str::to_owned)
    }

    fn key<'p>(&self, path: &'p str, is_below: bool) -> Key<'p> {
        let registry = self.registry.as_ref();
        (
            registry.map(|registry| registry.to_ascii_lowercase()),
            path,
            is_below,
        )
    }

    /// The repository with something in the place of `**`.
    pub(super) fn with_rest(&self, rest: &str) -> String {
        [
            self.registry.as_deref().unwrap_or_default(),
            &self.path,
            rest,
        ]
        .into_iter()
        .filter(|part| !part.is_empty())
        .collect::<Vec<_>>()
        .join("/")
    }
}

/// Many [`Repositories`], in which those that cover others are found without trying each.
#[derive(Debug, Default)]
pub(super) struct RepositoriesIndex<'r>(HashMap<Key<'r>, &'r Repositories>);

/// The registry in lower case, the path, and whether it is what is below that.
type Key<'r> = (Option<String>, &'r str, bool);

impl<'r> RepositoriesIndex<'r> {
    pub(super) fn insert(&mut self, repositories: &'r Repositories) {
        self.0
            .entry(repositories.key(&repositories.path, repositories.is_below))
            .or_insert(repositories);
    }

    /// One that matches everything that `other` matches.
    pub(super) fn covering(&self, other: &Repositories) -> Option<&'r Repositories> {
        let folders = other
            .path
            .match_indices('/')
            .map(|(slash, _)| &other.path[..slash]);
        // Of every registry, of the whole registry, of a folder above, or just this.
        let below = std::iter::once("")
            .chain(folders)
            .map(|path| other.key(path, true));
        std::iter::once((None, "", true))
            .chain(below)
            .chain([other.key(&other.path, other.is_below)])
            .find_map(|key| self.0.get(&key).copied())
    }
}

impl<'r> FromIterator<&'r Repositories> for RepositoriesIndex<'r> {
    fn from_iter<I: IntoIterator<Item = &'r Repositories>>(all: I) -> Self {
        let mut index = Self::default();
        all.into_iter()
            .for_each(|repositories| index.insert(repositories));
        index
    }
}

/// The rest of a repository's path after `prefix`, which must be all of it unless `is_below`.
fn rest_below<'r>(prefix: &str, is_below: bool, repository: &'r str) -> Option<&'r str> {
    if !is_below {
        return (prefix == repository).then_some("");
    }
    if prefix.is_empty() {
        return Some(repository);
    }
    repository.strip_prefix(prefix)?.strip_prefix('/')
}

impl fmt::Display for Repositories {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.with_rest(if self.is_below { "**" } else { "" }))
    }
}

impl FromStr for Repositories {
    type Err = RepositoriesError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let fail = |problem| {
            Err(RepositoriesError {
                text: text.into(),
                problem,
            })
        };
        if text == "**" {
            return Ok(Self {
                registry: None,
                path: Box::default(),
                is_below: true,
            });
        }
        let (name, is_below) = match text.strip_suffix("/**") {
            Some(name) => (name, true),
            None => (text, false),
        };
        if name.contains('*') {
            return fail(Problem::Wildcard);
        }
        // A registry alone is no reference, so something below it is read.
        let example = if is_below {
            format!("{name}/x")
        } else {
            name.to_owned()
        };
        let image = match ImageRef::parse(&example) {
            Ok(image) => image,
            Err(error) => return fail(Problem::Reference(error)),
        };
        if image.tag().is_some() || image.digest().is_some() {
            return fail(Problem::TagOrDigest);
        }
        let path = if is_below {
            let path = image.repository().as_written();
            path.strip_suffix('x')
                .unwrap_or(path)
                .trim_end_matches('/')
                .to_owned()
        } else {
            image.repository().to_string()
        };
        Ok(Self {
            registry: Some(image.registry().into()),
            path: path.into(),
            is_below,
        })
    }
}

/// A text names no [`Repositories`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{} {problem}", Quoted(text))]
pub struct RepositoriesError {
    text: Box<str>,
    problem: Problem,
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
enum Problem {
    #[error("has a wildcard that is not \"/**\" at its end")]
    Wildcard,
    #[error("has a tag or digest; leave it out")]
    TagOrDigest,
    #[error("names no repository: {0}")]
    Reference(ReferenceError),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_or_refused() {
        for (text, expected) in [
            ("**", Ok("**")),
            ("docker.io/**", Ok("docker.io/**")),
            ("index.docker.io/**", Ok("docker.io/**")),
            ("docker.io/library/**", Ok("docker.io/library/**")),
            ("docker.io/nginx", Ok("docker.io/library/nginx")),
            ("localhost/x/**", Ok("localhost/x/**")),
            (
                "registry.example.com:5000/x/**",
                Ok("registry.example.com:5000/x/**"),
            ),
            ("[2001:db8::1]:5000/**", Ok("[2001:db8::1]:5000/**")),
            ("", Err("names no repository: ")),
            ("/**", Err("names no repository: ")),
            ("docker.io//**", Err("names no repository: ")),
            ("Docker/**", Err("names no repository: ")),
            ("nginx", Ok("docker.io/library/nginx")),
            ("team/nginx", Ok("docker.io/team/nginx")),
            ("tex/**", Ok("docker.io/tex/**")),
            ("*.example.com/**", Err("has a wildcard")),
            ("docker.io/*/nginx", Err("has a wildcard")),
            ("docker.io/**/nginx", Err("has a wildcard")),
            ("docker.io/library**", Err("has a wildcard")),
            ("docker.io/nginx:1", Err("has a tag or digest")),
        ] {
            let read = text.parse::<Repositories>();
            match (read, expected) {
                (Ok(names), Ok(expected)) => assert_eq!(names.to_string(), expected, "{text}"),
                (Err(error), Err(expected)) => {
                    assert!(error.to_string().contains(expected), "{text}: {error}");
                }
                (read, _) => panic!("{text}: {read:?}"),
            }
        }
    }

    #[test]
    fn one_covers_what_it_matches_whole() {
        for (wide, narrow, covers) in [
            ("**", "docker.io/**", true),
            ("docker.io/**", "**", false),
            ("docker.io/**", "docker.io/**", true),
            ("docker.io/**", "DOCKER.io/library/**", true),
            ("docker.io/library/**", "docker.io/**", false),
            ("docker.io/library/**", "docker.io/library/**", true),
            ("docker.io/library/**", "docker.io/nginx", true),
            ("docker.io/lib/**", "docker.io/library/**", false),
            ("docker.io/nginx", "docker.io/library/nginx", true),
            ("docker.io/nginx", "docker.io/library/nginx/**", false),
            ("docker.io/**", "quay.example/**", false),
        ] {
            let parse = |text: &str| text.parse::<Repositories>().unwrap();
            let wide = parse(wide);
            let index: RepositoriesIndex<'_> = [&wide].into_iter().collect();
            let found = index.covering(&parse(narrow));
            assert_eq!(found.is_some(), covers, "{wide} {narrow}");
        }
    }
}
