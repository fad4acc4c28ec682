//! JUnit XML as CI servers read it: suites of tests, and why some did not pass.
//!
//! What is printed is kept until the end, since each element begins with how many tests are in it.

use std::io::{self, Write};

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
}

#[derive(Clone, Copy, Default)]
struct Counts {
    tests: usize,
    failures: usize,
    errors: usize,
}

impl Counts {
    /// As attributes. No test is skipped.
    fn attributes(self) -> String {
        let Self {
            tests,
            failures,
            errors,
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
        }
    }

    /// Adds a test. Tests of one class are shown together.
    pub(crate) fn add(
        &mut self,
        class: &str,
        name: &str,
        defect: Option<Defect>,
    ) -> io::Result<()> {
        self.counts.tests += 1;
        self.cases.get_mut().extend(b"    ");
        let (class, name) = (characters(class), characters(name));
        let case = self
            .cases
            .create_element("testcase")
            .with_attributes([("name", &*name), ("classname", &*class)]);
        let (element, kind, message, text) = match defect {
            None => {
                case.write_empty()?;
                self.cases.get_mut().push(b'\n');
                return Ok(());
            }
            Some(Defect::Failure {
                kind,
                message,
                text,
            }) => {
                self.counts.failures += 1;
                ("failure", kind, message, text)
            }
            Some(Defect::Error { message, text }) => {
                self.counts.errors += 1;
                ("error", "error".to_owned(), message, text)
            }
        };
        case.write_inner_content(|inner| {
            let (message, kind) = (characters(&message), characters(&kind));
            inner.get_mut().extend(b"\n      ");
            inner
                .create_element(element)
                .with_attributes([("message", &*message), ("type", &*kind)])
                .write_text_content(BytesText::new(&characters(&text)))?;
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
            if suite.counts.tests == 0 {
                continue;
            }
            let (name, counts) = (escape(&suite.name), suite.counts.attributes());
            writeln!(out, r#"  <testsuite name="{name}" {counts} skipped="0">"#)?;
            out.write_all(suite.cases.get_ref())?;
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
        suites.of("empty", false);
        let mut text = Vec::new();
        suites.write(&mut text).unwrap();
        let text = String::from_utf8(text).unwrap();
        let expected = r#"<?xml version="1.0" encoding="UTF-8"?>
<testsuites name="test" tests="1" failures="1" errors="0">
  <testsuite name="a&lt;b&gt;[1m" tests="1" failures="1" errors="0" skipped="0">
    <testcase name="&lt;x&gt;" classname="c">
      <failure message="&quot;&apos;" type="a&amp;b">]]&gt;&lt;/failure&gt;</failure>
    </testcase>
  </testsuite>
</testsuites>
"#;
        assert_eq!(text, expected);
    }
}
