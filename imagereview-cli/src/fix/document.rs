//! The text of a document, and where its values are.

use std::collections::BTreeSet;

use serde_saphyr::granit_parser::ScalarStyle;

use super::refusal::{Reason, Refusal};
use crate::input::layout::{Entry, Kind, Value};

/// A document that is to be edited.
#[derive(Clone, Copy, Debug)]
pub(super) struct Document<'t> {
    pub(super) text: &'t str,
    pub(super) root: &'t Value,
    pub(super) is_json: bool,
    /// The anchors at which what serves several places may be edited: all of them are to change
    /// alike.
    pub(super) alike: &'t BTreeSet<usize>,
    /// The line break of its file, for a line that has none.
    pub(super) line_break: &'static str,
}

impl<'t> Document<'t> {
    /// The object at a path, its entries, and whether it is in flow style.
    pub(super) fn object(
        &self,
        path: &[String],
    ) -> Result<(&'t Value, &'t [Entry], bool), Refusal> {
        let mut value = self.root;
        for step in path {
            value = self.own(value)?;
            value = match &value.kind {
                Kind::List { items, .. } => {
                    let item = step.parse().ok().and_then(|at: usize| items.get(at));
                    item.ok_or(Reason::Layout.at(value.span.start))?
                }
                Kind::Object { entries, .. } => match entry(entries, step) {
                    Some(entry) => &entry.value,
                    None => return Err(missing(value, entries)),
                },
                Kind::Scalar { .. } | Kind::Alias(_) => {
                    return Err(Reason::Layout.at(value.span.start));
                }
            };
        }
        let value = self.own(value)?;
        match &value.kind {
            Kind::Object { entries, is_flow } => Ok((value, entries, *is_flow)),
            _ => Err(Reason::Layout.at(value.span.start)),
        }
    }

    /// The value that is here or at the anchor that an alias here names, if it may be edited.
    pub(super) fn own(&self, value: &'t Value) -> Result<&'t Value, Refusal> {
        let at = value.span.start;
        match (&value.kind, value.anchor) {
            (Kind::Alias(anchor), _) => {
                let anchored = self.root.anchored(*anchor);
                let anchored = anchored.filter(|_| self.alike.contains(anchor));
                anchored.ok_or(Reason::Alias.at(at))
            }
            (_, Some(anchor)) if !self.alike.contains(&anchor) => Err(Reason::Shared.at(at)),
            _ => Ok(value),
        }
    }

    /// Refuses what goes on behind the end of its line.
    pub(super) fn on_one_line(&self, value: &Value) -> Result<(), Refusal> {
        let at = value.span.start;
        match value.kind {
            Kind::Scalar {
                style: ScalarStyle::Literal | ScalarStyle::Folded,
                ..
            } => Err(Reason::Block.at(at)),
            _ if self.text[value.span.clone()].contains(['\n', '\r']) => {
                Err(Reason::SeveralLines.at(at))
            }
            _ => Ok(()),
        }
    }

    /// What is between a key and its value, as the document has it: JSON may have no blank.
    pub(super) fn colon(&self, entry: &Entry) -> &'static str {
        let between = self.text.get(entry.key.span.end..entry.value.span.start);
        if self.is_json && between == Some(":") {
            ":"
        } else {
            ": "
        }
    }

    /// What is between two entries on one line: a blank, where one follows the colon.
    pub(super) fn separator(&self, entry: &Entry) -> &'static str {
        if self.colon(entry) == ":" { "," } else { ", " }
    }

    /// Where the items of the list in an entry have their dashes.
    pub(super) fn dash_indent(&self, entry: &Entry) -> Option<&'t str> {
        let Kind::List {
            items,
            is_flow: false,
        } = &entry.value.kind
        else {
            return None;
        };
        items.iter().find_map(|item| {
            let before = self.before_on_line(item.span.start);
            let indent = before.trim_end().strip_suffix('-');
            indent.filter(|indent| is_blank(indent))
        })
    }

    /// What is on a line before an offset.
    pub(super) fn before_on_line(&self, at: usize) -> &'t str {
        let before = &self.text[..at];
        let line = before.rfind('\n').map_or(0, |line_break| line_break + 1);
        before[line..].trim_start_matches('\u{feff}')
    }

    /// Where the line ends that an offset is on.
    pub(super) fn line_end(&self, at: usize) -> usize {
        let rest = &self.text[at..];
        let end = rest.find('\n').unwrap_or(rest.len());
        at + rest[..end].trim_end_matches('\r').len()
    }

    /// The line break at the end of a line.
    pub(super) fn line_break_at(&self, line_end: usize) -> &'static str {
        let rest = &self.text[line_end..];
        if rest.starts_with("\r\n") {
            "\r\n"
        } else if rest.starts_with('\n') {
            "\n"
        } else {
            self.line_break
        }
    }

    /// Where the line of a key begins, or the comments that are above it and as far to the right.
    pub(super) fn above_comments(&self, key: usize, indent: &str) -> usize {
        let mut start = key - indent.len();
        while let Some(above) = self.text[..start].strip_suffix('\n') {
            let line = above.rfind('\n').map_or(0, |line_break| line_break + 1);
            let comment = above[line..].strip_prefix(indent);
            if !comment.is_some_and(|comment| comment.starts_with('#')) {
                break;
            }
            start = line;
        }
        start
    }
}

pub(super) fn entry<'v>(entries: &'v [Entry], name: &str) -> Option<&'v Entry> {
    entries.iter().find(|entry| entry.name() == Some(name))
}

/// Why an object does not have a field that it is known to have.
pub(super) fn missing(object: &Value, entries: &[Entry]) -> Refusal {
    match entry(entries, "<<") {
        Some(merge) => Reason::Merge.at(merge.key.span.start),
        None => Reason::Layout.at(object.span.start),
    }
}

pub(super) fn is_blank(text: &str) -> bool {
    text.chars().all(|c| matches!(c, ' ' | '\t'))
}
