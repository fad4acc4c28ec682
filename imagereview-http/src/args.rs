//! The options: flags, the environment and a file.

mod file;

use std::{ffi::OsString, net::SocketAddr, path::PathBuf, time::Duration};

use clap::{CommandFactory, FromArgMatches, Parser, ValueEnum};
use imagereview_core::Language;
use imagereview_http::{
    AuditLog, AuditTarget, Config, DEFAULT_LISTEN, DEFAULT_MAX_BODY_BYTES, Limits, ServerIdentity,
    WhenFull,
};

/// Answers kube-apiserver over HTTPS, by the policy in --policy: ImageReviews at /image_policy,
/// AdmissionReviews at /validate and /mutate. Without a policy: no image tagged latest, none
/// without a tag; a digest is always fine.
///
/// Without --tls-cert and --tls-key it makes a certificate authority of its own for trying it out,
/// and prints a curl command that asks it.
///
/// Each option can be given in three ways: as a flag, as a variable of the environment, and in the
/// file of --config, under the flag's name without its dashes. A flag counts more than a variable,
/// and a variable more than the file.
///
/// Files of the policy, certificate, key and client CA are read again when they change, and on
/// SIGHUP; if they can't be used, those of before go on.
#[derive(Debug, Parser)]
// What is Markdown to clippy is shown by `--help` as it stands.
#[allow(clippy::doc_markdown)]
#[command(
    version,
    after_help = "Exit status: 0 after SIGTERM or SIGINT or a --check-config that found nothing wrong, 1 if an address \
                  can't be listened on, 2 if the options or the files that they name can't be used."
)]
pub(crate) struct Args {
    /// File of options: YAML, a map from the names of flags to their values, such as `listen:
    /// 0.0.0.0:8443`; a flag that may be repeated takes a list
    #[arg(long, env = "IMAGEREVIEW_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,

    /// Only check the options, the policy and the certificates, tell what is in them, and end
    #[arg(long)]
    pub(crate) check_config: bool,

