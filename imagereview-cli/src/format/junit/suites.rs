//! JUnit XML as CI servers read it: suites of tests, and why some did not pass.
//!
//! What is printed is kept until the end, since each element begins with how many tests are in it.

use std::{
    collections::HashMap,
    io::{self, Write},
};

use quick_xml::{Writer, escape::escape, events::BytesText};

/// All suites of a run.
pub(crate) struct Suites {
    name: &'static str,
    suites: Vec<Suite>,
}

/// The tests of one file.
pub(crate) struct Suite {
    name: String,
    cases: Writer<Vec<u8>>,
    counts: Counts,
    /// How often each class and name has been used: some readers show one test of those that share both.
    names: HashMap<(String, String), usize>,
    /// What is reported about the suite as a whole.
    output: String,
}

/// Why a test did not pass.
pub(crate) enum Defect {
    /// It came out otherwise than it should.
    Failure {
        /// What it is, such as the name of a rule.
        kind: String,
        message: String,
        text: String,
    },
    /// It could not be run.
    Error { message: String, text: String },
    /// It was not run, and need not be.
    Skipped { message: String },
}

#[derive(Clone, Copy, Default)]
struct Counts {
    tests: usize,
    failures: usize,
    errors: usize,
    skipped: usize,
}

impl Counts {
    /// As attributes, of those that any element has.
    fn attributes(self) -> String {
        let Self {
            tests,
            failures,
            errors,
            skipped: _,
        } = self;
        format!(r#"tests="{tests}" failures="{failures}" errors="{errors}""#)
    }
}

impl Suite {
    fn new(name: &str) -> Self {
        Self {
            name: characters(name),
            cases: Writer::new(Vec::new()),
            counts: Counts::default(),
            names: HashMap::new(),
            output: String::new(),
        }
    }

    /// Sets what is reported about the suite as a whole.
    pub(crate) fn set_output(&mut self, output: &str) {
        self.output = characters(output);
    }

    /// Adds a test. Tests of one class are shown together.
    pub(crate) fn add(
        &mut self,
        class: &str,
        name: &str,
        defect: Option<Defect>,
    ) -> io::Result<()> {
        self.add_with_output(class, name, defect, "")
    }

    /// Adds a test, and what is reported about it whether it passed or not.
    pub(crate) fn add_with_output(
        &mut self,
        class: &str,
        name: &str,
        defect: Option<Defect>,
        output: &str,
    ) -> io::Result<()> {
        self.counts.tests += 1;
        self.cases.get_mut().extend(b"    ");
        let (class, mut name) = (characters(class), characters(name));
        let uses = self.names.entry((class.clone(), name.clone())).or_default();
        *uses += 1;
        if *uses > 1 {
            name = format!("{name} ({uses})");
        }
        let case = self
            .cases
            .create_element("testcase")
            .with_attributes([("name", &*name), ("classname", &*class)]);
        let defect = match defect {
            None if output.is_empty() => {
                case.write_empty()?;
                self.cases.get_mut().push(b'\n');
                return Ok(());
            }
            None => None,
            Some(Defect::Failure {
                kind,
                message,
                text,
            }) => {
                self.counts.failures += 1;
                Some(("failure", Some(kind), message, text))
            }
            Some(Defect::Error { message, text }) => {
                self.counts.errors += 1;
                Some(("error", Some("error".to_owned()), message, text))
            }
            Some(Defect::Skipped { message }) => {
                self.counts.skipped += 1;
                Some(("skipped", None, message, String::new()))
            }
        };
        case.write_inner_content(|inner| {
            if let Some((element, kind, message, text)) = &defect {
                let kind = kind.as_deref().map(characters);
                inner.get_mut().extend(b"\n      ");
                inner
                    .create_element(*element)
                    .with_attributes([("message", &*characters(message))])
                    .with_attributes(kind.iter().map(|kind| ("type", &**kind)))
                    .write_text_content(BytesText::new(&characters(text)))?;
            }
            if !output.is_empty() {
                inner.get_mut().extend(b"\n      ");
                inner
                    .create_element("system-out")
                    .write_text_content(BytesText::new(&characters(output)))?;
            }
            inner.get_mut().extend(b"\n    ");
            Ok(())
        })?;
        self.cases.get_mut().push(b'\n');
        Ok(())
    }
}

impl Suites {
    pub(crate) fn new(name: &'static str) -> Self {
        Self {
            name,
            suites: Vec::new(),
        }
    }

