//! The files that arguments name: as they are, in folders, and by patterns.

use std::{
    ffi::OsStr,
    path::{Path, PathBuf},
};

use globset::{GlobBuilder, GlobMatcher};
use ignore::{
    WalkBuilder,
    gitignore::GitignoreBuilder,
    overrides::{Override, OverrideBuilder},
};

use super::{
    dockerfile::is_dockerfile,
    kustomization::Kustomization,
    source::{Input, Source},
    tracked::{TrackedError, tracked_but_ignored},
};

/// What of a folder is skipped, beside hidden files.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Skip<'a> {
    /// Patterns, as in a `.gitignore`.
    pub(crate) exclude: &'a [&'a str],
    /// Whether a `.gitignore` skips files, but for those that git tracks: those are deployed all the same.
    pub(crate) gitignore: bool,
}

/// Why an argument names nothing that can be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum InputError {
    #[error("an input has an empty name; write - for standard input")]
    NoName,
    #[error("{0}")]
    Walk(ignore::Error),
    #[error("{pattern}: {cause}")]
    Pattern {
        pattern: String,
        cause: globset::ErrorKind,
    },
    #[error("the pattern {pattern:?} of what is excluded is wrong: {cause}")]
    Exclude { pattern: String, cause: String },
    #[error(transparent)]
    Tracked(#[from] TrackedError),
    #[error("{0}: no file matches")]
    NoMatch(String),
    #[error("{0}: there are no manifests, Compose files or Dockerfiles in this folder")]
    EmptyFolder(String),
}

impl InputError {
    fn exclude(pattern: &str, error: ignore::Error) -> Self {
        Self::Exclude {
            pattern: pattern.to_owned(),
            cause: match error {
                ignore::Error::Glob { err, .. } => err,
                error => error.to_string(),
            },
        }
    }
}

/// The endings of files in a folder that may hold manifests.
const EXTENSIONS: [&str; 5] = ["yaml", "yml", "json", "jsonl", "ndjson"];

/// Everything that an argument names, in the order of the paths. Of a folder, without what is skipped.
pub(crate) fn inputs(argument: &OsStr, skip: Skip<'_>) -> Vec<Result<Input, InputError>> {
    if argument.is_empty() {
        return vec![Err(InputError::NoName)];
    }
    let named = |source| vec![Ok(Input::new(source, true))];
    let source = Source::from(argument);
    let Source::File(path) = &source else {
        return named(source);
    };
    if path.is_dir() {
        let found = walk(path, skip, &|path| has_manifests(path));
        if found.is_empty() {
            return vec![Err(InputError::EmptyFolder(path.display().to_string()))];
        }
        return found;
    }
    match argument.to_str() {
        Some(pattern) if !path.exists() && pattern.contains(['*', '?', '[', '{']) => {
            by_pattern(pattern, skip)
        }
        _ => named(Source::File(without_here(path))),
    }
}

/// Everything that an argument names; a file that it names is taken as if the working folder held
/// it.
pub(crate) fn inputs_as_in_folder(
    argument: &OsStr,
    skip: Skip<'_>,
) -> Vec<Result<Input, InputError>> {
    let mut ignore = GitignoreBuilder::new("");
    for pattern in skip.exclude {
        if let Err(error) = ignore.add_line(None, pattern) {
            return vec![Err(InputError::exclude(pattern, error))];
        }
    }
    let ignore = match ignore.build() {
        Ok(ignore) => ignore,
        Err(error) => return vec![Err(InputError::Walk(error))],
    };
    let is_excluded = |input: &Input| match &input.source {
        Source::File(path) if input.is_named && !path.has_root() => {
            let found = ignore.matched_path_or_any_parents(path, false);
            found.is_ignore()
        }
        _ => false,
    };
    let found = inputs(argument, skip).into_iter();
    let kept = found.filter(|input| !input.as_ref().is_ok_and(is_excluded));
    kept.map(|input| {
        input.map(|input| Input {
            is_named: input.source.is_stdin(),
            ..input
        })
    })
    .collect()
}

/// A path without the `./` before it, which other programs do not take for the same.
fn without_here(path: &Path) -> PathBuf {
    path.strip_prefix("./").unwrap_or(path).to_owned()
}

