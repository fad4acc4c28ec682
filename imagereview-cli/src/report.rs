//! What came of a run: for each input its documents, their images, and the rules that those break.

use std::{fmt, ops::Range};

use imagereview_core::{Language, Message, Mode, Policy, Review, Violation, decide};

use crate::{
    fix::Fix,
    input::{Lines, Position, Start},
    outcome::Outcome,
    output::{self, OneLine},
};

/// What came of one input, or of a part of it: a long one comes in several parts, one after another.
#[derive(Debug, Default)]
pub(crate) struct ReviewedFile {
    /// The file as people name it, with `/` between folders.
    pub(crate) name: String,
    /// Its text, if something in it is to be shown.
    pub(crate) text: String,
    /// Where the text begins in the input.
    pub(crate) start: Start,
    pub(crate) documents: Vec<ReviewedDocument>,
    /// What could not be read.
    pub(crate) problems: Vec<Problem>,
    /// How many documents are of no kind that has images.
    pub(crate) passed_over: usize,
    /// What was changed before it was reviewed, if that was asked for.
    pub(crate) fix: Option<Fix>,
}

/// A part of an input that could not be read, or was left out.
#[derive(Debug)]
pub(crate) struct Problem {
    pub(crate) position: Option<Position>,
    pub(crate) message: String,
    /// Whether it is meant to be reviewed, so that the run has failed.
    pub(crate) is_error: bool,
}

/// What came of one document.
#[derive(Debug)]
pub(crate) struct ReviewedDocument {
    /// What it is: kind, namespace and name.
    pub(crate) title: String,
    pub(crate) namespace: Option<String>,
    pub(crate) is_allowed: bool,
    /// Its images, in their order.
    pub(crate) images: Vec<ReviewedImage>,
}

/// One image, and the rules that it breaks.
#[derive(Debug)]
pub(crate) struct ReviewedImage {
    pub(crate) image: String,
    /// The JSON path.
    pub(crate) path: String,
    pub(crate) container: Option<String>,
    /// Where it stands in the text, in bytes.
    pub(crate) span: Option<Range<usize>>,
    pub(crate) position: Option<Position>,
    /// How many columns it has in the text, if it stands on one line.
    pub(crate) columns: Option<usize>,
    pub(crate) violations: Vec<Violation>,
}

impl ReviewedFile {
    /// An input that could not be read at all.
    pub(crate) fn unreadable(name: String, message: String) -> Self {
        let problem = Problem {
            position: None,
            message,
            is_error: true,
        };
        Self {
            name,
            problems: vec![problem],
            ..Self::default()
        }
    }

    /// An input that holds nothing to review.
    pub(crate) fn passed_over(name: String) -> Self {
        Self {
            name,
            passed_over: 1,
            ..Self::default()
        }
    }

    /// Whether a part of the same input came before.
    pub(crate) fn continues(&self) -> bool {
        self.start.offset > 0
    }

    /// Whether some image breaks a rule, so that its lines may be shown.
    pub(crate) fn has_violations(&self) -> bool {
        let mut images = self.documents.iter().flat_map(|document| &document.images);
        images.any(|image| !image.violations.is_empty())
    }

    /// Tells on standard error what could not be read.
    pub(crate) fn report_problems(&self) {
        for problem in &self.problems {
            let place = self.place(problem.position);
            output::report(format_args!("{place}: {}", problem.message));
        }
    }

    /// The file and, where it is known, the place in it, for people.
    pub(crate) fn place(&self, position: Option<Position>) -> String {
        let name = OneLine(&self.name);
        match position {
            Some(position) => format!("{name}:{position}"),
            None => name.to_string(),
        }
    }
}

impl ReviewedImage {
    /// Sets where it stands. Quotation marks around it are no part of it.
    pub(crate) fn place_at(&mut self, span: Option<Range<usize>>, text: &str, lines: &Lines<'_>) {
        let quote = ['"', '\''];
        self.span = span.map(|span| {
            let written = text.get(span.clone()).unwrap_or_default();
            let inner = written
                .strip_prefix(quote)
                .and_then(|rest| rest.strip_suffix(quote));
            if inner == Some(&*self.image) {
                span.start + 1..span.end - 1
            } else {
                // A block of text ends where the next value begins.
                span.start..span.start + written.trim_end().len()
            }
        });
        self.position = self.span.as_ref().map(|span| lines.position(span.start));
        let written = self.span.clone().and_then(|span| text.get(span));
        self.columns = written
            .filter(|written| !written.is_empty() && !written.contains('\n'))
            .map(|written| written.chars().count());
    }

    /// Whether it may run.
    pub(crate) fn is_allowed(&self) -> bool {
        self.denials().next().is_none()
    }

    /// The violations for which it may not run.
    pub(crate) fn denials(&self) -> impl Iterator<Item = &Violation> {
        let violations = self.violations.iter();
        violations.filter(|violation| violation.mode() == Mode::Enforce)
    }
}

impl ReviewedDocument {
    /// Decides a review. Where its images stand in the text is not known yet.
    pub(crate) fn decide(title: String, policy: &dyn Policy, review: &Review<'_>) -> Self {
        let verdict = decide(policy, review);
        let readable = review.images().iter().map(|image| {
            (
                image.position(),
                image.reference().as_written(),
                image.location(),
            )
        });
        let unreadable = review
            .unreadable_images()
            .iter()
            .map(|image| (image.position(), image.as_written(), image.location()));
        let mut images: Vec<_> = readable.chain(unreadable).collect();
        images.sort_by_key(|(position, ..)| *position);
        // They are in the order of the images.
        let mut violations = verdict.violations().iter().cloned().peekable();
        let mut images: Vec<_> = images
            .into_iter()
            .map(|(position, image, place)| ReviewedImage {
                image: image.to_owned(),
                path: place.path().to_string(),
                container: place.container().map(str::to_owned),
                span: None,
                position: None,
                columns: None,
                violations: std::iter::from_fn(|| {
                    violations
                        .next_if(|violation| violation.position().is_some_and(|it| it <= position))
                })
                .collect(),
            })
            .collect();
        // Where the images of an object cannot be known, it breaks a rule without one.
        images.extend(violations.map(|violation| {
            let path = violation.location().path().to_string();
            ReviewedImage {
                image: violation.image().unwrap_or_default().to_owned(),
                path,
                container: None,
                span: None,
                position: None,
                columns: None,
                violations: vec![violation],
            }
        }));
        Self {
            title,
            namespace: review.namespace().map(str::to_owned),
            is_allowed: verdict.is_allowed(),
            images,
        }
    }
}

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
    pub(crate) passed_over: usize,
    /// What could not be read.
    pub(crate) errors: usize,
}

impl Summary {
    /// How the run ends.
    pub(crate) fn outcome(&self) -> Outcome {
        if self.errors > 0 {
            Outcome::Error
        } else if self.denied > 0 {
            Outcome::Denied
        } else {
            Outcome::Allowed
        }
    }

    /// Counts a file too.
    pub(crate) fn add(&mut self, file: &ReviewedFile) {
        self.files += usize::from(!file.continues());
        self.documents += file.documents.len();
        self.passed_over += file.passed_over;
        self.errors += file
            .problems
            .iter()
            .filter(|problem| problem.is_error)
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
            passed_over,
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
                passed_over,
                format!(
                    "; {} without images passed over",
                    Count(passed_over, "document")
                ),
                format!(";略过 {passed_over} 个不含镜像的文档"),
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
