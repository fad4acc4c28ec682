//! What a format has to be able to do.

use std::io::{self, Write};

use crate::engine::{ReviewedFile, Run};

/// A format in which the outcome of a run is written.
pub(crate) trait Report {
    /// Takes what came of one input. Inputs come in their order.
    fn add(&mut self, file: &ReviewedFile, out: &mut dyn Write) -> io::Result<()>;

    /// Writes what can be written only when everything is known.
    fn finish(&mut self, run: &Run, out: &mut dyn Write) -> io::Result<()>;
}
