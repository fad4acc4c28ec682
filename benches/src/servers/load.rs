//! Sends a server the same request over many connections, as fast as it responds.

use std::{
    fmt,
    process::ExitCode,
    sync::{
        Arc,
        atomic::{AtomicU8, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use clap::ValueEnum;
use rustls::client::Resumption;
use tokio::{
    net::TcpStream,
    runtime,
    task::{JoinSet, yield_now},
    time::{sleep, timeout},
};

use super::{Error, connection::Connection, target::Target};

/// How long a response may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// How many steps of its tasks the client's thread makes before it polls its sockets.
const STEPS: u32 = 8;

/// Runs a client on this thread alone, and prints its error: the `main` of a program.
#[must_use]
pub fn block_on(future: impl Future<Output = Result<(), Error>>) -> ExitCode {
    let outcome = runtime::Builder::new_current_thread()
        .enable_all()
        .event_interval(STEPS)
        .build()
        .map_err(Error::from)
        .and_then(|runtime| runtime.block_on(future));
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// How long a connection lasts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, ValueEnum)]
#[non_exhaustive]
pub enum Reuse {
    /// As long as the server keeps it
    KeepAlive,
    /// One request, after a full handshake
    Handshake,
    /// One request, after a handshake that resumes the session of the one before
    Resumed,
}

impl fmt::Display for Reuse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::KeepAlive => "keep-alive",
            Self::Handshake => "a full handshake for each request",
            Self::Resumed => "a resumed handshake for each request",
        })
    }
}

/// A target under load.
#[derive(Debug)]
pub struct Load {
    clients: JoinSet<Result<Vec<Duration>, Error>>,
    progress: Arc<Progress>,
}

#[derive(Debug, Default)]
struct Progress {
    phase: AtomicU8,
    responses: AtomicU64,
}

/// Values of [`Progress::phase`], which begins with 0.
mod phase {
    pub(super) const COUNTING: u8 = 1;
    pub(super) const OVER: u8 = 2;
}

impl Load {
    /// Starts this number of connections, each with one request at a time.
    #[must_use]
    pub fn start(target: &Arc<Target>, number: usize, reuse: Reuse) -> Self {
        let progress = Arc::new(Progress::default());
        let mut clients = JoinSet::new();
        for _ in 0..number {
            clients.spawn(send(Arc::clone(target), reuse, Arc::clone(&progress)));
        }
        clients.spawn(stay_awake(Arc::clone(&progress)));
        Self { clients, progress }
    }

    /// Starts to count.
    pub fn count(&self) {
        self.progress.responses.store(0, Ordering::Relaxed);
        self.progress
            .phase
            .store(phase::COUNTING, Ordering::Relaxed);
    }

    /// Keeps up the load for this time.
    ///
    /// # Errors
    ///
    /// A response was wrong or late.
    pub async fn go_on(&mut self, time: Duration) -> Result<(), Error> {
        tokio::select! {
            () = sleep(time) => Ok(()),
            Some(ended) = self.clients.join_next() => match ended? {
                Ok(_) => unreachable!("it is not over"),
                Err(error) => Err(error),
            },
        }
    }

    /// Keeps up the load until there were so many responses since the start.
    ///
    /// # Errors
    ///
    /// A response was wrong or late.
    pub async fn go_on_until(&mut self, responses: u64) -> Result<(), Error> {
        let (mut before, mut since) = (0, Instant::now());
        loop {
            let now = self.progress.responses.load(Ordering::Relaxed);
            if now >= responses {
                return Ok(());
            }
            if now > before {
                (before, since) = (now, Instant::now());
            } else if since.elapsed() > PATIENCE {
                return Err(format!("no response within {PATIENCE:?}").into());
            }
            self.go_on(Duration::from_millis(1)).await?;
        }
    }

    /// Stops the load. Returns how long each request took since [`count`](Self::count).
    ///
    /// # Errors
    ///
    /// A response was wrong or late.
    pub async fn stop(mut self) -> Result<Vec<Duration>, Error> {
        self.progress.phase.store(phase::OVER, Ordering::Relaxed);
        let mut latencies = Vec::new();
        let last_responses = async {
            while let Some(ended) = self.clients.join_next().await {
                latencies.append(&mut ended??);
            }
            Ok::<(), Error>(())
        };
        timeout(PATIENCE, last_responses)
            .await
            .map_err(|_| format!("no response within {PATIENCE:?}"))??;
        Ok(latencies)
    }
}

/// Keeps this thread awake. To wake it would cost the server, and a slow server more often.
async fn stay_awake(progress: Arc<Progress>) -> Result<Vec<Duration>, Error> {
    while progress.phase.load(Ordering::Relaxed) != phase::OVER {
        yield_now().await;
    }
    Ok(Vec::new())
}

/// Sends requests until the load is over.
async fn send(
    target: Arc<Target>,
    reuse: Reuse,
    progress: Arc<Progress>,
) -> Result<Vec<Duration>, Error> {
    let mut client = target.client.clone();
    if reuse == Reuse::Resumed {
        // Each connection has its own, so that there is always a ticket.
        client.resumption = Resumption::in_memory_sessions(4);
    }
    let mut latencies = Vec::new();
    let mut open: Option<Connection> = None;
    let mut is_first = true;
    loop {
        let phase = progress.phase.load(Ordering::Relaxed);
        if phase == phase::OVER {
            break;
        }
        let started = Instant::now();
        let mut connection = if let Some(connection) = open.take() {
            connection
        } else {
            let stream = TcpStream::connect(target.address).await?;
            let connection = Connection::open(stream, client.clone(), target.protocol).await?;
            if reuse == Reuse::Resumed && !is_first && !connection.is_resumed() {
                return Err("the server doesn't resume sessions".into());
            }
            connection
        };
        let response = connection.send(&target.request).await?;
        if !response.is_ok || response.body != target.approval {
            let text = String::from_utf8_lossy(response.body);
            return Err(format!("another response than the first: {text}").into());
        }
        if reuse == Reuse::KeepAlive && !response.is_last {
            open = Some(connection);
        } else {
            connection.close().await;
        }
        is_first = false;
        if phase == phase::COUNTING && progress.phase.load(Ordering::Relaxed) == phase::COUNTING {
            latencies.push(started.elapsed());
        }
        progress.responses.fetch_add(1, Ordering::Relaxed);
    }
    if let Some(connection) = open {
        connection.close().await;
    }
    Ok(latencies)
}
