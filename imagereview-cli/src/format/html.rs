//! One page that needs nothing else: what is denied and why, and which images are used where.

use std::{
    cmp::Reverse,
    collections::BTreeMap,
    io::{self, Write},
    ops::Range,
};

use askama::Template;
use imagereview_core::{ImageRef, Language, Message, Mode, Violation};

use super::{label, report::Report};
use crate::terminal::OneLine;
use crate::{
    engine::{ReviewedDocument, ReviewedFile, ReviewedImage, Run, Summary, at},
    input::around,
};

/// How many findings of one rule are listed, and how much could not be read. All are counted.
const FINDINGS: usize = 1000;

/// How many uses of one image are listed. All are counted.
const USES: usize = 100;

/// How many images are so many that a browser is slow to lay them out at once.
const MANY: usize = 1000;

/// How many bytes before and behind an image are shown of its line.
const CONTEXT: usize = 160;

pub(super) struct Html {
    language: Language,
    rules: BTreeMap<String, Listed<Finding>>,
    registries: BTreeMap<String, Registry>,
    diagnostics: Listed<String>,
}

/// Things that are counted, and as many of them as are listed.
struct Listed<T> {
    count: usize,
    /// How many of them deny an image.
    denied: usize,
    entries: Vec<T>,
}

/// The repositories of a registry by name, and their images by tag and digest as written.
#[derive(Default)]
struct Registry {
    repositories: BTreeMap<String, BTreeMap<String, Listed<Use>>>,
    count: usize,
    denied: usize,
}

/// One image that breaks the rule it is under.
struct Finding {
    state: State,
    image: String,
    reason: String,
    remedy: String,
    object: String,
    place: String,
    path: String,
    /// The line that the image is in: before, the image, and after.
    line: Option<(String, String, String)>,
}

/// One use of an image.
struct Use {
    state: State,
    object: String,
    place: String,
    path: String,
}

/// What becomes of an image, as the filter knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Denied,
    Warned,
    Noted,
    Allowed,
}

#[derive(Template)]
#[template(path = "report.html")]
struct Page<'a> {
    language: Language,
    version: &'a str,
    summary: &'a Summary,
    rules: &'a BTreeMap<String, Listed<Finding>>,
    registries: &'a BTreeMap<String, Registry>,
    diagnostics: &'a Listed<String>,
    /// The exemptions that were used.
    exemptions: Vec<String>,
}

impl<T> Default for Listed<T> {
    fn default() -> Self {
        Self {
            count: 0,
            denied: 0,
            entries: Vec::new(),
        }
    }
}

impl<T> Listed<T> {
    /// Counts one, and lists it while fewer than `most` are.
    fn add(&mut self, is_denied: bool, most: usize, entry: impl FnOnce() -> T) {
        self.count += 1;
        self.denied += usize::from(is_denied);
        if self.entries.len() < most {
            self.entries.push(entry());
        }
    }

    fn left_out(&self) -> usize {
        self.count - self.entries.len()
    }
}

impl State {
    fn of_violation(violation: &Violation) -> Self {
        match violation.mode() {
            Mode::Enforce => Self::Denied,
            Mode::Warn => Self::Warned,
            Mode::Audit => Self::Noted,
        }
    }

    fn of_image(image: &ReviewedImage) -> Self {
        let violations = image.violations.iter();
        violations
            .map(Self::of_violation)
            .fold(Self::Allowed, |worst, state| {
                if (state as u8) < worst as u8 {
                    state
                } else {
                    worst
                }
            })
    }

    /// The name that the page's style and filter know it by.
    fn class(self) -> &'static str {
        match self {
            Self::Denied => "denied",
            Self::Warned => "warned",
            Self::Noted => "noted",
            Self::Allowed => "allowed",
        }
    }

    fn word(self) -> &'static Message {
        match self {
            Self::Denied => label::consequence(Mode::Enforce),
            Self::Warned => label::consequence(Mode::Warn),
            Self::Noted => label::consequence(Mode::Audit),
            Self::Allowed => &label::ALLOWED,
        }
    }
}

