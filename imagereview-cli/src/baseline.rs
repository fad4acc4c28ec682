//! `--baseline`: findings that are accepted, so that only new ones count.

use std::{
    collections::BTreeSet,
    fs, io,
    path::{Path, PathBuf},
};

use imagereview_core::Violation;
use serde::{Deserialize, Serialize};

use crate::{
    engine::{ReviewedFile, ReviewedImage},
    input::{BUILT, Source, normalized},
};

/// Findings that are accepted.
#[derive(Debug, Default)]
pub(crate) struct Baseline {
    /// The folder of its file, from which the paths of files begin.
    folder: PathBuf,
    accepted: BTreeSet<AcceptedFinding>,
    /// Those of them that were found again.
    found: BTreeSet<AcceptedFinding>,
    /// The files that were reviewed, all of each.
    reviewed: BTreeSet<String>,
}

/// One rule that one image of one object breaks, wherever in the file it moves to.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
struct AcceptedFinding {
    /// The path from the folder of the baseline, so that it is the same wherever the review is run
    /// and however the file is named.
    file: String,
    object: String,
    image: String,
    rule: String,
}

impl AcceptedFinding {
    fn new(file: &str, object: &str, image: &str, violation: &Violation) -> Self {
        Self {
            file: file.to_owned(),
            object: object.to_owned(),
            image: image.to_owned(),
            rule: violation.rule().to_owned(),
        }
    }
}

/// The file of a baseline.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct BaselineFile {
    accepted: BTreeSet<AcceptedFinding>,
}

/// A baseline cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BaselineError {
    #[error("can't read the baseline {}: {cause}; --update-baseline writes one", path.display())]
    Read { path: PathBuf, cause: io::Error },
    #[error(
        "{}:{}:{}: {}; --update-baseline writes the baseline anew",
        path.display(),
        cause.line(),
        cause.column(),
        if cause.is_data() { "this is not a baseline" } else { "this is not JSON" }
    )]
    Json {
        path: PathBuf,
        cause: serde_json::Error,
    },
    #[error("there is no baseline to update; name its file with --baseline")]
    NoFile,
    #[error("can't write the baseline {}: {cause}", path.display())]
    Write { path: PathBuf, cause: io::Error },
}

impl Baseline {
    /// One that accepts nothing yet, for a file at this path.
    pub(crate) fn new(path: &Path) -> Self {
        Self {
            folder: normalized(path.parent().unwrap_or(Path::new(""))),
            ..Self::default()
        }
    }

    pub(crate) fn read(path: &Path) -> Result<Self, BaselineError> {
        let text = match fs::read(path) {
            Ok(text) => text,
            Err(cause) => {
                let path = path.to_owned();
                return Err(BaselineError::Read { path, cause });
            }
        };
        match serde_json::from_slice::<BaselineFile>(&text) {
            Ok(BaselineFile { accepted }) => Ok(Self {
                accepted,
                ..Self::new(path)
            }),
            Err(cause) => Err(BaselineError::Json {
                path: path.to_owned(),
                cause,
            }),
        }
    }

    /// The path of a file from the folder of the baseline.
    fn path_of(&self, file: &str) -> String {
        if file == Source::Stdin.to_string() || file.starts_with(BUILT) {
            return file.to_owned();
        }
        let path = normalized(Path::new(file));
        let mut folder = self.folder.components().peekable();
        let mut steps = path.components().peekable();
        while folder.peek().is_some() && folder.peek() == steps.peek() {
            folder.next();
            steps.next();
        }
        let up = folder.map(|_| "..".to_owned());
        let down = steps.map(|step| step.as_os_str().to_string_lossy().into_owned());
        up.chain(down).collect::<Vec<_>>().join("/")
    }

