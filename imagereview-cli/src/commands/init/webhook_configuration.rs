//! The objects that make an API server ask `/validate` and `/mutate`.
//!
//! Source: `admissionregistration.k8s.io/v1`,
//! <https://kubernetes.io/docs/reference/access-authn-authz/extensible-admission-controllers/>.

use base64::{Engine, engine::general_purpose::STANDARD};
use serde::Serialize;
use serde_saphyr::ser::Error;

use super::{args::InitArgs, webhook::Webhook, yaml::yaml};

/// The name of both objects, and what follows it in a manifest that the API server reads from its disk: it takes no
/// other name there, and such a name from nowhere else.
const NAME: &str = "imagereview";
const STATIC_NAME: &str = "imagereview.static.k8s.io";

/// The namespace that the webhook is taken to run in where no Service says so.
const OWN_NAMESPACE: &str = "imagereview";

/// How long the API server waits, in seconds: a response takes well under one, and the wait is part
/// of every request that makes a pod while the webhook does not respond.
const TIMEOUT_SECONDS: u8 = 5;

/// Updates that leave the spec alone (labels, finalizers, owner references) change no image, so they
/// need not be asked about, and terminating objects can lose their finalizers whatever happens.
const SPEC_CHANGES: &str = "request.operation != 'UPDATE' || !has(object.spec) || !has(oldObject.spec) || object.spec != oldObject.spec";

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct WebhookConfiguration {
    api_version: &'static str,
    kind: &'static str,
    metadata: Metadata,
    webhooks: [WebhookEntry; 1],
}

#[derive(Serialize)]
struct Metadata {
    name: &'static str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct WebhookEntry {
    name: &'static str,
    client_config: ClientConfig,
    rules: [WebhookRule; 4],
    failure_policy: &'static str,
    match_policy: &'static str,
    side_effects: &'static str,
    timeout_seconds: u8,
    admission_review_versions: [&'static str; 1],
    #[serde(skip_serializing_if = "Option::is_none")]
    reinvocation_policy: Option<&'static str>,
    namespace_selector: NamespaceSelector,
    match_conditions: [MatchCondition; 1],
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ClientConfig {
    #[serde(skip_serializing_if = "Option::is_none")]
    url: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    service: Option<ServiceReference>,
    ca_bundle: String,
}

#[derive(Serialize)]
struct ServiceReference {
    namespace: String,
    name: String,
    path: &'static str,
    port: u16,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct WebhookRule {
    api_groups: [&'static str; 1],
    api_versions: [&'static str; 1],
    resources: &'static [&'static str],
    operations: &'static [&'static str],
    scope: &'static str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct NamespaceSelector {
    match_expressions: [MatchExpression; 1],
}

#[derive(Serialize)]
struct MatchExpression {
    key: &'static str,
    operator: &'static str,
    values: Vec<String>,
}

#[derive(Serialize)]
struct MatchCondition {
    name: &'static str,
    expression: &'static str,
}

/// The object, for `kubectl apply`.
pub(super) fn webhook_configuration(
    webhook: Webhook,
    args: &InitArgs,
    ca_certificate_pem: &str,
) -> Result<String, Error> {
    let service = args.service.as_ref();
    let own_namespace = service.map_or(OWN_NAMESPACE, |service| service.namespace());
    yaml(&WebhookConfiguration {
        api_version: "admissionregistration.k8s.io/v1",
        kind: webhook.kind(),
        metadata: Metadata {
            name: if args.is_static { STATIC_NAME } else { NAME },
        },
        webhooks: [WebhookEntry {
            name: webhook.name(),
            client_config: ClientConfig {
                url: match service {
                    None => Some(args.server.with_path(webhook.path())),
                    Some(_) => None,
                },
                service: service.map(|service| ServiceReference {
                    namespace: service.namespace().to_owned(),
                    name: service.name().to_owned(),
                    path: webhook.path(),
                    port: service.port(),
                }),
                ca_bundle: STANDARD.encode(ca_certificate_pem),
            },
            rules: rules(),
            failure_policy: if args.default_allow { "Ignore" } else { "Fail" },
            match_policy: "Equivalent",
            side_effects: "None",
            timeout_seconds: TIMEOUT_SECONDS,
            admission_review_versions: ["v1"],
            // What another webhook adds after ours is to be changed too.
            reinvocation_policy: (webhook == Webhook::Mutating).then_some("IfNeeded"),
            // A webhook that guards its own pods, or the control plane's, can't be mended once it
            // is down.
            namespace_selector: NamespaceSelector {
                match_expressions: [MatchExpression {
                    key: "kubernetes.io/metadata.name",
                    operator: "NotIn",
                    values: vec!["kube-system".to_owned(), own_namespace.to_owned()],
                }],
            },
            match_conditions: [MatchCondition {
                name: "spec-changes",
                expression: SPEC_CHANGES,
            }],
        }],
    })
}

/// Every kind that has a pod spec. A subresource matches only where it is named.
fn rules() -> [WebhookRule; 4] {
    let rule = |group, resources, operations| WebhookRule {
        api_groups: [group],
        api_versions: ["v1"],
        resources,
        operations,
        scope: "Namespaced",
    };
    let created_or_updated = &["CREATE", "UPDATE"];
    [
        rule(
            "",
            &["pods", "podtemplates", "replicationcontrollers"],
            created_or_updated,
        ),
        rule("", &["pods/ephemeralcontainers"], &["UPDATE"]),
        rule(
            "apps",
            &["deployments", "replicasets", "statefulsets", "daemonsets"],
            created_or_updated,
        ),
        rule("batch", &["jobs", "cronjobs"], created_or_updated),
    ]
}
