//! Whether a document of YAML means the same to kubectl as to this program.
//!
//! kubectl, Argo CD, Flux and Helm read YAML with `sigs.k8s.io/yaml`: that is `go.yaml.in/yaml/v2`, a port of libyaml,
//! which knows YAML 1.1. This program's reader knows YAML 1.2 and says where each value is. Where the two see
//! different documents, or the same one says two things, what runs would not be what was reviewed. So both read each
//! document here, event by event, and a document with two readings is refused with both of them.
//!
//! Sources: <https://github.com/yaml/go-yaml/blob/v2.4.4/decode.go>,
//! <https://github.com/kubernetes-sigs/yaml/blob/v1.6.0/yaml.go>

mod event;
mod meaning;
mod plain;
mod tree;

use std::{borrow::Cow, collections::HashMap, ops::Range};

use libyaml_safer::{EventData, Parser as LibyamlParser, ScalarStyle as LibyamlStyle};
use serde_saphyr::granit_parser::{Event, Parser, ScalarStyle, StrInput, StructureStyle};

pub(crate) use self::meaning::MeaningError;
use self::{event::Told, tree::Builder};
use super::layout::bytes;

/// Why a document was not read.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Disagreement {
    /// Where the readings part, in bytes.
    pub(crate) at: usize,
    pub(crate) kind: DisagreementKind,
}

/// How the two readings differ.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum DisagreementKind {
    /// Neither reads it.
    #[error("{0}")]
    Neither(String),
    /// Only this program reads it.
    #[error("kubectl can't read it: {0}")]
    OnlyHere(String),
    /// Only kubectl reads it.
    #[error("it is not YAML 1.2 ({0}), but kubectl, which knows YAML 1.1, reads it")]
    OnlyThere(String),
    /// Both read it, each in its own way.
    #[error("kubectl, which knows YAML 1.1, reads {there} here, and YAML 1.2 has {here}")]
    Both { here: String, there: String },
    /// Both see the same, and make different values of it.
    #[error(transparent)]
    Meaning(#[from] MeaningError),
}

impl DisagreementKind {
    /// Whether kubectl makes something of it.
    pub(crate) fn is_read_by_kubectl(&self) -> bool {
        match self {
            Self::Neither(_) | Self::OnlyHere(_) => false,
            Self::OnlyThere(_) | Self::Both { .. } => true,
            Self::Meaning(error) => error.is_read_by_kubectl(),
        }
    }
}

/// Whether a text, of one document at most, is read alike.
pub(crate) fn agree(text: &str) -> Result<(), Disagreement> {
    if (!may_matter(text) && !begins_with_end(text)) || plain::is_plain(text) {
        return Ok(());
    }
    agree_in_full(text)
}

