//! The work of a run, in pieces for the processors.

use std::{io, slice};

use crate::input::{Input, Part, Parts};

/// How many files, at most, are reviewed before what came of them is shown.
const BATCH: usize = 256;

/// How many bytes of a longer input are reviewed at a time.
pub(super) const PART_LEN: usize = 1 << 20;

/// What one processor does at a time.
pub(super) enum Work<'i> {
    /// An input that is read where it is reviewed.
    Short(&'i Input),
    Part(&'i Input, io::Result<Part>),
}

/// What is still to be done, in order.
pub(super) struct WorkList<'i> {
    inputs: slice::Iter<'i, Input>,
    /// The input whose parts are being read.
    open: Option<(&'i Input, Parts<'i>)>,
    part_len: usize,
}

impl<'i> WorkList<'i> {
    pub(super) fn new(inputs: &'i [Input], part_len: usize) -> Self {
        Self {
            inputs: inputs.iter(),
            open: None,
            part_len,
        }
    }

    /// So much that all processors have work, and so little that the memory is that of a few parts
    /// for each of them.
    pub(super) fn batch(&mut self) -> Vec<Work<'i>> {
        let enough = rayon::current_num_threads() * PART_LEN;
        let mut batch = Vec::new();
        let mut len = 0;
        while batch.len() < BATCH && len < enough {
            let Some((work, work_len)) = self.next() else {
                break;
            };
            batch.push(work);
            len += work_len;
        }
        batch
    }

    /// The next thing to do, and how many bytes it is about.
    fn next(&mut self) -> Option<(Work<'i>, usize)> {
        loop {
            if let Some((input, parts)) = &mut self.open {
                if let Some(part) = parts.next() {
                    let len = part.as_ref().map_or(0, |part| part.bytes.len());
                    return Some((Work::Part(input, part), len));
                }
                self.open = None;
            }
            let input = self.inputs.next()?;
            match input.source.len().map(usize::try_from) {
                Some(Ok(len)) if len <= self.part_len => return Some((Work::Short(input), len)),
                _ => self.open = Some((input, Parts::of(&input.source, self.part_len))),
            }
        }
    }
}
