//! One page that needs nothing else: what is denied and why, and which images are used where.

mod entries;
mod page;
mod snippet;
mod state;

use std::{
    collections::BTreeMap,
    io::{self, Write},
};

use imagereview_core::{ImageRef, Language, Violation};

use self::{
    entries::{Finding, Place, Registry, Rule, Texts, Use},
    page::Page,
    snippet::snippet,
    state::State,
};
use super::{head::Head, label, report::Report};
use crate::{
    engine::{ReviewedDocument, ReviewedFile, ReviewedImage, Run, at},
    input::Position,
    terminal::OneLine,
};

pub(super) struct Html {
    language: Language,
    head: Head,
    texts: Texts,
    rules: BTreeMap<String, Rule>,
    registries: BTreeMap<String, Registry>,
    /// What could not be read.
    errors: Vec<String>,
}

impl Html {
    pub(super) fn new(language: Language, head: Head) -> Self {
        Self {
            language,
            head,
            texts: Texts::default(),
            rules: BTreeMap::new(),
            registries: BTreeMap::new(),
            errors: Vec::new(),
        }
    }

    fn place(
        &mut self,
        file: &ReviewedFile,
        document: &ReviewedDocument,
        image: &ReviewedImage,
    ) -> Place {
        let (name, position) = file.file_of(document, image);
        Place {
            shown: self.texts.add(&file.place(document, image)),
            file: self.texts.add(name),
            line: position.map_or(0, Position::line),
        }
    }

    fn add_finding(
        &mut self,
        file: &ReviewedFile,
        document: &ReviewedDocument,
        image: &ReviewedImage,
        violation: &Violation,
    ) {
        let language = self.language;
        let state = State::of(Some(violation.mode()));
        let place = self.place(file, document, image);
        let line = image.span.as_ref();
        let line = line.and_then(|span| snippet(&file.text, span));
        let (before, marked, after) = line.unwrap_or_default();
        let remedy = violation.remedy().map(|remedy| remedy.text(language));
        let mut add = |text: &str| self.texts.add(text);
        let finding = Finding {
            state,
            image: add(&OneLine(&image.image).to_string()),
            reason: add(violation.reason().text(language)),
            remedy: add(remedy.unwrap_or_default()),
            object: add(&object(document, image, language)),
            place,
            path: add(&OneLine(&image.path).to_string()),
            line: [add(&before), add(&marked), add(&after)],
        };
        let rule = self.rules.entry(violation.rule().to_owned()).or_default();
        rule.counts.add(state);
        rule.findings.push(finding);
    }

    fn add_use(&mut self, file: &ReviewedFile, document: &ReviewedDocument, image: &ReviewedImage) {
        let (name, repository, version) = parts(&image.image);
        let state = State::of(image.worst());
        let entry = Use {
            state,
            object: self.texts.add(&object(document, image, self.language)),
            place: self.place(file, document, image),
            path: self.texts.add(&OneLine(&image.path).to_string()),
        };
        let registry = self.registries.entry(name).or_default();
        registry.counts.add(state);
        let uses = registry.uses.entry((repository, version)).or_default();
        uses.push(entry);
    }
}

/// The object of an image, and the container or volume if it has a name.
fn object(document: &ReviewedDocument, image: &ReviewedImage, language: Language) -> String {
    let title = label::title(document, language);
    match &image.container {
        None => title,
        Some(_) => label::part_of(&label::part(image, language), &title, language),
    }
}

/// The registry, the repository, and the tag and digest as written. What cannot be read is
/// under no registry.
fn parts(image: &str) -> (String, String, String) {
    let Ok(reference) = ImageRef::parse(image) else {
        return (String::new(), OneLine(image).to_string(), String::new());
    };
    let tag = reference.tag().map(|tag| format!(":{tag}"));
    let digest = reference.digest().map(|digest| format!("@{digest}"));
    (
        reference.registry().to_owned(),
        reference.repository().to_string(),
        tag.unwrap_or_default() + &digest.unwrap_or_default(),
    )
}

impl Report for Html {
    fn add(&mut self, file: &ReviewedFile, _: &mut dyn Write) -> io::Result<()> {
        for document in &file.documents {
            for image in &document.images {
                for violation in &image.violations {
                    self.add_finding(file, document, image, violation);
                }
                self.add_use(file, document, image);
            }
        }
        for error in file.errors() {
            let place = file.at(error.position);
            self.errors.push(format!("{place}: {}", error.message));
        }
        Ok(())
    }

    fn finish(&mut self, run: &Run, out: &mut dyn Write) -> io::Result<()> {
        let notices = run.unreviewed.notices().iter();
        let notices = notices.map(|notice| {
            let place = at(&notice.file, notice.first.position);
            format!("{place}: {notice}")
        });
        let exemptions = run.exemptions.iter();
        let exemptions = exemptions
            .map(|(used, count)| label::exemption_with_count(used, *count, self.language));
        let page = Page::new(
            self.language,
            &self.head,
            &run.summary,
            &self.texts,
            &self.rules,
            &self.registries,
        );
        page.write(&self.errors, notices.collect(), exemptions.collect(), out)
    }
}
