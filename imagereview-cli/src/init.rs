//! `imagereview init`: writes what the API server needs to call the webhook.

mod image_policy;
mod instructions;
mod mount_path;
mod server_url;
mod service;
mod webhook_configuration;

use std::fs;
use std::io::{self, Write};
use std::num::{NonZeroU32, ParseIntError};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use imagereview_pki::files::{FilesError, NewFile, Overwrite, Secrecy, write_all};
use imagereview_pki::{CertificateAuthority, Identity, PkiError, SubjectName, Validity};
use time::{Date, OffsetDateTime};

use mount_path::MountPath;
use server_url::ServerUrl;
use service::Service;
use webhook_configuration::{Webhook, webhook_configuration};

const CA_CERTIFICATE: &str = "ca.crt";
const CA_KEY: &str = "ca.key";
const SERVER_CERTIFICATE: &str = "server.crt";
const SERVER_KEY: &str = "server.key";
const CLIENT_CERTIFICATE: &str = "apiserver-client.crt";
const CLIENT_KEY: &str = "apiserver-client.key";
const ADMISSION_CONFIGURATION: &str = "admission_configuration.yaml";
const KUBECONFIG: &str = "connect_webhook.yaml";
const INSTRUCTIONS: &str = "README.txt";

/// Write certificates and configuration that make an API server ask the webhook.
///
/// The folder that is written holds a certificate authority, the certificates of the webhook and of
/// the API server that calls it, the two configuration files of the API server's ImagePolicyWebhook
/// plugin, and a README.txt that says what goes where.
#[derive(Debug, clap::Args)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a flag of the command line"
)]
pub(crate) struct InitArgs {
    /// Where the API server reaches the webhook, as https://HOST:PORT/PATH
    ///
    /// HOST is a DNS name or an IP address (an IPv6 one in brackets), and the server certificate is
    /// made for it. Without a port it is 443, without a path /image_policy.
    #[arg(long, value_name = "URL")]
    server: ServerUrl,

    /// The folder to write to; it is made if missing
    #[arg(long, value_name = "DIR")]
    out: PathBuf,

    /// A further DNS name or IP address for the server certificate; may be repeated
    #[arg(long = "san", value_name = "NAME")]
    subject_names: Vec<SubjectName>,

    /// The folder on the API server's nodes that will hold its part of the files
    #[arg(
        long,
        value_name = "PATH",
        default_value = "/etc/kubernetes/imagereview"
    )]
    mount_path: MountPath,

    /// How long the API server may reuse an approval, in seconds
    ///
    /// From 1 to 1800; 0 is Kubernetes' own default (300) and -1 asks every time. A changed policy
    /// can't make the API server forget, so for this long it still approves what the new policy
    /// denies. The default is therefore short, yet long enough for the replicas of a rollout to
    /// share one call.
    #[arg(
        long,
        value_name = "SECONDS",
        default_value_t = 30,
        allow_negative_numbers = true,
        value_parser = clap::value_parser!(i32).range(-1..=30 * 60)
    )]
    allow_ttl: i32,

    /// How long the API server may reuse a denial, in seconds
    ///
    /// From 1 to 1800; 0 is Kubernetes' own default (30) and -1 asks every time. The default is short,
    /// so that a corrected policy helps at once.
    #[arg(
        long,
        value_name = "SECONDS",
        default_value_t = 5,
        allow_negative_numbers = true,
        value_parser = clap::value_parser!(i32).range(-1..=30 * 60)
    )]
    deny_ttl: i32,

    /// How long the API server waits before it first calls again, in milliseconds
    ///
    /// From 1 to 300000; 0 is Kubernetes' own default (500) and -1 doesn't wait. The API server
    /// calls at most five times and waits half as long again each time: with the default, four
    /// seconds in all before a webhook that fails counts as failed.
    #[arg(
        long,
        value_name = "MILLISECONDS",
        default_value_t = 500,
        allow_negative_numbers = true,
        value_parser = clap::value_parser!(i32).range(-1..=5 * 60 * 1000)
    )]
    retry_backoff: i32,

    /// Also write the object that makes the API server ask /validate about every object with images
    ///
    /// It needs no flags on the API server, which managed clusters don't give.
    #[arg(long)]
    validating: bool,

    /// Also write the object that makes the API server ask /mutate, for policies with mutations
    #[arg(long)]
    mutating: bool,

    /// The Service by which those two reach a webhook inside the cluster, as NAMESPACE/NAME or NAMESPACE/NAME:PORT
    ///
    /// Without it they call the host and port of --server. The server certificate is made for its
    /// name too.
    #[arg(long, value_name = "SERVICE")]
    service: Option<Service>,

    /// Let the API server approve every image while it gets no verdict from the webhook
    ///
    /// Without this, it denies them: whoever can stop the webhook can't get past it. With it, start
    /// the webhook with --max-body-bytes 20971520, as README.txt says, so that nobody can make a
    /// review too long to be read.
    #[arg(long)]
    default_allow: bool,

    /// How many days the server and client certificates are valid
    ///
    /// They end with the authority at the latest, which a new one does after ten years.
    #[arg(long, value_name = "DAYS", default_value = "365", value_parser = validity)]
    days: Validity,

    /// The certificate of an authority to use instead of a new one, in PEM
    #[arg(long, value_name = "FILE", requires = "ca_key")]
    ca_cert: Option<PathBuf>,

    /// The key of that authority, PKCS #8 in PEM; it is read and not copied
    #[arg(long, value_name = "FILE", requires = "ca_cert")]
    ca_key: Option<PathBuf>,

    /// Replace files that exist
    #[arg(long)]
    force: bool,
}

