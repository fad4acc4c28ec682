//! The program: options to configuration, then serve until a signal.

mod allocator;
mod args;
mod dev;
mod service_manager;

use std::{
    io::{self, Write},
    path::Path,
    process::ExitCode,
    time::SystemTime,
};

use imagereview_files::PathList;
use imagereview_http::{Check, IMAGE_POLICY_PATH, Log, Reload, Server, ServerError, ServerPolicy};
#[cfg(feature = "opentelemetry")]
use imagereview_http::{Traces, TracesError};
use tokio::{
    runtime::Runtime,
    signal::unix::{Signal, SignalKind, signal},
};

use crate::{
    args::Args,
    dev::{DevelopmentPki, DevelopmentPkiError},
};

/// Why the program ends before it serves.
#[derive(Debug, thiserror::Error)]
enum StartError {
    #[error(transparent)]
    DevelopmentPki(#[from] DevelopmentPkiError),
    #[error(transparent)]
    Server(#[from] ServerError),
    #[cfg(feature = "opentelemetry")]
    #[error(transparent)]
    Traces(#[from] TracesError),
    #[error("cannot start the thread that writes the log: {0}")]
    Log(io::Error),
    #[error("cannot start the threads that serve: {0}")]
    Runtime(io::Error),
    #[error("cannot wait for signals: {0}")]
    Signals(io::Error),
}

impl StartError {
    fn exit_code(&self) -> ExitCode {
        match self {
            Self::Server(ServerError::Listen { .. } | ServerError::Threads(_))
            | Self::Log(_)
            | Self::Runtime(_)
            | Self::Signals(_) => ExitCode::from(1),
            _ => ExitCode::from(2),
        }
    }
}

/// SIGXFSZ, by its number on Linux and macOS.
const FILE_SIZE_LIMIT: i32 = 25;

fn main() -> ExitCode {
    // Before anything is read, since it is read again then.
    allocator::set();
    let args = Args::read();
    if let Some(printed) = args.print_instead(&mut io::stdout()) {
        return match printed {
            // Whoever closed standard output has seen enough.
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
                eprintln!("error: cannot write it: {error}");
                ExitCode::from(1)
            }
            _ => ExitCode::SUCCESS,
        };
    }
    if args.check_config {
        return check(&args);
    }
    match serve(&args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            error.exit_code()
        }
    }
}

/// Serves until a signal. The log's last lines are written by then.
fn serve(args: &Args) -> Result<(), StartError> {
    let log = Log::start(args.log_format.into(), args.log_level).map_err(StartError::Log)?;
    let runtime = Runtime::new().map_err(StartError::Runtime)?;
    let outcome = runtime.block_on(run(args, &log));
    // A thread that waits for the reader of the audit log, or for a policy that doesn't return, is not
    // waited for.
    runtime.shutdown_background();
    outcome
}

async fn run(args: &Args, log: &Log) -> Result<(), StartError> {
    // Before anything else, so that a signal that comes early is not lost.
    let shutdown = shutdown_signal().map_err(StartError::Signals)?;
    let hang_up = signal(SignalKind::hangup()).map_err(StartError::Signals)?;
    // An audit log that has reached the limit of a file's size is an error to log, and not the end.
    let _ = signal(SignalKind::from_raw(FILE_SIZE_LIMIT)).map_err(StartError::Signals)?;
    let _ = rlimit::increase_nofile_limit(u64::MAX).inspect_err(|error| {
        tracing::debug!("the limit of open files stays as it is: {error}");
    });
    #[cfg(feature = "opentelemetry")]
    let traces = Traces::start()?;
    #[cfg(not(feature = "opentelemetry"))]
    if let Some(name) = std::env::vars_os()
        .filter_map(|(name, _)| name.into_string().ok())
        .find(|name| name.starts_with("OTEL_EXPORTER_OTLP_"))
    {
        tracing::warn!(
            "{name} is set, and this program exports no traces; build it with the feature opentelemetry"
        );
    }
    let now = SystemTime::now();
    let mut development = None;
    let identity = if let Some(identity) = args.identity() {
        identity
    } else {
        let pki = development.insert(DevelopmentPki::open(&args.dev_pki, now)?);
        pki.issue(args.listen.ip(), now)?
    };
    let mut config = args.config(identity);
    config.dropped_log_lines = Some(log.dropped_lines());
    let mutual = config.client_ca.clone();
    let server = Server::bind(config, policy(args)).await?;
    if let Some(address) = server.health_addr() {
        tracing::info!("probes and metrics are at http://{address}");
    }
    if let Some(policy) = server.policy_identity() {
        tracing::info!(policy, "the policy is read");
    } else {
        tracing::info!("no policy is given: images tagged latest are denied");
    }
    let address = server.local_addr();
    tracing::info!("listening on https://{address}{IMAGE_POLICY_PATH}");
    if let Some(path) = mutual {
        tracing::info!(
            "clients must show a certificate from an authority in {}",
            path.display()
        );
    } else {
        tracing::warn!("no client CA is set: any client that reaches this port can connect");
    }
    if let Some(pki) = development {
        // The server is of use without the hint, so a closed standard output is no reason to stop.
        let _ = writeln!(io::stdout(), "{}", pki.hint(address));
    }
    tokio::spawn(reload_at(hang_up, server.reload()));
    // It listens, and what comes from now on is answered.
    service_manager::tell(service_manager::READY);
    let shutdown = async {
        shutdown.await;
        service_manager::tell(service_manager::STOPPING);
    };
    server.serve(shutdown).await;
    #[cfg(feature = "opentelemetry")]
    if let Some(traces) = traces {
        traces.finish().await;
    }
    tracing::info!("stopped");
    Ok(())
}

/// The policy that was given, or the built-in one.
fn policy(args: &Args) -> ServerPolicy {
    if args.policy.is_empty() {
        ServerPolicy::BuiltIn
    } else {
        let paths = args.policy.iter().flat_map(PathList::paths);
        ServerPolicy::Files(paths.map(Path::to_owned).collect())
    }
}

/// Prints what the files hold, and what is wrong with them.
fn check(args: &Args) -> ExitCode {
    let check = match args.identity() {
        Some(identity) => Check::new(&args.config(identity), policy(args), SystemTime::now()),
        None => Check::of_policy(policy(args)),
    };
    // Whoever closed standard output doesn't want to know.
    for fact in &check.facts {
        let _ = writeln!(io::stdout(), "{fact}");
    }
    for problem in &check.problems {
        eprintln!("error: {problem}");
    }
    if check.problems.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(2)
    }
}

/// Is ready at the first SIGTERM or SIGINT.
fn shutdown_signal() -> io::Result<impl Future<Output = ()>> {
    let mut terminate: Signal = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}

/// Has the files read again at each SIGHUP.
async fn reload_at(mut hang_up: Signal, reload: Reload) {
    while hang_up.recv().await.is_some() {
        reload.request();
    }
}