    /// Takes out of a file's violations those that are accepted, and says how many.
    pub(crate) fn accept(&mut self, file: &mut ReviewedFile) -> usize {
        let mut count = 0;
        let path = self.path_of(&file.name);
        if file.errors().next().is_some() {
            self.reviewed.remove(&path);
        } else if !file.continues() {
            self.reviewed.insert(path.clone());
        }
        for document in &mut file.documents {
            for image in &mut document.images {
                image.violations.retain(|violation| {
                    let finding =
                        AcceptedFinding::new(&path, &document.title, &image.image, violation);
                    let is_accepted = self.accepted.contains(&finding);
                    if is_accepted {
                        count += 1;
                        self.found.insert(finding);
                    }
                    !is_accepted
                });
            }
            document.is_allowed = document.images.iter().all(ReviewedImage::is_allowed);
        }
        count
    }

    /// Accepts what is found in a file, and no more what was found in it before.
    pub(crate) fn add(&mut self, file: &ReviewedFile) {
        let path = self.path_of(&file.name);
        // Of a file that was not read whole, nobody knows what is gone.
        let is_whole = file.errors().next().is_none();
        if is_whole && !file.continues() {
            self.accepted.retain(|finding| finding.file != path);
        }
        for document in &file.documents {
            for image in &document.images {
                let findings = image.violations.iter().map(|violation| {
                    AcceptedFinding::new(&path, &document.title, &image.image, violation)
                });
                self.accepted.extend(findings);
            }
        }
    }

    /// The accepted findings that are no more: of the files that were reviewed, and of those that
    /// are no longer there.
    fn gone(&self) -> impl Iterator<Item = &AcceptedFinding> {
        let gone = self.accepted.difference(&self.found);
        let stdin = Source::Stdin.to_string();
        gone.filter(move |finding| {
            let is_file = finding.file != stdin && !finding.file.starts_with(BUILT);
            self.reviewed.contains(&finding.file)
                || (is_file && !self.folder.join(&finding.file).exists())
        })
    }

    /// What is to be said of the accepted findings that are no more, a line for each.
    pub(crate) fn stale(&self) -> Vec<String> {
        let line = |finding: &AcceptedFinding| {
            let AcceptedFinding {
                file,
                object,
                image,
                rule,
            } = finding;
            format!("{file}: {object}: {image} ({rule})")
        };
        self.gone().map(line).collect()
    }

    /// Takes out the accepted findings that are no more, and says how many.
    pub(crate) fn prune(&mut self) -> usize {
        let gone: Vec<AcceptedFinding> = self.gone().cloned().collect();
        for finding in &gone {
            self.accepted.remove(finding);
        }
        gone.len()
    }

    /// Writes it, sorted, so that a change shows as one.
    pub(crate) fn write(self, path: &Path) -> Result<usize, BaselineError> {
        let count = self.accepted.len();
        let file = BaselineFile {
            accepted: self.accepted,
        };
        let to_error = |cause| BaselineError::Write {
            path: path.to_owned(),
            cause,
        };
        let mut text = serde_json::to_string_pretty(&file).map_err(|e| to_error(e.into()))?;
        text.push('\n');
        fs::write(path, text).map_err(to_error)?;
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_has_one_path_however_it_is_named() {
        for (baseline, file, expected) in [
            ("base.json", "k8s/a.yaml", "k8s/a.yaml"),
            ("base.json", "./k8s//a.yaml", "k8s/a.yaml"),
            ("base.json", "x/../k8s/./a.yaml", "k8s/a.yaml"),
            ("../base.json", "a.yaml", "HERE/a.yaml"),
            ("ci/base.json", "k8s/a.yaml", "../k8s/a.yaml"),
            ("ci/base.json", "ci/a.yaml", "a.yaml"),
            ("base.json", "HERE/a.yaml", "a.yaml"),
            ("base.json", "<stdin>", "<stdin>"),
        ] {
            let here = std::env::current_dir().unwrap();
            let file = file.replace("HERE", here.to_str().unwrap());
            let name = here.file_name().unwrap().to_str().unwrap();
            let expected = expected.replace("HERE", name);
            let found = Baseline::new(Path::new(baseline)).path_of(&file);
            assert_eq!(found, expected, "{file} from {baseline}");
        }
    }
}
