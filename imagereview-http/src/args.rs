//! The command line and the environment.

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use clap::{Parser, ValueEnum};
use imagereview_core::Language;
use imagereview_http::{Config, DEFAULT_LISTEN, DEFAULT_MAX_BODY_BYTES, ServerIdentity};

/// Answers kube-apiserver's ImageReview requests over HTTPS: no image tagged latest, none without a
/// tag; a digest is always fine.
///
/// Without --tls-cert and --tls-key it makes a certificate authority of its own for trying it out,
/// and prints a curl command that asks it.
#[derive(Debug, Parser)]
// What is Markdown to clippy is shown by `--help` as it stands.
#[allow(clippy::doc_markdown)]
#[command(
    version,
    after_help = "Exit status: 0 after SIGTERM or SIGINT, 1 if the address can't be listened on, 2 if the options or the \
                  files that they name can't be used."
)]
pub(crate) struct Args {
    /// Address and port to listen on; port 0 takes a free one
    #[arg(long, env = "IMAGEREVIEW_LISTEN", value_name = "ADDRESS:PORT", default_value_t = DEFAULT_LISTEN)]
    pub(crate) listen: SocketAddr,

    /// Server certificate: a PEM file, this server's own certificate first, then the intermediate
    /// ones
    #[arg(
        long,
        env = "IMAGEREVIEW_TLS_CERT",
        value_name = "FILE",
        requires = "tls_key"
    )]
    tls_cert: Option<PathBuf>,

    /// Private key of the server certificate: a PEM file, unencrypted
    #[arg(
        long,
        env = "IMAGEREVIEW_TLS_KEY",
        value_name = "FILE",
        requires = "tls_cert"
    )]
    tls_key: Option<PathBuf>,

    /// Authorities of client certificates: a PEM file. With it every client must show a certificate
    /// that one of them issued; without it anyone who reaches the port may ask
    #[arg(
        long,
        env = "IMAGEREVIEW_CLIENT_CA",
        value_name = "FILE",
        requires = "tls_cert"
    )]
    client_ca: Option<PathBuf>,

    /// Folder of the certificate authority that is made when no certificate is given
    #[arg(
        long,
        env = "IMAGEREVIEW_DEV_PKI",
        value_name = "DIR",
        default_value = "imagereview-dev-pki",
        conflicts_with = "tls_cert"
    )]
    pub(crate) dev_pki: PathBuf,

    /// Language of the reasons in answers: en or zh
    #[arg(long, env = "IMAGEREVIEW_LANGUAGE", value_name = "LANGUAGE", default_value_t = Language::English)]
    language: Language,

    /// Largest request body that is read, in bytes; the default is kube-apiserver's own limit
    #[arg(
        long,
        env = "IMAGEREVIEW_MAX_BODY_BYTES",
        value_name = "BYTES",
        default_value_t = DEFAULT_MAX_BODY_BYTES as u64,
        value_parser = clap::value_parser!(u64).range(1..=u64::from(u32::MAX))
    )]
    max_body_bytes: u64,

    /// Longest time from the connection to the end of the TLS handshake
    #[arg(long, env = "IMAGEREVIEW_HANDSHAKE_TIMEOUT", value_name = "TIME", default_value = "10s", value_parser = time)]
    handshake_timeout: Duration,

    /// Longest wait for a request's headers; on HTTP/1.1 also how long an idle connection is kept
    #[arg(long, env = "IMAGEREVIEW_HEADER_TIMEOUT", value_name = "TIME", default_value = "30s", value_parser = time)]
    header_timeout: Duration,

    /// Longest wait for a request's body
    #[arg(long, env = "IMAGEREVIEW_BODY_TIMEOUT", value_name = "TIME", default_value = "10s", value_parser = time)]
    body_timeout: Duration,

    /// Longest time that requests in flight get to finish after SIGTERM
    #[arg(long, env = "IMAGEREVIEW_SHUTDOWN_TIMEOUT", value_name = "TIME", default_value = "20s", value_parser = time)]
    shutdown_timeout: Duration,

    /// Form of the log lines on standard error
    #[arg(
        long,
        env = "IMAGEREVIEW_LOG_FORMAT",
        value_name = "FORMAT",
        default_value = "text"
    )]
    pub(crate) log_format: LogFormat,

    /// Least important kind of line that is logged: error, warn, info, debug or trace
    #[arg(
        long,
        env = "IMAGEREVIEW_LOG_LEVEL",
        value_name = "LEVEL",
        default_value = "info"
    )]
    pub(crate) log_level: tracing::Level,
}

/// The form of a log line.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum LogFormat {
    /// For people
    Text,
    /// One JSON object a line
    Json,
}

impl Args {
    /// The certificate and key that were given, if any.
    pub(crate) fn identity(&self) -> Option<ServerIdentity> {
        // clap has seen to it that there are both or neither.
        let (certificate, key) = self.tls_cert.clone().zip(self.tls_key.clone())?;
        Some(ServerIdentity::Files { certificate, key })
    }

    /// The server's configuration with this identity.
    pub(crate) fn config(&self, identity: ServerIdentity) -> Config {
        let mut config = Config::new(self.listen, identity);
        config.client_ca.clone_from(&self.client_ca);
        config.language = self.language;
        config.max_body_bytes = usize::try_from(self.max_body_bytes).unwrap_or(usize::MAX);
        config.timeouts.handshake = self.handshake_timeout;
        config.timeouts.header = self.header_timeout;
        config.timeouts.body = self.body_timeout;
        config.timeouts.shutdown = self.shutdown_timeout;
        config
    }
}

fn time(text: &str) -> Result<Duration, String> {
    match humantime::parse_duration(text) {
        Ok(Duration::ZERO) => {
            Err("nothing is done in no time; give a longer one, such as 10s".to_owned())
        }
        Ok(time) => Ok(time),
        Err(error) => Err(format!(
            "{error}; give a number with a unit, such as 500ms, 10s or 1m"
        )),
    }
}
