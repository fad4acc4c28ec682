//! How a document of YAML or JSON is laid out: its values, and where each is in the text.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::{Bound, Range},
};

use serde_saphyr::granit_parser::{Event, Parser, ScalarStyle, Span, StrInput, StructureStyle};

/// How deep lists and objects may be within each other; what is deeper has no layout. The readers
/// of YAML and JSON stop before.
const MAX_DEPTH: usize = 256;

/// The key of a merge.
const MERGE: &str = "<<";

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
    /// Where it is, without its anchor and tag. A value that is omitted has an empty place,
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
    /// What is at this anchor.
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
    /// The layout of the first document of a text; `None` if it cannot be read.
    pub(crate) fn of(text: &str) -> Option<Self> {
        let mut builder = Builder {
            events: Parser::new_from_str(text),
            shared: BTreeSet::new(),
        };
        let (event, span) = builder.next()?;
        let mut root = builder.value(event, span, 0)?;
        root.keep_anchors(&builder.shared);
        Some(Self {
            root,
            shared: builder.shared,
        })
    }
}

/// Where the values at these JSON paths are in the first document of a text; nothing of a text that
/// cannot be read.
///
/// A value that comes through an alias or a merge is located where that is used. An absent value is
/// located at the beginning of the innermost object that should have it. A list at the root is that of
/// `items`, as if it were in a `List`.
pub(crate) fn locate<'p>(
    text: &str,
    paths: impl IntoIterator<Item = &'p str>,
) -> BTreeMap<&'p str, Range<usize>> {
    let mut wanted = Wanted(paths.into_iter().map(|path| (path, None)).collect());
    if let Some(layout) = Layout::of(text) {
        let is_list = matches!(layout.root.kind, Kind::List { .. });
        let mut path = String::from(if is_list { "items" } else { "" });
        layout.root.locate(&mut path, &mut wanted);
    }
    let found = wanted.0.into_iter();
    found
        .filter_map(|(path, span)| Some((path, span?)))
        .collect()
}

/// The paths to locate, and where those are that have been found.
struct Wanted<'p>(BTreeMap<&'p str, Option<Range<usize>>>);

impl Wanted<'_> {
    /// Whether a path that begins with this one is not found yet.
    fn has(&self, prefix: &str) -> bool {
        let after = self.0.range::<str, _>(from(prefix));
        after
            .map_while(|(path, span)| Some((path.strip_prefix(prefix)?, span)))
            .any(|(rest, span)| span.is_none() && begins_step(prefix, rest))
    }

    /// Locates here all paths that begin with this one and are not found yet.
    fn settle(&mut self, prefix: &str, here: &Range<usize>) {
        let after = self.0.range_mut::<str, _>(from(prefix));
        for (rest, span) in after.map_while(|(path, span)| Some((path.strip_prefix(prefix)?, span)))
        {
            if span.is_none() && begins_step(prefix, rest) {
                *span = Some(here.clone());
            }
        }
    }
}

/// Whether the rest of a path is a step of its own, not the rest of a longer name.
fn begins_step(prefix: &str, rest: &str) -> bool {
    prefix.is_empty() || rest.is_empty() || rest.starts_with(['.', '['])
}

/// All texts from this one on.
fn from(text: &str) -> (Bound<&str>, Bound<&str>) {
    (Bound::Included(text), Bound::Unbounded)
}

impl Value {
    /// Locates what is wanted in this value, which is at `path`.
    fn locate(&self, path: &mut String, wanted: &mut Wanted<'_>) {
        if !wanted.has(path) {
            return;
        }
        let len = path.len();
        match &self.kind {
            Kind::Scalar { .. } | Kind::Alias(_) => {}
            Kind::List { items, .. } => {
                for (index, item) in items.iter().enumerate() {
                    path.push('[');
                    path.push_str(&index.to_string());
                    path.push(']');
                    item.locate(path, wanted);
                    path.truncate(len);
                }
            }
            Kind::Object { entries, .. } => {
                for entry in entries {
                    // A merge and a key that is a list or an object are in no path.
                    let Some(name) = entry.name().filter(|name| *name != MERGE) else {
                        continue;
                    };
                    if len > 0 {
                        path.push('.');
                    }
                    path.push_str(name);
                    entry.value.locate(path, wanted);
                    path.truncate(len);
                }
            }
        }
        wanted.settle(path, &self.place());
    }