    /// The suite of a file: the one before it, if that is of a part of the same file.
    pub(crate) fn of(&mut self, name: &str, continues: bool) -> &mut Suite {
        if !continues || self.suites.is_empty() {
            self.suites.push(Suite::new(name));
        }
        let last = self.suites.len() - 1;
        &mut self.suites[last]
    }

    /// Writes those suites that have tests.
    pub(crate) fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        let mut all = Counts::default();
        for Suite { counts, .. } in &self.suites {
            all.tests += counts.tests;
            all.failures += counts.failures;
            all.errors += counts.errors;
        }
        let (name, counts) = (self.name, all.attributes());
        writeln!(out, r#"<?xml version="1.0" encoding="UTF-8"?>"#)?;
        writeln!(out, r#"<testsuites name="{name}" {counts}>"#)?;
        for suite in &self.suites {
            if suite.counts.tests == 0 && suite.output.is_empty() {
                continue;
            }
            let (name, counts) = (escape(&suite.name), suite.counts.attributes());
            let skipped = suite.counts.skipped;
            writeln!(
                out,
                r#"  <testsuite name="{name}" {counts} skipped="{skipped}">"#
            )?;
            out.write_all(suite.cases.get_ref())?;
            if !suite.output.is_empty() {
                let output = escape(&suite.output);
                writeln!(out, "    <system-out>{output}</system-out>")?;
            }
            writeln!(out, "  </testsuite>")?;
        }
        writeln!(out, "</testsuites>")
    }
}

/// Text without the characters that XML can't hold.
///
/// Source: <https://www.w3.org/TR/xml/#charsets>
fn characters(text: &str) -> String {
    let is_held = |c: &char| match c {
        '\t' | '\n' | '\r' => true,
        '\u{fffe}' | '\u{ffff}' => false,
        c => *c >= ' ',
    };
    text.chars().filter(is_held).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_from_outside_is_no_markup() {
        let mut suites = Suites::new("test");
        let defect = Defect::Failure {
            kind: "a&b".to_owned(),
            message: "\"'\0".to_owned(),
            text: "]]></failure>".to_owned(),
        };
        let suite = suites.of("a<b>\u{1b}[1m", false);
        suite.add("c", "<x>", Some(defect)).unwrap();
        let suite = suites.of("same", false);
        for _ in 0..2 {
            suite.add_with_output("c", "d", None, "<&").unwrap();
        }
        let message = "e".to_owned();
        suite
            .add("c", "d", Some(Defect::Skipped { message }))
            .unwrap();
        suite.set_output("<all>");
        suites.of("empty", false);
        let mut text = Vec::new();
        suites.write(&mut text).unwrap();
        let text = String::from_utf8(text).unwrap();
        let expected = r#"<?xml version="1.0" encoding="UTF-8"?>
<testsuites name="test" tests="4" failures="1" errors="0">
  <testsuite name="a&lt;b&gt;[1m" tests="1" failures="1" errors="0" skipped="0">
    <testcase name="&lt;x&gt;" classname="c">
      <failure message="&quot;&apos;" type="a&amp;b">]]&gt;&lt;/failure&gt;</failure>
    </testcase>
  </testsuite>
  <testsuite name="same" tests="3" failures="0" errors="0" skipped="1">
    <testcase name="d" classname="c">
      <system-out>&lt;&amp;</system-out>
    </testcase>
    <testcase name="d (2)" classname="c">
      <system-out>&lt;&amp;</system-out>
    </testcase>
    <testcase name="d (3)" classname="c">
      <skipped message="e"></skipped>
    </testcase>
    <system-out>&lt;all&gt;</system-out>
  </testsuite>
</testsuites>
"#;
        assert_eq!(text, expected);
    }
}
