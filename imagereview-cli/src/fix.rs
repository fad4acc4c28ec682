//! Writes what the mutations of a policy change into the text that it was read from.
//!
//! Core says what changes, as a patch of the object; here the same is done to its text, of which all
//! else stays as it is: comments, quotation marks, indentation, line breaks. The result is read
//! again, and is taken only if it is exactly what the patch makes of the object.

mod change;
mod document;
mod edit;
mod refusal;
#[cfg(test)]
mod tests;
mod write;

use std::{
    collections::BTreeSet,
    io::{self, Write},
};

use imagereview_core::{
    ImagePolicy,
    mutation::{Facts, Patch},
};
use serde::{Deserialize, de::DeserializeSeed};
use serde_json::Value as Json;
use similar::TextDiff;

use self::{
    change::Change,
    document::Document,
    edit::{Edit, Edits},
    refusal::{Reason, Refusal},
};
use crate::{
    input::{
        self, Lines, Position, Source, Syntax, agreement::agree, documents::Documents, from_yaml,
        layout::Layout,
    },
    outcome::Outcome,
    output::{OneLine, report},
    policy_file::LoadedPolicy,
};

/// Makes the changes that a policy declares.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fixer<'p> {
    /// `None` if it declares none.
    policy: Option<&'p ImagePolicy>,
    is_dry: bool,
}

/// `--fix` and another option exclude each other.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FixError {
    #[error(
        "--fix changes objects, and the format answers is for ImageReviews; leave one of them out"
    )]
    Answers,
}

impl<'p> Fixer<'p> {
    pub(crate) fn new(policy: &'p LoadedPolicy) -> Self {
        let policy = match policy {
            LoadedPolicy::Builtin(_) => None,
            LoadedPolicy::Documents(policy) => Some(policy),
        };
        Self {
            policy: policy.filter(|policy| policy.has_mutations()),
            is_dry: false,
        }
    }

    /// The changes are only to be shown.
    pub(crate) fn dry(self) -> Self {
        Self {
            is_dry: true,
            ..self
        }
    }

    /// Whether the changes are only to be shown, so that texts are reviewed as they stand.
    pub(crate) fn is_dry(self) -> bool {
        self.is_dry
    }

    /// Whether there is nothing that it could change.
    pub(crate) fn is_idle(self) -> bool {
        self.policy.is_none()
    }

    /// Makes the changes in all objects that a text holds. What cannot be read stays as it is.
    pub(crate) fn fix(self, source: &Source, text: &str, syntax: Syntax) -> Fix {
        let mut fix = Fix {
            source: source.clone(),
            before: text.to_owned(),
            after: String::with_capacity(text.len()),
            made: Vec::new(),
            left: Vec::new(),
        };
        let mut copied = 0;
        let mut visit = |policy, document: &input::documents::Document| {
            let range = document.range.clone();
            fix.after.push_str(&text[copied..range.start]);
            copied = range.end;
            let writer = Writer {
                policy,
                is_json: document.is_json,
                line_break: first_line_break(text),
            };
            let text = &text[range.clone()];
            fix.add(range.start, text, writer.write(text));
        };
        match (syntax, self.policy) {
            // What mutations change are Kubernetes objects.
            (Syntax::Dockerfile, _) | (_, None) => {}
            (_, Some(policy)) => {
                for document in Documents::of(text, syntax, 0).documents {
                    visit(policy, &document);
                }
            }
        }
        fix.after.push_str(&text[copied..]);
        fix
    }
}

fn first_line_break(text: &str) -> &'static str {
    match text.find('\n') {
        Some(at) if text[..at].ends_with('\r') => "\r\n",
        _ => "\n",
    }
}

/// What became of a text.
#[derive(Debug)]
pub(crate) struct Fix {
    source: Source,
    before: String,
    /// The text with the changes in it.
    pub(crate) after: String,
    made: Vec<Made>,
    left: Vec<Left>,
}

/// A change that was made.
#[derive(Debug)]
struct Made {
    change: Change,
    /// What the field held before.
    before: Option<String>,
    /// Where it stands in the new text.
    at: usize,
}

/// A change that was not made.
#[derive(Debug)]
struct Left {
    change: Change,
    reason: Reason,
    /// Where the cause stands in the old text, and where in the new one.
    before: usize,
    after: usize,
}

impl Fix {
    /// Whether the text is another now.
    fn is_change(&self) -> bool {
        !self.made.is_empty()
    }

    /// How making it ends where nothing else goes wrong.
    fn outcome(&self) -> Outcome {
        if self.left.is_empty() {
            Outcome::Allowed
        } else {
            Outcome::Error
        }
    }

