//! The regular expressions of an expression.

use regex::Regex;

use crate::pattern::width;

/// A regular expression, and how many steps it takes at most for each byte of a text.
#[derive(Clone, Debug)]
pub(super) struct CountedRegex {
    regex: Regex,
    steps_a_byte: u64,
}

impl CountedRegex {
    pub(super) fn new(pattern: &str, regex: Regex) -> Self {
        Self {
            regex,
            steps_a_byte: width(pattern),
        }
    }

    pub(super) fn is_match(&self, text: &str) -> bool {
        self.regex.is_match(text)
    }

    pub(super) fn steps_a_byte(&self) -> u64 {
        self.steps_a_byte
    }
}
