//! JUnit XML: each file is a suite, each image a test, each rule that enforces and is broken a
//! failure.

mod suites;

use std::io::{self, Write};

use imagereview_core::{Language, Message};

pub(crate) use self::suites::{Defect, Suites};
use super::report::Report;
use crate::engine::{ReviewedFile, ReviewedImage, Summary};
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

fn failure(file: &ReviewedFile, image: &ReviewedImage, language: Language) -> Option<Defect> {
    let first = image.denials().next()?;
    let sentences = image
        .denials()
        .map(|violation| violation.describe(language));
    let place = image.position.map(|at| file.at(Some(at)));
    let lines: Vec<String> = place.into_iter().chain(sentences).collect();
    Some(Defect::Failure {
        kind: first.rule().to_owned(),
        message: first.reason().text(language).to_owned(),
        text: lines.join("\n"),
    })
}

impl Report for Junit {
    fn add(&mut self, file: &ReviewedFile, _: &mut dyn Write) -> io::Result<()> {
        static UNREADABLE: Message = Message::new("unreadable", "无法读取");

        let suite = self.suites.of(&file.at(None), file.continues());
        for document in &file.documents {
            for image in &document.images {
                let name = format!("{} {}", OneLine(&image.path), OneLine(&image.image));
                let class = OneLine(&document.title).to_string();
                suite.add(&class, &name, failure(file, image, self.language))?;
            }
        }
        for diagnostic in file
            .diagnostics
            .iter()
            .filter(|diagnostic| diagnostic.is_error)
        {
            let place = file.at(diagnostic.position);
            let text = format!("{place}: {}", diagnostic.message);
            let message = diagnostic.message.clone();
            let class = UNREADABLE.text(self.language);
            suite.add(class, &place, Some(Defect::Error { message, text }))?;
        }
        Ok(())
    }

    fn finish(&mut self, _: &Summary, out: &mut dyn Write) -> io::Result<()> {
        self.suites.write(out)
    }
}
