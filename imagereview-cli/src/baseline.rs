//! `--baseline`: findings that are accepted, so that only new ones count.

use std::{
    collections::BTreeSet,
    fs, io,
    path::{Path, PathBuf},
};

use imagereview_core::Violation;
use serde::{Deserialize, Serialize};

use crate::report::{ReviewedFile, ReviewedImage};

/// Findings that are accepted.
#[derive(Debug, Default)]
pub(crate) struct Baseline {
    accepted: BTreeSet<Finding>,
    /// Those of them that were found again.
    found: BTreeSet<Finding>,
}

/// One rule that one image of one object breaks, wherever in the file it moves to.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
struct Finding {
    file: String,
    object: String,
    image: String,
    rule: String,
}

impl Finding {
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
    accepted: BTreeSet<Finding>,
}

/// A baseline cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BaselineError {
    #[error("can't read the baseline {}: {cause}; --update-baseline writes one", path.display())]
    Read { path: PathBuf, cause: io::Error },
    #[error("the baseline {} is broken: {cause}", path.display())]
    Json {
        path: PathBuf,
        cause: serde_json::Error,
    },
    #[error("there is no baseline to update; name its file with --baseline")]
    NoFile,
    #[error("the format answers is what the webhook answers, and that knows no baseline")]
    Answers,
    #[error("can't write the baseline {}: {cause}", path.display())]
    Write { path: PathBuf, cause: io::Error },
}

impl Baseline {
    pub(crate) fn read(path: &Path) -> Result<Self, BaselineError> {
        let path = path.to_owned();
        let text = match fs::read(&path) {
            Ok(text) => text,
            Err(cause) => return Err(BaselineError::Read { path, cause }),
        };
        match serde_json::from_slice::<BaselineFile>(&text) {
            Ok(BaselineFile { accepted }) => Ok(Self {
                accepted,
                found: BTreeSet::new(),
            }),
            Err(cause) => Err(BaselineError::Json { path, cause }),
        }
    }

    /// Takes out of a file's violations those that are accepted, and says how many.
    pub(crate) fn accept(&mut self, file: &mut ReviewedFile) -> usize {
        let mut count = 0;
        for document in &mut file.documents {
            for image in &mut document.images {
                image.violations.retain(|violation| {
                    let finding =
                        Finding::new(&file.name, &document.title, &image.image, violation);
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

    /// Accepts all that is found in a file.
    pub(crate) fn add(&mut self, file: &ReviewedFile) {
        for document in &file.documents {
            for image in &document.images {
                let findings = image.violations.iter().map(|violation| {
                    Finding::new(&file.name, &document.title, &image.image, violation)
                });
                self.accepted.extend(findings);
            }
        }
    }

    /// How many accepted findings are no more.
    pub(crate) fn gone(&self) -> usize {
        self.accepted.len() - self.found.len()
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
