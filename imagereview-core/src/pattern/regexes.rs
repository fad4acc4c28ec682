//! What the regular expressions of a policy may cost: when they are compiled, and for each byte of a
//! text.

use regex_syntax::hir::{Class, Hir, HirKind};

/// The most memory that all of them may take together, in bytes: some thousand ordinary ones. The time
/// that they take to compile goes with it.
const LIMIT: usize = 16 * 1024 * 1024;

/// The least that one is counted with.
const LEAST: usize = 16 * 1024;

/// The memory that the regular expressions of a policy may still take.
#[derive(Debug)]
pub(crate) struct RegexBudget {
    left: usize,
}

impl Default for RegexBudget {
    fn default() -> Self {
        Self { left: LIMIT }
    }
}

/// Why regular expressions do not compile.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RegexError {
    #[error(transparent)]
    Unsound(#[from] regex::Error),
    #[error(
        "the regular expressions of the policy are too many or too large: together they may take \
         {LIMIT} bytes when compiled"
    )]
    Spent,
}

impl RegexBudget {
    /// Compiles what may take `most` bytes alone. `build` is given how many it may take this time:
    /// what has been compiled doesn't report its size, so larger ones are tried in turn.
    pub(crate) fn compile<T>(
        &mut self,
        most: usize,
        mut build: impl FnMut(usize) -> Result<T, regex::Error>,
    ) -> Result<T, RegexError> {
        let mut size = LEAST.min(most);
        loop {
            if size > self.left {
                // Nor does any after it get a turn, each of which would cost as much time again.
                self.left = 0;
                return Err(RegexError::Spent);
            }
            match build(size) {
                Ok(compiled) => {
                    self.left -= size;
                    return Ok(compiled);
                }
                Err(regex::Error::CompiledTooBig(_)) if size < most => size = (size * 2).min(most),
                Err(error) => {
                    self.left -= size;
                    return Err(error.into());
                }
            }
        }
    }
}

/// The steps of a state of a regular expression for a byte, where all of them are to be followed.
const STATE: u64 = 4;

/// How many steps a regular expression takes at most for each byte of a text: in the worst case each
/// of its states is followed. The crate `regex` promises time in proportion to both
/// ([its documentation](https://docs.rs/regex/latest/regex/#untrusted-input)).
pub(crate) fn width(expression: &str) -> u64 {
    let mut parser = regex_syntax::ParserBuilder::new().utf8(false).build();
    // One that does not parse is refused elsewhere.
    let states = parser.parse(expression).map_or(1, |hir| states(&hir));
    states.max(1).saturating_mul(STATE)
}

/// How many characters a text must be able to have at once in this expression: those of `(a|bc){3}`
/// are nine.
fn states(hir: &Hir) -> u64 {
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => 0,
        HirKind::Literal(literal) => literal.0.len() as u64,
        // A character outside ASCII has up to four bytes.
        HirKind::Class(Class::Unicode(class)) if !class.is_ascii() => 4,
        HirKind::Class(_) => 1,
        HirKind::Repetition(repetition) => {
            let times = repetition.max.unwrap_or(repetition.min).max(1);
            states(&repetition.sub).saturating_mul(times.into())
        }
        HirKind::Capture(capture) => states(&capture.sub),
        HirKind::Concat(parts) | HirKind::Alternation(parts) => {
            let parts = parts.iter().map(states);
            parts.fold(0, u64::saturating_add)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_regular_expression_is_as_wide_as_the_states_that_a_byte_may_lead_to() {
        for (expression, states) in [
            ("", 1),
            ("abc", 3),
            ("v?[0-9]+", 2),
            ("(a|bc){3}", 9),
            ("(?:a{10}){10,}", 100),
            (r"\d", 4),
            ("(?-u:.)|^x$", 2),
        ] {
            assert_eq!(width(expression), states * STATE, "{expression:?}");
        }
    }
}