/// The same, of a text that may be written in any way.
pub(crate) fn agree_in_full(text: &str) -> Result<(), Disagreement> {
    let refused = |at: usize, kind: DisagreementKind| {
        let at = at.min(text.len());
        Err(Disagreement { at, kind })
    };
    if let Some((at, c)) = text.char_indices().find(|(_, c)| is_old_break(*c))
        && may_matter(text)
    {
        let character = u32::from(c);
        return refused(at, MeaningError::Break { character }.into());
    }
    // At the very start it is a mark of the encoding, and then readers differ.
    let mark = text.match_indices('\u{feff}').map(|(at, _)| at);
    let mut marks = mark.filter(|at| text[..*at].ends_with(['\n', '\r', '\u{feff}']));
    if let Some(at) = marks.next().filter(|_| may_matter(text)) {
        return refused(at, MeaningError::Mark.into());
    }
    let Seen {
        events,
        broken,
        odd,
    } = Seen::of(text);
    if broken.is_none() && !may_matter(text) && !begins_with_end(text) {
        return Ok(());
    }
    let is_end = |(told, _): &(Told<'_>, usize)| *told == Told::DocumentEnd;
    if let Some((tag, at)) = events
        .iter()
        .find_map(|(told, at)| Some((told.foreign_tag()?, *at)))
    {
        // A reader that knows such tags may make anything of them, so nothing else is compared.
        return match broken {
            _ if may_matter(text) => refused(at, MeaningError::Tag(tag).into()),
            Some((at, message)) => refused(at, DisagreementKind::Neither(message)),
            None => Ok(()),
        };
    }
    let mut there_text = without_exclamation_marks(text);
    if !text.ends_with('\n') {
        // kubectl ends each line.
        there_text.push('\n');
    }
    let mut there = There::new(&there_text);
    let mut here_events = events.iter();
    loop {
        let ours = here_events.next();
        let theirs = there.next();
        let is_same = match (&ours, &theirs) {
            (None, Ok(None)) if broken.is_none() => break,
            (Some((here, _)), Ok(Some(there))) => here.is_same(there),
            _ => false,
        };
        if is_same {
            // The first document is all that kubectl looks at.
            if ours.is_some_and(is_end) {
                let second = here_events
                    .next()
                    .map(|(_, at)| *at)
                    .or(broken.as_ref().map(|(at, _)| *at));
                match second {
                    Some(at) if broken.is_some() || may_matter(text) => {
                        return refused(at, MeaningError::SecondDocument.into());
                    }
                    _ => break,
                }
            }
            continue;
        }
        let is_there = match &theirs {
            Ok(Some(told)) if *told == Told::DocumentEnd => {
                if let (None, Some((at, _))) = (ours, &broken) {
                    return refused(*at, MeaningError::SecondDocument.into());
                }
                Ok(())
            }
            Ok(_) => there.rest(),
            Err(error) => Err(error.clone()),
        };
        return match (broken, is_there) {
            (Some((at, message)), Err(_)) => refused(at, DisagreementKind::Neither(message)),
            (Some((at, message)), Ok(())) => refused(at, DisagreementKind::OnlyThere(message)),
            (None, Err((index, message))) => {
                refused(offset(text, index), DisagreementKind::OnlyHere(message))
            }
            (None, Ok(())) => {
                let at = ours.map_or(text.len(), |(_, at)| *at);
                let nothing = || "the end of the document".to_owned();
                let here = ours.map_or_else(nothing, |(told, _)| told.describe());
                let there = theirs
                    .ok()
                    .flatten()
                    .map_or_else(nothing, |told| told.describe());
                refused(at, DisagreementKind::Both { here, there })
            }
        };
    }
    if broken.is_some() {
        return Ok(());
    }
    if let Some((at, error)) = odd.filter(|_| may_matter(text)) {
        return refused(at, error.into());
    }
    let mut builder = Builder::default();
    for (told, at) in events {
        builder.add(told, at);
    }
    match builder.finish().as_ref().map(meaning::check) {
        Some(Err((at, error))) => refused(at, error.into()),
        _ => Ok(()),
    }
}

/// A text with a dollar for each exclamation mark that does not begin one of the core tags. Where no other tag is, it is a
/// letter as others are; and libyaml-safer has no way out of some tags before a comma.
fn without_exclamation_marks(text: &str) -> String {
    let mut replaced = String::with_capacity(text.len() + 1);
    let mut rest = text;
    while let Some(at) = rest.find('!') {
        replaced.push_str(&rest[..at]);
        rest = &rest[at..];
        let line = replaced.rfind('\n').map_or(0, |at| at + 1);
        if replaced[line..].starts_with('%') {
            replaced.push('!');
            rest = &rest[1..];
            continue;
        }
        let is_core = ["!!str", "!!seq", "!!map"].into_iter().any(|tag| {
            let after = rest.strip_prefix(tag);
            after.is_some_and(|after| after.starts_with([' ', '\t', '\r', '\n']))
        });
        let len = if is_core { 5 } else { 1 };
        replaced.push_str(if is_core { &rest[..len] } else { "$" });
        rest = &rest[len..];
    }
    replaced.push_str(rest);
    replaced
}

/// Whether a character ends a line in YAML 1.1, and is one as any other in YAML 1.2.
fn is_old_break(c: char) -> bool {
    matches!(c, '\u{85}' | '\u{2028}' | '\u{2029}')
}

/// Whether a text could hold an object or services in some reading: it has the words, or may have them escaped.
pub(crate) fn may_matter(text: &str) -> bool {
    ["kind", "services", "\\", "!!binary"]
        .into_iter()
        .any(|word| text.contains(word))
}

/// Whether a document ends before it begins: kubectl reads nothing from there on.
fn begins_with_end(text: &str) -> bool {
    let mut lines = text
        .lines()
        .filter(|line| !line.trim().is_empty() && !line.starts_with('#'));
    lines.next().is_some_and(|line| line.starts_with("..."))
}

/// What this program's reader sees of a text.
struct Seen<'t> {
    events: Vec<(Told<'t>, usize)>,
    /// Where it stops, and why.
    broken: Option<(usize, String)>,
    odd: Option<(usize, MeaningError)>,
}

impl<'t> Seen<'t> {
    fn of(text: &'t str) -> Self {
        let mut here = Here::new(text);
        let mut events = Vec::new();
        let broken = loop {
            match here.next() {
                Ok(Some(event)) => events.push(event),
                Ok(None) => break None,
                Err(broken) => break Some(broken),
            }
        };
        Self {
            events,
            broken,
            odd: here.odd,
        }
    }
}

/// Whether a scalar in double quotes has an escape that came with YAML 1.2.
fn has_escaped_slash(raw: &str) -> bool {
    let mut characters = raw.chars();
    while let Some(c) = characters.next() {
        if c == '\\' && characters.next() == Some('/') {
            return true;
        }
    }
    false
}

/// Where a character is in bytes.
fn offset(text: &str, index: u64) -> usize {
    let index = usize::try_from(index).unwrap_or(usize::MAX);
    text.char_indices()
        .nth(index)
        .map_or(text.len(), |(at, _)| at)
}

/// The events of this program's reader.
struct Here<'t> {
    text: &'t str,
    parser: Parser<'t, StrInput<'t>>,
    /// Of each list and mapping that is open, whether it is in brackets or braces.
    is_flow: Vec<bool>,
    /// The first scalar that Go's module takes otherwise than libyaml.
    odd: Option<(usize, MeaningError)>,
}