fn by_pattern(pattern: &str, skip: Skip<'_>) -> Vec<Result<Input, InputError>> {
    let matcher: GlobMatcher = match GlobBuilder::new(pattern).literal_separator(true).build() {
        Ok(glob) => glob.compile_matcher(),
        Err(cause) => {
            return vec![Err(InputError::Pattern {
                pattern: pattern.to_owned(),
                cause: cause.kind().clone(),
            })];
        }
    };
    // The part without wildcards is where the walk begins.
    let base: PathBuf = Path::new(pattern)
        .iter()
        .take_while(|part| !part.to_string_lossy().contains(['*', '?', '[', '{']))
        .collect();
    let is_here = base.as_os_str().is_empty();
    let base = if is_here { Path::new(".") } else { &base };
    if !base.exists() {
        return vec![Err(InputError::NoMatch(pattern.to_owned()))];
    }
    let found = walk(base, skip, &|path| {
        let path = if is_here {
            path.strip_prefix(".").unwrap_or(path)
        } else {
            path
        };
        matcher.is_match(path)
    });
    if found.is_empty() {
        return vec![Err(InputError::NoMatch(pattern.to_owned()))];
    }
    found
}

fn has_manifests(path: &Path) -> bool {
    let extension = path.extension().and_then(OsStr::to_str);
    let name = path.file_name().and_then(OsStr::to_str);
    extension.is_some_and(|extension| EXTENSIONS.contains(&extension))
        || name.is_some_and(|name| is_dockerfile(name) || Kustomization::is_name(name))
}

/// The files below a folder that are wanted, without hidden ones and those that are skipped.
fn walk(
    folder: &Path,
    skip: Skip<'_>,
    is_wanted: &dyn Fn(&Path) -> bool,
) -> Vec<Result<Input, InputError>> {
    let mut overrides = OverrideBuilder::new(folder);
    for pattern in skip.exclude {
        // An override is the opposite of a .gitignore: with the mark, it excludes.
        if let Err(error) = overrides.add(&format!("!{pattern}")) {
            return vec![Err(InputError::exclude(pattern, error))];
        }
    }
    let overrides = match overrides.build() {
        Ok(overrides) => overrides,
        Err(error) => return vec![Err(InputError::Walk(error))],
    };
    let mut found: Vec<_> = walk_by(folder, skip, overrides.clone(), is_wanted).collect();
    if skip.gitignore {
        match tracked_but_ignored(folder) {
            Ok(paths) => add_tracked(folder, paths, &overrides, is_wanted, &mut found),
            Err(error) => found.push(Err(InputError::Tracked(error))),
        }
    }
    found
}

/// Adds files that git tracks, unless they are hidden or excluded, in the order of the paths.
fn add_tracked(
    folder: &Path,
    paths: Vec<PathBuf>,
    overrides: &Override,
    is_wanted: &dyn Fn(&Path) -> bool,
    found: &mut Vec<Result<Input, InputError>>,
) {
    let is_skipped = |path: &Path| {
        let below = path.strip_prefix(folder).unwrap_or(path);
        let is_hidden = |part: &OsStr| part.as_encoded_bytes().starts_with(b".");
        let mut folders = path.ancestors().skip(1).take(below.iter().count());
        below.iter().any(is_hidden)
            || overrides.matched(path, false).is_ignore()
            || folders.any(|folder| overrides.matched(folder, true).is_ignore())
    };
    let mut is_new = false;
    for path in paths {
        if !is_skipped(&path) && is_wanted(&path) && path.is_file() {
            let source = Source::File(without_here(&path));
            let is_there = |input: &Input| input.source == source;
            if !found.iter().flatten().any(is_there) {
                found.push(Ok(Input::new(source, false)));
                is_new = true;
            }
        }
    }
    if is_new {
        found.sort_by_cached_key(|input| match input {
            Ok(Input {
                source: Source::File(path),
                ..
            }) => Some(path.clone()),
            _ => None,
        });
    }
}

fn walk_by(
    folder: &Path,
    skip: Skip<'_>,
    overrides: Override,
    is_wanted: &dyn Fn(&Path) -> bool,
) -> impl Iterator<Item = Result<Input, InputError>> {
    WalkBuilder::new(folder)
        // What nobody sees in the change that is reviewed hides nothing in it.
        .ignore(false)
        .parents(false)
        .git_global(false)
        .git_exclude(false)
        .git_ignore(skip.gitignore)
        // A copy of a repository without its history has the same files.
        .require_git(false)
        .overrides(overrides)
        .sort_by_file_path(Ord::cmp)
        .build()
        .filter_map(|entry| match entry {
            Err(error) => Some(Err(InputError::Walk(error))),
            Ok(entry) => {
                let is_file = entry.file_type().is_some_and(|kind| !kind.is_dir());
                (is_file && is_wanted(entry.path()) && entry.path().is_file()).then(|| {
                    let source = Source::File(without_here(entry.path()));
                    Ok(Input::new(source, false))
                })
            }
        })
}
