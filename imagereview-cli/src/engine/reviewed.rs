//! What came of a run: for each input its documents, their images, and the rules that those break.

use std::ops::Range;

use imagereview_core::{ContainerKind, Exempted, Mode, Policy, Review, Violation, decide};

use crate::{
    fix::Fix,
    input::{Lines, Position, Start},
    terminal::{OneLine, print_diagnostic},
};

/// The most violations that are kept of one document: what a report can have, and memory for a few hundred
/// megabytes at the worst.
pub(super) const VIOLATIONS_LIMIT: usize = 100_000;

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

/// A part of an input that could not be read, or was omitted.
#[derive(Clone, Debug)]
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
    /// The template that it was rendered from, where the renderer says so.
    pub(crate) template: Option<String>,
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
    /// The name of its container, or of the volume that it is mounted as.
    pub(crate) container: Option<String>,
    pub(crate) kind: ContainerKind,
    /// Where it is in the text, in bytes.
    pub(crate) span: Option<Range<usize>>,
    pub(crate) position: Option<Position>,
    /// How many columns it has in the text, if it is on one line.
    pub(crate) columns: Option<usize>,
    pub(crate) violations: Vec<Violation>,
    /// The exemptions that cover rules which it fails.
    pub(crate) exempted: Vec<UsedExemption>,
}

/// An exemption that covered a rule for some image.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
pub(crate) struct UsedExemption {
    pub(crate) exemption: String,
    pub(crate) rule: String,
    pub(crate) reason: String,
}

impl From<&Exempted> for UsedExemption {
    fn from(exempted: &Exempted) -> Self {
        Self {
            exemption: exempted.exemption().to_owned(),
            rule: exempted.violation().rule().to_owned(),
            reason: exempted.reason().to_owned(),
        }
    }
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

    /// What could not be read. What else was not reviewed is reported for the whole run.
    pub(crate) fn errors(&self) -> impl Iterator<Item = &Diagnostic> {
        let diagnostics = self.diagnostics.iter();
        diagnostics.filter(|diagnostic| diagnostic.is_error)
    }

    /// Tells on standard error what could not be read.
    pub(crate) fn print_errors(&self) {
        for diagnostic in self.errors() {
            let place = self.at(diagnostic.position);
            print_diagnostic(format_args!("{place}: {}", diagnostic.message));
        }
    }

    /// The file and, where it is known, the place in it, for people.
    pub(crate) fn at(&self, position: Option<Position>) -> String {
        at(&self.name, position)
    }

    /// The place of an image for people: the template of its document, if that is known, and the
    /// place in what was read.
    pub(crate) fn place(&self, document: &ReviewedDocument, image: &ReviewedImage) -> String {
        let place = self.at(image.position);
        match &document.template {
            Some(template) => format!("{} ({place})", OneLine(template)),
            None => place,
        }
    }

    /// The file of a finding, and its position there: that of the template of its document is not
    /// known.
    pub(crate) fn file_of<'f>(
        &'f self,
        document: &'f ReviewedDocument,
        image: &ReviewedImage,
    ) -> (&'f str, Option<Position>) {
        match &document.template {
            Some(template) => (template, None),
            None => (&self.name, image.position),
        }
    }
}

/// A file and, where it is known, the place in it, for people.
pub(crate) fn at(file: &str, position: Option<Position>) -> String {
    let name = OneLine(file);
    match position {
        Some(position) => format!("{name}:{position}"),
        None => name.to_string(),
    }
}

impl ReviewedImage {
    /// Sets where it is. Quotation marks around it are no part of it.
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

    /// Whether it is mounted and not run.
    pub(crate) fn is_volume(&self) -> bool {
        self.kind == ContainerKind::Volume
    }

    /// The mode of the gravest rule that it fails.
    pub(crate) fn worst(&self) -> Option<Mode> {
        let modes = self.violations.iter().map(Violation::mode);
        modes.min_by_key(|mode| match mode {
            Mode::Enforce => 0,
            Mode::Warn => 1,
            Mode::Audit => 2,
        })
    }

    /// The violations for which it may not run.
    pub(crate) fn denials(&self) -> impl Iterator<Item = &Violation> {
        let violations = self.violations.iter();
        violations.filter(|violation| violation.mode() == Mode::Enforce)
    }
}

impl ReviewedDocument {
    /// Decides a review. Where its images are in the text is not known yet.
    pub(crate) fn decide(title: String, policy: &dyn Policy, review: &Review<'_>) -> Self {
        let review = &review.clone().with_violations_limit(VIOLATIONS_LIMIT);
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
        // Those of images are in their order.
        let (of_images, of_object): (Vec<_>, Vec<_>) = verdict
            .violations()
            .iter()
            .cloned()
            .partition(|violation| violation.position().is_some());
        let mut violations = of_images.into_iter().peekable();
        let exempted = verdict.exempted().iter();
        let mut exempted = exempted
            .filter(|exempted| exempted.violation().position().is_some())
            .peekable();
        let mut images: Vec<_> = images
            .into_iter()
            .map(|(position, image, place)| ReviewedImage {
                image: image.to_owned(),
                path: place.path().to_string(),
                container: place.container().map(str::to_owned),
                kind: place.kind(),
                span: None,
                position: None,
                columns: None,
                violations: std::iter::from_fn(|| {
                    violations
                        .next_if(|violation| violation.position().is_some_and(|it| it <= position))
                })
                .collect(),
                exempted: std::iter::from_fn(|| {
                    exempted.next_if(|exempted| {
                        let at = exempted.violation().position();
                        at.is_some_and(|it| it <= position)
                    })
                })
                .map(UsedExemption::from)
                .collect(),
            })
            .collect();
        // Where the images of an object cannot be known, it breaks a rule without one.
        images.extend(violations.chain(of_object).map(|violation| {
            let path = violation.location().path().to_string();
            ReviewedImage {
                image: violation.image().unwrap_or_default().to_owned(),
                path,
                container: None,
                kind: ContainerKind::Unknown,
                span: None,
                position: None,
                columns: None,
                violations: vec![violation],
                exempted: Vec::new(),
            }
        }));
        Self {
            title,
            template: None,
            namespace: review.namespace().map(str::to_owned),
            is_allowed: verdict.is_allowed(),
            images,
            omitted: verdict.omitted().map(|(.., count)| count).sum(),
        }
    }
}
