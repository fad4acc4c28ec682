//! How a run ends: the exit status.

use std::process::ExitCode;

/// How a run ends. Ordered: of several outcomes the greatest is the exit status.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum ExitStatus {
    /// Everything was reviewed, and every image may run.
    #[default]
    Allowed,
    /// Everything was reviewed, and some image may not run.
    Denied,
    /// Something could not be read or written, or the command line is wrong (clap ends with the
    /// same number): not everything was reviewed, whatever the rest says.
    Error,
    /// Whoever read standard output went away, so the review ended there. It is the status of a
    /// program that `SIGPIPE` ends, which pipelines know how to take.
    OutputClosed,
}

impl ExitStatus {
    /// The exit status; a part of the interface that does not change.
    const fn code(self) -> u8 {
        match self {
            Self::Allowed => 0,
            Self::Denied => 1,
            Self::Error => 2,
            Self::OutputClosed => 128 + 13,
        }
    }

    /// The paragraph of `--help` that lists them.
    pub(crate) const HELP: &'static str = "\
Exit status:
    0  every image may run
    1  some image may not run
    2  something could not be read or written, or the command line is
       wrong: not everything was reviewed
  141  standard output was closed early";

    /// That of a command that reads and gives no verdict.
    pub(crate) const READ_HELP: &'static str = "\
Exit status:
    0  everything was read
    2  something could not be read or written, or the command line is
       wrong
  141  standard output was closed early";

    /// That of a command that only writes what the program knows.
    pub(crate) const WRITE_HELP: &'static str = "\
Exit status:
    0  everything was written
    2  something could not be written, or the command line is wrong
  141  standard output was closed early";

    /// That of `policy`, whose subcommands have their own.
    pub(crate) const POLICY_HELP: &'static str = "\
Exit status:
    0  the policy is as it should be
    1  a test failed, an image would newly be denied, or a review can
       take more steps than it may
    2  something is wrong with a document, could not be read or written,
       or the command line is wrong
  141  standard output was closed early";

    /// That of `init`.
    pub(crate) const INIT_HELP: &'static str = "\
Exit status:
    0  the files are written
    2  something could not be read or written, or the command line is
       wrong";

    /// That of `policy validate`.
    pub(crate) const VALIDATE_HELP: &'static str = "\
Exit status:
    0  the documents compile
    2  a document is wrong or could not be read, or the command line is
       wrong
  141  standard output was closed early";

    /// That of `policy cost`.
    pub(crate) const COST_HELP: &'static str = "\
Exit status:
    0  the policy decides every review that is accepted
    1  some review takes more steps than it may
    2  a document is wrong or could not be read, or the command line is
       wrong
  141  standard output was closed early";

    /// That of `policy compile`.
    pub(crate) const COMPILE_HELP: &'static str = "\
Exit status:
    0  the policy was written
    1  the API server can't be told all of it, and nothing was written
    2  a document is wrong or could not be read, or the command line is
       wrong
  141  standard output was closed early";

    /// That of `verify-pull`.
    pub(crate) const VERIFY_HELP: &'static str = "\
Exit status:
    0  the image may be pulled
    1  it may not, or that can't be decided
    2  the command line is wrong; nothing is pulled then either
  141  standard output was closed early";

    /// That of `policy test`.
    pub(crate) const TEST_HELP: &'static str = "\
Exit status:
    0  every case gave the expected verdict
    1  some case gave another one
    2  something could not be read or written, or the command line is
       wrong: not every case was run
  141  standard output was closed early";

    /// That of `policy diff`.
    pub(crate) const DIFF_HELP: &'static str = "\
Exit status:
    0  no image would newly be denied
    1  some image would newly be denied
    2  something could not be read or written, or the command line is
       wrong: not everything was compared
  141  standard output was closed early";
}

impl From<ExitStatus> for ExitCode {
    fn from(outcome: ExitStatus) -> Self {
        Self::from(outcome.code())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn help_lists_each_code() {
        for outcome in [
            ExitStatus::Allowed,
            ExitStatus::Denied,
            ExitStatus::Error,
            ExitStatus::OutputClosed,
        ] {
            let line = format!("\n{:>5}  ", outcome.code());
            assert!(ExitStatus::HELP.contains(&line), "{outcome:?}");
        }
    }

    #[test]
    fn an_error_outweighs_a_denial() {
        assert_eq!(ExitStatus::Denied.max(ExitStatus::Error), ExitStatus::Error);
        assert_eq!(
            ExitStatus::Allowed.max(ExitStatus::Denied),
            ExitStatus::Denied
        );
    }
}
