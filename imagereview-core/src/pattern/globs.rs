//! Many globs, matched all at once.
//!
//! Nearly every glob has text in it that whatever it matches must contain: `/app-17` in
//! `*/app-17`. One pass over a name finds which of these texts it contains, and only their globs
//! are tried. So the cost follows the length of the name and not the number of globs, which one
//! automaton over all of them does not achieve once they begin with a wildcard.

use std::{
    collections::{HashMap, HashSet},
    sync::OnceLock,
};

use aho_corasick::{AhoCorasick, MatchKind};
use regex::bytes::Regex;

use super::{
    glob::{Glob, split_class},
    reading::{PatternError, Reading},
};

/// How many globs of a set stay compiled once they were tried. One takes some 15 kB, and names that
/// make a set try all of its globs must not make it grow without end; the others are compiled each
/// time, which takes microseconds.
const KEPT: usize = 512;

/// Globs, each with the position of the pattern that it belongs to.
#[derive(Clone, Debug, Default)]
pub(super) struct Globs {
    all: Vec<LazyGlob>,
    /// The texts that globs ask for, and for each the globs that do.
    texts: Option<AhoCorasick>,
    asking: Vec<Vec<usize>>,
    /// Globs that ask for no text.
    others: Vec<usize>,
}

/// A glob that is compiled when it is tried. Of ten thousand few ever are.
#[derive(Clone, Debug)]
struct LazyGlob {
    glob: Glob,
    matcher: OnceLock<Regex>,
    pattern: usize,
}

impl Globs {
    /// The globs, which are read in this way, and their patterns' positions.
    pub(super) fn new(
        globs: impl IntoIterator<Item = (Glob, usize)>,
        reading: Reading,
    ) -> Result<Self, PatternError> {
        let globs: Vec<LazyGlob> = globs
            .into_iter()
            .map(|(glob, pattern)| LazyGlob {
                glob,
                matcher: OnceLock::new(),
                pattern,
            })
            .collect();
        if globs.is_empty() {
            return Ok(Self::default());
        }
        let required: Vec<Vec<&str>> = globs
            .iter()
            .map(|glob| required_texts(&glob.glob.text))
            .collect();
        let mut uses: HashMap<&str, usize> = HashMap::new();
        for text in required.iter().flatten() {
            *uses.entry(text).or_default() += 1;
        }
        let mut asking: HashMap<&str, Vec<usize>> = HashMap::new();
        let mut others = Vec::new();
        for (index, texts) in required.iter().enumerate() {
            // The rarest tells most, and of those the longest.
            let rarest = texts
                .iter()
                .min_by_key(|text| (uses[**text], usize::MAX - text.len()));
            match rarest {
                Some(text) => asking.entry(text).or_default().push(index),
                None => others.push(index),
            }
        }
        let (texts, asking): (Vec<&str>, Vec<Vec<usize>>) = asking.into_iter().unzip();
        let texts = AhoCorasick::builder()
            .match_kind(MatchKind::Standard)
            .ascii_case_insensitive(reading == Reading::Wide)
            .build(texts)
            .map_err(|error| {
                PatternError(format!("the globs are too many or too large: {error}"))
            })?;
        Ok(Self {
            all: globs,
            texts: Some(texts),
            asking,
            others,
        })
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
        let LazyGlob { glob, matcher, .. } = &self.all[index];
        if index < KEPT {
            let matcher = matcher.get_or_init(|| compile(glob));
            return matcher.is_match(name.as_bytes());
        }
        compile(glob).is_match(name.as_bytes())
    }
}

fn compile(glob: &Glob) -> Regex {
    regex::bytes::RegexBuilder::new(&glob.expression)
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
    #[test]
    fn a_set_does_not_grow_with_the_names_that_it_is_asked_about() {
        let count = 2 * KEPT;
        let globs = (0..count).map(|n| (glob(&format!("**/team-{n}-*/app"), Reading::Strict), n));
        let globs = globs.map(|(glob, n)| (glob.unwrap(), n));
        let set = Globs::new(globs, Reading::Strict).unwrap();
        for n in 0..count {
            assert_eq!(set.find(&format!("x/team-{n}-y/app")), Some(n));
        }
        let kept = set.all.iter().filter(|glob| glob.matcher.get().is_some());
        assert_eq!(kept.count(), KEPT);
    }
}
