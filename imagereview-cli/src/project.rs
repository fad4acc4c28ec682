//! `.imagereview.yaml`: what holds for a project, unless an option says otherwise.

use std::{
    collections::BTreeMap,
    env, io,
    path::{Path, PathBuf},
};

use clap::ValueEnum;
use imagereview_core::Language;
use serde::Deserialize;

use crate::{
    engine::FailOn,
    format::FormatArg,
    input::{Lines, Position, TextError, from_yaml_file, locate, read_text},
    one_or_many::one_or_many,
};

/// The name of the file, which is looked for in the working folder and those above it.
const NAME: &str = ".imagereview.yaml";

/// What people may call it too. It is not read, and that is not to go unnoticed.
const OTHER_NAME: &str = ".imagereview.yml";

/// What holds for a project. Paths begin in the working folder.
#[derive(Debug, Default)]
pub(crate) struct Project {
    pub(crate) policy: Vec<PathBuf>,
    pub(crate) baseline: Option<PathBuf>,
    pub(crate) language: Option<Language>,
    pub(crate) formats: Vec<FormatArg>,
    pub(crate) exclude: Vec<String>,
    pub(crate) gitignore: bool,
    pub(crate) strict: bool,
    pub(crate) fail_on: Option<FailOn>,
    pub(crate) variables: BTreeMap<String, String>,
}

/// The file as it is written.
#[derive(Debug, Default, Deserialize)]
#[serde(
    default,
    deny_unknown_fields,
    rename_all = "camelCase",
    expecting = "a mapping (name: value)"
)]
struct ProjectFile {
    /// The policy documents. Like the baseline, they are found from the folder of this file.
    #[serde(deserialize_with = "one_or_many")]
    policy: Vec<PathBuf>,
    /// The findings that are accepted.
    baseline: Option<PathBuf>,
    /// The language of reasons.
    language: Option<String>,
    /// What is printed, and where.
    #[serde(deserialize_with = "one_or_many")]
    format: Vec<String>,
    /// Patterns of files in folders that are not reviewed.
    #[serde(deserialize_with = "one_or_many")]
    exclude: Vec<String>,
    /// Whether a `.gitignore` in a folder leaves files out.
    gitignore: bool,
    /// Whether anything that was not reviewed is an error.
    strict: bool,
    /// What makes the status 1.
    fail_on: Option<String>,
    /// The values of build arguments and variables.
    set: BTreeMap<String, String>,
}

/// A project file is there and cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ProjectError {
    #[error("{} is not read; name it {NAME}", _0.display())]
    Name(PathBuf),
    #[error("{}: {cause}", path.display())]
    Read { path: PathBuf, cause: TextError },
    #[error("{}:{position}: {message}", path.display())]
    Invalid {
        path: PathBuf,
        position: Position,
        message: String,
    },
}

impl Project {
    /// The project file of the working folder, or of the nearest folder above it that has one.
    pub(crate) fn find() -> Result<Self, ProjectError> {
        let depth = env::current_dir().map_or(0, |folder| folder.ancestors().count());
        let mut folder = PathBuf::new();
        for _ in 0..depth.max(1) {
            let path = folder.join(NAME);
            match read_text(&path) {
                Ok(text) => {
                    return Self::parse(&folder, &text).map_err(|(position, message)| {
                        ProjectError::Invalid {
                            path,
                            position,
                            message,
                        }
                    });
                }
                Err(TextError::Read(error)) if error.kind() == io::ErrorKind::NotFound => {
                    let other = folder.join(OTHER_NAME);
                    if other.exists() {
                        return Err(ProjectError::Name(other));
                    }
                    folder.push("..");
                }
                Err(cause) => return Err(ProjectError::Read { path, cause }),
            }
        }
        Ok(Self::default())
    }

