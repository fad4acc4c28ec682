//! JUnit XML: each file is a suite, each image a test, each rule that enforces and is broken a
//! failure. Warnings and exemptions are the output of a test, and what was not reviewed is skipped.

mod suites;

use std::io::{self, Write};

use imagereview_core::{Language, Message, Mode};

pub(crate) use self::suites::{Defect, Suites};
use super::{label, report::Report};
use crate::engine::{ReviewedDocument, ReviewedFile, ReviewedImage, Run, at};
use crate::terminal::OneLine;

pub(super) struct Junit {
    language: Language,
    suites: Suites,
}

impl Junit {
    pub(super) fn new(language: Language) -> Self {
        Self {
            language,
            suites: Suites::new("imagereview"),
        }
    }
}

fn failure(
    file: &ReviewedFile,
    document: &ReviewedDocument,
    image: &ReviewedImage,
    language: Language,
) -> Option<Defect> {
    let first = image.denials().next()?;
    let sentences = image
        .denials()
        .map(|violation| violation.describe(language));
    let place = image.position.map(|_| file.place(document, image));
    let lines: Vec<String> = place.into_iter().chain(sentences).collect();
    Some(Defect::Failure {
        kind: first.rule().to_owned(),
        message: first.reason().text(language).to_owned(),
        text: lines.join("\n"),
    })
}

/// What is reported about an image whether it may run or not: warnings, audited rules, and exemptions.
fn output(image: &ReviewedImage, language: Language) -> String {
    let others = image.violations.iter();
    let others = others.filter(|violation| violation.mode() != Mode::Enforce);
    let others = others.map(|violation| {
        let consequence = label::consequence(violation.mode()).text(language);
        format!("{consequence}: {}", violation.describe(language))
    });
    let exempted = image.exempted.iter();
    let exempted = exempted.map(|used| label::exemption(used, language));
    others.chain(exempted).collect::<Vec<_>>().join("\n")
}

impl Report for Junit {
    fn add(&mut self, file: &ReviewedFile, _: &mut dyn Write) -> io::Result<()> {
        static UNREADABLE: Message = Message::new("unreadable", "无法读取");

        let suite = self.suites.of(&file.at(None), file.continues());
        for document in &file.documents {
            for image in &document.images {
                let name = format!("{} {}", OneLine(&image.path), OneLine(&image.image));
                // GitLab shows one test of those of all files that share class and name.
                let (file_name, _) = file.file_of(document, image);
                let class = format!("{}: {}", OneLine(file_name), OneLine(&document.title));
                let failure = failure(file, document, image, self.language);
                let output = output(image, self.language);
                suite.add_with_output(&class, &name, failure, &output)?;
            }
        }
        for diagnostic in file.errors() {
            let place = file.at(diagnostic.position);
            let text = format!("{place}: {}", diagnostic.message);
            let message = diagnostic.message.clone();
            let class = UNREADABLE.text(self.language);
            suite.add(class, &place, Some(Defect::Error { message, text }))?;
        }
        Ok(())
    }

    fn finish(&mut self, run: &Run, out: &mut dyn Write) -> io::Result<()> {
        static NOT_REVIEWED: Message = Message::new("not reviewed", "未审查");

        let summary = &run.summary;
        if summary.not_reviewed > 0 || summary.errors > 0 {
            let class = NOT_REVIEWED.text(self.language);
            let suite = self.suites.of(class, false);
            for notice in run.unreviewed.notices() {
                let place = at(&notice.file, notice.first.position);
                let message = notice.to_string();
                suite.add(class, &place, Some(Defect::Skipped { message }))?;
            }
            suite.set_output(&summary.text(self.language));
        }
        self.suites.write(out)
    }
}
