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
        "The same with a ValidatingWebhookConfiguration, for clusters without flags",
        "imagereview init --server https://imagereview.example.com --validating --out webhook",
    ),
];

/// Write certificates and configuration that make an API server call the webhook.
///
/// The folder gets a certificate authority, the certificates of the webhook and of
/// the API server that calls it, the two configuration files of the API server's ImagePolicyWebhook
/// plugin, and a README.txt that says what goes where.
#[derive(Debug, clap::Args)]
#[command(after_long_help = after_help(ExitStatus::INIT_HELP, EXAMPLES))]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a flag of the command line"
)]
pub(crate) struct InitArgs {
    /// URL by which the API server reaches the webhook, as https://HOST:PORT/PATH
    ///
    /// HOST is a DNS name, an IPv4 address, or an IPv6 address in brackets. The server certificate is
    /// made for it. Default: port 443, path /image_policy.
    #[arg(long, value_name = "URL")]
    pub(super) server: ServerUrl,

    /// Folder to write to; it is created if missing
    #[arg(long, value_name = "DIR")]
    pub(super) out: PathBuf,

    /// Another DNS name or IP address for the server certificate; may be repeated
    #[arg(long = "san", value_name = "NAME")]
    pub(super) subject_names: Vec<SubjectName>,

    /// Folder on the nodes of the API server for its part of the files
    #[arg(
        long,
        value_name = "PATH",
        default_value = "/etc/kubernetes/imagereview"
    )]
    pub(super) mount_path: MountPath,

    /// How long the API server may reuse an approval, in seconds
    ///
    /// From 1 to 1800; 0 means Kubernetes' own default (300) and -1 calls the webhook every time. A
    /// changed policy doesn't clear the API server's cache: for this long it still approves images
    /// that the new policy denies. The default is therefore short, but long enough for the replicas
    /// of a rollout to share one call.
    #[arg(
        long,
        value_name = "SECONDS",
        default_value_t = 30,
        allow_negative_numbers = true,
        value_parser = |text: &str| at_most(30 * 60, "seconds", text)
    )]
    pub(super) allow_ttl: i32,

    /// How long the API server may reuse a denial, in seconds
    ///
    /// From 1 to 1800; 0 means Kubernetes' own default (30) and -1 calls the webhook every time. The
    /// default is short, so that a corrected policy takes effect at once.
    #[arg(
        long,
        value_name = "SECONDS",
        default_value_t = 5,
        allow_negative_numbers = true,
        value_parser = |text: &str| at_most(30 * 60, "seconds", text)
    )]
    pub(super) deny_ttl: i32,

    /// How long the API server waits before it first calls again, in milliseconds
    ///
    /// From 1 to 300000; 0 means Kubernetes' own default (500) and -1 doesn't wait. The API server
    /// calls at most five times, and each wait is 1.5 times as long as the one before: with the
    /// default, it gives up after four seconds.
    #[arg(
        long,
        value_name = "MILLISECONDS",
        default_value_t = 500,
        allow_negative_numbers = true,
        value_parser = |text: &str| at_most(5 * 60 * 1000, "milliseconds", text)
    )]
    pub(super) retry_backoff: i32,

    /// Also write a ValidatingWebhookConfiguration, which sends every object with images to /validate
    ///
    /// It needs no flags of the API server, which managed clusters don't let you set.
    #[arg(long)]
    pub(super) validating: bool,

    /// Also write a MutatingWebhookConfiguration, which calls /mutate, for policies with mutations
    #[arg(long)]
    pub(super) mutating: bool,

    /// Write these two as manifests that the API server reads from its disk, both if neither is named
    ///
    /// They are there before the first request, and nobody can delete them through the API. From Kubernetes 1.37 on;
    /// before, the feature gate ManifestBasedAdmissionControlConfig has to be on (1.36).
    #[arg(long = "static", conflicts_with = "service")]
    pub(super) is_static: bool,

    /// Service of a webhook inside the cluster for these two, as NAMESPACE/NAME or NAMESPACE/NAME:PORT
    ///
    /// Default: the host and port of --server. The server certificate is made for the name of the
    /// Service too.
    #[arg(long, value_name = "SERVICE")]
    pub(super) service: Option<Service>,

    /// Approve every image while the webhook gives no verdict
    ///
    /// Default: deny them, so that nobody can bypass the webhook by stopping it. With this option,
    /// start the webhook with --max-body-bytes 20971520, as README.txt says, so that nobody can make
    /// a review too long to be read.
    #[arg(long)]
    pub(super) default_allow: bool,

    /// How many days the server and client certificates are valid
    ///
    /// They expire with the authority at the latest. A new authority expires after ten years.
    #[arg(long, value_name = "DAYS", default_value = "365", value_parser = validity)]
    pub(super) days: Validity,

    /// Certificate in PEM of an authority to use instead of a new one
    #[arg(long, value_name = "FILE", requires = "ca_key")]
    pub(super) ca_cert: Option<PathBuf>,

    /// Key of that authority, PKCS #8 in PEM; it is read and not copied
    #[arg(long, value_name = "FILE", requires = "ca_cert")]
    pub(super) ca_key: Option<PathBuf>,

    /// Replace existing files
    #[arg(long)]
    pub(super) force: bool,
}

impl InitArgs {
    /// The webhooks whose objects are asked for.
    pub(super) fn webhooks(&self) -> impl Iterator<Item = Webhook> {
        let is_named = self.validating || self.mutating;
        let is_meant = |named: bool| named || (self.is_static && !is_named);
        let validating = is_meant(self.validating).then_some(Webhook::Validating);
        let mutating = is_meant(self.mutating).then_some(Webhook::Mutating);
        validating.into_iter().chain(mutating)
    }
}

/// Reads a time as the plugin takes it: -1, 0 or a number up to a limit.
fn at_most(limit: i32, unit: &str, text: &str) -> Result<i32, String> {
    let number = text.parse().ok();
    number
        .filter(|number| (-1..=limit).contains(number))
        .ok_or_else(|| format!("write a whole number of {unit} from -1 to {limit}"))
}

fn validity(days: &str) -> Result<Validity, &'static str> {
    let days = days.parse::<NonZeroU32>();
    days.map(Validity::new)
        .map_err(|_| "write a number of days, 1 or more, such as 365")
}