    /// Reads the text of the file in a folder.
    fn parse(folder: &Path, text: &str) -> Result<Self, (Position, String)> {
        let file: Option<ProjectFile> = from_yaml_file(text)?;
        let file = file.unwrap_or_default();
        let wrong = |path: &str, error: String| {
            let start = locate(text, [path])
                .remove(path)
                .map_or(0, |span| span.start);
            let position = Lines::new(text, Position::START).position(start);
            (position, format!("{path}: {error}"))
        };
        let language = file.language.as_deref().map(str::parse::<Language>);
        let language = language.transpose();
        let language = language.map_err(|error| wrong("language", error.to_string()))?;
        let mut formats = Vec::with_capacity(file.format.len());
        for (index, format) in file.format.iter().enumerate() {
            let format = format.parse();
            formats.push(format.map_err(|error| wrong(&format!("format[{index}]"), error))?);
        }
        let fail_on = file.fail_on.as_deref().map(|name| {
            FailOn::from_str(name, false).map_err(|_| {
                let message = format!("unknown value {name:?}; write deny, warn or audit");
                wrong("failOn", message)
            })
        });
        Ok(Self {
            policy: file.policy.iter().map(|path| folder.join(path)).collect(),
            baseline: file.baseline.map(|path| folder.join(path)),
            language,
            formats,
            exclude: file.exclude,
            gitignore: file.gitignore,
            strict: file.strict,
            fail_on: fail_on.transpose()?,
            variables: file.set,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_project_file_is_read_whole_or_refused() {
        let text = "policy: [policy.yaml]\nbaseline: base.json\nlanguage: zh\nformat: [table]\n\
                    exclude: ['vendor/**']\nset: {TAG: '1'}\nstrict: true\nfailOn: warn\n";
        let project = Project::parse(Path::new(".."), text).unwrap();
        assert_eq!(project.policy, [Path::new("../policy.yaml")]);
        assert_eq!(project.baseline.as_deref(), Some(Path::new("../base.json")));
        assert_eq!(project.language, Some(Language::Chinese));
        assert_eq!(project.formats.len(), 1);
        assert_eq!(project.exclude, ["vendor/**"]);
        assert_eq!(project.variables["TAG"], "1");
        assert!(project.strict);
        assert_eq!(project.fail_on, Some(FailOn::Warn));

        assert!(Project::parse(Path::new(""), "").unwrap().policy.is_empty());
        let text = "policy: policy.yaml\nexclude: vendor\nformat: sarif=out.sarif\n";
        let project = Project::parse(Path::new(""), text).unwrap();
        assert_eq!(project.policy, [Path::new("policy.yaml")]);
        assert_eq!(project.exclude, ["vendor"]);
        assert_eq!(project.formats.len(), 1);
        for (text, expected) in [
            (
                "# why\npolcy: [a]",
                "2:1: unknown field \"polcy\"; did you mean \"policy\"?; the fields are policy, baseline, \
                 language, format, exclude, gitignore, strict, failOn, set",
            ),
            ("language: fr", "1:11: language: unknown language \"fr\""),
            (
                "format: nonsense",
                "1:9: format[0]: unknown format \"nonsense\"",
            ),
            (
                "format:\n- json\n- sarf",
                "3:3: format[1]: unknown format \"sarf\"",
            ),
            (
                "failOn: never",
                "1:9: failOn: unknown value \"never\"; write deny, warn or audit",
            ),
            (
                "policy: {",
                "1:9: policy: expected a text or a list of texts, found a mapping",
            ),
            (
                "set: {",
                "1:6: set: this is not valid YAML: unclosed bracket '{'",
            ),
            (
                "set: {a: 'b",
                "1:10: set: this is not valid YAML: unclosed quote",
            ),
            ("set: b: c", "1:6: set: expected a mapping (name: value)"),
            (
                "set: {}\npolicy:\n",
                "2:7: policy: expected a text or a list of texts, found nothing",
            ),
            (
                "set: {}\nexclude: 5",
                "2:10: exclude: expected a text or a list of texts, found the number 5",
            ),
            ("exclude: [a, [b]]", "1:14: exclude[1]: expected a string"),
            ("gitignore: perhaps", "1:12: gitignore: expected "),
            (
                "gitignore: 18446744073709551616",
                "1:12: gitignore: expected ",
            ),
            ("set: [a]", "1:6: set: expected a mapping"),
            ("- a", "1:1: expected a mapping (name: value)"),
            (
                "set: {}\nset: {}",
                "2:1: the field \"set\" appears twice; delete one",
            ),
            (
                "set: {a: '1', a: '2'}",
                "1:15: set: the field \"a\" appears twice; delete one",
            ),
            ("baseline: *x", "1:11: this alias has no anchor before it"),
            (
                "set: {}\n---\nset: {}",
                "3:1: a second document begins here; this file has only one",
            ),
        ] {
            let error = Project::parse(Path::new(""), text).unwrap_err();
            let error = format!("{}: {}", error.0, error.1);
            assert!(error.starts_with(expected), "{text}: {error}");
        }
    }
}
