//! Lines that wait to be written, and the loop that writes them.
//!
//! A bounded buffer is between those who log and a writer, so a slow disk or a slow reader delays
//! nobody. The log and the audit log are both written from one.

use std::{
    io::{self, Write},
    mem,
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use memchr::{memchr, memchr_iter, memrchr};

/// How many bytes are written at a time, unless a single line is longer.
const BATCH: usize = 64 * 1024;

/// The capacity that the two buffers keep, whatever was in them: some times what comes within
/// [`REST`] at 100,000 lines a second.
const KEPT: usize = 256 * 1024;

/// How long the writer rests once nothing waits. A line that comes meanwhile need not wake it, and
/// lines that come close together are written at once.
const REST: Duration = Duration::from_millis(2);

/// Lines in the order in which they came, each with a line end and without another.
#[derive(Debug)]
pub(super) struct LineQueue {
    buffer: Mutex<Buffer>,
    /// Notified when the writer has a reason to go on.
    wake: Condvar,
    capacity: Capacity,
}

/// How much may wait.
#[derive(Clone, Copy, Debug)]
pub(super) struct Capacity {
    /// Bytes, of lines that wait and of lines that are being written.
    pub(super) bytes: usize,
    /// Lines that wait.
    pub(super) lines: usize,
}

/// Why a line was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Rejected;

#[derive(Debug, Default)]
struct Buffer {
    text: Vec<u8>,
    /// Where the first line begins. The bytes before it are done with.
    start: usize,
    lines: usize,
    /// Bytes that were taken and are not written yet.
    taken: usize,
    writer: WriterState,
    is_nudged: bool,
    /// Whether no line is to come any more.
    is_closed: bool,
}

/// What the thread that writes is doing.
#[derive(Debug, Default, PartialEq, Eq)]
enum WriterState {
    #[default]
    Busy,
    /// Until lines come in numbers, or some time has passed.
    Resting,
    /// Until a line comes.
    Idle,
}

impl Buffer {
    fn waiting(&self) -> usize {
        self.text.len() - self.start
    }

    /// Whether another line fits. A line that is longer than the capacity gets all of it.
    fn fits(&self, line: &[u8], capacity: Capacity) -> bool {
        let used = self.taken + self.waiting();
        (used == 0 || used + line.len() <= capacity.bytes) && self.lines < capacity.lines
    }

    fn is_half_full(&self, capacity: Capacity) -> bool {
        self.waiting() >= capacity.bytes / 2 || self.lines >= capacity.lines.div_ceil(2)
    }

    fn append(&mut self, line: &[u8]) {
        self.text.extend_from_slice(line);
        self.lines += 1;
    }

    /// Forgets the first bytes, which are this many lines.
    fn skip(&mut self, bytes: usize, lines: usize) {
        self.start += bytes;
        self.lines -= lines;
        // Moving what is left costs no more than it cost to append what is gone.
        if self.start > self.text.len() / 2 {
            self.text.drain(..self.start);
            self.start = 0;
        }
        if self.text.is_empty() {
            self.text.shrink_to(KEPT);
        }
    }

    fn drop_oldest(&mut self) {
        let length = first_line(&self.text[self.start..]);
        self.skip(length, 1);
    }
}

impl LineQueue {
    pub(super) fn new(capacity: Capacity) -> Self {
        Self {
            buffer: Mutex::default(),
            wake: Condvar::new(),
            capacity,
        }
    }

    /// Adds a line if it fits.
    pub(super) fn push(&self, line: &[u8]) -> Result<(), Rejected> {
        let mut buffer = self.lock();
        if buffer.is_closed || !buffer.fits(line, self.capacity) {
            return Err(Rejected);
        }
        buffer.append(line);
        self.wake_for_lines(buffer);
        Ok(())
    }

    /// Adds a line, and drops the oldest ones until it fits. Gives how many lines were dropped: the new
    /// one is among them if what is being written takes all the capacity.
    pub(super) fn push_over_oldest(&self, line: &[u8]) -> usize {
        let mut buffer = self.lock();
        if buffer.is_closed {
            return 1;
        }
        let mut dropped = 0;
        while !buffer.fits(line, self.capacity) {
            dropped += 1;
            if buffer.lines == 0 {
                return dropped;
            }
            buffer.drop_oldest();
        }
        buffer.append(line);
        self.wake_for_lines(buffer);
        dropped
    }

    /// Calls the writer's function now, if need be with nothing to write.
    pub(super) fn nudge(&self) {
        self.lock().is_nudged = true;
        self.wake.notify_one();
    }

    /// Lets [`write_to`](Self::write_to) end once it has written what waits.
    pub(super) fn close(&self) {
        self.lock().is_closed = true;
        self.wake.notify_one();
    }

    /// Hands over what waits, and how many lines it is, until the queue is closed.
    pub(super) fn write_to(&self, mut write: impl FnMut(&[u8], usize)) {
        let mut batch = Vec::new();
        while let Some(lines) = self.take(&mut batch) {
            write(&batch, lines);
            batch.clear();
            batch.shrink_to(KEPT);
            self.rest();
        }
    }

    /// Waking a thread is a system call, so it is woken for lines only where it waits for some, or
    /// where it rests and many have come.
    fn wake_for_lines(&self, mut buffer: MutexGuard<'_, Buffer>) {
        let is_woken = match buffer.writer {
            WriterState::Busy => false,
            WriterState::Resting => buffer.is_half_full(self.capacity),
            WriterState::Idle => true,
        };
        if is_woken {
            buffer.writer = WriterState::Busy;
            drop(buffer);
            self.wake.notify_one();
        }
    }

    /// Waits for lines, and moves some or all of them to an empty buffer. Gives how many they are;
    /// `None` where no more will come.
    fn take(&self, batch: &mut Vec<u8>) -> Option<usize> {
        let mut buffer = self.lock();
        while buffer.lines == 0 && !buffer.is_nudged {
            if buffer.is_closed {
                return None;
            }
            buffer.writer = WriterState::Idle;
            buffer = self
                .wake
                .wait(buffer)
                .unwrap_or_else(PoisonError::into_inner);
        }
        buffer.writer = WriterState::Busy;
        buffer.is_nudged = false;
        let lines = if buffer.waiting() <= BATCH {
            let start = mem::take(&mut buffer.start);
            mem::swap(&mut buffer.text, batch);
            batch.drain(..start);
            mem::take(&mut buffer.lines)
        } else {
            let text = &buffer.text[buffer.start..];
            let length = last_line_end(&text[..BATCH]).unwrap_or_else(|| first_line(text));
            batch.extend_from_slice(&text[..length]);
            let lines = memchr_iter(b'\n', batch).count();
            buffer.skip(length, lines);
            lines
        };
        buffer.taken = batch.len();
        Some(lines)
    }

    /// Counts what was taken as written, and waits for more of it if little or nothing waits.
    fn rest(&self) {
        let mut buffer = self.lock();
        buffer.taken = 0;
        buffer.writer = WriterState::Resting;
        let must_go_on = |buffer: &Buffer| {
            buffer.is_nudged || buffer.is_closed || buffer.is_half_full(self.capacity)
        };
        if buffer.waiting() <= BATCH && !must_go_on(&buffer) {
            let (mut buffer, _) = self
                .wake
                .wait_timeout_while(buffer, REST, |buffer| !must_go_on(buffer))
                .unwrap_or_else(PoisonError::into_inner);
            buffer.writer = WriterState::Busy;
        } else {
            buffer.writer = WriterState::Busy;
        }
    }

    fn lock(&self) -> MutexGuard<'_, Buffer> {
        self.buffer.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How long the first line is.
fn first_line(text: &[u8]) -> usize {
    memchr(b'\n', text).map_or(text.len(), |end| end + 1)
}

/// Where the last whole line ends.
fn last_line_end(text: &[u8]) -> Option<usize> {
    memrchr(b'\n', text).map(|end| end + 1)
}

/// Writes lines so that an error tears no line but the one that it hits.
#[derive(Debug)]
pub(super) struct LineOutput<W> {
    writer: W,
    /// Whether the last write may have left half a line behind.
    pub(super) is_torn: bool,
}

impl<W: Write> LineOutput<W> {
    pub(super) fn new(writer: W) -> Self {
        Self {
            writer,
            is_torn: false,
        }
    }

    pub(super) fn write(&mut self, lines: &[u8]) -> io::Result<()> {
        if lines.is_empty() {
            return Ok(());
        }
        let end_of_torn_line: &[u8] = if self.is_torn { b"\n" } else { b"" };
        let written = self
            .writer
            .write_all(end_of_torn_line)
            .and_then(|()| self.writer.write_all(lines))
            .and_then(|()| self.writer.flush());
        self.is_torn = written.is_err();
        written
    }
}

#[cfg(test)]
mod tests {
    use std::{
        sync::{Arc, mpsc},
        thread,
    };

    use super::*;

    /// A queue of this capacity that is being written, what allows a write, and what was written.
    fn written(
        bytes: usize,
        lines: usize,
    ) -> (Arc<LineQueue>, mpsc::Sender<()>, mpsc::Receiver<String>) {
        let queue = Arc::new(LineQueue::new(Capacity { bytes, lines }));
        let (allow, allowed) = mpsc::channel();
        let (writes, written) = mpsc::channel();
        let writing = Arc::clone(&queue);
        thread::spawn(move || {
            writing.write_to(|batch, lines| {
                let _ = allowed.recv();
                let text = String::from_utf8_lossy(batch).into_owned();
                assert_eq!(text.matches('\n').count(), lines);
                // Whoever reads may have seen enough.
                let _ = writes.send(text);
            });
        });
        (queue, allow, written)
    }

    /// Waits until the writer has taken what waits.
    fn is_taken(queue: &LineQueue) {
        while queue.lock().waiting() > 0 {
            thread::yield_now();
        }
    }

    /// Waits until all is written.
    fn is_written(queue: &LineQueue) {
        while queue.lock().waiting() > 0 || queue.lock().taken > 0 {
            thread::yield_now();
        }
    }

    #[test]
    fn lines_take_no_more_than_the_capacity() {
        let (queue, allow, written) = written(10, usize::MAX);
        queue.push(b"1234\n").unwrap();
        // What is being written counts too.
        is_taken(&queue);
        queue.push(b"56\n").unwrap();
        assert_eq!(queue.push(b"too long\n"), Err(Rejected));
        queue.push(b"7\n").unwrap();
        assert_eq!(queue.push(b"\n"), Err(Rejected));
        queue.close();
        assert_eq!(queue.push(b""), Err(Rejected));
        drop(allow);
        let all: String = written.into_iter().collect();
        assert_eq!(all, "1234\n56\n7\n");
    }

    #[test]
    fn no_more_lines_wait_than_the_capacity() {
        let (queue, allow, written) = written(100, 2);
        queue.push(b"1\n").unwrap();
        is_taken(&queue);
        queue.push(b"2\n").unwrap();
        queue.push(b"3\n").unwrap();
        assert_eq!(queue.push(b"4\n"), Err(Rejected));
        assert_eq!(queue.push_over_oldest(b"5\n"), 1);
        queue.close();
        assert_eq!(queue.push_over_oldest(b"6\n"), 1);
        drop(allow);
        let all: String = written.into_iter().collect();
        assert_eq!(all, "1\n3\n5\n");
    }

    #[test]
    fn the_oldest_lines_are_dropped_until_the_new_one_fits() {
        let (queue, allow, written) = written(10, usize::MAX);
        queue.push(b"12\n").unwrap();
        is_taken(&queue);
        for line in ["3\n", "4\n", "5\n"] {
            queue.push(line.as_bytes()).unwrap();
        }
        assert_eq!(queue.push_over_oldest(b"678\n"), 2);
        // What is being written can't be dropped.
        assert_eq!(queue.push_over_oldest(b"9 is too long\n"), 3);
        queue.push(b"10\n").unwrap();
        queue.close();
        drop(allow);
        let all: String = written.into_iter().collect();
        assert_eq!(all, "12\n10\n");
    }

    #[test]
    fn a_line_longer_than_the_capacity_gets_all_of_it() {
        let (queue, allow, written) = written(2, usize::MAX);
        queue.push(b"long\n").unwrap();
        assert_eq!(queue.push(b"\n"), Err(Rejected));
        drop(allow);
        is_written(&queue);
        queue.push(b"again\n").unwrap();
        queue.close();
        let all: String = written.into_iter().collect();
        assert_eq!(all, "long\nagain\n");
    }

    #[test]
    fn what_was_written_frees_its_capacity() {
        let (queue, allow, written) = written(4, usize::MAX);
        for line in ["123\n", "456\n", "789\n"] {
            is_written(&queue);
            queue.push(line.as_bytes()).unwrap();
            allow.send(()).unwrap();
            assert_eq!(written.recv().unwrap(), line);
        }
    }

    #[test]
    fn a_backlog_is_written_in_whole_lines() {
        const LINES: usize = 5000;
        let (queue, allow, written) = written(usize::MAX, usize::MAX);
        queue.push(b"first\n").unwrap();
        is_taken(&queue);
        let long = "x".repeat(2 * BATCH) + "\n";
        let line = |number: usize| match number {
            100 => long.clone(),
            number => format!("{number} {}\n", "y".repeat(number % 50)),
        };
        for number in 0..LINES {
            queue.push(line(number).as_bytes()).unwrap();
        }
        queue.close();
        drop(allow);
        let batches: Vec<String> = written.into_iter().collect();
        for batch in &batches {
            assert!(batch.ends_with('\n'));
            assert!(batch.len() <= BATCH || *batch == long);
        }
        let all: String = (0..LINES).map(line).collect();
        assert_eq!(batches.concat(), "first\n".to_owned() + &all);
    }

    #[test]
    fn a_nudge_comes_through_without_a_line() {
        let (queue, allow, written) = written(100, usize::MAX);
        drop(allow);
        queue.nudge();
        assert_eq!(written.recv().unwrap(), "");
        queue.close();
    }

    #[test]
    fn a_long_line_leaves_no_large_buffer_behind() {
        let (queue, allow, written) = written(1 << 20, usize::MAX);
        drop(allow);
        let mut line = vec![b'x'; 1 << 19];
        line.push(b'\n');
        for _ in 0..4 {
            queue.push(&line).unwrap();
            is_written(&queue);
        }
        assert!(queue.lock().text.capacity() <= KEPT);
        queue.close();
        let all: usize = written.into_iter().map(|text| text.len()).sum();
        assert_eq!(all, 4 * line.len());
    }

    #[test]
    fn what_cannot_be_written_tears_no_other_line() {
        /// Takes three bytes at each write, and fails where that is not all.
        struct Full(Vec<u8>, bool);
        impl Write for Full {
            fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
                if self.1 {
                    return Err(io::ErrorKind::StorageFull.into());
                }
                self.0.extend_from_slice(&bytes[..bytes.len().min(3)]);
                self.1 = bytes.len() > 3;
                Ok(bytes.len().min(3))
            }

            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let mut output = LineOutput::new(Full(Vec::new(), false));
        output.write(b"a\n").unwrap();
        let error = output.write(b"torn\n").unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::StorageFull);
        assert!(output.is_torn);
        output.writer.1 = false;
        output.write(b"b\n").unwrap();
        assert!(!output.is_torn);
        assert_eq!(output.writer.0, b"a\ntor\nb\n");
    }
}
