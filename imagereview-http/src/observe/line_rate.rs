//! How many lines of one kind the log gets.

use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

/// How many lines there are in a second at most: enough to see who it is. A flood would fill the log, and
/// the lines of verdicts would be among those that are dropped.
const LINES: usize = 20;

const SECOND: Duration = Duration::from_secs(1);

/// Lines that clients can cause at will.
#[derive(Debug, Default)]
pub(crate) struct LineRate(Mutex<Option<Window>>);

#[derive(Debug)]
struct Window {
    since: Instant,
    lines: usize,
    left_out: usize,
}

impl LineRate {
    /// Whether there is to be a line, and how many were left out before it.
    pub(crate) fn line(&self) -> Option<usize> {
        self.line_at(Instant::now())
    }

    fn line_at(&self, now: Instant) -> Option<usize> {
        let mut window = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let window = window.get_or_insert(Window {
            since: now,
            lines: 0,
            left_out: 0,
        });
        if now.duration_since(window.since) >= SECOND {
            (window.since, window.lines) = (now, 0);
        }
        if window.lines == LINES {
            window.left_out += 1;
            return None;
        }
        window.lines += 1;
        Some(std::mem::take(&mut window.left_out))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_makes_few_lines_and_the_next_one_counts_the_others() {
        let (rate, begin) = (LineRate::default(), Instant::now());
        let lines = |at: Instant, times| {
            let lines = (0..times).filter_map(|_| rate.line_at(at));
            lines.collect::<Vec<_>>()
        };
        assert_eq!(lines(begin, 1000), [0; LINES]);
        assert!(lines(begin + SECOND / 2, 10).is_empty());
        assert_eq!(lines(begin + SECOND, 2), [1000 - LINES + 10, 0]);
    }
}
