//! Writes the changes of one document into its text.

use std::collections::{BTreeMap, BTreeSet};

use imagereview_core::{ImagePolicy, facts::Facts, mutation::Patch};
use serde::{Deserialize, de::DeserializeSeed};
use serde_json::Value as Json;

use super::{
    change::Change,
    document::Document,
    edit::{Edit, Edits},
    pins,
    refusal::{Reason, Refusal},
};
use crate::input::{agreement::agree, from_yaml, layout::Layout};

/// A change that was made.
#[derive(Debug)]
pub(super) struct Made {
    pub(super) change: Change,
    /// What the field held before.
    pub(super) before: Option<String>,
    /// Where it is in the new text.
    pub(super) at: usize,
}

/// A change that was not made.
#[derive(Debug)]
pub(super) struct Left {
    pub(super) change: Change,
    pub(super) reason: Reason,
    /// Where the cause is in the old text, and where in the new one.
    pub(super) before: usize,
    pub(super) after: usize,
}

/// How many anchors of a document are tried one by one. Each time the document is read.
const MAX_ANCHORS: usize = 16;

/// Writes the changes of one document.
#[derive(Clone, Copy)]
pub(super) struct Writer<'p> {
    pub(super) policy: &'p ImagePolicy,
    pub(super) facts: &'p Facts,
    /// The values of the variables of Compose files.
    pub(super) variables: &'p BTreeMap<String, String>,
    pub(super) is_json: bool,
    /// The line break of the file.
    pub(super) line_break: &'static str,
}

/// Changes, and the edits that make them.
pub(super) type Plan<'t> = Vec<(&'t Change, Result<Edits<'t>, Refusal>)>;

/// A document with changes. All offsets are into it, as it was or as it is.
pub(super) struct Written {
    pub(super) text: String,
    pub(super) made: Vec<Made>,
    pub(super) left: Vec<Left>,
}

impl Writer<'_> {
    /// The document with its changes; `None` if it has none, or is not read.
    pub(super) fn write(self, text: &str) -> Option<Written> {
        let changes = self.changes(text).filter(|changes| !changes.is_empty())?;
        let refused = |reason: Reason, at| {
            let plan = changes.iter().map(|change| (change, Err(reason.at(at))));
            Written::new(text, &plan.collect())
        };
        let Some(layout) = Layout::of(text) else {
            return Some(refused(Reason::Layout, 0));
        };
        // What is read in two ways is not changed in one of them.
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
            let changes = self.policy.mutate_object(&mut object, self.facts);
            patch.0.extend(changes.0);
        }
        let mut changes = Change::all_of(&patch);
        changes.extend(pins::changes_of_compose(
            self.policy,
            self.facts,
            text,
            self.variables,
        ));
        Some(changes)
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
    pub(super) fn new(text: &str, plan: &Plan<'_>) -> Self {
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
