//! All findings and uses of images: the page holds each, and the browser shows those that are asked for.

use std::{
    collections::{BTreeMap, HashMap},
    rc::Rc,
};

use serde::{Serialize, Serializer, ser::SerializeSeq};

use super::state::{Counts, State};

/// Texts, each of them once: most are there many times.
#[derive(Default)]
pub(super) struct Texts {
    texts: Vec<Rc<str>>,
    numbers: HashMap<Rc<str>, u32>,
}

/// The number of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Text(u32);

impl Texts {
    pub(super) fn add(&mut self, text: &str) -> Text {
        if let Some(number) = self.numbers.get(text) {
            return Text(*number);
        }
        // A page of four thousand million texts is more than any browser opens.
        let number = u32::try_from(self.texts.len()).unwrap_or(u32::MAX);
        let text: Rc<str> = text.into();
        self.texts.push(Rc::clone(&text));
        self.numbers.insert(text, number);
        Text(number)
    }

    pub(super) fn get(&self, text: Text) -> &str {
        let found = usize::try_from(text.0)
            .ok()
            .and_then(|at| self.texts.get(at));
        found.map_or("", |text| text)
    }
}

impl Serialize for Texts {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut texts = serializer.serialize_seq(Some(self.texts.len()))?;
        for text in &self.texts {
            texts.serialize_element(&**text)?;
        }
        texts.end()
    }
}

/// Where something is: as people read it, and the file and line for a link; line 0 is none.
#[derive(Clone, Copy)]
pub(super) struct Place {
    pub(super) shown: Text,
    pub(super) file: Text,
    pub(super) line: usize,
}

/// One image that fails the rule under which it is listed.
#[derive(Clone, Copy)]
pub(super) struct Finding {
    pub(super) state: State,
    pub(super) image: Text,
    pub(super) reason: Text,
    pub(super) remedy: Text,
    pub(super) object: Text,
    pub(super) place: Place,
    pub(super) path: Text,
    /// The line of the image: before it, the image, and after it. All are empty where it is not known.
    pub(super) line: [Text; 3],
}

/// One use of an image.
#[derive(Clone, Copy)]
pub(super) struct Use {
    pub(super) state: State,
    pub(super) object: Text,
    pub(super) place: Place,
    pub(super) path: Text,
}

/// The findings of a rule.
#[derive(Default)]
pub(super) struct Rule {
    pub(super) counts: Counts,
    pub(super) findings: Vec<Finding>,
}

/// The images of a registry, by their repository, and their tag and digest as written.
#[derive(Default)]
pub(super) struct Registry {
    pub(super) counts: Counts,
    pub(super) uses: BTreeMap<(String, String), Vec<Use>>,
}

/// Everything, in the order of the page, as its script reads it.
#[derive(Serialize)]
pub(super) struct Data<'a> {
    texts: &'a Texts,
    rules: Vec<Vec<[usize; 12]>>,
    registries: Vec<Vec<UseRow<'a>>>,
}

/// Repository, tag and digest, and the use.
type UseRow<'a> = (&'a str, &'a str, [usize; 6]);

impl Text {
    fn number(self) -> usize {
        usize::try_from(self.0).unwrap_or(usize::MAX)
    }
}

impl Finding {
    fn row(&self) -> [usize; 12] {
        let [before, image, after] = self.line;
        [
            self.state as usize,
            self.image.number(),
            self.reason.number(),
            self.remedy.number(),
            self.object.number(),
            self.place.shown.number(),
            self.place.file.number(),
            self.place.line,
            self.path.number(),
            before.number(),
            image.number(),
            after.number(),
        ]
    }
}

impl Use {
    fn row(&self) -> [usize; 6] {
        [
            self.state as usize,
            self.object.number(),
            self.place.shown.number(),
            self.place.file.number(),
            self.place.line,
            self.path.number(),
        ]
    }
}

impl<'a> Data<'a> {
    pub(super) fn new(
        texts: &'a Texts,
        rules: impl Iterator<Item = &'a Rule>,
        registries: impl Iterator<Item = &'a Registry>,
    ) -> Self {
        let rows_of_rule = |rule: &Rule| rule.findings.iter().map(Finding::row).collect();
        let rows_of_registry = |registry: &'a Registry| {
            let images = registry.uses.iter();
            let rows = images.flat_map(|((repository, version), uses)| {
                let row = move |used: &Use| (&**repository, &**version, used.row());
                uses.iter().map(row)
            });
            rows.collect()
        };
        Self {
            texts,
            rules: rules.map(rows_of_rule).collect(),
            registries: registries.map(rows_of_registry).collect(),
        }
    }

    /// As JSON that can be in an element of a page.
    pub(super) fn to_json(&self) -> serde_json::Result<String> {
        Ok(serde_json::to_string(self)?.replace('<', "\\u003c"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_there_once_and_ends_no_element() {
        let mut texts = Texts::default();
        let end = texts.add("</script>");
        assert_eq!(texts.add("</script>"), end);
        assert_ne!(texts.add("b"), end);
        assert_eq!(texts.get(end), "</script>");
        let json = Data::new(&texts, [].into_iter(), [].into_iter()).to_json();
        let expected = r#"{"texts":["\u003c/script>","b"],"rules":[],"registries":[]}"#;
        assert_eq!(json.unwrap(), expected);
    }
}
