//! What came of a run: for each input its documents, their images, and the rules that those break.

use std::ops::Range;

use imagereview_core::{Mode, Policy, Review, Violation, decide};

use crate::{
    fix::Fix,
    input::{Lines, Position, Start},
    terminal::{OneLine, print_diagnostic},
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
    pub(crate) diagnostics: Vec<Diagnostic>,
    /// How many documents are of no kind that has images.
    pub(crate) skipped: usize,
    /// What was changed before it was reviewed, if that was asked for.
    pub(crate) fix: Option<Fix>,
}

/// A part of an input that could not be read, or was left out.
#[derive(Debug)]
pub(crate) struct Diagnostic {
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
    /// How many violations there are beside those of the images.
    pub(crate) omitted: usize,
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
        let diagnostic = Diagnostic {
            position: None,
            message,
            is_error: true,
        };
        Self {
            name,
            diagnostics: vec![diagnostic],
            ..Self::default()
        }
    }

    /// An input that holds nothing to review.
    pub(crate) fn skipped(name: String) -> Self {
        Self {
            name,
            skipped: 1,
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
    pub(crate) fn print_diagnostics(&self) {
        for diagnostic in &self.diagnostics {
            let place = self.at(diagnostic.position);
            print_diagnostic(format_args!("{place}: {}", diagnostic.message));
        }
    }

    /// The file and, where it is known, the place in it, for people.
    pub(crate) fn at(&self, position: Option<Position>) -> String {
        let name = OneLine(&self.name);
        match position {
            Some(position) => format!("{name}:{position}"),
            None => name.to_string(),
        }
    }
}

impl ReviewedImage {
    /// Sets where it stands. Quotation marks around it are no part of it.
    pub(crate) fn locate(&mut self, span: Option<Range<usize>>, text: &str, lines: &Lines<'_>) {
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
            omitted: verdict.omitted().map(|(.., count)| count).sum(),
        }
    }
}