    /// Where the value is reported: the whole scalar, or the first token of a list or an object. For
    /// an object with a merge, it is the merge, which may have what the object lacks.
    fn place(&self) -> Range<usize> {
        let entries = match &self.kind {
            Kind::Object { entries, .. } => &**entries,
            Kind::List { .. } => &[],
            Kind::Scalar { .. } | Kind::Alias(_) => return self.span.clone(),
        };
        let merge = entries.iter().find(|entry| entry.name() == Some(MERGE));
        let named = || entries.iter().find(|entry| entry.name().is_some());
        match merge
            .map(|merge| &merge.value)
            .or_else(|| Some(&named()?.key))
        {
            Some(value) => value.place(),
            None => self.span.start..self.span.end.min(self.span.start + 1),
        }
    }

    /// Removes the anchors that no alias names.
    fn keep_anchors(&mut self, shared: &BTreeSet<usize>) {
        self.anchor = self.anchor.filter(|anchor| shared.contains(anchor));
        match &mut self.kind {
            Kind::Scalar { .. } | Kind::Alias(_) => {}
            Kind::List { items, .. } => {
                for item in items {
                    item.keep_anchors(shared);
                }
            }
            Kind::Object { entries, .. } => {
                for entry in entries {
                    entry.key.keep_anchors(shared);
                    entry.value.keep_anchors(shared);
                }
            }
        }
    }

    /// What is at an anchor in it.
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
            Event::Alias(anchor) => {
                self.shared.insert(anchor);
                (Kind::Alias(anchor), span.end, 0)
            }
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
            anchor: Some(anchor),
        };
        // A block ends where the next value begins, behind comments that are no part of it.
        value.span.end = value.last_leaf().span.end.min(end);
        Some(value)
    }
}

/// Where a span is, in bytes.
pub(super) fn bytes(span: &Span) -> Range<usize> {
    let start = span.start.byte_offset().unwrap_or_default();
    let end = span.end.byte_offset().unwrap_or_default();
    start..end.max(start)
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

    #[test]
    fn values_are_located() {
        let yaml = "\
# é
kind: Pod
spec:
  containers:
  - name: web
    image: \"nginx\" # why
  - {name: db, image: redis}
  - name: none
  - *x
  - <<: *y
    name: merged
  initContainers: []
";
        // The aliases need their anchors.
        let yaml = yaml.replacen("kind", "x: &x {image: a}\ny: &y {image: b}\nkind", 1);
        for (text, path, expected) in [
            (&*yaml, "kind", Some("Pod")),
            (&yaml, "spec.containers[0].image", Some("\"nginx\"")),
            (&yaml, "spec.containers[1].image", Some("redis")),
            (&yaml, "spec.containers[2].image", Some("name")),
            (&yaml, "spec.containers[3].image", Some("*x")),
            (&yaml, "spec.containers[4].image", Some("*y")),
            (&yaml, "spec.containers[4].name", Some("merged")),
            (&yaml, "spec.containersX", Some("containers")),
            (&yaml, "spec.template.spec", Some("containers")),
            (&yaml, "metadata.name", Some("x")),
            (
                r#"{"a": [1, {"b": "é", "c": "d"}]}"#,
                "a[1].c",
                Some("\"d\""),
            ),
            (r#"{"a": {}}"#, "a.b", Some("{")),
            ("a: [", "a.b", None),
            ("", "a", None),
        ] {
            let found = locate(text, [path]);
            let found = found.get(path).map(|span| &text[span.clone()]);
            assert_eq!(found, expected, "{path} in\n{text}");
        }
    }

    #[test]
    fn many_paths_are_found_in_one_pass() {
        let items: Vec<String> = (0..20).map(|n| format!("- image: i{n}\n")).collect();
        let paths: Vec<String> = (0..20).map(|n| format!("items[{n}].image")).collect();
        let text = items.concat();
        let found = locate(&text, paths.iter().map(String::as_str));
        for (n, path) in paths.iter().enumerate() {
            assert_eq!(text[found[&**path].clone()], format!("i{n}"), "{path}");
        }
    }
}
