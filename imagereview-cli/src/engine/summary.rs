//! How much was reviewed, and with what outcome.

use std::fmt;

use clap::ValueEnum;
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
    /// Images that may run, and fail a rule that is only audited.
    pub(crate) audited: usize,
    /// Violations that the baseline accepts.
    pub(crate) accepted: usize,
    /// Violations that an exemption covers.
    pub(crate) exempted: usize,
    /// Documents of kinds without images.
    pub(crate) skipped: usize,
    /// What was not reviewed though it may have images: templates, and custom resources that no
    /// policy declares.
    pub(crate) not_reviewed: usize,
    /// What could not be read.
    pub(crate) errors: usize,
}

/// The least of what makes a run end with status 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum FailOn {
    /// An image that is denied
    #[default]
    Deny,
    /// Also a warning
    Warn,
    /// Also a finding that is only audited
    Audit,
}

impl FailOn {
    /// Whether findings of this mode make a run end with status 1.
    pub(crate) fn includes(self, mode: Mode) -> bool {
        match mode {
            Mode::Enforce => true,
            Mode::Warn => self != Self::Deny,
            Mode::Audit => self == Self::Audit,
        }
    }
}

impl Summary {
    /// How the run ends. Where it is strict, what was not reviewed is an error.
    pub(crate) fn outcome(&self, fail_on: FailOn, is_strict: bool) -> ExitStatus {
        let by_mode = [
            (Mode::Enforce, self.denied),
            (Mode::Warn, self.warned),
            (Mode::Audit, self.audited),
        ];
        let mut found = by_mode.into_iter().filter(|(_, images)| *images > 0);
        let outcome = if found.any(|(mode, _)| fail_on.includes(mode)) {
            ExitStatus::Denied
        } else {
            ExitStatus::Allowed
        };
        outcome.max(self.unread(is_strict))
    }

    /// How a run ends that only reads: an error if something could not be read, or, where the run is
    /// strict, was not reviewed.
    pub(crate) fn unread(&self, is_strict: bool) -> ExitStatus {
        if self.errors > 0 || (is_strict && self.not_reviewed > 0) {
            ExitStatus::Error
        } else {
            ExitStatus::Allowed
        }
    }

    /// Counts a file too.
    pub(crate) fn add(&mut self, file: &ReviewedFile) {
        self.files += usize::from(!file.continues());
        self.documents += file.documents.len();
        self.skipped += file.skipped;
        self.errors += file.errors().count();
        for image in file.documents.iter().flat_map(|document| &document.images) {
            self.images += 1;
            self.exempted += image.exempted.len();
            match image.worst() {
                None => {}
                Some(Mode::Enforce) => self.denied += 1,
                Some(Mode::Warn) => self.warned += 1,
                Some(Mode::Audit) => self.audited += 1,
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
            audited,
            accepted,
            exempted,
            skipped,
            not_reviewed,
            errors,
        } = *self;
        let parts = [
            (
                warned,
                format!(", {warned} allowed with a warning"),
                format!(",{warned} 个允许但有警告"),
            ),
            (
                audited,
                format!(", {audited} allowed and audited"),
                format!(",{audited} 个允许但有审计记录"),
            ),
            (
                accepted,
                format!(", {} accepted by the baseline", Count(accepted, "finding")),
                format!(",{accepted} 项已由基线接受"),
            ),
            (
                exempted,
                format!(", {} exempted", Count(exempted, "finding")),
                format!(",豁免 {exempted} 项"),
            ),
            (
                skipped,
                format!("; {} without images skipped", Count(skipped, "document")),
                format!(";略过 {skipped} 个不含镜像的文档"),
            ),
            (
                not_reviewed,
                format!("; {} not reviewed", Count(not_reviewed, "part")),
                format!(";{not_reviewed} 处未审查"),
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
