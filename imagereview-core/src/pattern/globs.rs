//! Many globs, matched all at once.
//!
//! Nearly every glob has text in it that whatever it matches must contain: `/app-17` in
//! `*/app-17`. One pass over a name finds which of these texts it contains, and only their globs
//! are tried. So the cost of most names follows their length and not the number of globs, which one
//! automaton over all of them does not achieve once they begin with a wildcard. A name that has the
//! texts of all globs, such as the folder that all are in, tries each of them once: the price of the set.

use std::{
    collections::{HashMap, HashSet},
    ops::Add as _,
    sync::OnceLock,
};

use aho_corasick::{AhoCorasick, MatchKind};
use regex::bytes::Regex;

use super::{
    glob::{Glob, split_class},
    price::Price,
    reading::{PatternError, Reading},
    regexes::width,
    wildcard::Wildcard,
};

/// How many globs of a set stay compiled once they were tried, of those that are compiled: with classes
/// or alternatives. One takes some 15 kB, and names that make a set try all of its globs must not make it
/// grow without end; the others are compiled each time.
const KEPT: usize = 512;

/// The steps to compile one, and to try one that is compiled, beside those for each byte.
const COMPILE: u64 = 100_000;
const TRY: u64 = 100;

/// The steps for each text that a name has, and that globs ask for.
const FOUND: u64 = 20;

/// Globs, each with the position of the pattern that it belongs to.
#[derive(Clone, Debug, Default)]
pub(super) struct Globs {
    all: Vec<IndexedGlob>,
    /// The texts that globs ask for, and for each the globs that do.
    texts: Option<AhoCorasick>,
    asking: Vec<Vec<usize>>,
    /// Globs that ask for no text.
    others: Vec<usize>,
    reading: Reading,
    price: Price,
}

/// A glob, and the position of its pattern.
#[derive(Clone, Debug)]
struct IndexedGlob {
    matcher: Matcher,
    pattern: usize,
}

#[derive(Clone, Debug)]
enum Matcher {
    Wildcard(Wildcard),
    /// Compiled when it is tried. Of ten thousand few ever are.
    Kept(Box<str>, OnceLock<Regex>),
    /// Compiled each time.
    Compiled(Box<str>),
}

impl Matcher {
    fn is_match(&self, name: &str, reading: Reading) -> bool {
        match self {
            Self::Wildcard(wildcard) => wildcard.is_match(name, reading),
            Self::Kept(expression, compiled) => compiled
                .get_or_init(|| compile(expression))
                .is_match(name.as_bytes()),
            Self::Compiled(expression) => compile(expression).is_match(name.as_bytes()),
        }
    }

    fn price(&self) -> Price {
        match self {
            Self::Wildcard(wildcard) => wildcard.price(),
            Self::Kept(expression, _) => Price::new(TRY, width(expression)),
            Self::Compiled(expression) => Price::new(COMPILE, width(expression)),
        }
    }
}

impl Globs {
    /// The globs, which are read in this way, and their patterns' positions.
    pub(super) fn new(
        globs: impl IntoIterator<Item = (Glob, usize)>,
        reading: Reading,
    ) -> Result<Self, PatternError> {
        let globs: Vec<(Glob, usize)> = globs.into_iter().collect();
        if globs.is_empty() {
            return Ok(Self::default());
        }
        let required: Vec<Vec<&str>> = globs
            .iter()
            .map(|(glob, _)| required_texts(&glob.text))
            .collect();
        let mut uses: HashMap<&str, usize> = HashMap::new();
        for text in required.iter().flatten() {
            *uses.entry(text).or_default() += 1;
        }
        let mut asking: HashMap<&str, Vec<usize>> = HashMap::new();
        let mut others = Vec::new();
        for (index, texts) in required.iter().enumerate() {
            // The rarest excludes most names, and of those the longest.
            let rarest = texts
                .iter()
                .min_by_key(|text| (uses[**text], usize::MAX - text.len()));
            match rarest {
                Some(text) => asking.entry(text).or_default().push(index),
                None => others.push(index),
            }
        }
        let (texts, asking): (Vec<&str>, Vec<Vec<usize>>) = asking.into_iter().unzip();
        // Of the texts that end at one place, each is longer than the next.
        let ends_together = texts.iter().map(|text| text.len()).collect::<HashSet<_>>();
        let ends_together = ends_together.len() as u64;
        let texts = AhoCorasick::builder()
            .match_kind(MatchKind::Standard)
            .ascii_case_insensitive(reading == Reading::Wide)
            .build(texts)
            .map_err(|error| {
                PatternError(format!("the globs are too many or too large: {error}"))
            })?;
        let mut compiled = 0;
        let index = |(glob, pattern): (Glob, usize)| IndexedGlob {
            matcher: if let Some(wildcard) = Wildcard::new(&glob.text, glob.has_parts) {
                Matcher::Wildcard(wildcard)
            } else if compiled < KEPT {
                compiled += 1;
                Matcher::Kept(glob.expression, OnceLock::new())
            } else {
                Matcher::Compiled(glob.expression)
            },
            pattern,
        };
        let all: Vec<IndexedGlob> = globs.into_iter().map(index).collect();
        let tries = all.iter().map(|glob| glob.matcher.price());
        let scan = Price::new(0, 2 + FOUND.saturating_mul(ends_together));
        Ok(Self {
            price: tries.fold(scan, Price::add),
            all,
            texts: Some(texts),
            asking,
            others,
            reading,
        })
    }