impl Html {
    pub(super) fn new(language: Language) -> Self {
        Self {
            language,
            rules: BTreeMap::new(),
            registries: BTreeMap::new(),
            diagnostics: Listed::default(),
        }
    }

    fn add_finding(
        &mut self,
        file: &ReviewedFile,
        document: &ReviewedDocument,
        image: &ReviewedImage,
        violation: &Violation,
    ) {
        let language = self.language;
        let state = State::of_violation(violation);
        let rule = self.rules.entry(violation.rule().to_owned()).or_default();
        rule.add(state == State::Denied, FINDINGS, || Finding {
            state,
            image: OneLine(&image.image).to_string(),
            reason: violation.reason().text(language).to_owned(),
            remedy: violation
                .remedy()
                .map(|remedy| remedy.text(language).to_owned())
                .unwrap_or_default(),
            object: object(document, image, language),
            place: file.place(document, image),
            path: OneLine(&image.path).to_string(),
            line: image.span.as_ref().and_then(|span| line(&file.text, span)),
        });
    }

    fn add_use(&mut self, file: &ReviewedFile, document: &ReviewedDocument, image: &ReviewedImage) {
        let (name, repository, version) = parts(&image.image);
        let registry = self.registries.entry(name).or_default();
        let state = State::of_image(image);
        let is_denied = state == State::Denied;
        registry.count += 1;
        registry.denied += usize::from(is_denied);
        let versions = registry.repositories.entry(repository).or_default();
        let uses = versions.entry(version).or_default();
        uses.add(is_denied, USES, || Use {
            state,
            object: object(document, image, self.language),
            place: file.place(document, image),
            path: OneLine(&image.path).to_string(),
        });
    }
}

/// The object of an image, and the container if it has a name.
fn object(document: &ReviewedDocument, image: &ReviewedImage, language: Language) -> String {
    let title = OneLine(&document.title).to_string();
    match &image.container {
        None => title,
        Some(_) => label::part_of(&label::part(image, language), &title, language),
    }
}

/// What is shown of the line that an image is in.
fn line(text: &str, span: &Range<usize>) -> Option<(String, String, String)> {
    let line_start = text[..span.start].rfind('\n').map_or(0, |at| at + 1);
    let line_end = text[span.end..]
        .find('\n')
        .map_or(text.len(), |at| span.end + at);
    let Range { start, end } = around(text, span, CONTEXT);
    let (cut_start, cut_end) = (start > line_start, end < line_end);
    let before = text.get(start.max(line_start)..span.start)?.trim_start();
    let after = text.get(span.end..end.min(line_end))?.trim_end();
    let ellipsis = |is_cut| if is_cut { "…" } else { "" };
    // What would turn the direction of writing would do so in the whole line.
    let shown = |text: &str| {
        let lines: Vec<String> = text
            .lines()
            .map(|line| OneLine(&line.replace('\t', " ")).to_string())
            .collect();
        lines.join("\n")
    };
    Some((
        format!("{}{}", ellipsis(cut_start), shown(before)),
        shown(text.get(span.clone())?),
        format!("{}{}", shown(after), ellipsis(cut_end)),
    ))
}