    /// Policy: a file of policy documents, or a folder whose *.yaml, *.yml and *.json files are
    /// taken. May be repeated; in the variable, paths are separated by colons
    #[arg(
        long,
        env = "IMAGEREVIEW_POLICY",
        value_name = "PATH",
        value_delimiter = ':'
    )]
    pub(crate) policy: Vec<PathBuf>,

    /// Address and port to listen on; port 0 takes a free one
    #[arg(long, env = "IMAGEREVIEW_LISTEN", value_name = "ADDRESS:PORT", default_value_t = DEFAULT_LISTEN)]
    pub(crate) listen: SocketAddr,

    /// Address and port of /livez, /readyz, /healthz and /metrics over plain HTTP; empty for none
    #[arg(
        long,
        env = "IMAGEREVIEW_HEALTH_LISTEN",
        value_name = "ADDRESS:PORT",
        default_value = "127.0.0.1:8081",
        value_parser = optional_address
    )]
    health_listen: Optional<SocketAddr>,

    /// Server certificate: a PEM file, this server's own certificate first, then the intermediate
    /// ones
    #[arg(long, env = "IMAGEREVIEW_TLS_CERT", value_name = "FILE")]
    tls_cert: Option<PathBuf>,

    /// Private key of the server certificate: a PEM file, unencrypted
    #[arg(long, env = "IMAGEREVIEW_TLS_KEY", value_name = "FILE")]
    tls_key: Option<PathBuf>,

    /// Authorities of client certificates: a PEM file. With it every client must show a certificate
    /// that one of them issued; without it anyone who reaches the port may ask
    #[arg(long, env = "IMAGEREVIEW_CLIENT_CA", value_name = "FILE")]
    client_ca: Option<PathBuf>,

    /// Name that a client's certificate must have, as common name or alternative name. May be
    /// repeated, for any of several; in the variable they are separated by commas
    #[arg(
        long,
        env = "IMAGEREVIEW_CLIENT_NAME",
        value_name = "NAME",
        value_delimiter = ','
    )]
    client_name: Vec<String>,

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

    /// Largest request body that is read, in bytes; the default is kube-apiserver's own limit. An
    /// AdmissionReview, which holds an object twice, may have twice that
    #[arg(
        long,
        env = "IMAGEREVIEW_MAX_BODY_BYTES",
        value_name = "BYTES",
        default_value_t = DEFAULT_MAX_BODY_BYTES as u64,
        value_parser = clap::value_parser!(u64).range(1..=u64::from(u32::MAX))
    )]
    max_body_bytes: u64,

    /// Largest headers of a request, in bytes
    #[arg(
        long,
        env = "IMAGEREVIEW_MAX_HEADER_BYTES",
        value_name = "BYTES",
        default_value_t = Limits::default().header_bytes,
        value_parser = clap::value_parser!(u32).range(1024..=1 << 20)
    )]
    max_header_bytes: u32,

    /// Most connections that are open. A new one takes the place of the one that has been silent
    /// for longest since it was opened
    #[arg(
        long,
        env = "IMAGEREVIEW_MAX_CONNECTIONS",
        value_name = "NUMBER",
        default_value_t = Limits::default().connections as u64,
        value_parser = clap::value_parser!(u64).range(1..=1 << 20)
    )]
    max_connections: u64,

    /// Most connections that have not asked anything yet, those in their TLS handshake included
    #[arg(
        long,
        env = "IMAGEREVIEW_MAX_SILENT_CONNECTIONS",
        value_name = "NUMBER",
        default_value_t = Limits::default().silent as u64,
        value_parser = clap::value_parser!(u64).range(1..=1 << 20)
    )]
    max_silent_connections: u64,

    /// Most requests that are in flight. One more takes the place of the one whose body has been
    /// waited for longest, or is answered 429 at once
    #[arg(
        long,
        env = "IMAGEREVIEW_MAX_REQUESTS",
        value_name = "NUMBER",
        default_value_t = Limits::default().requests as u64,
        value_parser = clap::value_parser!(u64).range(1..=1 << 20)
    )]
    max_requests: u64,

    /// Most bytes of request bodies that are held. One more takes the place of the body of more than
    /// 16 KiB that has been waited for longest; never less than one AdmissionReview may have
    #[arg(
        long,
        env = "IMAGEREVIEW_MAX_BODY_MEMORY",
        value_name = "BYTES",
        default_value_t = Limits::default().body_memory as u64,
        value_parser = clap::value_parser!(u64).range(1..=1 << 40)
    )]
    max_body_memory: u64,

    /// Most bytes of responses that clients have not taken. Beyond that the connection that has left one
    /// for longest is cut
    #[arg(
        long,
        env = "IMAGEREVIEW_MAX_RESPONSE_MEMORY",
        value_name = "BYTES",
        default_value_t = Limits::default().response_memory as u64,
        value_parser = clap::value_parser!(u64).range(1 << 20..=1 << 40)
    )]
    max_response_memory: u64,

    /// Most requests that are in flight on one HTTP/2 connection
    #[arg(
        long,
        env = "IMAGEREVIEW_MAX_STREAMS",
        value_name = "NUMBER",
        default_value_t = Limits::default().streams,
        value_parser = clap::value_parser!(u32).range(1..=10_000)
    )]
    max_streams: u32,

    /// Longest time that a connection lasts, give or take a tenth, before its client is told to
    /// make a new one; 0s for no end
    #[arg(long, env = "IMAGEREVIEW_MAX_CONNECTION_AGE", value_name = "TIME", default_value = "10m", value_parser = time_or_none)]
    max_connection_age: Duration,

    /// Longest time from the connection to the end of the TLS handshake
    #[arg(long, env = "IMAGEREVIEW_HANDSHAKE_TIMEOUT", value_name = "TIME", default_value = "10s", value_parser = time)]
    handshake_timeout: Duration,

    /// Longest wait for a connection's first request, once its handshake is done
    #[arg(long, env = "IMAGEREVIEW_HEADER_TIMEOUT", value_name = "TIME", default_value = "30s", value_parser = time)]
    header_timeout: Duration,

    /// Longest wait for a request's body
    #[arg(long, env = "IMAGEREVIEW_BODY_TIMEOUT", value_name = "TIME", default_value = "10s", value_parser = time)]
    body_timeout: Duration,

    /// Longest time that a review may take once its body is there. Beyond that it is undecided, and so
    /// denied
    #[arg(long, env = "IMAGEREVIEW_REVIEW_TIMEOUT", value_name = "TIME", default_value = "5s", value_parser = time)]
    review_timeout: Duration,

    /// Longest wait for a client that does not take its answer
    #[arg(long, env = "IMAGEREVIEW_ANSWER_TIMEOUT", value_name = "TIME", default_value = "20s", value_parser = time)]
    answer_timeout: Duration,

    /// How long a connection is kept on which nothing more is asked
    #[arg(long, env = "IMAGEREVIEW_IDLE_TIMEOUT", value_name = "TIME", default_value = "5m", value_parser = time)]
    idle_timeout: Duration,

    /// How long connections are still accepted after SIGTERM, while /readyz says no already
    #[arg(long, env = "IMAGEREVIEW_SHUTDOWN_DELAY", value_name = "TIME", default_value = "0s", value_parser = time_or_none)]
    shutdown_delay: Duration,

    /// Longest time that requests in flight get to finish after SIGTERM and --shutdown-delay
    #[arg(long, env = "IMAGEREVIEW_SHUTDOWN_TIMEOUT", value_name = "TIME", default_value = "20s", value_parser = time)]
    shutdown_timeout: Duration,

    /// Audit log: a file to which each decision is appended as a line of JSON, or - for standard
    /// output. It is opened anew on SIGHUP
    #[arg(long, env = "IMAGEREVIEW_AUDIT_LOG", value_name = "FILE")]
    audit_log: Option<PathBuf>,

    /// Most decisions that wait to be written to the audit log; together they take at most 32 MiB
    #[arg(
        long,
        env = "IMAGEREVIEW_AUDIT_QUEUE",
        value_name = "NUMBER",
        default_value = "10000",
        value_parser = clap::value_parser!(u64).range(1..=1 << 24)
    )]
    audit_queue: u64,

    /// What happens when more decisions are waiting
    #[arg(
        long,
        env = "IMAGEREVIEW_AUDIT_WHEN_FULL",
        value_name = "ACTION",
        default_value = "drop-new"
    )]
    audit_when_full: AuditWhenFull,

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