    /// The steps to match a name, at most: each glob is tried once.
    pub(super) fn price(&self) -> Price {
        self.price
    }

    /// The position of the first pattern that matches.
    pub(super) fn find(&self, name: &str) -> Option<usize> {
        let texts = self.texts.as_ref()?;
        let asking = texts
            .find_overlapping_iter(name)
            .flat_map(|found| &self.asking[found.pattern()]);
        let mut first = None;
        // A name may contain the same text thousands of times.
        let mut failed = HashSet::new();
        for index in asking.chain(&self.others) {
            let pattern = self.all[*index].pattern;
            if first.is_some_and(|first| first <= pattern) || failed.contains(index) {
                continue;
            }
            if self.is_match(*index, name) {
                first = Some(pattern);
            } else {
                failed.insert(*index);
            }
        }
        first
    }

    /// Whether one of the globs matches.
    fn is_match(&self, index: usize, name: &str) -> bool {
        self.all[index].matcher.is_match(name, self.reading)
    }
}

fn compile(expression: &str) -> Regex {
    regex::bytes::RegexBuilder::new(expression)
        .dot_matches_new_line(true)
        .build()
        .expect("a glob of this length compiles")
}

/// The texts that whatever the glob matches contains: those between what stands for other text.
fn required_texts(glob: &str) -> Vec<&str> {
    // `**/` at the start may stand for nothing at all, and takes its slash along.
    let mut rest = glob;
    while let Some(after) = rest.strip_prefix("**/") {
        rest = after;
    }
    let mut texts = Vec::new();
    while let Some(special) = rest.find(['*', '?', '[', '{']) {
        texts.push(&rest[..special]);
        rest = match rest.as_bytes()[special] {
            b'[' => split_class(&rest[special + 1..]).1,
            b'{' => after_alternatives(&rest[special + 1..]),
            _ => &rest[special + 1..],
        };
    }
    texts.push(rest);
    texts.retain(|text| !text.is_empty());
    texts
}

/// What comes after alternatives, which may hold others, and classes with braces in them.
fn after_alternatives(alternatives: &str) -> &str {
    let mut open = 1_u32;
    let mut rest = alternatives;
    while let Some(special) = rest.find(['{', '}', '[']) {
        let after = &rest[special + 1..];
        rest = match rest.as_bytes()[special] {
            b'[' => split_class(after).1,
            b'{' => {
                open += 1;
                after
            }
            _ => {
                open -= 1;
                after
            }
        };
        if open == 0 {
            return rest;
        }
    }
    ""
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pattern::glob::glob;

    #[test]
    fn what_a_glob_asks_for_is_in_whatever_it_matches() {
        for (pattern, texts, name) in [
            ("team-*/app", &["team-", "/app"][..], "team-1/app"),
            ("**/app-1", &["app-1"], "app-1"),
            ("**/**/x", &["x"], "x"),
            ("a/**/b", &["a/", "/b"], "a/b"),
            ("a/**", &["a/"], "a/b/c"),
            ("a?b[c-e]d", &["a", "b", "d"], "axbed"),
            ("{a,b}/c", &["/c"], "a/c"),
            ("x{a,{b,c}d}y", &["x", "y"], "xbdy"),
            ("[!a]x", &["x"], "bx"),
            ("*", &[], "a"),
            ("{a,b}", &[], "a"),
        ] {
            assert_eq!(required_texts(pattern), texts, "{pattern:?}");
            let glob = glob(pattern, Reading::Strict).unwrap();
            let globs = Globs::new([(glob, 7)], Reading::Strict).unwrap();
            assert_eq!(globs.find(name), Some(7), "{pattern:?} {name:?}");
            assert!(texts.iter().all(|text| name.contains(text)), "{pattern:?}");
        }
    }

    /// The globs of which `**/team-1[7]-*/app` is one: `[` makes it one that is compiled.
    fn many(glob_of: impl Fn(usize) -> String, count: usize) -> Globs {
        let globs = (0..count).map(|n| (glob(&glob_of(n), Reading::Strict).unwrap(), n));
        Globs::new(globs, Reading::Strict).unwrap()
    }

    #[test]
    fn a_set_does_not_grow_with_the_names_that_it_is_asked_about() {
        let count = 2 * KEPT;
        let set = many(|n| format!("**/team-{n}-[xy]*/app"), count);
        for n in 0..count {
            assert_eq!(set.find(&format!("x/team-{n}-y/app")), Some(n));
        }
        let is_kept = |glob: &&IndexedGlob| matches!(&glob.matcher, Matcher::Kept(_, kept) if kept.get().is_some());
        assert_eq!(set.all.iter().filter(is_kept).count(), KEPT);
    }

    #[test]
    fn ten_thousand_globs_of_one_folder_are_tried_without_compiling_any() {
        let set = many(|n| format!("team/*-{n}/x*"), 10_000);
        assert_eq!(set.find("team/app-9999/xy"), Some(9999));
        assert_eq!(set.find("team/app/xy"), None);
        let is_wildcard = |glob: &IndexedGlob| matches!(glob.matcher, Matcher::Wildcard(_));
        assert!(set.all.iter().all(is_wildcard));
        // The longest name of all tries each: a few steps for each of its bytes.
        let a_glob = set.price().of(255) / 10_000;
        assert!(a_glob < 255 * 20, "{a_glob}");
    }
}
