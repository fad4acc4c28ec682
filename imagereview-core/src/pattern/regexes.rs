//! What the regular expressions of a policy may cost when they are compiled.

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