impl From<LogFormat> for imagereview_http::LogFormat {
    fn from(format: LogFormat) -> Self {
        match format {
            LogFormat::Text => Self::Text,
            LogFormat::Json => Self::Json,
        }
    }
}

/// What happens to a decision for which the audit log's queue has no room.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum AuditWhenFull {
    /// The new decision is not recorded, and counted
    DropNew,
    /// The oldest that waits is not recorded, and counted
    DropOld,
    /// The answer waits
    Block,
}

/// A value that may be empty.
#[derive(Clone, Copy, Debug)]
struct Optional<T>(Option<T>);

impl Args {
    /// Reads the command line, the environment and the file of `--config`; ends the program with a
    /// message where they can't be used.
    pub(crate) fn read() -> Self {
        let arguments: Vec<OsString> = std::env::args_os().collect();
        Self::read_from(&arguments).unwrap_or_else(|error| error.exit())
    }

    fn read_from(arguments: &[OsString]) -> Result<Self, clap::Error> {
        let mut command = Self::command();
        // What names the file is not in the file.
        let first = Self::from_arg_matches(&command.clone().try_get_matches_from(arguments)?)?;
        let args = match &first.config {
            None => first,
            Some(path) => {
                command = file::with_defaults(command, path)?;
                Self::from_arg_matches(&command.clone().try_get_matches_from(arguments)?)?
            }
        };
        args.check().map_err(|message| {
            command.error(clap::error::ErrorKind::MissingRequiredArgument, message)
        })?;
        Ok(args)
    }