    /// The new text, if the old one came from standard input.
    pub(crate) fn into_stdin(self) -> Option<String> {
        (self.source == Source::Stdin).then_some(self.after)
    }

    /// Writes the new text to the file that it came from, and tells on standard error what changed
    /// and what did not. The text of standard input is for the caller to write.
    pub(crate) fn finish(&self) -> io::Result<Outcome> {
        if let Source::File(path) = &self.source
            && self.is_change()
        {
            write::replace(path, &self.after)?;
        }
        self.report_made();
        self.report_left(true);
        Ok(self.outcome())
    }

    /// Shows what would change, as a unified diff, and tells on standard error what would not.
    pub(crate) fn write_diff(&self, out: &mut dyn Write) -> io::Result<Outcome> {
        self.report_left(false);
        if !self.is_change() {
            return Ok(self.outcome());
        }
        let mut name = self.source.to_string();
        // Programs that apply diffs take a name with blanks in it up to a tab.
        if name.contains(' ') {
            name.push('\t');
        }
        let diff = TextDiff::from_lines(&self.before, &self.after);
        let mut unified = diff.unified_diff();
        write!(out, "{}", unified.header(&name, &name))?;
        Ok(self.outcome().max(Outcome::Denied))
    }

    /// Adds a document that began at this offset of the old text.
    fn add(&mut self, start: usize, document: &str, written: Option<Written>) {
        let offset = self.after.len();
        let Some(written) = written else {
            self.after.push_str(document);
            return;
        };
        self.after.push_str(&written.text);
        self.made.extend(written.made.into_iter().map(|made| Made {
            at: offset + made.at,
            ..made
        }));
        self.left.extend(written.left.into_iter().map(|left| Left {
            before: start + left.before,
            after: offset + left.after,
            ..left
        }));
    }

    /// Where the text came from, for people.
    fn name(&self) -> String {
        OneLine(&self.source.to_string()).to_string()
    }

    /// Tells on standard error what was changed.
    fn report_made(&self) {
        let lines = Lines::new(&self.after, Position::START);
        let mut last = None;
        for Made { change, before, at } in &self.made {
            // What serves several places is told once.
            if last.replace(at) == Some(at) {
                continue;
            }
            let (source, position) = (self.name(), lines.position(*at));
            let (field, value) = (change.field(), change.value());
            if let Some(before) = before {
                let before = OneLine(before);
                report(format_args!(
                    "{source}:{position}: {field}: {before} -> {value}"
                ));
            } else {
                report(format_args!(
                    "{source}:{position}: {field}: {value} (added)"
                ));
            }
        }
    }

    /// Tells on standard error what could not be changed, and where: in the new text, if that has
    /// been written.
    fn report_left(&self, is_written: bool) {
        let text = if is_written {
            &self.after
        } else {
            &self.before
        };
        let lines = Lines::new(text, Position::START);
        for left in &self.left {
            let at = if is_written { left.after } else { left.before };
            let (source, position) = (self.name(), lines.position(at));
            let (field, value) = (left.change.field(), left.change.value());
            report(format_args!(
                "{source}:{position}: {field} is to be {value}, but {}; change it by hand",
                left.reason
            ));
        }
    }
}

/// How many anchors of a document are tried one by one. Each time the document is read.
const MAX_ANCHORS: usize = 16;

/// Writes the changes of one document.
#[derive(Clone, Copy)]
struct Writer<'p> {
    policy: &'p ImagePolicy,
    is_json: bool,
    /// The line break of the file.
    line_break: &'static str,
}

/// Changes, and the edits that make them.
type Plan<'t> = Vec<(&'t Change, Result<Edits<'t>, Refusal>)>;

/// A document with changes. All offsets are into it, as it was or as it is.
struct Written {
    text: String,
    made: Vec<Made>,
    left: Vec<Left>,
}

