//! How a document of YAML or JSON is laid out: its values, and where each stands in the text.

use std::{collections::BTreeSet, ops::Range};

use serde_saphyr::granit_parser::{Event, Parser, ScalarStyle, StrInput, StructureStyle};

use super::locate::bytes;

/// How deep lists and objects may stand within each other; what is deeper has no layout. The readers
/// of YAML and JSON stop before.
const MAX_DEPTH: usize = 256;

/// How a document is laid out.
#[derive(Debug)]
pub(crate) struct Layout {
    pub(crate) root: Value,
    /// The anchors that aliases name.
    pub(crate) shared: BTreeSet<usize>,
}

/// One value of a document.
#[derive(Debug)]
pub(crate) struct Value {
    pub(crate) kind: Kind,
    /// Where it stands, without its anchor and tag. A value that is left out has an empty place,
    /// and one in block style ends with its last scalar.
    pub(crate) span: Range<usize>,
    /// Its anchor, if aliases name that.
    pub(crate) anchor: Option<usize>,
}

/// What a value is.
#[derive(Debug)]
pub(crate) enum Kind {
    Scalar {
        text: String,
        style: ScalarStyle,
    },
    /// What stands at this anchor.
    Alias(usize),
    List {
        items: Vec<Value>,
        is_flow: bool,
    },
    Object {
        entries: Vec<Entry>,
        is_flow: bool,
    },
}

/// One field of an object.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) key: Value,
    pub(crate) value: Value,
}

impl Layout {
    /// That of the first document of a text; `None` if it cannot be read.
    pub(crate) fn of(text: &str) -> Option<Self> {
        let mut shared = BTreeSet::new();
        let mut parser = Parser::new_from_str(text);
        while let Some(event) = parser.next_event() {
            if let (Event::Alias(anchor), _) = event.ok()? {
                shared.insert(anchor);
            }
        }
        let mut builder = Builder {
            events: Parser::new_from_str(text),
            shared,
        };
        let (event, span) = builder.next()?;
        let root = builder.value(event, span, 0)?;
        Some(Self {
            root,
            shared: builder.shared,
        })
    }
}

impl Value {
    /// What stands at an anchor in it.
    pub(crate) fn anchored(&self, anchor: usize) -> Option<&Self> {
        if self.anchor == Some(anchor) {
            return Some(self);
        }
        match &self.kind {
            Kind::Scalar { .. } | Kind::Alias(_) => None,
            Kind::List { items, .. } => items.iter().find_map(|item| item.anchored(anchor)),
            Kind::Object { entries, .. } => entries.iter().find_map(|entry| {
                let key = entry.key.anchored(anchor);
                key.or_else(|| entry.value.anchored(anchor))
            }),
        }
    }

    /// The last scalar or alias in it, or the last list or object in flow style.
    pub(crate) fn last_leaf(&self) -> &Self {
        let last = match &self.kind {
            Kind::List {
                items,
                is_flow: false,
            } => items.last(),
            Kind::Object {
                entries,
                is_flow: false,
            } => entries.last().map(|entry| &entry.value),
            _ => None,
        };
        last.map_or(self, Self::last_leaf)
    }
}

impl Entry {
    /// The field's name, unless it is a list or an object.
    pub(crate) fn name(&self) -> Option<&str> {
        match &self.key.kind {
            Kind::Scalar { text, .. } => Some(text),
            _ => None,
        }
    }
}

struct Builder<'t> {
    events: Parser<'t, StrInput<'t>>,
    /// The anchors that aliases name.
    shared: BTreeSet<usize>,
}

impl<'t> Builder<'t> {
    fn next(&mut self) -> Option<(Event<'t>, Range<usize>)> {
        loop {
            let (event, span) = self.events.next_event()?.ok()?;
            match event {
                Event::StreamEnd | Event::DocumentEnd => return None,
                Event::StreamStart | Event::DocumentStart(..) | Event::Comment(..) => {}
                event => return Some((event, bytes(&span))),
            }
        }
    }

    fn value(&mut self, event: Event<'t>, span: Range<usize>, depth: usize) -> Option<Value> {
        if depth > MAX_DEPTH {
            return None;
        }
        let (kind, end, anchor) = match event {
            Event::Alias(anchor) => (Kind::Alias(anchor), span.end, 0),
            Event::Scalar(text, style, anchor, _) => {
                let text = text.into_owned();
                (Kind::Scalar { text, style }, span.end, anchor)
            }
            Event::SequenceStart(style, anchor, _) => {
                let mut items = Vec::new();
                let end = loop {
                    match self.next()? {
                        (Event::SequenceEnd, end) => break end.end,
                        (event, span) => items.push(self.value(event, span, depth + 1)?),
                    }
                };
                let is_flow = style == StructureStyle::Flow;
                (Kind::List { items, is_flow }, end, anchor)
            }
            Event::MappingStart(style, anchor, _) => {
                let mut entries = Vec::new();
                let end = loop {
                    let key = match self.next()? {
                        (Event::MappingEnd, end) => break end.end,
                        (event, span) => self.value(event, span, depth + 1)?,
                    };
                    let (event, span) = self.next()?;
                    let value = self.value(event, span, depth + 1)?;
                    entries.push(Entry { key, value });
                };
                let is_flow = style == StructureStyle::Flow;
                (Kind::Object { entries, is_flow }, end, anchor)
            }
            _ => return None,
        };
        let mut value = Value {
            kind,
            span: span.start..end,
            anchor: self.shared.get(&anchor).copied(),
        };
        // A block ends where the next value begins, behind comments that are no part of it.
        value.span.end = value.last_leaf().span.end.min(end);
        Some(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_have_their_places() {
        let text = "\u{feff}a: &x !!str nginx # why\r\nl:\r\n- *x\r\n- {k: 'v', m: [1, 2]}\r\ne:\r\n# end\r\n";
        let root = Layout::of(text).unwrap().root;
        let named = |anchor| Some(&text[root.anchored(anchor)?.span.clone()]);
        let Kind::Object { entries, is_flow } = &root.kind else {
            panic!("{root:?}");
        };
        assert!(!is_flow);
        let found: Vec<(&str, &str, Option<&str>)> = entries
            .iter()
            .map(|entry| {
                let value = &entry.value;
                (
                    entry.name().unwrap(),
                    &text[value.span.clone()],
                    value.anchor.and_then(named),
                )
            })
            .collect();
        assert_eq!(
            found,
            [
                ("a", "nginx", Some("nginx")),
                ("l", "*x\r\n- {k: 'v', m: [1, 2]}", None),
                ("e", "", None),
            ]
        );
    }

    #[test]
    fn what_cannot_be_read_has_no_layout() {
        let deep = "[".repeat(300) + &"]".repeat(300);
        for text in ["", "# nothing\n", "a: [", "a: *x", &deep] {
            assert!(Layout::of(text).is_none(), "{text:?}");
        }
    }
}
