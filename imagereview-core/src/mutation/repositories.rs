//! Which repositories a mutation is about.

use std::{
    collections::{BTreeSet, HashMap},
    fmt,
    str::FromStr,
};

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

/// Many [`Repositories`], each with a position, in which those that match an image or cover others are
/// found without trying each.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct RepositoriesIndex {
    /// Those of every repository.
    any: Vec<usize>,
    /// By the registry, in lower case.
    registries: HashMap<Box<str>, Paths>,
}

/// Repositories of one registry.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Paths {
    any: Vec<usize>,
    below: HashMap<Box<str>, Vec<usize>>,
    /// How long the folders are that `below` has: no others are looked up, of which a name may have a
    /// hundred.
    below_lengths: BTreeSet<usize>,
    exact: HashMap<Box<str>, Vec<usize>>,
}

impl RepositoriesIndex {
    pub(super) fn insert(&mut self, repositories: &Repositories, position: usize) {
        let Some(registry) = &repositories.registry else {
            self.any.push(position);
            return;
        };
        let paths = self
            .registries
            .entry(registry.to_ascii_lowercase().into())
            .or_default();
        let path = &repositories.path;
        let positions = match (repositories.is_below, &**path) {
            (true, "") => &mut paths.any,
            (true, _) => {
                paths.below_lengths.insert(path.len());
                paths.below.entry(path.clone()).or_default()
            }
            (false, _) => paths.exact.entry(path.clone()).or_default(),
        };
        positions.push(position);
    }

    /// The positions of those that match an image.
    pub(super) fn matching(&self, image: &ImageRef<'_>) -> impl Iterator<Item = usize> + use<'_> {
        let repository = image.repository().to_string();
        self.covering_path(Some(image.registry()), &repository, false)
    }

    /// The positions of those that match everything that `other` matches.
    pub(super) fn covering(&self, other: &Repositories) -> impl Iterator<Item = usize> + use<'_> {
        self.covering_path(other.registry.as_deref(), &other.path, other.is_below)
    }

    fn covering_path(
        &self,
        registry: Option<&str>,
        path: &str,
        is_below: bool,
    ) -> impl Iterator<Item = usize> + use<'_> {
        let paths = registry.and_then(|registry| {
            if registry.bytes().any(|byte| byte.is_ascii_uppercase()) {
                self.registries.get(&*registry.to_ascii_lowercase())
            } else {
                self.registries.get(registry)
            }
        });
        let mut found: Vec<&[usize]> = vec![&self.any];
        if let Some(paths) = paths {
            found.push(&paths.any);
            let whole = is_below.then_some(path.len());
            let ends = path.match_indices('/').map(|(slash, _)| slash);
            for end in ends.chain(whole) {
                if paths.below_lengths.contains(&end) {
                    found.extend(paths.below.get(&path[..end]).map(Vec::as_slice));
                }
            }
            if !is_below {
                found.extend(paths.exact.get(path).map(Vec::as_slice));
            }
        }
        found.into_iter().flatten().copied()
    }
}

impl<'r> FromIterator<&'r Repositories> for RepositoriesIndex {
    fn from_iter<I: IntoIterator<Item = &'r Repositories>>(all: I) -> Self {
        let mut index = Self::default();
        for (position, repositories) in all.into_iter().enumerate() {
            index.insert(repositories, position);
        }
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
            let index: RepositoriesIndex = [&wide].into_iter().collect();
            let mut found = index.covering(&parse(narrow));
            assert_eq!(found.next().is_some(), covers, "{wide} {narrow}");
        }
    }

    #[test]
    fn an_index_finds_those_that_match() {
        let all: Vec<Repositories> = [
            "docker.io/**",
            "docker.io/library/nginx",
            "docker.io/library/**",
            "DOCKER.io/team/**",
            "docker.io/team/a/**",
            "docker.io/team/a",
            "registry.example.com:5000/**",
            "registry.example.com/a/b/c/d",
            "**",
            "nginx",
        ]
        .iter()
        .map(|text| text.parse().unwrap())
        .collect();
        let index: RepositoriesIndex = all.iter().collect();
        for image in [
            "nginx",
            "nginx:1",
            "team/a:1",
            "team/a/b",
            "team/ab",
            "Registry.example.com:5000/x",
            "registry.example.com/a/b/c/d",
            "registry.example.com/a/b/c/d/e",
            "registry.example.com/a/b/c",
            "quay.example/a/b/c",
        ] {
            let image = ImageRef::parse(image).unwrap();
            let expected: Vec<usize> = (0..all.len())
                .filter(|position| all[*position].matches(&image))
                .collect();
            let mut found: Vec<usize> = index.matching(&image).collect();
            found.sort_unstable();
            assert_eq!(found, expected, "{image}");
        }
    }
}
