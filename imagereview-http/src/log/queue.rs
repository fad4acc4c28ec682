//! The lines that wait to be written, and the thread that writes them.

use std::{
    io::{self, Write},
    mem,
    sync::{
        Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::Duration,
};

/// How many bytes the two buffers keep that lines wait in and are written from, whatever they have
/// held: some times what comes within [`REST`] at 100,000 lines a second.
const KEPT: usize = 256 * 1024;

/// How long the thread that writes rests after it has written all that waited. A line that comes
/// meanwhile need not wake it, and lines that come close together are written at once.
const REST: Duration = Duration::from_millis(2);

/// Lines in the order in which they came. Whoever brings one never waits for them to be written:
/// where there is no room it is dropped and counted.
#[derive(Debug)]
pub(super) struct Queue {
    waiting: Mutex<Waiting>,
    /// Told when there is something for the thread that writes.
    came: Condvar,
    /// How many bytes there may be, of lines that wait and lines that are being written.
    room: usize,
    dropped: AtomicU64,
}

#[derive(Debug, Default)]
struct Waiting {
    text: Vec<u8>,
    lines: u64,
    /// Bytes that were taken and are not written yet.
    taken: usize,
    /// Whether the thread that writes has to be woken.
    is_asleep: bool,
    /// Whether no line is to come any more.
    is_closed: bool,
}

impl Queue {
    pub(super) fn new(room: usize) -> Self {
        Self {
            waiting: Mutex::default(),
            came: Condvar::new(),
            room,
            dropped: AtomicU64::new(0),
        }
    }

    /// How many lines have been dropped.
    pub(super) fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }

    fn push(&self, line: &[u8]) {
        let mut waiting = self.lock();
        if waiting.taken + waiting.text.len() + line.len() > self.room {
            self.dropped.fetch_add(1, Ordering::Relaxed);
            return;
        }
        waiting.text.extend_from_slice(line);
        waiting.lines += 1;
        self.wake(waiting);
    }

    /// Lets [`write_to`](Self::write_to) end once it has written what waits.
    pub(super) fn close(&self) {
        let mut waiting = self.lock();
        waiting.is_closed = true;
        self.wake(waiting);
    }

    /// Waking a thread is a system call, so only one that sleeps is woken.
    fn wake(&self, mut waiting: MutexGuard<'_, Waiting>) {
        let is_asleep = mem::take(&mut waiting.is_asleep);
        drop(waiting);
        if is_asleep {
            self.came.notify_one();
        }
    }

    /// Writes what comes until the queue is closed. What can't be written is dropped.
    pub(super) fn write_to(&self, mut output: impl Write) {
        let mut batch = Vec::new();
        let mut is_torn = false;
        while let Some(lines) = self.take(&mut batch) {
            // Half a line may stand there since the last error.
            let end: &[u8] = if is_torn { b"\n" } else { b"" };
            let written = output
                .write_all(end)
                .and_then(|()| output.write_all(&batch))
                .and_then(|()| output.flush());
            is_torn = written.is_err();
            if is_torn {
                self.dropped.fetch_add(lines, Ordering::Relaxed);
            }
            batch.clear();
            batch.shrink_to(KEPT);
            self.lock().taken = 0;
            thread::sleep(REST);
        }
    }

    /// Waits for lines and takes all of them, in exchange for an empty buffer. Gives how many they
    /// are; `None` where no more will come.
    fn take(&self, batch: &mut Vec<u8>) -> Option<u64> {
        let mut waiting = self.lock();
        while waiting.text.is_empty() {
            if waiting.is_closed {
                return None;
            }
            waiting.is_asleep = true;
            waiting = self
                .came
                .wait(waiting)
                .unwrap_or_else(PoisonError::into_inner);
        }
        mem::swap(&mut waiting.text, batch);
        waiting.taken = batch.len();
        Some(mem::take(&mut waiting.lines))
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Takes a whole line at each write.
impl Write for &Queue {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.push(line);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, mpsc};

    use super::*;

    /// What is written stands in `written`; each write first waits for leave.
    struct Output {
        leave: mpsc::Receiver<io::Result<()>>,
        written: mpsc::Sender<String>,
    }

    impl Write for Output {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.leave.recv().unwrap_or(Ok(()))?;
            // Whoever reads may have seen enough.
            let _ = self.written.send(String::from_utf8_lossy(bytes).into());
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// A queue with so much room that is being written, what lets it be, and what was written.
    fn written(
        room: usize,
    ) -> (
        Arc<Queue>,
        mpsc::Sender<io::Result<()>>,
        mpsc::Receiver<String>,
    ) {
        let queue = Arc::new(Queue::new(room));
        let (allow, leave) = mpsc::channel();
        let (writes, written) = mpsc::channel();
        let output = Output {
            leave,
            written: writes,
        };
        let writing = Arc::clone(&queue);
        thread::spawn(move || writing.write_to(output));
        (queue, allow, written)
    }

    #[test]
    fn lines_wait_for_no_more_than_their_room_and_the_others_are_counted() {
        let (queue, allow, written) = written(10);
        queue.push(b"1234\n");
        // What is being written takes room too.
        queue.push(b"56\n");
        queue.push(b"too long\n");
        queue.push(b"7\n");
        queue.push(b"\n");
        assert_eq!(queue.dropped(), 2);
        queue.close();
        drop(allow);
        let all: String = written.into_iter().collect();
        assert_eq!(all, "1234\n56\n7\n");
    }

    #[test]
    fn what_was_written_makes_room() {
        let (queue, allow, written) = written(4);
        for line in ["123\n", "456\n", "789\n"] {
            while queue.lock().taken > 0 {
                thread::yield_now();
            }
            queue.push(line.as_bytes());
            allow.send(Ok(())).unwrap();
            assert_eq!(written.recv().unwrap(), line);
        }
        assert_eq!(queue.dropped(), 0);
    }

    #[test]
    fn what_cannot_be_written_is_counted_and_tears_no_other_line() {
        let (queue, allow, written) = written(100);
        queue.push(b"lost\n");
        allow.send(Err(io::ErrorKind::StorageFull.into())).unwrap();
        while queue.dropped() == 0 {
            thread::yield_now();
        }
        queue.push(b"kept\n");
        queue.close();
        drop(allow);
        assert_eq!(written.into_iter().collect::<String>(), "\nkept\n");
        assert_eq!(queue.dropped(), 1);
    }

    #[test]
    fn a_long_line_leaves_no_large_buffer_behind() {
        let (queue, allow, written) = written(1 << 20);
        drop(allow);
        for _ in 0..4 {
            queue.push(&vec![b'x'; 1 << 19]);
            while queue.lock().taken > 0 || !queue.lock().text.is_empty() {
                thread::yield_now();
            }
        }
        queue.close();
        assert_eq!(
            written.into_iter().map(|text| text.len()).sum::<usize>(),
            4 << 19
        );
        assert!(queue.lock().text.capacity() <= KEPT);
    }
}
