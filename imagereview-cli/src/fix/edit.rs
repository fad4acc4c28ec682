//! What is to be written where, so that a document has what it is to have.
//!
//! Only the scalar that changes is replaced, in the quotation marks that it has, and what is added
//! is laid out as what is beside it. Where such an edit does not fit, it is refused.

use std::ops::Range;

use serde_saphyr::granit_parser::ScalarStyle;

use super::{
    change::{Change, Target},
    document::{Document, entry, is_blank, missing},
    refusal::{Reason, Refusal},
};
use crate::input::layout::{Entry, Kind, Value};

/// A part of a text, and what is to be there instead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Edit {
    pub(super) range: Range<usize>,
    pub(super) text: String,
}

impl Edit {
    fn insert(at: usize, text: String) -> Self {
        Self {
            range: at..at,
            text,
        }
    }
}

/// The edits of one change.
#[derive(Debug)]
pub(super) struct Edits<'t> {
    pub(super) edits: Vec<Edit>,
    /// The text that they replace.
    pub(super) before: Option<&'t str>,
}

impl<'t> Document<'t> {
    /// The edits that make a change.
    pub(super) fn edits(&self, change: &Change) -> Result<Edits<'t>, Refusal> {
        let Some((field, path)) = change.path.split_last() else {
            return Err(Reason::Layout.at(self.root.span.start));
        };
        let (object, entries, is_flow) = self.object(path)?;
        let entry = entry(entries, field);
        if let Some(reason) = change.refusal {
            let at = entry.map_or(object.span.start, |entry| entry.value.span.start);
            return Err(reason.at(at));
        }
        if entry.is_none() && change.is_there {
            return Err(missing(object, entries));
        }
        let edits = match (&change.target, entry) {
            (Target::Text(text), Some(entry)) => {
                let (edit, before) = self.replace(entry, text)?;
                return Ok(Edits {
                    edits: vec![edit],
                    before: Some(before).filter(|_| change.is_there),
                });
            }
            (Target::Text(text), None) => {
                let image = image_beside(entries, field);
                let image = image.ok_or_else(|| missing(object, entries))?;
                // A pair in a list without braces has no room for another.
                if is_flow && !self.text[object.span.start..].starts_with('{') {
                    return Err(Reason::Layout.at(object.span.start));
                }
                self.add_behind(image, is_flow, field, text)?
            }
            (Target::Secrets(names), Some(entry)) => self.append_secrets(object, entry, names)?,
            (Target::Secrets(names), None) => {
                self.add_secrets(object, entries, is_flow, field, names)?
            }
            (Target::Other, _) => return Err(Reason::Layout.at(object.span.start)),
        };
        Ok(Edits {
            edits,
            before: None,
        })
    }

    /// Writes a text where a scalar is, or nothing. The other text is that of the scalar.
    fn replace(&self, entry: &'t Entry, text: &str) -> Result<(Edit, &'t str), Refusal> {
        let value = self.own(&entry.value)?;
        let span = &value.span;
        let Kind::Scalar {
            style,
            text: before,
        } = &value.kind
        else {
            return Err(Reason::Layout.at(span.start));
        };
        let text = self.scalar(*style, text, span.start)?;
        let edit = if span.is_empty() {
            self.fill(entry, &text)?
        } else {
            self.on_one_line(value)?;
            let range = span.clone();
            Edit { range, text }
        };
        Ok((edit, before))
    }

    /// Writes a value behind the colon of a field that has none.
    fn fill(&self, entry: &Entry, value: &str) -> Result<Edit, Refusal> {
        let key = entry.key.span.end;
        let colon = self.text[key..].find(|c: char| c != ' ').map(|at| key + at);
        match colon {
            Some(at) if self.text[at..].starts_with(':') => {
                Ok(Edit::insert(at + 1, format!(" {value}")))
            }
            _ => Err(Reason::Layout.at(key)),
        }
    }

    /// A text in the style of a scalar that it stands for, or is beside.
    fn scalar(&self, style: ScalarStyle, text: &str, at: usize) -> Result<String, Refusal> {
        match style {
            ScalarStyle::Plain => Ok(self.plain(text)),
            ScalarStyle::DoubleQuoted => Ok(double_quoted(text)),
            ScalarStyle::SingleQuoted => Ok(format!("'{}'", text.replace('\'', "''"))),
            _ => Err(Reason::Block.at(at)),
        }
    }

    /// A text without quotation marks, as far as it needs none.
    fn plain(&self, text: &str) -> String {
        if self.is_json || !reads_as_text(text) {
            double_quoted(text)
        } else {
            text.to_owned()
        }
    }

    /// Adds a field behind the one of the image.
    fn add_behind(
        &self,
        image: &Entry,
        is_flow: bool,
        field: &str,
        text: &str,
    ) -> Result<Vec<Edit>, Refusal> {
        let Entry { key, value } = image;
        self.on_one_line(value)?;
        let style = match key.kind {
            Kind::Scalar { style, .. } => style,
            _ => ScalarStyle::Plain,
        };
        let text = match style {
            ScalarStyle::Plain => self.plain(text),
            _ => double_quoted(text),
        };
        let field = self.scalar(style, field, key.span.start)?;
        let added = format!("{field}{}{text}", self.colon(image));
        let before = self.before_on_line(key.span.start);
        let end = value.span.end;
        let line_end = self.line_end(end);
        let line_break = self.line_break_at(line_end);
        if !is_flow {
            // A field that begins an item of a list is behind its dash.
            if !before.chars().all(|c| matches!(c, ' ' | '-')) {
                return Err(Reason::Layout.at(key.span.start));
            }
            let indent = " ".repeat(before.len());
            let line = format!("{line_break}{indent}{added}");
            return Ok(vec![Edit::insert(line_end, line)]);
        }
        let rest = &self.text[end..line_end];
        let (has_comma, rest) = match rest.trim_start().strip_prefix(',') {
            Some(rest) => (true, rest),
            None => (false, rest),
        };
        let rest = rest.trim_start();
        let is_own_line = is_blank(before) && (rest.is_empty() || rest.starts_with('#'));
        if !is_own_line {
            let separator = self.separator(image);
            return Ok(vec![Edit::insert(end, format!("{separator}{added}"))]);
        }
        // The comment of the image stays on its line.
        Ok(if has_comma {
            let line = format!("{line_break}{before}{added},");
            vec![Edit::insert(line_end, line)]
        } else {
            let line = format!("{line_break}{before}{added}");
            vec![
                Edit::insert(end, ",".to_owned()),
                Edit::insert(line_end, line),
            ]
        })
    }

    /// Adds references to the end of a list of them.
    fn append_secrets(
        &self,
        object: &Value,
        secrets: &'t Entry,
        names: &[String],
    ) -> Result<Vec<Edit>, Refusal> {
        let value = self.own(&secrets.value)?;
        let range = value.span.clone();
        let edit = match &value.kind {
            Kind::List { items, is_flow } if !items.is_empty() => {
                let separator = is_flow.then(|| self.separator(secrets));
                return self.append_like(&items[items.len() - 1], separator, names);
            }
            // Comments may be between the brackets.
            Kind::List { .. } if !self.is_json => {
                Edit::insert(range.start + 1, self.references(names, false, secrets))
            }
            Kind::List { .. } | Kind::Scalar { .. } => {
                let text = self.list(object, secrets, self.is_json, names);
                if range.is_empty() {
                    self.fill(secrets, &text)?
                } else {
                    Edit { range, text }
                }
            }
            _ => return Err(Reason::Layout.at(range.start)),
        };
        Ok(vec![edit])
    }

    /// Adds references behind the last one of a list, and as that is written. The separator is that
    /// of a list in flow style.
    fn append_like(
        &self,
        last: &Value,
        separator: Option<&str>,
        names: &[String],
    ) -> Result<Vec<Edit>, Refusal> {
        let before = self.before_on_line(last.span.start);
        let leaf = last.last_leaf();
        let line_end = self.line_end(leaf.span.end);
        let line_break = self.line_break_at(line_end);
        let (at, between) = match separator {
            Some(_) if is_blank(before) => (last.span.end, format!(",{line_break}{before}")),
            Some(separator) => (last.span.end, separator.to_owned()),
            None if before.trim() != "-" => return Err(Reason::Layout.at(last.span.start)),
            None => {
                // Its line ends the list.
                self.on_one_line(leaf)?;
                (line_end, format!("{line_break}{before}"))
            }
        };
        let mut text = String::new();
        for name in names {
            text.push_str(&between);
            text.push_str(&self.reference_like(last, name)?);
        }
        Ok(vec![Edit::insert(at, text)])
    }

    /// A reference that is written as another one of its list is.
    fn reference_like(&self, other: &Value, name: &str) -> Result<String, Refusal> {
        let at = other.span.start;
        if let Kind::Object { entries, .. } = &other.kind
            && let [entry] = &**entries
            && entry.name() == Some("name")
            && let Kind::Scalar { style, .. } = entry.value.kind
            && !entry.value.span.is_empty()
        {
            let value = &entry.value.span;
            let name = self.scalar(style, name, value.start)?;
            let before = &self.text[at..value.start];
            let after = &self.text[value.end..other.span.end];
            // The anchor of a scalar is its own.
            if !before.contains(['&', '!', '#']) && !after.contains('#') {
                return Ok(format!("{before}{name}{after}"));
            }
        }
        Ok(match &other.kind {
            Kind::Object { is_flow: false, .. } => format!("name: {}", self.plain(name)),
            _ => self.reference(name, self.is_json, ": "),
        })
    }

    /// Adds a list of references to a pod spec, before its containers.
    fn add_secrets(
        &self,
        object: &Value,
        entries: &[Entry],
        is_flow: bool,
        field: &str,
        names: &[String],
    ) -> Result<Vec<Edit>, Refusal> {
        let at = object.span.start;
        let containers = entry(entries, "containers");
        let is_on_own_line = |entry: &&Entry| is_blank(self.before_on_line(entry.key.span.start));
        let beside = containers.into_iter().chain(entries).find(is_on_own_line);
        let is_quoted = entries
            .first()
            .is_some_and(|entry| self.text[entry.key.span.clone()].starts_with('"'));
        let field = if is_quoted {
            double_quoted(field)
        } else {
            field.to_owned()
        };
        let Some(beside) = beside else {
            let Some(first) = entries.first().filter(|_| is_flow) else {
                return Err(Reason::Layout.at(at));
            };
            let references = self.references(names, is_quoted, first);
            let (colon, separator) = (self.colon(first), self.separator(first));
            let added = format!("{field}{colon}[{references}]{separator}");
            return Ok(vec![Edit::insert(first.key.span.start, added)]);
        };
        let indent = self.before_on_line(beside.key.span.start);
        let start = self.above_comments(beside.key.span.start, indent);
        let line_break = self.line_break_at(self.line_end(beside.key.span.start));
        if is_flow {
            let (colon, list) = (
                self.colon(beside),
                self.list(object, beside, is_quoted, names),
            );
            let line = format!("{indent}{field}{colon}{list},{line_break}");
            return Ok(vec![Edit::insert(start, line)]);
        }
        let mut lines = format!("{indent}{field}:{line_break}");
        let dash = self.dash_indent(beside).unwrap_or(indent);
        for name in names {
            lines.extend([dash, "- name: ", &self.plain(name), line_break]);
        }
        Ok(vec![Edit::insert(start, lines)])
    }

    /// References as a list in flow style. It is one for the entry, or for one before it.
    fn list(&self, object: &Value, entry: &Entry, is_quoted: bool, names: &[String]) -> String {
        let indent = self.before_on_line(entry.key.span.start);
        if !self.is_json || !is_blank(indent) {
            return format!("[{}]", self.references(names, is_quoted, entry));
        }
        // As JSON is indented: everything on a line of its own.
        let outer = self.before_on_line(object.span.start);
        let outer = &outer[..outer.len() - outer.trim_start().len()];
        let unit = indent.strip_prefix(outer).filter(|unit| !unit.is_empty());
        let unit = unit.unwrap_or("  ");
        let (line, colon) = (self.line_break, self.colon(entry));
        let reference = |name: &String| {
            let name = double_quoted(name);
            format!(
                "{line}{indent}{unit}{{{line}{indent}{unit}{unit}\"name\"{colon}{name}{line}{indent}{unit}}}"
            )
        };
        let references: Vec<String> = names.iter().map(reference).collect();
        format!("[{}{line}{indent}]", references.join(","))
    }

    /// References in flow style, as close to each other as the parts of an entry.
    fn references(&self, names: &[String], is_quoted: bool, like: &Entry) -> String {
        let colon = self.colon(like);
        let references = names
            .iter()
            .map(|name| self.reference(name, is_quoted, colon));
        references.collect::<Vec<_>>().join(self.separator(like))
    }

    fn reference(&self, name: &str, is_quoted: bool, colon: &str) -> String {
        if is_quoted {
            format!("{{\"name\"{colon}{}}}", double_quoted(name))
        } else {
            format!("{{name{colon}{}}}", self.plain(name))
        }
    }
}