impl<'t> Here<'t> {
    fn new(text: &'t str) -> Self {
        Self {
            text,
            parser: Parser::new_from_str(text),
            is_flow: Vec::new(),
            odd: None,
        }
    }

    /// Looks at a scalar for what Go's module, which parted from libyaml years ago, takes otherwise.
    fn look_at(&mut self, value: &str, style: ScalarStyle, span: &Range<usize>) {
        if self.odd.is_some() {
            return;
        }
        let is_flow = self.is_flow.last().is_some_and(|is_flow| *is_flow);
        let raw = self.text.get(span.clone()).unwrap_or_default();
        let odd = match style {
            ScalarStyle::Plain if is_flow && (value.contains('?') || value.starts_with(':')) => {
                MeaningError::Indicator
            }
            ScalarStyle::DoubleQuoted if has_escaped_slash(raw) => {
                MeaningError::Refused("it knows no escape \"\\/\"")
            }
            _ => return,
        };
        self.odd = Some((span.start, odd));
    }

    /// The next event, and where it begins.
    fn next(&mut self) -> Result<Option<(Told<'t>, usize)>, (usize, String)> {
        let tag = |tag: Option<Cow<'t, serde_saphyr::granit_parser::Tag>>| {
            tag.map(|tag| format!("{}{}", tag.handle(), tag.suffix()))
        };
        loop {
            let Some(event) = self.parser.next_event() else {
                return Ok(None);
            };
            let (event, span) = event.map_err(|error| {
                let at = error.marker().byte_offset().unwrap_or_default();
                (at, error.info().clone())
            })?;
            let span = bytes(&span);
            let told = match event {
                Event::StreamEnd => return Ok(None),
                Event::DocumentStart(..) => Told::Document,
                Event::DocumentEnd => Told::DocumentEnd,
                Event::SequenceEnd | Event::MappingEnd => {
                    self.is_flow.pop();
                    Told::End
                }
                Event::Alias(anchor) => Told::Alias(anchor),
                Event::Scalar(value, style, anchor, tagged) => {
                    self.look_at(&value, style, &span);
                    Told::Scalar {
                        // What is omitted is written so.
                        value: if value == "~" && span.is_empty() {
                            Cow::default()
                        } else {
                            value
                        },
                        is_plain: style == ScalarStyle::Plain,
                        anchor,
                        tag: tag(tagged),
                    }
                }
                Event::SequenceStart(style, anchor, tagged) => {
                    self.is_flow.push(style == StructureStyle::Flow);
                    Told::Sequence {
                        anchor,
                        tag: tag(tagged),
                    }
                }
                Event::MappingStart(style, anchor, tagged) => {
                    self.is_flow.push(style == StructureStyle::Flow);
                    Told::Mapping {
                        anchor,
                        tag: tag(tagged),
                    }
                }
                _ => continue,
            };
            return Ok(Some((told, span.start)));
        }
    }
}

