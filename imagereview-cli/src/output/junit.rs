//! `JUnit` XML, which CI servers show as tests: each file is a suite, each image a test, each rule
//! that enforces and is broken a failure.

use std::io::{self, Write};

use imagereview_core::{Language, Mode};
use quick_junit::{NonSuccessKind, Report as JunitReport, TestCase, TestCaseStatus, TestSuite};

use super::Report;
use crate::report::{ReviewedFile, Summary};

pub(super) struct Junit {
    language: Language,
    report: JunitReport,
}

impl Junit {
    pub(super) fn new(language: Language) -> Self {
        Self {
            language,
            report: JunitReport::new("imagereview"),
        }
    }
}

impl Report for Junit {
    fn add(&mut self, file: &ReviewedFile, _: &mut dyn Write) -> io::Result<()> {
        let mut suite = TestSuite::new(&*file.name);
        for document in &file.documents {
            for image in &document.images {
                let mut failures = image
                    .violations
                    .iter()
                    .filter(|violation| violation.mode() == Mode::Enforce);
                let mut status = TestCaseStatus::success();
                if let Some(first) = failures.next() {
                    status = TestCaseStatus::non_success(NonSuccessKind::Failure);
                    status.set_message(first.reason().text(self.language));
                    status.set_type(first.rule());
                    let sentences: Vec<String> = std::iter::once(first)
                        .chain(failures)
                        .map(|violation| violation.describe(self.language))
                        .collect();
                    let place = image.position.map(|at| format!("{}:{at}\n", file.name));
                    status.set_description(place.unwrap_or_default() + &sentences.join("\n"));
                }
                let mut case = TestCase::new(format!("{} {}", image.path, image.image), status);
                case.set_classname(&*document.title);
                suite.add_test_case(case);
            }
        }
        for problem in file.problems.iter().filter(|problem| problem.is_error) {
            let mut status = TestCaseStatus::non_success(NonSuccessKind::Error);
            status.set_message(&*problem.message);
            let place = problem
                .position
                .map(|at| format!(":{at}"))
                .unwrap_or_default();
            let mut case = TestCase::new(format!("{}{place}", file.name), status);
            case.set_classname("unreadable");
            suite.add_test_case(case);
        }
        if suite.tests > 0 {
            self.report.add_test_suite(suite);
        }
        Ok(())
    }

    fn finish(&mut self, _: &Summary, out: &mut dyn Write) -> io::Result<()> {
        let text = self.report.to_string().map_err(io::Error::other)?;
        // The schema that Jenkins publishes knows this attribute of a suite, and not of all suites.
        let text = text.replacen(r#" skipped="0""#, "", 1);
        out.write_all(text.as_bytes())
    }
}