/// The entry of the image that a pull policy is for, or of what brings it.
fn image_beside<'v>(entries: &'v [Entry], field: &str) -> Option<&'v Entry> {
    let image = match field {
        "pullPolicy" => "reference",
        _ => "image",
    };
    entry(entries, image).or_else(|| entry(entries, "<<"))
}

/// Quotation marks and escapes of JSON, which YAML reads alike.
fn double_quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// Whether every reader of YAML, whatever its version, takes a plain scalar for this text.
fn reads_as_text(text: &str) -> bool {
    /// What is no text in some version.
    const WORDS: [&str; 9] = ["true", "false", "yes", "no", "on", "off", "y", "n", "null"];

    let is_word = WORDS.iter().any(|word| text.eq_ignore_ascii_case(word));
    // Numbers and times begin with a digit and have no slash.
    let begins = text.starts_with(|c: char| c.is_ascii_alphabetic())
        || text.starts_with(|c: char| c.is_ascii_digit()) && text.contains('/');
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "._-/:@".contains(c);
    begins && text.chars().all(is_plain) && !text.ends_with(':') && !is_word
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_every_reader_takes_for_text_stays_plain() {
        for (text, expected) in [
            ("docker.io/library/nginx", true),
            ("registry.example.com:5000/a@sha256:0f", true),
            ("10.0.0.1:5000/x:1", true),
            ("Always", true),
            ("mirror-credentials", true),
            ("[2001:db8::1]:5000/x", false),
            ("yes", false),
            ("N", false),
            ("1e3", false),
            ("2001-01-01", false),
            ("1:20", false),
            ("a:", false),
            ("", false),
            ("a b", false),
        ] {
            assert_eq!(reads_as_text(text), expected, "{text:?}");
        }
    }
}
