//! Asking a server the same question over many connections, as fast as it answers.

use std::{
    fmt,
    net::SocketAddr,
    process::ExitCode,
    sync::{
        Arc,
        atomic::{AtomicU8, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use clap::ValueEnum;
use rustls::{ClientConfig, HandshakeKind, client::Resumption};
use rustls_pki_types::ServerName;
use serde_json::Value;
use tokio::{
    io::AsyncWriteExt as _,
    net::TcpStream,
    runtime,
    task::{JoinSet, yield_now},
    time::{sleep, timeout},
};
use tokio_rustls::{TlsConnector, client::TlsStream};

use super::{
    Error,
    credentials::{Credentials, HOST},
    http1::Http1,
    http2::Http2,
    question::Question,
};

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// How many steps of its tasks the asking thread makes before it looks for what has come.
const STEPS: u32 = 8;

/// Runs what asks, on this thread alone, and tells what goes wrong: the whole of a program.
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

/// How requests are sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, ValueEnum)]
#[non_exhaustive]
pub enum Protocol {
    /// HTTP/1.1
    H1,
    /// HTTP/2
    H2,
}

impl Protocol {
    /// The name in ALPN.
    pub(super) fn alpn(self) -> &'static [u8] {
        match self {
            Self::H1 => b"http/1.1",
            Self::H2 => b"h2",
        }
    }
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::H1 => "HTTP/1.1",
            Self::H2 => "HTTP/2",
        })
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

/// What counts of an answer.
#[derive(Clone, Copy, Debug)]
pub(super) struct Answer<'a> {
    /// The status is 200.
    pub(super) is_ok: bool,
    pub(super) body: &'a [u8],
    /// The connection ends with this answer.
    pub(super) is_last: bool,
}

/// A server that was asked once and answered rightly.
#[derive(Debug)]
pub struct Target {
    address: SocketAddr,
    client: ClientConfig,
    protocol: Protocol,
    question: Question,
    /// What every further answer has to be, byte by byte.
    approval: Vec<u8>,
    keeps_alive: bool,
}

impl Target {
    /// Asks a server for the first time, which must show the certificate that it was given and
    /// approve the images. `None` while it doesn't listen.
    ///
    /// # Errors
    ///
    /// It doesn't show that, or answers otherwise.
    pub async fn ask_first(
        address: SocketAddr,
        credentials: &Credentials,
        protocol: Protocol,
    ) -> Result<Option<Self>, Error> {
        let Ok(stream) = TcpStream::connect(address).await else {
            return Ok(None);
        };
        let question = Question::new(address);
        let client = credentials.strict_client(protocol)?;
        let mut connection = Connection::open(stream, client, protocol).await?;
        let answer = connection.ask(&question).await?;
        let text = String::from_utf8_lossy(answer.body);
        if !answer.is_ok {
            return Err(format!("the status is not 200: {text}").into());
        }
        let json: Value =
            serde_json::from_slice(answer.body).map_err(|error| format!("{error}: {text}"))?;
        if json["kind"] != "ImageReview" || json["status"]["allowed"] != true {
            return Err(format!("no approval: {text}").into());
        }
        let (approval, keeps_alive) = (answer.body.to_vec(), !answer.is_last);
        connection.close().await;
        Ok(Some(Self {
            address,
            client: credentials.quick_client(protocol)?,
            protocol,
            question,
            approval,
            keeps_alive,
        }))
    }

    /// Whether a second request could have been sent on the first one's connection.
    #[must_use]
    pub fn keeps_alive(&self) -> bool {
        self.keeps_alive
    }
}

/// A target that is being asked.
#[derive(Debug)]
pub struct Load {
    askers: JoinSet<Result<Vec<Duration>, Error>>,
    progress: Arc<Progress>,
}

#[derive(Debug, Default)]
struct Progress {
    phase: AtomicU8,
    answered: AtomicU64,
}

/// Values of [`Progress::phase`], which begins with 0.
mod phase {
    pub(super) const COUNTING: u8 = 1;
    pub(super) const OVER: u8 = 2;
}

impl Load {
    /// Begins to ask over so many connections, one request at a time on each.
    #[must_use]
    pub fn start(target: &Arc<Target>, number: usize, reuse: Reuse) -> Self {
        let progress = Arc::new(Progress::default());
        let mut askers = JoinSet::new();
        for _ in 0..number {
            askers.spawn(ask(Arc::clone(target), reuse, Arc::clone(&progress)));
        }
        askers.spawn(stay_awake(Arc::clone(&progress)));
        Self { askers, progress }
    }

    /// Counts from now on.
    pub fn count(&self) {
        self.progress.answered.store(0, Ordering::Relaxed);
        self.progress
            .phase
            .store(phase::COUNTING, Ordering::Relaxed);
    }