/// The events of libyaml.
struct There<'t> {
    parser: LibyamlParser<&'t [u8]>,
    /// The number of each anchor.
    anchors: HashMap<String, usize>,
    count: usize,
}

impl<'t> There<'t> {
    fn new(text: &'t str) -> Self {
        let mut parser = LibyamlParser::new();
        parser.set_input(text.as_bytes());
        Self {
            parser,
            anchors: HashMap::new(),
            count: 0,
        }
    }

    fn anchor(&mut self, name: Option<String>) -> usize {
        let Some(name) = name else {
            return 0;
        };
        self.count += 1;
        self.anchors.insert(name, self.count);
        self.count
    }

    fn next(&mut self) -> Result<Option<Told<'static>>, (u64, String)> {
        loop {
            let event = self.parser.parse().map_err(|error| {
                let mark = error.problem_mark().unwrap_or_default();
                (mark.index, message(&error))
            })?;
            let told = match event.data {
                EventData::StreamStart { .. } => continue,
                EventData::StreamEnd => return Ok(None),
                EventData::DocumentStart { .. } => Told::Document,
                EventData::DocumentEnd { .. } => Told::DocumentEnd,
                EventData::SequenceEnd | EventData::MappingEnd => Told::End,
                EventData::Alias { anchor } => match self.anchors.get(&anchor) {
                    Some(anchor) => Told::Alias(*anchor),
                    None => {
                        return Err((event.start_mark.index, format!("unknown anchor {anchor:?}")));
                    }
                },
                EventData::Scalar {
                    anchor,
                    tag,
                    value,
                    style,
                    ..
                } => Told::Scalar {
                    value: value.into(),
                    is_plain: style == LibyamlStyle::Plain,
                    anchor: self.anchor(anchor),
                    tag,
                },
                EventData::SequenceStart { anchor, tag, .. } => Told::Sequence {
                    anchor: self.anchor(anchor),
                    tag,
                },
                EventData::MappingStart { anchor, tag, .. } => Told::Mapping {
                    anchor: self.anchor(anchor),
                    tag,
                },
            };
            return Ok(Some(told));
        }
    }

    /// Reads the rest of the document.
    fn rest(&mut self) -> Result<(), (u64, String)> {
        while self.next()?.is_some_and(|told| told != Told::DocumentEnd) {}
        Ok(())
    }
}

