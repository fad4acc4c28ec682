//! Globs of text, `*`, `?` and `**` alone, which nearly all are.
//!
//! They are matched as they are written. A compiled regular expression takes some 15 kB for each, so
//! thousands of them could not stay compiled.

use super::{price::Price, reading::Reading};

/// A glob without classes and alternatives.
#[derive(Clone, Debug)]
pub(super) struct Wildcard {
    parts: Box<[Part]>,
    /// Whether a name has parts, and `*` stays within one.
    has_parts: bool,
    price: Price,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    /// `**`: any number of parts; at the end at least one.
    Any,
    /// Text in which `*` stands for any characters and `?` for one.
    Text(Box<str>),
}

/// The steps to try a glob, beside those for each byte.
const TRY: u64 = 30;

impl Wildcard {
    /// Reads a glob; `None` if it has more than that.
    pub(super) fn new(glob: &str, has_parts: bool) -> Option<Self> {
        if glob.contains(['[', ']', '{', '}']) {
            return None;
        }
        let mut parts = Vec::new();
        if has_parts {
            for part in glob.split('/') {
                let is_any = part == "**";
                let follows_any = parts.last() == Some(&Part::Any);
                if (is_any && follows_any) || (!is_any && part.contains("**")) {
                    return None;
                }
                parts.push(if is_any {
                    Part::Any
                } else {
                    Part::Text(part.into())
                });
            }
            if parts == [Part::Any] {
                return None;
            }
        } else {
            parts.push(Part::Text(glob.into()));
        }
        // What stands for any text is tried at each byte that it may end at, and the last one only: so
        // two of them are held against as many bytes as the product of both lengths.
        let stars = glob.bytes().filter(|byte| *byte == b'*').count();
        let byte = if stars > 1 { glob.len() as u64 + 2 } else { 2 };
        Some(Self {
            parts: parts.into(),
            has_parts,
            price: Price::new(TRY, byte),
        })
    }

    pub(super) fn price(&self) -> Price {
        self.price
    }

    pub(super) fn is_match(&self, name: &str, reading: Reading) -> bool {
        let ignores_case = reading == Reading::Wide;
        match &*self.parts {
            [Part::Text(text)] if !self.has_parts => is_text_match(text, name, ignores_case),
            parts => are_parts_match(parts, name, ignores_case),
        }
    }
}

fn are_parts_match(parts: &[Part], name: &str, ignores_case: bool) -> bool {
    // The parts of the name that are left, until there are none.
    let mut rest = Some(name);
    let mut next = 0;
    // Where the last `**` is, and what follows the parts that it stands for.
    let mut last_any: Option<(usize, &str)> = None;
    loop {
        match (parts.get(next), rest) {
            (None, None) => return true,
            (Some(Part::Any), Some(left)) => {
                if next + 1 == parts.len() {
                    return true;
                }
                last_any = Some((next, left));
                next += 1;
                continue;
            }
            (Some(Part::Text(text)), Some(left)) => {
                let (part, after) = split_part(left);
                if is_text_match(text, part, ignores_case) {
                    rest = after;
                    next += 1;
                    continue;
                }
            }
            (Some(_), None) | (None, Some(_)) => {}
        }
        // The last `**` takes one part more.
        let Some((any, left)) = last_any else {
            return false;
        };
        let (_, Some(after)) = split_part(left) else {
            return false;
        };
        last_any = Some((any, after));
        rest = Some(after);
        next = any + 1;
    }
}

fn split_part(name: &str) -> (&str, Option<&str>) {
    match name.split_once('/') {
        None => (name, None),
        Some((part, after)) => (part, Some(after)),
    }
}

fn is_text_match(glob: &str, name: &str, ignores_case: bool) -> bool {
    let (glob, name) = (glob.as_bytes(), name.as_bytes());
    let is_same = |a: u8, b: u8| a == b || (ignores_case && a.eq_ignore_ascii_case(&b));
    let (mut in_glob, mut in_name) = (0, 0);
    // What follows the last `*`, and where the name goes on behind what it stands for.
    let mut last_star: Option<(usize, usize)> = None;
    while in_name < name.len() {
        match glob.get(in_glob) {
            Some(b'*') => {
                in_glob += 1;
                last_star = Some((in_glob, in_name));
                continue;
            }
            Some(b'?') => {
                in_glob += 1;
                in_name += char_len(name[in_name]);
                continue;
            }
            Some(byte) if is_same(*byte, name[in_name]) => {
                in_glob += 1;
                in_name += 1;
                continue;
            }
            _ => {}
        }
        // The last `*` takes one character more.
        let Some((after, end)) = last_star else {
            return false;
        };
        let end = end + char_len(name[end]);
        last_star = Some((after, end));
        (in_glob, in_name) = (after, end);
    }
    glob[in_glob..].iter().all(|byte| *byte == b'*')
}

/// How many bytes a character has that begins with this one.
fn char_len(first: u8) -> usize {
    match first {
        0xf0.. => 4,
        0xe0.. => 3,
        0xc0.. => 2,
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pattern::glob::glob;

    /// All texts of these characters up to a length.
    fn texts(characters: &[char], most: usize) -> Vec<String> {
        let mut all = vec![String::new()];
        let mut from = 0;
        for _ in 0..most {
            let until = all.len();
            for index in from..until {
                for c in characters {
                    all.push(format!("{}{c}", all[index]));
                }
            }
            from = until;
        }
        all
    }

    #[test]
    fn a_wildcard_matches_what_its_regular_expression_does() {
        let names = texts(&['a', 'b', '/'], 6);
        let is_path = |text: &&String| !text.split('/').any(str::is_empty);
        let names: Vec<&String> = names.iter().filter(is_path).collect();
        let mut tried = 0;
        for text in texts(&['a', '*', '?', '/'], 6) {
            let Some(wildcard) = Wildcard::new(&text, true) else {
                continue;
            };
            if !is_path(&&text) {
                continue;
            }
            let glob = glob(&text, Reading::Strict).unwrap();
            let regex = regex::bytes::Regex::new(&glob.expression).unwrap();
            for name in &names {
                let found = wildcard.is_match(name, Reading::Strict);
                let expected = regex.is_match(name.as_bytes());
                assert_eq!(found, expected, "{text:?} {name:?}");
                tried += 1;
            }
        }
        assert!(tried > 100_000, "{tried}");
    }

    #[test]
    fn a_name_without_parts_is_of_characters() {
        for (glob, name, matches) in [
            ("a*b", "a/x/b", true),
            ("?", "é", true),
            ("??", "é", false),
            ("*?", "日本", true),
            ("*本", "日本", true),
            ("?本*", "日本", true),
            ("*é?", "aéb", true),
            ("*é?", "aé", false),
            ("**", "", true),
        ] {
            let wildcard = Wildcard::new(glob, false).unwrap();
            let found = wildcard.is_match(name, Reading::Strict);
            assert_eq!(found, matches, "{glob:?} {name:?}");
        }
        let wildcard = Wildcard::new("*-SNAPSHOT", true).unwrap();
        assert!(wildcard.is_match("1-snapshot", Reading::Wide));
        assert!(!wildcard.is_match("1-snapshot", Reading::Strict));
    }
}
