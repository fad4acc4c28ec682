//! The pull secrets that the pods of a request are pulled with.

use imagereview_registry::PodSecrets;
use serde::Deserialize;

/// What of an `AdmissionReview` names pull secrets. Everything else of it was read before.
#[derive(Deserialize)]
struct Body {
    request: Request,
}

#[derive(Deserialize)]
struct Request {
    #[serde(default)]
    namespace: String,
    object: Object,
}

/// A pod, or an object that makes pods: a template is where Deployments, `CronJob`s and `PodTemplate`s have
/// theirs.
#[derive(Deserialize)]
struct Object {
    #[serde(default)]
    spec: Option<Spec>,
    #[serde(default)]
    template: Option<Template>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Spec {
    #[serde(default)]
    image_pull_secrets: Option<Vec<Reference>>,
    #[serde(default)]
    service_account_name: Option<String>,
    #[serde(default)]
    template: Option<Box<Template>>,
    #[serde(default)]
    job_template: Option<Box<Template>>,
}

#[derive(Deserialize)]
struct Template {
    #[serde(default)]
    spec: Option<Spec>,
}

#[derive(Deserialize)]
struct Reference {
    #[serde(default)]
    name: String,
}

/// The pull secrets that the object of an `AdmissionReview` names. `None` for an object that makes no pods
/// in the usual way.
pub(super) fn pod_secrets(body: &[u8]) -> Option<PodSecrets> {
    let Body { request } = serde_json::from_slice(body).ok()?;
    let Object { spec, template } = request.object;
    let mut spec = spec.or_else(|| template?.spec)?;
    // Pod, Deployment, CronJob.
    for _ in 0..2 {
        let inner = spec.job_template.take().or_else(|| spec.template.take());
        match inner {
            Some(template) => spec = template.spec?,
            None => break,
        }
    }
    let references = spec.image_pull_secrets.unwrap_or_default();
    let names = references.iter().map(|reference| &*reference.name);
    PodSecrets::new(
        &request.namespace,
        names,
        spec.service_account_name.as_deref(),
    )
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn of(object: &Value) -> Option<PodSecrets> {
        let body =
            json!({"kind": "AdmissionReview", "request": {"namespace": "team", "object": object}});
        pod_secrets(body.to_string().as_bytes())
    }

    #[test]
    fn names_are_found_where_each_kind_has_its_pod() {
        let pod = json!({
            "containers": [{"image": "a"}],
            "imagePullSecrets": [{"name": "one"}, {}, {"name": "two"}],
            "serviceAccountName": "builder",
        });
        let expected = PodSecrets::new("team", ["one", "two"], Some("builder"));
        assert!(expected.is_some());
        for object in [
            json!({"kind": "Pod", "spec": pod}),
            json!({"kind": "Deployment", "spec": {"replicas": 1, "template": {"spec": pod}}}),
            json!({"kind": "CronJob", "spec": {"jobTemplate": {"spec": {"template": {"spec": pod}}}}}),
            json!({"kind": "PodTemplate", "template": {"spec": pod}}),
        ] {
            assert_eq!(of(&object), expected, "{object}");
        }
        let bare = of(&json!({"kind": "Pod", "spec": {"containers": []}}));
        assert_eq!(bare, PodSecrets::new("team", [], None));
    }

    #[test]
    fn what_names_none_in_the_usual_way_has_none() {
        for object in [
            Value::Null,
            json!({"kind": "Other"}),
            json!({"kind": "Other", "spec": {"template": "a text"}}),
            json!({"kind": "Pod", "spec": {"imagePullSecrets": "a text"}}),
            json!({"kind": "Deployment", "spec": {"template": {}}}),
        ] {
            assert_eq!(of(&object), None, "{object}");
        }
    }
}
