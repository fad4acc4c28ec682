//! The two files that configure the API server's `ImagePolicyWebhook` plugin.
//!
//! Source: <https://kubernetes.io/docs/reference/access-authn-authz/admission-controllers/#imagepolicywebhook>,
//! and for units and limits `plugin/pkg/admission/imagepolicy/config.go` in kubernetes/kubernetes.

use serde::Serialize;
use serde_saphyr::Commented;
use serde_saphyr::ser::Error;

use super::{
    args::InitArgs,
    file_names::{CA_CERTIFICATE, CLIENT_CERTIFICATE, CLIENT_KEY, KUBECONFIG},
    webhook::Webhook,
    yaml::yaml,
};

/// The name of cluster, user and context in the kubeconfig; nothing else refers to it.
const NAME: &str = "imagereview";

/// `apiserver.config.k8s.io/v1`, the file of `--admission-control-config-file`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct AdmissionConfiguration {
    api_version: &'static str,
    kind: &'static str,
    plugins: Vec<AdmissionPlugin>,
}

#[derive(Serialize)]
struct AdmissionPlugin {
    name: &'static str,
    configuration: PluginConfiguration,
}

#[derive(Serialize)]
#[serde(untagged)]
enum PluginConfiguration {
    #[serde(rename_all = "camelCase")]
    ImagePolicy {
        image_policy: ImagePolicySettings,
    },
    Webhook(WebhookAdmission),
}

/// `apiserver.config.k8s.io/v1`: where an admission plugin finds webhooks without the API.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct WebhookAdmission {
    api_version: &'static str,
    kind: &'static str,
    static_manifests_dir: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ImagePolicySettings {
    kube_config_file: String,
    #[serde(rename = "allowTTL")]
    allow_ttl: Commented<i32>,
    #[serde(rename = "denyTTL")]
    deny_ttl: Commented<i32>,
    retry_backoff: Commented<i32>,
    default_allow: Commented<bool>,
}

/// The admission configuration: which plugin, and how it calls.
pub(super) fn admission_configuration(args: &InitArgs) -> Result<String, Error> {
    let comment = |text: &str| text.to_owned();
    let default_allow = if args.default_allow {
        "fail open: no verdict from the webhook is an approval"
    } else {
        "fail closed: no verdict from the webhook is a denial"
    };
    yaml(&AdmissionConfiguration {
        api_version: "apiserver.config.k8s.io/v1",
        kind: "AdmissionConfiguration",
        plugins: [AdmissionPlugin {
            name: "ImagePolicyWebhook",
            configuration: PluginConfiguration::ImagePolicy {
                image_policy: ImagePolicySettings {
                    kube_config_file: args.mount_path.join(KUBECONFIG),
                    allow_ttl: Commented(args.allow_ttl, comment("seconds")),
                    deny_ttl: Commented(args.deny_ttl, comment("seconds")),
                    retry_backoff: Commented(args.retry_backoff, comment("milliseconds")),
                    default_allow: Commented(args.default_allow, comment(default_allow)),
                },
            },
        }]
        .into_iter()
        .chain(
            args.webhooks()
                .filter_map(|webhook| static_webhook(webhook, args)),
        )
        .collect(),
    })
}

/// The plugin that reads a webhook from its folder, if it is to be there.
fn static_webhook(webhook: Webhook, args: &InitArgs) -> Option<AdmissionPlugin> {
    let folder = webhook.folder(args.is_static)?;
    Some(AdmissionPlugin {
        name: webhook.plugin(),
        configuration: PluginConfiguration::Webhook(WebhookAdmission {
            api_version: "apiserver.config.k8s.io/v1",
            kind: "WebhookAdmissionConfiguration",
            static_manifests_dir: args.mount_path.join(folder),
        }),
    })
}

/// `v1` `Config` of client-go (`k8s.io/client-go/tools/clientcmd/api/v1`).
#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Kubeconfig {
    #[serde(rename = "apiVersion")]
    api_version: &'static str,
    kind: &'static str,
    clusters: [NamedCluster; 1],
    users: [NamedUser; 1],
    contexts: [NamedContext; 1],
    current_context: &'static str,
}

#[derive(Serialize)]
struct NamedCluster {
    name: &'static str,
    cluster: Cluster,
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Cluster {
    server: String,
    certificate_authority: String,
}

#[derive(Serialize)]
struct NamedUser {
    name: &'static str,
    user: User,
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct User {
    client_certificate: String,
    client_key: String,
}

#[derive(Serialize)]
struct NamedContext {
    name: &'static str,
    context: Context,
}

#[derive(Serialize)]
struct Context {
    cluster: &'static str,
    user: &'static str,
}

/// The kubeconfig: where the webhook is, and how both sides prove who they are.
pub(super) fn kubeconfig(args: &InitArgs) -> Result<String, Error> {
    yaml(&Kubeconfig {
        api_version: "v1",
        kind: "Config",
        clusters: [NamedCluster {
            name: NAME,
            cluster: Cluster {
                server: args.server.to_string(),
                certificate_authority: args.mount_path.join(CA_CERTIFICATE),
            },
        }],
        users: [NamedUser {
            name: NAME,
            user: User {
                client_certificate: args.mount_path.join(CLIENT_CERTIFICATE),
                client_key: args.mount_path.join(CLIENT_KEY),
            },
        }],
        contexts: [NamedContext {
            name: NAME,
            context: Context {
                cluster: NAME,
                user: NAME,
            },
        }],
        current_context: NAME,
    })
}
