//! The options: flags, the environment and a file.

mod command;
mod file;
mod values;

use std::{
    ffi::OsString,
    io::{self, Write},
    net::SocketAddr,
    path::PathBuf,
    time::Duration,
};

use clap::{CommandFactory, FromArgMatches, Parser, ValueEnum, ValueHint};
use imagereview_core::Language;
use imagereview_files::PathList;
use imagereview_http::{
    AuditLog, AuditTarget, Config, DEFAULT_LISTEN, DEFAULT_MAX_BODY_BYTES, FactsSource, Limits,
    RegistryFiles, ServerIdentity, WhenFull,
};

use self::{
    command::Instead,
    values::{Optional, address, log_level, number, optional_address, time, time_or_none},
};

// The headings of --help.
const POLICY: &str = "Policy";
const LISTENING: &str = "Listening";
const FACTS: &str = "Facts from registries";
const HEALTH: &str = "Probes and metrics";
const TLS: &str = "TLS and clients";
const LIMITS: &str = "Limits";
const TIMEOUTS: &str = "Timeouts";
const AUDIT: &str = "Audit log";
const LOG: &str = "Log";

/// Where the kubelet mounts the token of a pod's service account.
///
/// Source: [Kubernetes, "Accessing the Kubernetes API from a
/// Pod"](https://kubernetes.io/docs/tasks/run-application/access-api-from-pod/).
const SERVICE_ACCOUNT: &str = "/var/run/secrets/kubernetes.io/serviceaccount";

const AFTER_HELP: &str = "\
Exit status:
  0  the server stopped after SIGTERM or SIGINT, or --check-config found nothing wrong
  1  an address can't be listened on, output can't be written, or the system lacks threads or signals
  2  the options, or the files that they name, can't be used

Examples:
  Try it out. It prints a curl command that sends it a request:
    imagereview-http

  Check the options and the files that they name, without serving:
    imagereview-http --check-config --language zh --max-body-bytes 20971520

  Read the manual page:
    imagereview-http man > imagereview-http.1 && man ./imagereview-http.1";

/// Reviews container images for kube-apiserver over HTTPS
///
/// The policy in --policy decides ImageReviews at /image_policy, and AdmissionReviews at /validate and
/// /mutate. Without a policy, no image may have the tag latest or no tag; a digest always passes.
///
/// Without --tls-cert and --tls-key it makes a certificate authority for trying it out, and prints a
/// curl command that sends it a request.
///
/// Each option can be given in three ways: as a flag, as a variable of the environment, and in the
/// file of --config, by the flag's name without its dashes. A flag overrides a variable, and a
/// variable overrides the file.
///
/// Policy, certificate, key, client CA and revocation lists are read again when their files change, and on SIGHUP. If
/// they can't be used, those from before are still served.
#[derive(Debug, Parser)]
// What is Markdown to clippy is shown by `--help` as it stands.
#[allow(clippy::doc_markdown)]
#[command(
    version,
    after_help = AFTER_HELP,
    args_conflicts_with_subcommands = true,
    disable_help_subcommand = true
)]
pub(crate) struct Args {
    #[command(subcommand)]
    instead: Option<Instead>,

    /// File of options: a YAML map from flags without their dashes to values, such as `listen:
    /// 0.0.0.0:8443`. A flag that may be repeated takes a list
    #[arg(long, env = "IMAGEREVIEW_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,

    /// Check the options, the policy and the certificates, print what they hold, and exit
    #[arg(long)]
    pub(crate) check_config: bool,