/// The registry, the repository, and the tag and digest as written. What cannot be read is
/// under no registry.
fn parts(image: &str) -> (String, String, String) {
    let Ok(reference) = ImageRef::parse(image) else {
        return (String::new(), OneLine(image).to_string(), String::new());
    };
    let tag = reference.tag().map(|tag| format!(":{tag}"));
    let digest = reference.digest().map(|digest| format!("@{digest}"));
    (
        reference.registry().to_owned(),
        reference.repository().to_string(),
        tag.unwrap_or_default() + &digest.unwrap_or_default(),
    )
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "templates pass references"
)]
impl Page<'_> {
    /// The text of the page in its language.
    fn say(&self, english: &'static str, chinese: &'static str) -> String {
        Message::new(english, chinese)
            .text(self.language)
            .to_owned()
    }

    fn word(&self, state: &State) -> &str {
        state.word().text(self.language)
    }

    /// The rules, those with most findings first.
    fn rules_by_count(&self) -> Vec<(&String, &Listed<Finding>)> {
        let mut rules: Vec<_> = self.rules.iter().collect();
        rules.sort_by_key(|(_, findings)| Reverse(findings.count));
        rules
    }

    /// The registries, those with most images first.
    fn registries_by_count(&self) -> Vec<(&String, &Registry)> {
        let mut registries: Vec<_> = self.registries.iter().collect();
        registries.sort_by_key(|(_, registry)| Reverse(registry.count));
        registries
    }

    /// A number with a comma before each three digits.
    fn grouped(number: &usize) -> String {
        let digits = number.to_string();
        let mut grouped = String::with_capacity(digits.len() + digits.len() / 3);
        for (at, digit) in digits.chars().enumerate() {
            if at > 0 && (digits.len() - at).is_multiple_of(3) {
                grouped.push(',');
            }
            grouped.push(digit);
        }
        grouped
    }

    /// What part of a whole is, in percent.
    fn percent(part: &usize, whole: &usize) -> usize {
        (100 * part).div_ceil((*whole).max(1))
    }

    /// How many images are in the registry, or under the rule, with most.
    fn most(counts: impl Iterator<Item = usize>) -> usize {
        counts.max().unwrap_or_default()
    }

    fn most_findings(&self) -> usize {
        Self::most(self.rules.values().map(|rule| rule.count))
    }

    fn most_uses(&self) -> usize {
        Self::most(self.registries.values().map(|registry| registry.count))
    }

    /// Images that may run and break no rule that warns.
    fn allowed(&self) -> usize {
        self.summary.images - self.summary.denied - self.summary.warned
    }
}

impl Report for Html {
    fn add(&mut self, file: &ReviewedFile, _: &mut dyn Write) -> io::Result<()> {
        for document in &file.documents {
            for image in &document.images {
                for violation in &image.violations {
                    self.add_finding(file, document, image, violation);
                }
                self.add_use(file, document, image);
            }
        }
        for diagnostic in file.errors() {
            let place = file.at(diagnostic.position);
            self.diagnostics.add(diagnostic.is_error, FINDINGS, || {
                format!("{place}: {}", diagnostic.message)
            });
        }
        Ok(())
    }

    fn finish(&mut self, run: &Run, out: &mut dyn Write) -> io::Result<()> {
        for notice in run.unreviewed.notices() {
            let place = at(&notice.file, notice.first.position);
            self.diagnostics
                .add(false, FINDINGS, || format!("{place}: {notice}"));
        }
        let page = Page {
            language: self.language,
            version: env!("CARGO_PKG_VERSION"),
            summary: &run.summary,
            rules: &self.rules,
            registries: &self.registries,
            diagnostics: &self.diagnostics,
            exemptions: run
                .exemptions
                .iter()
                .map(|(used, count)| label::exemption_with_count(used, *count, self.language))
                .collect(),
        };
        page.write_into(out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_numbers_are_grouped() {
        for (number, expected) in [
            (0, "0"),
            (999, "999"),
            (1000, "1,000"),
            (1_234_567, "1,234,567"),
        ] {
            assert_eq!(Page::grouped(&number), expected);
        }
    }

    #[test]
    fn a_long_line_is_shown_around_the_image() {
        let long = "é".repeat(1000);
        for (text, image, expected) in [
            ("a:\n  image: nginx # c \nb", "nginx", ("image: ", " # c")),
            ("nginx", "nginx", ("", "")),
            (&*format!("{long}nginx{long}"), "nginx", ("…ééé", "ééé…")),
        ] {
            let start = text.find(image).unwrap();
            let (before, shown, after) = line(text, &(start..start + image.len())).unwrap();
            assert_eq!(shown, image);
            assert!(before.starts_with(expected.0), "{before}");
            assert!(after.ends_with(expected.1), "{after}");
            assert!(before.chars().count() <= CONTEXT + 1, "{before}");
        }
    }
}
