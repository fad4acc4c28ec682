//! Where the values of a document stand in its text.

use std::{
    collections::BTreeMap,
    ops::{Bound, Range},
};

use serde_saphyr::granit_parser::{Event, Parser, Span, StrInput};

/// Where the values at these JSON paths stand in the first document of a text of YAML or JSON.
///
/// A value that comes through an alias or a merge stands where that is used. One that is absent
/// stands where the innermost object begins that should have it.
pub(crate) fn locate<'p>(
    text: &str,
    paths: impl IntoIterator<Item = &'p str>,
) -> BTreeMap<&'p str, Range<usize>> {
    let mut locator = Locator {
        events: Parser::new_from_str(text),
        wanted: paths.into_iter().map(|path| (path, None)).collect(),
        path: String::new(),
    };
    // A text that was read can be read again; what could not be is not located.
    let _ = locator.document();
    let found = locator.wanted.into_iter();
    found
        .filter_map(|(path, span)| Some((path, span?)))
        .collect()
}

struct Locator<'t, 'p> {
    events: Parser<'t, StrInput<'t>>,
    wanted: BTreeMap<&'p str, Option<Range<usize>>>,
    /// The path of the value that is being read.
    path: String,
}

/// The text ended, or is not YAML.
struct Stop;

impl<'t> Locator<'t, '_> {
    fn next(&mut self) -> Result<(Event<'t>, Range<usize>), Stop> {
        loop {
            let (event, span) = self.events.next_event().ok_or(Stop)?.map_err(|_| Stop)?;
            match event {
                Event::StreamEnd | Event::DocumentEnd => return Err(Stop),
                Event::StreamStart | Event::DocumentStart(..) | Event::Comment(..) => {}
                event => return Ok((event, bytes(&span))),
            }
        }
    }

    fn document(&mut self) -> Result<(), Stop> {
        let (event, span) = self.next()?;
        self.value(&event, span)
    }

    /// Whether something below the path is still to be found.
    fn is_wanted_below(&self) -> bool {
        let after = self.wanted.range::<str, _>(from(&self.path));
        after
            .take_while(|(path, _)| path.starts_with(&self.path))
            .any(|(path, span)| span.is_none() && self.is_below(path))
    }

    fn is_below(&self, path: &str) -> bool {
        let rest = path.strip_prefix(&self.path);
        rest.is_some_and(|rest| {
            self.path.is_empty() || rest.is_empty() || rest.starts_with(['.', '['])
        })
    }

    /// What is still to be found below the path stands here.
    fn settle(&mut self, here: &Range<usize>) {
        let prefix = self.path.clone();
        for (path, span) in self.wanted.range_mut::<str, _>(from(&prefix)) {
            let Some(rest) = path.strip_prefix(&*prefix) else {
                break;
            };
            let is_below = prefix.is_empty() || rest.is_empty() || rest.starts_with(['.', '[']);
            if is_below && span.is_none() {
                *span = Some(here.clone());
            }
        }
    }

    fn value(&mut self, event: &Event<'t>, span: Range<usize>) -> Result<(), Stop> {
        match event {
            Event::MappingStart(..) => self.mapping(span),
            Event::SequenceStart(..) => self.sequence(span),
            // A scalar, or an alias of anything.
            _ => {
                self.settle(&span);
                Ok(())
            }
        }
    }

    fn mapping(&mut self, span: Range<usize>) -> Result<(), Stop> {
        if !self.is_wanted_below() {
            return self.skip();
        }
        let len = self.path.len();
        let mut first_key = None;
        let mut merge = None;
        loop {
            let (key, key_span) = self.next()?;
            let name = match key {
                Event::MappingEnd => break,
                Event::Scalar(name, ..) => name,
                // A key that is a list or an object is in no path.
                key => {
                    self.pass_over(&key)?;
                    let (value, _) = self.next()?;
                    self.pass_over(&value)?;
                    continue;
                }
            };
            first_key.get_or_insert(key_span);
            let (value, value_span) = self.next()?;
            if name == "<<" {
                merge.get_or_insert(value_span);
                self.pass_over(&value)?;
                continue;
            }
            if len > 0 {
                self.path.push('.');
            }
            self.path.push_str(&name);
            self.value(&value, value_span)?;
            self.path.truncate(len);
        }
        self.settle(&merge.or(first_key).unwrap_or(span));
        Ok(())
    }

    fn sequence(&mut self, span: Range<usize>) -> Result<(), Stop> {
        if !self.is_wanted_below() {
            return self.skip();
        }
        let len = self.path.len();
        for index in 0_usize.. {
            let (event, element_span) = self.next()?;
            if event == Event::SequenceEnd {
                break;
            }
            self.path.push('[');
            self.path.push_str(&index.to_string());
            self.path.push(']');
            self.value(&event, element_span)?;
            self.path.truncate(len);
        }
        self.settle(&span);
        Ok(())
    }

    fn pass_over(&mut self, event: &Event<'t>) -> Result<(), Stop> {
        match event {
            Event::MappingStart(..) | Event::SequenceStart(..) => self.skip(),
            _ => Ok(()),
        }
    }

    /// Passes over the rest of a list or an object.
    fn skip(&mut self) -> Result<(), Stop> {
        let mut depth = 1_usize;
        while depth > 0 {
            match self.next()?.0 {
                Event::MappingStart(..) | Event::SequenceStart(..) => depth += 1,
                Event::MappingEnd | Event::SequenceEnd => depth -= 1,
                _ => {}
            }
        }
        Ok(())
    }
}

/// All texts from this one on.
fn from(text: &str) -> (Bound<&str>, Bound<&str>) {
    (Bound::Included(text), Bound::Unbounded)
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
    fn values_are_found_where_they_stand() {
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
        let paths: Vec<String> = (0..20).map(|n| format!("[{n}].image")).collect();
        let text = items.concat();
        let found = locate(&text, paths.iter().map(String::as_str));
        for (n, path) in paths.iter().enumerate() {
            assert_eq!(text[found[&**path].clone()], format!("i{n}"), "{path}");
        }
    }
}