    /// Policy file, folder of *.yaml, *.yml and *.json files, or - for standard input. Repeat to
    /// combine several; in the variable, separate paths by colons. Default: deny the tag latest and
    /// missing tags
    #[arg(
        long,
        env = imagereview_files::VARIABLE, help_heading = POLICY,
        value_name = "PATH",
        value_hint = ValueHint::AnyPath
    )]
    pub(crate) policy: Vec<PathList>,

    /// Where facts about images come from, for a policy that needs some: auto to ask registries for
    /// what the policy needs, none to ask nobody, or a file that `imagereview --save-facts` wrote. What
    /// is not known is decided as the rule's ifUnavailable says: denied by default
    #[arg(long, env = "IMAGEREVIEW_FACTS", help_heading = FACTS, value_name = "auto|none|FILE", default_value = "none")]
    facts: PathBuf,

    /// Longest time in which registries may tell the facts of one review. If the request says how long
    /// its client waits (?timeout=), it is never more than that leaves for deciding
    #[arg(long, env = "IMAGEREVIEW_FACTS_TIMEOUT", help_heading = FACTS, value_name = "TIME", default_value = "4s", value_parser = time)]
    facts_timeout: Duration,

    /// File that says how registries are asked: mirrors, authorities, token realms
    #[arg(long, env = "IMAGEREVIEW_REGISTRIES", help_heading = FACTS, value_name = "FILE")]
    registries: Option<PathBuf>,

    /// File of credentials in the form of Docker's config.json, as a Secret of type
    /// kubernetes.io/dockerconfigjson holds it. Repeat to give several
    #[arg(long, env = "IMAGEREVIEW_DOCKER_CONFIG", help_heading = FACTS, value_name = "FILE")]
    docker_config: Vec<PathBuf>,

    /// CredentialProviderConfig of the kubelet
    #[arg(long, env = "IMAGEREVIEW_CREDENTIAL_PROVIDER_CONFIG", help_heading = FACTS, value_name = "FILE")]
    credential_provider_config: Option<PathBuf>,

    /// Folder of the programs that --credential-provider-config names
    #[arg(long, env = "IMAGEREVIEW_CREDENTIAL_PROVIDER_BIN_DIR", help_heading = FACTS, value_name = "DIR")]
    credential_provider_bin_dir: Option<PathBuf>,

    /// Whether the pull secrets of the pods that are reviewed, and of their service accounts, are tried
    /// before all other credentials: auto to read them from the API server as this pod's service account,
    /// none, or the folder of a service account's token and ca.crt. The account needs the verb get for them
    #[arg(long, env = "IMAGEREVIEW_PULL_SECRETS", help_heading = FACTS, value_name = "auto|none|DIR", default_value = "none")]
    pull_secrets: PathBuf,

    /// Address and port to listen on. Port 0 takes a free one
    #[arg(long, env = "IMAGEREVIEW_LISTEN", help_heading = LISTENING, value_name = "ADDRESS:PORT", default_value_t = DEFAULT_LISTEN, value_parser = address)]
    pub(crate) listen: SocketAddr,

    /// Address and port of probes and metrics over plain HTTP: /livez, /readyz, /healthz, /metrics.
    /// Empty for none
    #[arg(
        long,
        env = "IMAGEREVIEW_HEALTH_LISTEN", help_heading = HEALTH,
        value_name = "ADDRESS:PORT",
        default_value = "127.0.0.1:8081",
        value_parser = optional_address
    )]
    health_listen: Optional<SocketAddr>,

    /// Server certificate: a PEM file with the server's own certificate first, then the intermediate
    /// ones
    #[arg(long, env = "IMAGEREVIEW_TLS_CERT", help_heading = TLS, value_name = "FILE")]
    tls_cert: Option<PathBuf>,

    /// Private key of the server certificate: a PEM file, unencrypted
    #[arg(long, env = "IMAGEREVIEW_TLS_KEY", help_heading = TLS, value_name = "FILE")]
    tls_key: Option<PathBuf>,

    /// Authorities of client certificates: a PEM file. With it, a client needs a certificate that one of
    /// them issued. Without it, any client that reaches the port may connect
    #[arg(long, env = "IMAGEREVIEW_CLIENT_CA", help_heading = TLS, value_name = "FILE")]
    client_ca: Option<PathBuf>,

    /// Revocation lists of client certificates: a PEM file with a list of each authority in --client-ca, and of
    /// those between it and a client. A client on them, or without a list of its issuer, is refused. A list
    /// that is out of date stays in force
    #[arg(long, env = "IMAGEREVIEW_CLIENT_CRL", help_heading = TLS, value_name = "FILE")]
    client_crl: Option<PathBuf>,

    /// Name that a client's certificate must have, as common name or alternative name. Repeat to allow
    /// several; in the variable, separate names by commas
    #[arg(
        long,
        env = "IMAGEREVIEW_CLIENT_NAME", help_heading = TLS,
        value_name = "NAME",
        value_delimiter = ','
    )]
    client_name: Vec<String>,

    /// Folder of the certificate authority that is made if --tls-cert is not given
    #[arg(
        long,
        env = "IMAGEREVIEW_DEV_PKI", help_heading = TLS,
        value_name = "DIR",
        default_value = "imagereview-dev-pki",
        conflicts_with = "tls_cert"
    )]
    pub(crate) dev_pki: PathBuf,

    /// Language of the reasons in responses: en or zh
    #[arg(long, env = "IMAGEREVIEW_LANGUAGE", help_heading = POLICY, value_name = "LANGUAGE", default_value_t = Language::English)]
    language: Language,

    /// Largest request body, in bytes. An AdmissionReview, which holds its object twice, may have twice
    /// as many. The default is kube-apiserver's own limit
    #[arg(
        long,
        env = "IMAGEREVIEW_MAX_BODY_BYTES", help_heading = LIMITS,
        value_name = "BYTES",
        default_value_t = DEFAULT_MAX_BODY_BYTES as u64,
        value_parser = number::<u64>(1..=u64::from(u32::MAX))
    )]
    max_body_bytes: u64,

    /// Largest headers of a request, in bytes
    #[arg(
        long,
        env = "IMAGEREVIEW_MAX_HEADER_BYTES", help_heading = LIMITS,
        value_name = "BYTES",
        default_value_t = Limits::default().header_bytes,
        value_parser = number::<u32>(1024..=1 << 20)
    )]
    max_header_bytes: u32,

    /// Most open connections. A new one evicts the one that has been open for longest without a
    /// request, or else the one that has been idle for longest; if all are at work, it waits
    #[arg(
        long,
        env = "IMAGEREVIEW_MAX_CONNECTIONS", help_heading = LIMITS,
        value_name = "NUMBER",
        default_value_t = Limits::default().connections as u64,
        value_parser = number::<u64>(1..=1 << 20)
    )]
    max_connections: u64,

    /// Most connections without a request yet, those in their TLS handshake included. Beyond that, the
    /// oldest is evicted
    #[arg(
        long,
        env = "IMAGEREVIEW_MAX_SILENT_CONNECTIONS", help_heading = LIMITS,
        value_name = "NUMBER",
        default_value_t = Limits::default().silent as u64,
        value_parser = number::<u64>(1..=1 << 20)
    )]
    max_silent_connections: u64,

    /// Most requests in flight. One more evicts the one whose body has been awaited for longest (408);
    /// if there is none, it gets 429 at once
    #[arg(
        long,
        env = "IMAGEREVIEW_MAX_REQUESTS", help_heading = LIMITS,
        value_name = "NUMBER",
        default_value_t = Limits::default().requests as u64,
        value_parser = number::<u64>(1..=1 << 20)
    )]
    max_requests: u64,

    /// Most bytes of buffered request bodies. One more evicts the body over 8 KiB that has been
    /// awaited for longest (408). Never less than one AdmissionReview may have
    #[arg(
        long,
        env = "IMAGEREVIEW_MAX_BODY_MEMORY", help_heading = LIMITS,
        value_name = "BYTES",
        default_value_t = Limits::default().body_memory as u64,
        value_parser = number::<u64>(1..=1 << 40)
    )]
    max_body_memory: u64,

    /// Most bytes of responses that clients have not read. Beyond that, the connection with the oldest
    /// unread response is cut
    #[arg(
        long,
        env = "IMAGEREVIEW_MAX_RESPONSE_MEMORY", help_heading = LIMITS,
        value_name = "BYTES",
        default_value_t = Limits::default().response_memory as u64,
        value_parser = number::<u64>(1 << 20..=1 << 40)
    )]
    max_response_memory: u64,

    /// Most requests in flight on one HTTP/2 connection
    #[arg(
        long,
        env = "IMAGEREVIEW_MAX_STREAMS", help_heading = LIMITS,
        value_name = "NUMBER",
        default_value_t = Limits::default().streams,
        value_parser = number::<u32>(1..=10_000)
    )]
    max_streams: u32,

    /// Age, give or take a tenth, at which a connection is closed gracefully, so that clients spread
    /// over replicas again. 0s for never
    #[arg(long, env = "IMAGEREVIEW_MAX_CONNECTION_AGE", help_heading = TIMEOUTS, value_name = "TIME", default_value = "10m", value_parser = time_or_none)]
    max_connection_age: Duration,

    /// Longest time from the TCP connection to the end of the TLS handshake
    #[arg(long, env = "IMAGEREVIEW_HANDSHAKE_TIMEOUT", help_heading = TIMEOUTS, value_name = "TIME", default_value = "10s", value_parser = time)]
    handshake_timeout: Duration,

    /// Longest wait for a connection's first request after its handshake
    #[arg(long, env = "IMAGEREVIEW_HEADER_TIMEOUT", help_heading = TIMEOUTS, value_name = "TIME", default_value = "30s", value_parser = time)]
    header_timeout: Duration,

    /// Longest wait for a request's body
    #[arg(long, env = "IMAGEREVIEW_BODY_TIMEOUT", help_heading = TIMEOUTS, value_name = "TIME", default_value = "10s", value_parser = time)]
    body_timeout: Duration,

    /// Longest time to decide a review once its body is there. Beyond that it is denied as undecided
    #[arg(long, env = "IMAGEREVIEW_REVIEW_TIMEOUT", help_heading = TIMEOUTS, value_name = "TIME", default_value = "5s", value_parser = time)]
    review_timeout: Duration,

    /// Longest wait for a client that does not read its response
    #[arg(long, env = "IMAGEREVIEW_ANSWER_TIMEOUT", help_heading = TIMEOUTS, value_name = "TIME", default_value = "20s", value_parser = time)]
    answer_timeout: Duration,

    /// How long an idle connection is kept
    #[arg(long, env = "IMAGEREVIEW_IDLE_TIMEOUT", help_heading = TIMEOUTS, value_name = "TIME", default_value = "5m", value_parser = time)]
    idle_timeout: Duration,

    /// How long connections are still accepted after SIGTERM, while /readyz already fails
    #[arg(long, env = "IMAGEREVIEW_SHUTDOWN_DELAY", help_heading = TIMEOUTS, value_name = "TIME", default_value = "0s", value_parser = time_or_none)]
    shutdown_delay: Duration,

    /// How long requests in flight get to finish, after SIGTERM and --shutdown-delay
    #[arg(long, env = "IMAGEREVIEW_SHUTDOWN_TIMEOUT", help_heading = TIMEOUTS, value_name = "TIME", default_value = "20s", value_parser = time)]
    shutdown_timeout: Duration,

    /// Audit log: a file to which each decision is appended as a line of JSON, or - for standard
    /// output. SIGHUP reopens it
    #[arg(long, env = "IMAGEREVIEW_AUDIT_LOG", help_heading = AUDIT, value_name = "FILE")]
    audit_log: Option<PathBuf>,

    /// Most decisions that wait to be written to the audit log. Together they take at most 32 MiB
    #[arg(
        long,
        env = "IMAGEREVIEW_AUDIT_QUEUE", help_heading = AUDIT,
        value_name = "NUMBER",
        default_value = "10000",
        value_parser = number::<u64>(1..=1 << 24)
    )]
    audit_queue: u64,

    /// What happens to a decision when the queue is full
    #[arg(
        long,
        env = "IMAGEREVIEW_AUDIT_WHEN_FULL", help_heading = AUDIT,
        value_name = "ACTION",
        default_value = "drop-new"
    )]
    audit_when_full: AuditWhenFull,

    /// Format of the log lines on standard error
    #[arg(
        long,
        env = "IMAGEREVIEW_LOG_FORMAT", help_heading = LOG,
        value_name = "FORMAT",
        default_value = "text"
    )]
    pub(crate) log_format: LogFormatArg,

    /// Least important lines that are logged: error, warn, info, debug or trace
    #[arg(
        long,
        env = "IMAGEREVIEW_LOG_LEVEL", help_heading = LOG,
        value_name = "LEVEL",
        default_value = "info",
        value_parser = log_level
    )]
    pub(crate) log_level: tracing::Level,
}

