//! The page itself.

use std::{
    cmp::Reverse,
    collections::BTreeMap,
    io::{self, Write},
};

use askama::Template;
use imagereview_core::{Language, Message};

use super::{
    entries::{Data, Place, Registry, Rule, Text, Texts},
    state::{Counts, State},
};
use crate::{engine::Summary, format::head::Head};

/// How many entries of a group are on the page before its script runs, and at first after that.
const LISTED: usize = 100;

/// How many images are so many that a browser is slow to lay them out at once.
const MANY: usize = 1000;

/// How many inputs the head names.
const INPUTS: usize = 5;

#[derive(Template)]
#[template(path = "report.html")]
pub(super) struct Page<'a> {
    language: Language,
    version: &'a str,
    head: &'a Head,
    summary: &'a Summary,
    texts: &'a Texts,
    /// Those that deny first, and of those the ones with most findings.
    rules: Vec<(&'a String, &'a Rule)>,
    /// Those with most images first.
    registries: Vec<(&'a String, &'a Registry)>,
    errors: &'a [String],
    notices: Vec<String>,
    exemptions: Vec<String>,
    /// All entries, for the script.
    data: String,
}

impl<'a> Page<'a> {
    pub(super) fn new(
        language: Language,
        head: &'a Head,
        summary: &'a Summary,
        texts: &'a Texts,
        rules: &'a BTreeMap<String, Rule>,
        registries: &'a BTreeMap<String, Registry>,
    ) -> Self {
        let mut rules: Vec<_> = rules.iter().collect();
        rules.sort_by_key(|(_, rule)| {
            let worst = rule.counts.worst();
            (
                worst,
                Reverse(rule.counts.of(worst)),
                Reverse(rule.counts.all()),
            )
        });
        let mut registries: Vec<_> = registries.iter().collect();
        registries.sort_by_key(|(_, registry)| Reverse(registry.counts.all()));
        Self {
            language,
            version: env!("CARGO_PKG_VERSION"),
            head,
            summary,
            texts,
            rules,
            registries,
            errors: &[],
            notices: Vec::new(),
            exemptions: Vec::new(),
            data: String::new(),
        }
    }

    /// Writes the page, with what was not read, not reviewed and exempted.
    pub(super) fn write(
        mut self,
        errors: &'a [String],
        notices: Vec<String>,
        exemptions: Vec<String>,
        out: &mut dyn Write,
    ) -> io::Result<()> {
        self.errors = errors;
        self.notices = notices;
        self.exemptions = exemptions;
        let rules = self.rules.iter().map(|(_, rule)| *rule);
        let registries = self.registries.iter().map(|(_, registry)| *registry);
        self.data = Data::new(self.texts, rules, registries).to_json()?;
        self.write_into(out)
    }
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "templates pass references"
)]
impl Page<'_> {
    /// The text of the page in its language.
    fn say(&self, english: &'static str, chinese: &'static str) -> String {
        Message::new(english, chinese)
            .text(self.language)
            .to_owned()
    }

    fn word(&self, state: &State) -> &str {
        state.word().text(self.language)
    }

    fn text(&self, text: &Text) -> &str {
        self.texts.get(*text)
    }

    fn is_empty(&self, text: &Text) -> bool {
        self.text(text).is_empty()
    }

    /// Where people look a place up.
    fn link(&self, place: &Place) -> Option<String> {
        let url = self.head.source_url.as_ref()?;
        url.link(self.texts.get(place.file), place.line)
    }

    fn source_url(&self) -> &str {
        let url = self.head.source_url.as_ref();
        url.map_or("", |url| url.as_str())
    }

    /// The inputs that the head names, and how many more there are.
    fn inputs(&self) -> String {
        let inputs = &self.head.inputs;
        let mut shown = inputs[..inputs.len().min(INPUTS)].join(", ");
        if inputs.len() > INPUTS {
            shown = format!("{shown} + {}", inputs.len() - INPUTS);
        }
        shown
    }

    /// A number with a comma before each three digits.
    fn grouped(number: &usize) -> String {
        let digits = number.to_string();
        let mut grouped = String::with_capacity(digits.len() + digits.len() / 3);
        for (at, digit) in digits.chars().enumerate() {
            if at > 0 && (digits.len() - at).is_multiple_of(3) {
                grouped.push(',');
            }
            grouped.push(digit);
        }
        grouped
    }

    /// The states that a bar has a part for, with the length of each in percent of the longest bar.
    fn bar(counts: &Counts, most: &usize) -> Vec<(State, usize)> {
        let part = |state| (state, (100 * counts.of(state)).div_ceil((*most).max(1)));
        State::ALL.into_iter().map(part).collect()
    }

    fn most_findings(&self) -> usize {
        let counts = self.rules.iter().map(|(_, rule)| rule.counts.all());
        counts.max().unwrap_or_default()
    }

    fn most_uses(&self) -> usize {
        let counts = self.registries.iter();
        let counts = counts.map(|(_, registry)| registry.counts.all());
        counts.max().unwrap_or_default()
    }

    /// What of a registry is on the page at first: each repository with its versions and uses.
    fn listed<'r>(registry: &&'r Registry) -> Vec<Repository<'r>> {
        let mut repositories: Vec<Repository<'_>> = Vec::new();
        let mut left = LISTED;
        for ((repository, version), uses) in &registry.uses {
            if left == 0 {
                break;
            }
            let uses = &uses[..uses.len().min(left)];
            left -= uses.len();
            match repositories.last_mut() {
                Some((last, versions)) if *last == repository => versions.push((version, uses)),
                _ => repositories.push((repository, vec![(version, uses)])),
            }
        }
        repositories
    }

    fn left_out(all: &usize) -> usize {
        all.saturating_sub(LISTED)
    }

    /// Images that may run and fail no rule that warns or is audited.
    fn allowed(&self) -> usize {
        let Summary {
            images,
            denied,
            warned,
            audited,
            ..
        } = *self.summary;
        images - denied - warned - audited
    }
}

/// A repository, and each of its versions with uses.
type Repository<'r> = (&'r String, Vec<(&'r String, &'r [super::entries::Use])>);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_numbers_are_grouped() {
        for (number, expected) in [
            (0, "0"),
            (999, "999"),
            (1000, "1,000"),
            (1_234_567, "1,234,567"),
        ] {
            assert_eq!(Page::grouped(&number), expected);
        }
    }
}
