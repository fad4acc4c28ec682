//! `.imagereview.yaml`: what holds for a project, unless an option says otherwise.

use std::{
    collections::BTreeMap,
    env, fs, io,
    path::{Path, PathBuf},
};

use imagereview_core::Language;
use serde::Deserialize;

use crate::output::FormatArg;

/// The name of the file, which is looked for in the working folder and those above it.
const NAME: &str = ".imagereview.yaml";

/// What holds for a project. Paths begin in the working folder.
#[derive(Debug, Default)]
pub(crate) struct Project {
    pub(crate) policy: Vec<PathBuf>,
    pub(crate) baseline: Option<PathBuf>,
    pub(crate) language: Option<Language>,
    pub(crate) formats: Vec<FormatArg>,
    pub(crate) exclude: Vec<String>,
    pub(crate) variables: BTreeMap<String, String>,
}

/// The file as it is written.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct ProjectFile {
    /// The policy documents. Like the baseline, they are found from the folder of this file.
    policy: Vec<PathBuf>,
    /// The findings that are accepted.
    baseline: Option<PathBuf>,
    /// The language of reasons.
    language: Option<String>,
    /// What is printed, and where.
    format: Vec<String>,
    /// Patterns of files in folders that are not reviewed.
    exclude: Vec<String>,
    /// The values of build arguments and variables.
    set: BTreeMap<String, String>,
}

/// A project file is there and cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ProjectError {
    #[error("can't read {}: {cause}", path.display())]
    Read { path: PathBuf, cause: io::Error },
    #[error("{}: {message}", path.display())]
    Invalid { path: PathBuf, message: String },
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
                Err(error) if error.kind() == io::ErrorKind::NotFound => folder.push(".."),
                Err(cause) => return Err(ProjectError::Read { path, cause }),
            }
        }
        Ok(Self::default())
    }

    /// Reads the text of the file in a folder.
    fn parse(folder: &Path, text: &str) -> Result<Self, String> {
        let options = serde_saphyr::options! { with_snippet: false };
        let file: Option<ProjectFile> = serde_saphyr::from_str_with_options(text, options)
            .map_err(|error| error.to_string())?;
        let file = file.unwrap_or_default();
        let formats = file.format.iter().map(|format| format.parse());
        let language = file.language.as_deref().map(str::parse::<Language>);
        Ok(Self {
            policy: file.policy.iter().map(|path| folder.join(path)).collect(),
            baseline: file.baseline.map(|path| folder.join(path)),
            language: language.transpose().map_err(|error| error.to_string())?,
            formats: formats.collect::<Result<_, String>>()?,
            exclude: file.exclude,
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
                    exclude: ['vendor/**']\nset: {TAG: '1'}\n";
        let project = Project::parse(Path::new(".."), text).unwrap();
        assert_eq!(project.policy, [Path::new("../policy.yaml")]);
        assert_eq!(project.baseline.as_deref(), Some(Path::new("../base.json")));
        assert_eq!(project.language, Some(Language::Chinese));
        assert_eq!(project.formats.len(), 1);
        assert_eq!(project.exclude, ["vendor/**"]);
        assert_eq!(project.variables["TAG"], "1");

        assert!(Project::parse(Path::new(""), "").unwrap().policy.is_empty());
        for (text, says) in [
            ("polcy: [a]", "polcy"),
            ("language: fr", "unknown language \"fr\""),
            ("format: [nonsense]", "there is no such format"),
            ("policy: {", "line 1"),
        ] {
            let error = Project::parse(Path::new(""), text).unwrap_err();
            assert!(error.contains(says), "{text}: {error}");
        }
    }
}
