//! How much was reviewed, and with what outcome.

use std::fmt;

use imagereview_core::{Language, Message, Mode};

use super::reviewed::ReviewedFile;
use crate::exit_status::ExitStatus;

/// How much was reviewed, and with what outcome.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Summary {
    pub(crate) files: usize,
    pub(crate) documents: usize,
    pub(crate) images: usize,
    /// Images that may not run.
    pub(crate) denied: usize,
    /// Images that may run, with a warning.
    pub(crate) warned: usize,
    /// Violations that the baseline accepts.
    pub(crate) accepted: usize,
    /// Documents of kinds without images.
    pub(crate) skipped: usize,
    /// What could not be read.
    pub(crate) errors: usize,
}

impl Summary {
    /// How the run ends.
    pub(crate) fn outcome(&self) -> ExitStatus {
        if self.errors > 0 {
            ExitStatus::Error
        } else if self.denied > 0 {
            ExitStatus::Denied
        } else {
            ExitStatus::Allowed
        }
    }

    /// Counts a file too.
    pub(crate) fn add(&mut self, file: &ReviewedFile) {
        self.files += usize::from(!file.continues());
        self.documents += file.documents.len();
        self.skipped += file.skipped;
        self.errors += file
            .diagnostics
            .iter()
            .filter(|diagnostic| diagnostic.is_error)
            .count();
        for image in file.documents.iter().flat_map(|document| &document.images) {
            self.images += 1;
            if !image.is_allowed() {
                self.denied += 1;
            } else if image
                .violations
                .iter()
                .any(|violation| violation.mode() == Mode::Warn)
            {
                self.warned += 1;
            }
        }
    }
}

/// A number of things, in words.
pub(crate) struct Count(pub(crate) usize, pub(crate) &'static str);

impl fmt::Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(number, thing) = self;
        let ending = if *number == 1 { "" } else { "s" };
        write!(f, "{number} {thing}{ending}")
    }
}

impl Summary {
    /// One sentence for people.
    pub(crate) fn text(&self, language: Language) -> String {
        let Self {
            files,
            documents,
            images,
            denied,
            warned,
            accepted,
            skipped,
            errors,
        } = *self;
        let parts = [
            (
                warned,
                format!(", {warned} allowed with a warning"),
                format!(",{warned} 个允许但有警告"),
            ),
            (
                accepted,
                format!(", {} accepted by the baseline", Count(accepted, "finding")),
                format!(",{accepted} 项已由基线接受"),
            ),
            (
                skipped,
                format!("; {} without images skipped", Count(skipped, "document")),
                format!(";略过 {skipped} 个不含镜像的文档"),
            ),
            (
                errors,
                format!("; {} not read", Count(errors, "part")),
                format!(";{errors} 处未能读取"),
            ),
        ];
        let mut english = format!(
            "{} in {} of {}: {denied} denied",
            Count(images, "image"),
            Count(documents, "document"),
            Count(files, "file"),
        );
        let mut chinese =
            format!("{files} 个文件的 {documents} 个文档中有 {images} 个镜像:拒绝 {denied} 个");
        for (_, in_english, in_chinese) in parts.iter().filter(|(count, ..)| *count > 0) {
            english += in_english;
            chinese += in_chinese;
        }
        let message = Message::from(english).with(Language::Chinese, chinese);
        message.text(language).to_owned()
    }
}