impl Writer<'_> {
    /// The document with its changes; `None` if it has none, or is not read.
    fn write(self, text: &str) -> Option<Written> {
        let changes = self.changes(text).filter(|changes| !changes.is_empty())?;
        let refused = |reason: Reason, at| {
            let plan = changes.iter().map(|change| (change, Err(reason.at(at))));
            Written::new(text, &plan.collect())
        };
        let Some(layout) = Layout::of(text) else {
            return Some(refused(Reason::Layout, 0));
        };
        if !self.is_json && agree(text).is_err() {
            return Some(refused(Reason::TwoReadings, layout.root.span.start));
        }
        let attempt = |alike: &BTreeSet<usize>| {
            let written = Written::new(text, &self.plan(text, &layout, &changes, alike));
            Some(written).filter(|written| self.is_right(text, written))
        };
        // Most often all places that share something are to change alike.
        let written = attempt(&layout.shared).or_else(|| {
            let mut alike = BTreeSet::new();
            for anchor in layout.shared.iter().take(MAX_ANCHORS) {
                alike.insert(*anchor);
                if attempt(&alike).is_none() {
                    alike.remove(anchor);
                }
            }
            attempt(&alike)
        });
        Some(written.unwrap_or_else(|| refused(Reason::Unverified, layout.root.span.start)))
    }

    /// What is to be edited for each change.
    fn plan<'t>(
        self,
        text: &'t str,
        layout: &'t Layout,
        changes: &'t [Change],
        alike: &'t BTreeSet<usize>,
    ) -> Plan<'t> {
        let document = Document {
            text,
            root: &layout.root,
            is_json: self.is_json,
            alike,
            line_break: self.line_break,
        };
        // Several documents of a policy may lead back to what was there.
        let is_same = |change: &Change, edits: &Result<Edits<'_>, _>| match edits {
            Ok(edits) => edits.before.is_some() && edits.before == change.text(),
            Err(_) => false,
        };
        let plan = changes
            .iter()
            .map(|change| (change, document.edits(change)));
        plan.filter(|(change, edits)| !is_same(change, edits))
            .collect()
    }

    /// What is to change in the objects of a document; `None` if it holds none.
    fn changes(self, text: &str) -> Option<Vec<Change>> {
        let kinds = self.policy.kinds();
        let manifest = if self.is_json {
            kinds
                .deserialize(&mut serde_json::Deserializer::from_str(text))
                .ok()?
        } else {
            from_yaml(text, |yaml| kinds.deserialize(yaml)).ok()?
        };
        let mut patch = Patch::default();
        for mut object in manifest.into_iter().flatten() {
            let changes = self.policy.mutate_object(&mut object, &Facts::new());
            patch.0.extend(changes.0);
        }
        Some(Change::all_of(&patch))
    }

    /// Whether a text reads as core's patch says, but for what is left.
    fn is_right(self, before: &str, written: &Written) -> bool {
        let operations = written.made.iter().flat_map(|made| &made.change.operations);
        let operations: Vec<_> = operations.cloned().collect();
        let expected = self.read(before).and_then(|mut json| {
            json_patch::patch(&mut json, &operations).ok()?;
            Some(json)
        });
        expected.is_some() && self.read(&written.text) == expected
    }

    fn read(self, text: &str) -> Option<Json> {
        if self.is_json {
            serde_json::from_str(text).ok()
        } else {
            from_yaml(text, |yaml| Json::deserialize(yaml)).ok()
        }
    }
}

impl Written {
    /// Makes the edits of a plan.
    fn new(text: &str, plan: &Plan<'_>) -> Self {
        let mut edits: Vec<(&Edit, usize)> = Vec::new();
        for (index, (_, planned)) in plan.iter().enumerate() {
            let planned = planned.iter().flat_map(|planned| &planned.edits);
            edits.extend(planned.map(|edit| (edit, index)));
        }
        edits.sort_by_key(|(edit, _)| edit.range.start);
        let mut after = String::with_capacity(text.len());
        let mut copied = 0;
        let mut places = vec![0; plan.len()];
        let mut done: Vec<(&Edit, usize)> = Vec::new();
        for (edit, index) in edits {
            // Several changes of what serves several places are one.
            if let Some((_, place)) = done.last().filter(|(last, _)| *last == edit) {
                places[index] = *place;
                continue;
            }
            // Where edits overlap, what results is found to be wrong.
            after.push_str(text.get(copied..edit.range.start).unwrap_or_default());
            copied = edit.range.end;
            let value = edit.text.trim_start_matches([',', ' ', '\t', '\r', '\n']);
            places[index] = after.len() + (edit.text.len() - value.len());
            after.push_str(&edit.text);
            done.push((edit, places[index]));
        }
        after.push_str(&text[copied..]);
        let moved = |at: usize| {
            let earlier = done.iter().filter(|(edit, _)| edit.range.end <= at);
            earlier.fold(at, |at, (edit, _)| at + edit.text.len() - edit.range.len())
        };
        let mut written = Self {
            text: after,
            made: Vec::new(),
            left: Vec::new(),
        };
        for ((change, planned), at) in plan.iter().zip(places) {
            let change = (*change).clone();
            match planned {
                Ok(planned) => written.made.push(Made {
                    change,
                    before: planned.before.map(str::to_owned),
                    at,
                }),
                Err(Refusal { at, reason }) => written.left.push(Left {
                    change,
                    reason: *reason,
                    before: *at,
                    after: moved(*at),
                }),
            }
        }
        written.made.sort_by_key(|made| made.at);
        written
    }
}
