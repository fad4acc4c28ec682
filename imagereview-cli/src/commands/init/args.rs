//! The options of `imagereview init`.

use std::{num::NonZeroU32, path::PathBuf};

use imagereview_pki::{SubjectName, Validity};

use crate::{
    commands::after_help::{Example, after_help},
    exit_status::ExitStatus,
};

use super::{mount_path::MountPath, server_url::ServerUrl, service::Service, webhook::Webhook};

/// What the end of `--help` shows.
const EXAMPLES: &[Example] = &[
    (
        "Write the files for a webhook at this address",
        "imagereview init --server https://imagereview.example.com:8443/image_policy --out imagereview",
    ),
    (
        "The same for a webhook inside the cluster, without flags of the API server",
        "imagereview init --server https://imagereview.example.com --service imagereview/imagereview --validating --out webhook",
    ),
];

/// Write certificates and configuration that make an API server ask the webhook.
///
/// The folder that is written holds a certificate authority, the certificates of the webhook and of
/// the API server that calls it, the two configuration files of the API server's ImagePolicyWebhook
/// plugin, and a README.txt that says what goes where.
#[derive(Debug, clap::Args)]
#[command(after_long_help = after_help(ExitStatus::INIT_HELP, EXAMPLES))]
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
    pub(super) server: ServerUrl,

    /// The folder to write to; it is made if missing
    #[arg(long, value_name = "DIR")]
    pub(super) out: PathBuf,

    /// A further DNS name or IP address for the server certificate; may be repeated
    #[arg(long = "san", value_name = "NAME")]
    pub(super) subject_names: Vec<SubjectName>,

    /// The folder on the API server's nodes that will hold its part of the files
    #[arg(
        long,
        value_name = "PATH",
        default_value = "/etc/kubernetes/imagereview"
    )]
    pub(super) mount_path: MountPath,

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
    pub(super) allow_ttl: i32,

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
    pub(super) deny_ttl: i32,

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
    pub(super) retry_backoff: i32,

    /// Also write the object that makes the API server ask /validate about every object with images
    ///
    /// It needs no flags on the API server, which managed clusters don't give.
    #[arg(long)]
    pub(super) validating: bool,

    /// Also write the object that makes the API server ask /mutate, for policies with mutations
    #[arg(long)]
    pub(super) mutating: bool,

    /// The Service by which those two reach a webhook inside the cluster, as NAMESPACE/NAME or NAMESPACE/NAME:PORT
    ///
    /// Without it they call the host and port of --server. The server certificate is made for its
    /// name too.
    #[arg(long, value_name = "SERVICE")]
    pub(super) service: Option<Service>,

    /// Let the API server approve every image while it gets no verdict from the webhook
    ///
    /// Without this, it denies them: whoever can stop the webhook can't get past it. With it, start
    /// the webhook with --max-body-bytes 20971520, as README.txt says, so that nobody can make a
    /// review too long to be read.
    #[arg(long)]
    pub(super) default_allow: bool,

    /// How many days the server and client certificates are valid
    ///
    /// They end with the authority at the latest, which a new one does after ten years.
    #[arg(long, value_name = "DAYS", default_value = "365", value_parser = validity)]
    pub(super) days: Validity,

    /// The certificate of an authority to use instead of a new one, in PEM
    #[arg(long, value_name = "FILE", requires = "ca_key")]
    pub(super) ca_cert: Option<PathBuf>,

    /// The key of that authority, PKCS #8 in PEM; it is read and not copied
    #[arg(long, value_name = "FILE", requires = "ca_cert")]
    pub(super) ca_key: Option<PathBuf>,

    /// Replace files that exist
    #[arg(long)]
    pub(super) force: bool,
}

impl InitArgs {
    /// The webhooks whose objects are asked for.
    pub(super) fn webhooks(&self) -> impl Iterator<Item = Webhook> {
        let validating = self.validating.then_some(Webhook::Validating);
        let mutating = self.mutating.then_some(Webhook::Mutating);
        validating.into_iter().chain(mutating)
    }
}

fn validity(days: &str) -> Result<Validity, &'static str> {
    let days = days.parse::<NonZeroU32>();
    days.map(Validity::new)
        .map_err(|_| "write a number of days, 1 or more, such as 365")
}