    /// Asks on for so long.
    ///
    /// # Errors
    ///
    /// An answer was wrong or didn't come.
    pub async fn go_on(&mut self, time: Duration) -> Result<(), Error> {
        tokio::select! {
            () = sleep(time) => Ok(()),
            Some(ended) = self.askers.join_next() => match ended? {
                Ok(_) => unreachable!("it is not over"),
                Err(error) => Err(error),
            },
        }
    }

    /// Asks on until so many have been answered since the start.
    ///
    /// # Errors
    ///
    /// An answer was wrong or didn't come.
    pub async fn go_on_until(&mut self, answered: u64) -> Result<(), Error> {
        let (mut before, mut since) = (0, Instant::now());
        loop {
            let now = self.progress.answered.load(Ordering::Relaxed);
            if now >= answered {
                return Ok(());
            }
            if now > before {
                (before, since) = (now, Instant::now());
            } else if since.elapsed() > PATIENCE {
                return Err(format!("no answer within {PATIENCE:?}").into());
            }
            self.go_on(Duration::from_millis(1)).await?;
        }
    }

    /// Counts no more. Gives how long each request took that was answered in the meantime.
    ///
    /// # Errors
    ///
    /// An answer was wrong or didn't come.
    pub async fn stop(mut self) -> Result<Vec<Duration>, Error> {
        self.progress.phase.store(phase::OVER, Ordering::Relaxed);
        let mut latencies = Vec::new();
        let last_answers = async {
            while let Some(ended) = self.askers.join_next().await {
                latencies.append(&mut ended??);
            }
            Ok::<(), Error>(())
        };
        timeout(PATIENCE, last_answers)
            .await
            .map_err(|_| format!("no answer within {PATIENCE:?}"))??;
        Ok(latencies)
    }
}

/// Keeps this thread from sleeping: a server would pay for waking it, and the more the slower it is.
async fn stay_awake(progress: Arc<Progress>) -> Result<Vec<Duration>, Error> {
    while progress.phase.load(Ordering::Relaxed) != phase::OVER {
        yield_now().await;
    }
    Ok(Vec::new())
}

/// Asks until it is over.
async fn ask(
    target: Arc<Target>,
    reuse: Reuse,
    progress: Arc<Progress>,
) -> Result<Vec<Duration>, Error> {
    let mut client = target.client.clone();
    if reuse == Reuse::Resumed {
        // For each asker its own, so that there is always a ticket.
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
        let answer = connection.ask(&target.question).await?;
        if !answer.is_ok || answer.body != target.approval {
            let text = String::from_utf8_lossy(answer.body);
            return Err(format!("another answer than the first: {text}").into());
        }
        if reuse == Reuse::KeepAlive && !answer.is_last {
            open = Some(connection);
        } else {
            connection.close().await;
        }
        is_first = false;
        if phase == phase::COUNTING && progress.phase.load(Ordering::Relaxed) == phase::COUNTING {
            latencies.push(started.elapsed());
        }
        progress.answered.fetch_add(1, Ordering::Relaxed);
    }
    if let Some(connection) = open {
        connection.close().await;
    }
    Ok(latencies)
}

/// An open connection.
#[derive(Debug)]
struct Connection {
    stream: TlsStream<TcpStream>,
    conversation: Conversation,
}

#[derive(Debug)]
enum Conversation {
    Http1(Http1),
    Http2(Http2),
}

impl Connection {
    async fn open(
        stream: TcpStream,
        client: ClientConfig,
        protocol: Protocol,
    ) -> Result<Self, Error> {
        stream.set_nodelay(true)?;
        let connector = TlsConnector::from(Arc::new(client));
        let name = ServerName::IpAddress(HOST.into());
        let stream = connector.connect(name, stream).await?;
        let spoken = stream.get_ref().1.alpn_protocol();
        let conversation = match protocol {
            // A server that doesn't know of ALPN speaks HTTP/1.1.
            Protocol::H1 => Conversation::Http1(Http1::default()),
            Protocol::H2 if spoken == Some(protocol.alpn()) => Conversation::Http2(Http2::new()),
            Protocol::H2 => return Err("the server doesn't speak HTTP/2".into()),
        };
        Ok(Self {
            stream,
            conversation,
        })
    }

    fn is_resumed(&self) -> bool {
        self.stream.get_ref().1.handshake_kind() == Some(HandshakeKind::Resumed)
    }

    async fn ask(&mut self, question: &Question) -> Result<Answer<'_>, Error> {
        match &mut self.conversation {
            Conversation::Http1(http1) => http1.ask(&mut self.stream, question).await,
            Conversation::Http2(http2) => http2.ask(&mut self.stream, question).await,
        }
    }

    async fn close(mut self) {
        // What the server makes of it is nothing that a client would notice.
        let _ = self.stream.shutdown().await;
    }
}
