//! Standard output and standard error.

use std::{
    fmt::Display,
    io::{self, BufWriter, StdoutLock, Write},
};

/// What results are written to.
pub(crate) type Stdout = BufWriter<StdoutLock<'static>>;

/// Standard output, written in large blocks.
pub(crate) fn stdout() -> Stdout {
    BufWriter::with_capacity(64 << 10, io::stdout().lock())
}

/// Tells what went wrong, on standard error.
pub(crate) fn report(error: impl Display) {
    // Where standard error is closed, the exit status still tells.
    let _ = writeln!(io::stderr(), "imagereview: {error}");
}
