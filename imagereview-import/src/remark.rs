//! What an import says of the parts that are not in its document as they were.

use std::fmt;

use crate::yaml::At;

/// A part of the input that is not in the document, or not as it was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remark {
    source: String,
    line: u64,
    object: String,
    field: String,
    kind: RemarkKind,
    reason: String,
}

/// What became of a part of the input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RemarkKind {
    /// It is not in the document.
    NotTaken,
    /// It is in the document, in a form that denies more.
    Stricter,
}

impl Remark {
    /// What became of the part.
    #[must_use]
    pub fn kind(&self) -> RemarkKind {
        self.kind
    }

    /// The policy that the part belongs to, such as `ClusterPolicy disallow-latest-tag`.
    #[must_use]
    pub fn object(&self) -> &str {
        &self.object
    }

    /// The field, such as `spec.rules[0].preconditions`.
    #[must_use]
    pub fn field(&self) -> &str {
        &self.field
    }

    /// Why, as a sentence without a full stop.
    #[must_use]
    pub fn reason(&self) -> &str {
        &self.reason
    }
}

impl fmt::Display for Remark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            source,
            line,
            object,
            field,
            reason,
            ..
        } = self;
        let kind = match self.kind {
            RemarkKind::NotTaken => "not taken",
            RemarkKind::Stricter => "stricter",
        };
        write!(f, "{source}:{line}: {kind}: {object}")?;
        if !field.is_empty() {
            write!(f, ", {field}")?;
        }
        write!(f, ": {reason}")
    }
}

/// The remarks about the inputs, as they are read.
#[derive(Debug, Default)]
pub(crate) struct Remarks {
    all: Vec<Remark>,
    /// The policy that is read.
    object: String,
}

impl Remarks {
    /// From here on, remarks are about this policy.
    pub(crate) fn about(&mut self, object: String) {
        self.object = object;
    }

    /// The policy that is read.
    pub(crate) fn object(&self) -> &str {
        &self.object
    }

    pub(crate) fn not_taken(&mut self, at: &At<'_>, reason: impl Into<String>) {
        self.add(at, RemarkKind::NotTaken, reason.into());
    }

    pub(crate) fn stricter(&mut self, at: &At<'_>, reason: impl Into<String>) {
        self.add(at, RemarkKind::Stricter, reason.into());
    }

    /// Remarks that each field of a map that is not among these is not taken.
    pub(crate) fn unknown_fields(&mut self, at: &At<'_>, known: &[&str]) {
        for (name, field) in at.entries() {
            if !known.contains(&name) {
                self.not_taken(&field, "the import does not know this field");
            }
        }
    }

    fn add(&mut self, at: &At<'_>, kind: RemarkKind, reason: String) {
        self.push(Remark {
            source: at.source.to_owned(),
            line: at.node.line,
            object: self.object.clone(),
            field: at.path.clone(),
            kind,
            reason,
        });
    }

    /// Remarks that an object that was read before is not taken.
    pub(crate) fn object_not_taken(
        &mut self,
        object: &str,
        source: &str,
        line: u64,
        reason: String,
    ) {
        self.push(Remark {
            source: source.to_owned(),
            line,
            object: object.to_owned(),
            field: String::new(),
            kind: RemarkKind::NotTaken,
            reason,
        });
    }

    /// Remarks that a whole policy is not taken, since its document would not compile.
    pub(crate) fn document_not_taken(&mut self, origin: &str, problem: &str) {
        let (object, place) = origin.rsplit_once(", from ").unwrap_or((origin, ""));
        let (source, line) = place.rsplit_once(':').unwrap_or((place, ""));
        self.push(Remark {
            source: source.to_owned(),
            line: line.parse().unwrap_or(1),
            object: object.to_owned(),
            field: String::new(),
            kind: RemarkKind::NotTaken,
            reason: format!("no document can have one of its values: {problem}"),
        });
    }

    /// Remarks that a rule that was written does not decide as it was meant to.
    pub(crate) fn rule_is_wrong(&mut self, rule: &str, image: &str) {
        self.push(Remark {
            source: "the document that was written".to_owned(),
            line: 1,
            object: format!("rule {rule}"),
            field: String::new(),
            kind: RemarkKind::NotTaken,
            reason: format!("it does not decide {image} as it was meant to; check it by hand"),
        });
    }

    fn push(&mut self, remark: Remark) {
        // Several parts of a pattern may say the same of one field.
        if !self.all.contains(&remark) {
            self.all.push(remark);
        }
    }

    pub(crate) fn into_all(self) -> Vec<Remark> {
        self.all
    }
}