/// The form of a log line.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum LogFormatArg {
    /// For people
    Text,
    /// One JSON object a line
    Json,
}

impl From<LogFormatArg> for imagereview_http::LogFormat {
    fn from(format: LogFormatArg) -> Self {
        match format {
            LogFormatArg::Text => Self::Text,
            LogFormatArg::Json => Self::Json,
        }
    }
}

/// What happens to a decision for which the audit log's queue has no room.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum AuditWhenFull {
    /// Drop the new decision, and count it
    DropNew,
    /// Drop the oldest decision that waits, and count it
    DropOld,
    /// Let the response wait
    Block,
}

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
            Some(path) if first.instead.is_none() => {
                command = file::with_defaults(command, path)?;
                Self::from_arg_matches(&command.clone().try_get_matches_from(arguments)?)?
            }
            _ => first,
        };
        if args.instead.is_some() {
            return Ok(args);
        }
        args.check().map_err(|message| {
            command.error(clap::error::ErrorKind::MissingRequiredArgument, message)
        })?;
        Ok(args)
    }

    /// Prints what was asked for instead of serving. `None` where nothing was.
    pub(crate) fn print_instead(&self, out: &mut dyn Write) -> Option<io::Result<()>> {
        Some(self.instead.as_ref()?.print(Self::command(), out))
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
        if self.credential_provider_config.is_some() != self.credential_provider_bin_dir.is_some() {
            return Err(
                "--credential-provider-config and --credential-provider-bin-dir need each other",
            );
        }
        if self.client_crl.is_some() && self.client_ca.is_none() {
            return Err("--client-crl needs --client-ca, which issues what the lists revoke");
        }
        if !self.client_name.is_empty() && self.client_ca.is_none() {
            return Err(
                "--client-name needs --client-ca, since only a client certificate has a name",
            );
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
        config.client_crl.clone_from(&self.client_crl);
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
        config.timeouts.facts = self.facts_timeout;
        config.timeouts.answer = self.answer_timeout;
        config.timeouts.idle = self.idle_timeout;
        config.timeouts.shutdown_delay = self.shutdown_delay;
        config.timeouts.shutdown = self.shutdown_timeout;
        config.facts = match self.facts.to_str() {
            Some("auto") => FactsSource::Files(self.registry_files()),
            Some("none") => FactsSource::Nowhere,
            _ => FactsSource::Saved(self.facts.clone()),
        };
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

impl Args {
    fn registry_files(&self) -> RegistryFiles {
        let mut files = RegistryFiles::default();
        files.registries.clone_from(&self.registries);
        files.docker_configs.clone_from(&self.docker_config);
        // There are both or neither.
        let (config, folder) = (
            &self.credential_provider_config,
            &self.credential_provider_bin_dir,
        );
        files.credential_providers = config.clone().zip(folder.clone());
        files.pull_secrets = match self.pull_secrets.to_str() {
            Some("none") => None,
            Some("auto") => Some(SERVICE_ACCOUNT.into()),
            _ => Some(self.pull_secrets.clone()),
        };
        files
    }
}

/// The options allow no number that is too large for any machine.
fn size(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_options_are_sound() {
        Args::command().debug_assert();
    }

    #[test]
    fn the_examples_of_the_help_are_accepted() {
        let examples: Vec<&str> = AFTER_HELP
            .lines()
            .filter_map(|line| line.strip_prefix("    "))
            .collect();
        assert_eq!(examples.len(), 3);
        for example in examples {
            let command = example.split(" > ").next().unwrap();
            let words = shlex::split(command).unwrap();
            let read = Args::try_parse_from(words);
            assert!(read.is_ok(), "{example}: {read:?}");
        }
    }
}