    /// What must go together, wherever it was given.
    fn check(&self) -> Result<(), &'static str> {
        match (&self.tls_cert, &self.tls_key) {
            (Some(_), None) => {
                return Err("--tls-cert needs --tls-key, the certificate's private key");
            }
            (None, Some(_)) => return Err("--tls-key needs --tls-cert, the key's certificate"),
            (None, None) if self.client_ca.is_some() => {
                return Err("--client-ca needs --tls-cert and --tls-key");
            }
            _ => {}
        }
        if !self.client_name.is_empty() && self.client_ca.is_none() {
            return Err("--client-name needs --client-ca, which vouches for the names");
        }
        Ok(())
    }

    /// The certificate and key that were given, if any.
    pub(crate) fn identity(&self) -> Option<ServerIdentity> {
        // There are both or neither.
        let (certificate, key) = self.tls_cert.clone().zip(self.tls_key.clone())?;
        Some(ServerIdentity::Files { certificate, key })
    }

    /// The server's configuration with this identity.
    pub(crate) fn config(&self, identity: ServerIdentity) -> Config {
        let mut config = Config::new(self.listen, identity);
        config.health_listen = self.health_listen.0;
        config.client_ca.clone_from(&self.client_ca);
        config.client_names.clone_from(&self.client_name);
        config.language = self.language;
        config.max_body_bytes = size(self.max_body_bytes);
        config.max_connection_age = Some(self.max_connection_age).filter(|age| !age.is_zero());
        config.limits.connections = size(self.max_connections);
        config.limits.silent = size(self.max_silent_connections);
        config.limits.requests = size(self.max_requests);
        config.limits.body_memory = size(self.max_body_memory);
        config.limits.response_memory = size(self.max_response_memory);
        config.limits.streams = self.max_streams;
        config.limits.header_bytes = self.max_header_bytes;
        config.timeouts.handshake = self.handshake_timeout;
        config.timeouts.header = self.header_timeout;
        config.timeouts.body = self.body_timeout;
        config.timeouts.review = self.review_timeout;
        config.timeouts.answer = self.answer_timeout;
        config.timeouts.idle = self.idle_timeout;
        config.timeouts.shutdown_delay = self.shutdown_delay;
        config.timeouts.shutdown = self.shutdown_timeout;
        config.audit = self.audit_log.as_ref().map(|path| {
            let target = if path.as_os_str() == "-" {
                AuditTarget::Stdout
            } else {
                AuditTarget::File(path.clone())
            };
            let mut audit = AuditLog::new(target);
            audit.queue = size(self.audit_queue);
            audit.when_full = match self.audit_when_full {
                AuditWhenFull::DropNew => WhenFull::DropNew,
                AuditWhenFull::DropOld => WhenFull::DropOld,
                AuditWhenFull::Block => WhenFull::Block,
            };
            audit
        });
        config
    }
}

/// The options allow no number that is too large for any machine.
fn size(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

fn optional_address(text: &str) -> Result<Optional<SocketAddr>, std::net::AddrParseError> {
    if text.is_empty() {
        return Ok(Optional(None));
    }
    text.parse().map(Some).map(Optional)
}

fn time(text: &str) -> Result<Duration, String> {
    match time_or_none(text)? {
        Duration::ZERO => {
            Err("nothing is done in no time; give a longer one, such as 10s".to_owned())
        }
        time => Ok(time),
    }
}

fn time_or_none(text: &str) -> Result<Duration, String> {
    humantime::parse_duration(text)
        .map_err(|error| format!("{error}; give a number with a unit, such as 500ms, 10s or 1m"))
}