/// What libyaml says of an error, without the places: those are distinguished from it.
fn message(error: &libyaml_safer::Error) -> String {
    let text = error.to_string();
    let (_, text) = text.split_once("column ").unwrap_or(("", &text));
    let (_, text) = text.split_once(": ").unwrap_or(("", text));
    let text = text.split(" (line ").next().unwrap_or(text);
    text.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is reported of a document of each kind that does not mean the same to both readers, and where.
    #[test]
    fn a_document_with_two_readings_is_refused_with_both() {
        let pod = "apiVersion: v1\nkind: Pod\nspec:\n";
        for (text, at, says) in [
            // Merge keys: the last that is written counts for kubectl.
            (
                "x: &d {image: b}\nkind: Pod\nc: {image: a, <<: *d}\n",
                "a, <<",
                "\"image\" is \"b\" to kubectl",
            ),
            (
                "x: &d {kind: Job}\nkind: Pod\n<<: *d\n",
                "Pod",
                "\"kind\" is \"Job\" to kubectl",
            ),
            (
                "x: &d {a: b}\ny: &e {a: c}\nkind: {<<: *d, <<: *e}\n",
                "b}",
                "\"a\" is \"c\" to kubectl, where the last one counts that is written, merged or not, and \"b\" by",
            ),
            (
                "x: &d {a: [1]}\ny: &e {a: [2], <<: *d}\nkind: {<<: *e}\n",
                "[2]",
                "\"a\" is one list to kubectl",
            ),
            ("kind: Pod\n<<: [a]\n", "<<", "merges is no mapping"),
            // Line breaks of YAML 1.1.
            (
                "# c\u{2028}kind: Pod\n",
                "\u{2028}",
                "U+2028 ends a line for kubectl",
            ),
            ("# c\u{2029}kind: Pod\n", "\u{2029}", "U+2029"),
            ("# c\u{85}kind: Pod\n", "\u{85}", "U+0085"),
            ("a: b\n\u{feff}kind: Pod\n", "\u{feff}", "a byte order mark"),
            ("...\n", "", "kubectl can't read it"),
            // Tags.
            ("kind: !!binary UG9k\n", "UG9k", "the tag !!binary"),
            ("kind: !x Pod\n", "Pod", "the tag !x"),
            ("!!set {kind: Pod}\n", "{", "the tag !!set"),
            ("{kind: Pod, a: [!x, b]}\n", ", b", "the tag !x"),
            // Keys, and numbers that JSON doesn't have.
            ("kind: Pod\nnull: a\n", "null", "a key is null"),
            ("kind: Pod\n? \n: a\n", ": a", "a key is null"),
            (
                "kind: Pod\n? [a]\n: b\n",
                "[a]",
                "a key is a list or a mapping",
            ),
            ("kind: Pod\na: .inf\n", ".inf", "JSON has no word"),
            ("kind: Pod\na: [-.INF]\n", "-.INF", "JSON has no word"),
            ("kind: &a [*a]\n", "*a", "holds itself"),
            // More than a document.
            (
                "kind: Pod\n...\nkind: Job\n",
                "kind: Job",
                "kubectl does not read the text from here on",
            ),
            (
                "{kind: Pod}\nkind: Job\n",
                "kind: Job",
                "kubectl does not read the text from here on",
            ),
            (
                "{kind: Pod}\n}{\n",
                "}{",
                "it is not YAML 1.2 (misplaced bracket)",
            ),
            // What one of them alone can read.
            ("kind: Pod\na: \"\\/\"\n", "\"\\/", "no escape \"\\/\""),
            (
                "{kind: Pod, a: [b?c]}\n",
                "b?c",
                "a question mark in brackets",
            ),
            (
                "kind: Pod\na:\n  \t\n  b: c\n",
                "",
                "kubectl can't read it: found",
            ),
        ] {
            let found = agree(text).unwrap_err();
            let message = found.kind.to_string();
            assert!(message.contains(says), "{text:?}: {message}");
            assert!(
                text[found.at..].starts_with(at),
                "{text:?}: {:?}",
                &text[found.at..]
            );
            let text = format!("{pod}  containers: []\n---\n{text}");
            assert!(agree(&text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_document_with_one_reading_is_none_of_these() {
        for text in [
            "",
            "# nothing\n",
            "kind: Pod\n...\n",
            "kind: Pod\n...\n# c\n",
            "# c\rkind: Pod\r",
            "\u{feff}kind: Pod\n",
            "x: &d {image: a}\nkind: {<<: *d, image: b}\n",
            "x: &d {image: a}\nkind: {image: a, <<: *d}\n",
            "x: &d {a: b}\ny: &e {a: c}\nkind: {<<: [*d, *e]}\n",
            "kind: {image: a, \"<<\": {image: b}}\n",
            "kind: !!str Pod\nspec: !!map {a: !!seq [b]}\n",
            "kind: Pod\nyes: a\n1: b\n1.5: c\n",
            "kind: Hello!, [world!]\na: [\"x!, y\", 'z!']\n",
            "kind: Pod\ndata: |\n  a\tb\n  # c\n\n  d\n",
            // Other documents may be what they are.
            "a: !Ref b\n",
            "a: &d {b: c}\ne: {b: f, <<: *d}\n",
            "a: \u{2028}\n",
            "a: .inf\nnull: b\n",
        ] {
            assert_eq!(agree(text), Ok(()), "{text:?}");
            assert_eq!(agree_in_full(text), Ok(()), "{text:?}");
        }
    }

    /// Of what kubectl can't read either, another message may say more.
    #[test]
    fn what_neither_reads_is_distinguished() {
        for text in [
            "kind: [",
            "kind: {{ .Values.x }}\na: {{b}}: c\n",
            "a: b\n  c: d\n",
            "*a : b\n",
        ] {
            let found = agree_in_full(text).unwrap_err();
            assert!(
                matches!(found.kind, DisagreementKind::Neither(_)),
                "{text:?}: {}",
                found.kind
            );
        }
        let found = agree("{kind: Pod, a: &b:c d}\n").unwrap_err();
        assert!(
            found.kind.is_read_by_kubectl() || matches!(found.kind, DisagreementKind::OnlyHere(_)),
            "{}",
            found.kind
        );
    }
}
