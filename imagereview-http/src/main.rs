//! The program: options to configuration, then serve until told to stop.

mod args;
mod dev;

use std::{
    io::{self, IsTerminal, Write},
    process::ExitCode,
    sync::Arc,
    time::SystemTime,
};

use clap::Parser;
use imagereview_core::NoLatestTag;
use imagereview_http::{IMAGE_POLICY_PATH, Server, ServerError};
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::{
    args::{Args, LogFormat},
    dev::{DevelopmentPki, DevelopmentPkiError},
};

/// Why the program ends before it serves.
#[derive(Debug, thiserror::Error)]
enum StartError {
    #[error(transparent)]
    DevelopmentPki(#[from] DevelopmentPkiError),
    #[error(transparent)]
    Server(#[from] ServerError),
    #[error("cannot wait for signals: {0}")]
    Signals(io::Error),
}

impl StartError {
    fn exit_code(&self) -> ExitCode {
        match self {
            Self::Server(ServerError::Listen { .. }) | Self::Signals(_) => ExitCode::from(1),
            _ => ExitCode::from(2),
        }
    }
}

#[tokio::main]
async fn main() -> ExitCode {
    let args = Args::parse();
    log_to_stderr(args.log_format, args.log_level);
    match run(&args).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            error.exit_code()
        }
    }
}

async fn run(args: &Args) -> Result<(), StartError> {
    // Before anything else, so that a signal that comes early is not lost.
    let shutdown = shutdown_signal().map_err(StartError::Signals)?;
    let now = SystemTime::now();
    let mut development = None;
    let identity = if let Some(identity) = args.identity() {
        identity
    } else {
        let pki = development.insert(DevelopmentPki::open(&args.dev_pki, now)?);
        pki.issue(args.listen.ip(), now)?
    };
    let config = args.config(identity);
    let mutual = config.client_ca.clone();
    let server = Server::bind(config, Arc::new(NoLatestTag)).await?;
    let address = server.local_addr();
    tracing::info!("listening on https://{address}{IMAGE_POLICY_PATH}");
    if let Some(path) = mutual {
        tracing::info!(
            "clients must show a certificate that {} vouches for",
            path.display()
        );
    } else {
        tracing::warn!("no client CA is set: any client that reaches this port can ask");
    }
    if let Some(pki) = development {
        // The server is of use without the hint, so a closed standard output is no reason to stop.
        let _ = writeln!(io::stdout(), "{}", pki.hint(address));
    }
    server.serve(shutdown).await;
    Ok(())
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

fn log_to_stderr(format: LogFormat, level: tracing::Level) {
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(level)
        .with_target(false)
        .with_writer(io::stderr)
        .with_ansi(io::stderr().is_terminal());
    match format {
        LogFormat::Text => subscriber.init(),
        LogFormat::Json => subscriber.json().flatten_event(true).init(),
    }
    // A panic is one line of the log, in the log's own form.
    std::panic::set_hook(Box::new(|panic| {
        tracing::error!("{}", panic.to_string().replace('\n', " "));
    }));
}
