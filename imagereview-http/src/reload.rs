//! Reading the policy, the certificate and the client CAs again when their files change.
//!
//! What is wrong in a new file never replaces what is served: it is logged, counted, and tried again
//! at the file's next change, or once the time has come for a certificate that begins later.
//!
//! A file that is being written is not read before its writer closes it, as far as the system tells.
//! Where no event tells of a change, it is read once two looks at it have found the same.

mod files;
mod watch;
mod writing;

use std::{
    sync::{
        Arc,
        mpsc::{self, Sender},
    },
    thread,
};

pub(crate) use self::files::Before;
use self::{
    files::parts,
    watch::{Trigger, Watch},
};
use crate::{config::FactsSource, policy::OpenedPolicy, state::State, tls::Tls};

/// Asks a running [`Server`](crate::Server) to read its files again, as on SIGHUP.
#[derive(Clone, Debug)]
pub struct Reload(Sender<Trigger>);

impl Reload {
    /// Reads policy and certificate again, changed or not, and client CAs if they have changed, and
    /// reopens the audit log's file. Returns at once; the log and the metrics show the outcome.
    pub fn request(&self) {
        // A server that has stopped has nothing to read.
        let _ = self.0.send(Trigger::Requested);
    }
}

/// Watches files from a thread of its own, since reading files and compiling a policy would hold up
/// the responses. It ends with this value.
pub(crate) struct Reloader {
    triggers: Sender<Trigger>,
}

impl Reloader {
    pub(crate) fn start(
        state: Arc<State>,
        tls: Arc<Tls>,
        policy: OpenedPolicy,
        facts: FactsSource,
        before: &Before,
    ) -> Self {
        let (triggers, received) = mpsc::channel();
        let reloader = Self { triggers };
        let events = reloader.triggers.clone();
        let parts = parts(&state, &tls, policy, facts, before);
        let run = move || Watch::new(parts, state, tls, events).run(&received);
        if let Err(error) = thread::Builder::new().name("reload".to_owned()).spawn(run) {
            tracing::error!("changed files will not be seen: cannot start a thread: {error}");
        }
        reloader
    }

    pub(crate) fn handle(&self) -> Reload {
        Reload(self.triggers.clone())
    }
}

impl Drop for Reloader {
    fn drop(&mut self) {
        let _ = self.triggers.send(Trigger::Stop);
    }
}
