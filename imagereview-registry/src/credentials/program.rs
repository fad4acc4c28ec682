//! Programs that hand out credentials: what they are given, how long they may take, and how much of
//! what they say is read.

use std::{ffi::OsStr, io, process::Stdio, sync::Arc, time::Duration};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    process::Command,
    sync::Semaphore,
    time,
};

/// The most bytes of what a program says.
const MAX_OUTPUT: u64 = 64 << 10;

/// Runs programs, few at a time.
#[derive(Clone, Debug)]
pub(super) struct Programs {
    permits: Arc<Semaphore>,
    timeout: Duration,
}

/// Why a program gave nothing.
#[derive(Clone, Debug, thiserror::Error)]
pub(super) enum ProgramError {
    #[error("{0} can't be run: {1}")]
    Start(Box<str>, Box<str>),
    #[error("{program} did not end in {}", humantime::format_duration(*after))]
    Timeout { program: Box<str>, after: Duration },
    #[error("{0} said more than {MAX_OUTPUT} bytes")]
    TooMuch(Box<str>),
    #[error("{0} broke off: {1}")]
    Broken(Box<str>, Box<str>),
}

/// What a program said, and whether it succeeded.
pub(super) struct Output {
    pub(super) is_success: bool,
    pub(super) stdout: Vec<u8>,
}

impl Programs {
    /// At most this many at a time, each for at most this long.
    pub(super) fn new(at_a_time: usize, timeout: Duration) -> Self {
        Self {
            permits: Arc::new(Semaphore::new(at_a_time)),
            timeout,
        }
    }

    /// Runs a program with an input.
    ///
    /// What it says on standard error is dropped: it may hold what must not be logged.
    pub(super) async fn run(
        &self,
        program: &OsStr,
        args: &[String],
        env: &[(String, String)],
        input: &[u8],
    ) -> Result<Output, ProgramError> {
        let name: Box<str> = program.to_string_lossy().into();
        let run = async {
            let _permit = self.permits.acquire().await;
            let mut child = Command::new(program)
                .args(args)
                .envs(env.iter().map(|(name, value)| (name, value)))
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .stderr(Stdio::null())
                .kill_on_drop(true)
                .spawn()
                .map_err(|error| ProgramError::Start(name.clone(), reason(&error)))?;
            let broken = |error: io::Error| ProgramError::Broken(name.clone(), reason(&error));
            let (Some(mut stdin), Some(stdout)) = (child.stdin.take(), child.stdout.take()) else {
                return Err(ProgramError::Broken(name.clone(), "it has no pipes".into()));
            };
            let write = async {
                // One that does not read its input may still answer.
                let _ = stdin.write_all(input).await;
                drop(stdin);
            };
            let mut output = Vec::new();
            let mut limited = stdout.take(MAX_OUTPUT + 1);
            let ((), read) = tokio::join!(write, limited.read_to_end(&mut output));
            read.map_err(broken)?;
            if output.len() as u64 > MAX_OUTPUT {
                return Err(ProgramError::TooMuch(name.clone()));
            }
            let status = child.wait().await.map_err(broken)?;
            Ok(Output {
                is_success: status.success(),
                stdout: output,
            })
        };
        time::timeout(self.timeout, run).await.unwrap_or_else(|_| {
            Err(ProgramError::Timeout {
                program: name.clone(),
                after: self.timeout,
            })
        })
    }
}

fn reason(error: &io::Error) -> Box<str> {
    match error.kind() {
        io::ErrorKind::NotFound => "there is no such program".into(),
        io::ErrorKind::PermissionDenied => "it may not be run".into(),
        kind => kind.to_string().into(),
    }
}