impl InitArgs {
    /// The webhooks whose objects are asked for.
    fn webhooks(&self) -> impl Iterator<Item = Webhook> {
        let validating = self.validating.then_some(Webhook::Validating);
        let mutating = self.mutating.then_some(Webhook::Mutating);
        validating.into_iter().chain(mutating)
    }
}

fn validity(days: &str) -> Result<Validity, ParseIntError> {
    days.parse::<NonZeroU32>().map(Validity::new)
}

/// Why nothing was written.
#[derive(Debug, thiserror::Error)]
pub(crate) enum InitError {
    #[error("can't read {}: {cause}", path.display())]
    Read { path: PathBuf, cause: io::Error },
    #[error(transparent)]
    Pki(#[from] PkiError),
    #[error("can't write YAML: {0}")]
    Yaml(#[from] serde_saphyr::ser::Error),
    #[error("{0}; nothing was written, --force replaces files that exist")]
    Exist(FilesError),
    #[error(transparent)]
    Files(FilesError),
    #[error("the files are written, but standard output is not: {0}")]
    Output(io::Error),
}

/// Writes the files and tells `out` which, and what to do next.
pub(crate) fn run(args: &InitArgs, now: SystemTime, out: &mut dyn Write) -> Result<(), InitError> {
    let certificates = Certificates::issue(args, now)?;
    let mut files = certificates.files(&args.out);
    for (name, contents) in [
        (
            ADMISSION_CONFIGURATION,
            image_policy::admission_configuration(args)?,
        ),
        (KUBECONFIG, image_policy::kubeconfig(args)?),
        (
            INSTRUCTIONS,
            instructions::instructions(args, &certificates)?,
        ),
    ] {
        files.push(NewFile::new(args.out.join(name), contents, Secrecy::Public));
    }

    for webhook in args.webhooks() {
        let ca_certificate = certificates.authority.certificate_pem();
        let contents = webhook_configuration(webhook, args, ca_certificate)?;
        let path = args.out.join(webhook.file_name());
        files.push(NewFile::new(path, contents, Secrecy::Public));
    }

    let overwrite = if args.force {
        Overwrite::Replace
    } else {
        Overwrite::Refuse
    };
    write_all(&files, overwrite).map_err(|error| match error {
        FilesError::Exist { .. } => InitError::Exist(error),
        error => InitError::Files(error),
    })?;
    report(args, &certificates, &files, out).map_err(InitError::Output)
}

fn report(
    args: &InitArgs,
    certificates: &Certificates,
    files: &[NewFile],
    out: &mut dyn Write,
) -> io::Result<()> {
    for file in files {
        writeln!(out, "wrote {}", file.path().display())?;
    }
    let assumed = if args.server.path_is_assumed() {
        " (no path was given, so the webhook's own)"
    } else {
        ""
    };
    writeln!(out, "the API server will call {}{assumed}", args.server)?;
    writeln!(out, "the certificates end on {}", certificates.end())?;
    let instructions = args.out.join(INSTRUCTIONS);
    writeln!(out, "next: do what {} says", instructions.display())
}

/// The authority and what it issued for this set of files.
struct Certificates {
    authority: CertificateAuthority,
    /// Whether the authority was made for this set, so that its key has to be written.
    authority_is_new: bool,
    server: Identity,
    client: Identity,
}

impl Certificates {
    fn issue(args: &InitArgs, now: SystemTime) -> Result<Self, InitError> {
        let given = args.ca_cert.as_deref().zip(args.ca_key.as_deref());
        let authority = match given {
            Some((certificate, key)) => {
                CertificateAuthority::from_pem(&read(certificate)?, &read(key)?)?
            }
            None => CertificateAuthority::generate(&authority_name(now), now, Validity::AUTHORITY)?,
        };
        let mut names = vec![args.server.host().clone()];
        let service = args.service.as_ref().map(Service::host);
        for name in service.into_iter().chain(&args.subject_names) {
            if !names.contains(name) {
                names.push(name.clone());
            }
        }
        Ok(Self {
            server: authority.issue_server("imagereview", &names, now, args.days)?,
            client: authority.issue_client("kube-apiserver", None, now, args.days)?,
            authority_is_new: given.is_none(),
            authority,
        })
    }

    fn files(&self, folder: &Path) -> Vec<NewFile> {
        let certificate = |name, pem: &str| NewFile::new(folder.join(name), pem, Secrecy::Public);
        let key = |name, pem: &str| NewFile::new(folder.join(name), pem, Secrecy::Secret);
        let mut files = vec![certificate(
            CA_CERTIFICATE,
            self.authority.certificate_pem(),
        )];
        if self.authority_is_new {
            files.push(key(CA_KEY, self.authority.key_pem()));
        }
        files.extend([
            certificate(SERVER_CERTIFICATE, self.server.certificate_pem()),
            key(SERVER_KEY, self.server.key_pem()),
            certificate(CLIENT_CERTIFICATE, self.client.certificate_pem()),
            key(CLIENT_KEY, self.client.key_pem()),
        ]);
        files
    }

    /// The last day on which all certificates are valid.
    fn end(&self) -> Date {
        let end = self.server.not_after().min(self.client.not_after());
        OffsetDateTime::from(end).date()
    }
}

/// Each authority has a name of its own. A client that shows a certificate of another run is then
/// told that its authority is unknown, rather than that a signature is wrong.
fn authority_name(now: SystemTime) -> String {
    let now = OffsetDateTime::from(now);
    let (date, time) = (now.date(), now.time());
    let (hour, minute, second) = time.as_hms();
    format!(
        "imagereview authority of {date} {hour:02}:{minute:02}:{second:02}.{:09}",
        now.nanosecond()
    )
}

fn read(path: &Path) -> Result<String, InitError> {
    fs::read_to_string(path).map_err(|cause| InitError::Read {
        path: path.to_owned(),
        cause,
    })
}
