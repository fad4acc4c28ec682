//! `.imagereview.yaml`: what holds for a project, unless an option says otherwise.

use std::{
    collections::BTreeMap,
    env, fs, io,
    path::{Path, PathBuf},
};

use clap::ValueEnum;
use imagereview_core::Language;
use serde::Deserialize;

use crate::{
    engine::FailOn,
    format::FormatArg,
    input::{Position, yaml_error},
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
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
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
    #[error("can't read {}: {cause}", path.display())]
    Read { path: PathBuf, cause: io::Error },
    #[error("{}{message}", path.display())]
    Invalid {
        path: PathBuf,
        /// What is wrong, after the place in the file.
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
            match fs::read_to_string(&path) {
                Ok(text) => {
                    return Self::parse(&folder, &text)
                        .map_err(|message| ProjectError::Invalid { path, message });
                }
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
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

    /// Reads the text of the file in a folder. An error says where it is, and what.
    fn parse(folder: &Path, text: &str) -> Result<Self, String> {
        let options = serde_saphyr::options! { with_snippet: false };
        let file: Option<ProjectFile> = serde_saphyr::from_str_with_options(text, options)
            .map_err(|error| {
                let (position, message) = yaml_error(&error, Position::START);
                format!(":{position}: {message}")
            })?;
        let file = file.unwrap_or_default();
        let formats = file.format.iter().map(|format| format.parse());
        let formats = formats.collect::<Result<_, String>>();
        let language = file.language.as_deref().map(str::parse::<Language>);
        let language = language.transpose();
        let fail_on = file.fail_on.as_deref().map(|name| {
            FailOn::from_str(name, false)
                .map_err(|_| format!(": failOn: unknown value {name:?}; write deny, warn or audit"))
        });
        Ok(Self {
            policy: file.policy.iter().map(|path| folder.join(path)).collect(),
            baseline: file.baseline.map(|path| folder.join(path)),
            language: language.map_err(|error| format!(": language: {error}"))?,
            formats: formats.map_err(|error| format!(": format: {error}"))?,
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
        for (text, says) in [
            ("# why\npolcy: [a]", ":2:1: unknown field `polcy`"),
            ("language: fr", ": language: unknown language \"fr\""),
            ("format: nonsense", ": format: unknown format \"nonsense\""),
            (
                "failOn: never",
                ": failOn: unknown value \"never\"; write deny,",
            ),
            ("policy: {", ":1:"),
            (
                "set: {}\npolicy:\n",
                ": invalid type: unit value, expected a text or a list of texts",
            ),
            (
                "set: {}\nexclude: 5",
                ":2:1: invalid type: integer `5`, expected a text or a list of texts",
            ),
        ] {
            let error = Project::parse(Path::new(""), text).unwrap_err();
            assert!(error.contains(says), "{text}: {error}");
        }
    }
}
