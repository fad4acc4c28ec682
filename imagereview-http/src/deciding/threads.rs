//! The threads that decide.

use std::{
    io,
    panic::{AssertUnwindSafe, catch_unwind},
    thread,
};

use async_channel::Sender;

type Work = Box<dyn FnOnce() + Send>;

/// Threads that end when this is dropped, each once it has done its work. Unlike the blocking threads of
/// a runtime, one that never does keeps the runtime from nothing.
#[derive(Debug)]
pub(super) struct Threads(Sender<Work>);

impl Threads {
    pub(super) fn start(many: usize) -> io::Result<Self> {
        let (sender, receiver) = async_channel::unbounded::<Work>();
        for _ in 0..many {
            let work = receiver.clone();
            thread::Builder::new()
                .name("review".into())
                .spawn(move || {
                    while let Ok(work) = work.recv_blocking() {
                        // Policies are not let through to here. Whatever else it is, the thread goes on.
                        let _ = catch_unwind(AssertUnwindSafe(work));
                    }
                })?;
        }
        Ok(Self(sender))
    }

    pub(super) fn run(&self, work: Work) {
        // The channel is neither full nor closed.
        let _ = self.0.try_send(work);
    }
}
