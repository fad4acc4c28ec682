//! What several modules need to make a policy, a request or a row.

#[cfg(feature = "document")]
use imagereview_core::{ImagePolicy, PolicySource};
use serde_json::{Value, json};

/// The policy of a document with these fields, which begin on line 4 of `policy.yaml`, or everything
/// that is wrong with it.
#[cfg(feature = "document")]
pub(crate) fn compile(fields: &str) -> Result<ImagePolicy, String> {
    let text = format!(
        "apiVersion: imagereview/v1alpha1\nkind: ImagePolicy\nmetadata: {{name: test}}\n{fields}\n"
    );
    ImagePolicy::compile([PolicySource::new("policy.yaml", &text)])
        .map_err(|errors| errors.to_string())
}

/// The policy of a document with these fields.
#[cfg(feature = "document")]
pub(crate) fn document(fields: &str) -> ImagePolicy {
    compile(fields).unwrap_or_else(|errors| panic!("{errors}\n{fields}"))
}

/// A pod of these images.
#[cfg(all(feature = "document", feature = "mutation"))]
pub(crate) fn pod(images: &[&str]) -> Value {
    let containers = images.iter().map(|image| json!({"image": image}));
    let containers: Vec<Value> = containers.collect();
    json!({"apiVersion": "v1", "kind": "Pod", "spec": {"containers": containers}})
}

/// An `AdmissionReview` with this request.
pub(crate) fn admission_review(request: &Value) -> String {
    json!({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": request})
        .to_string()
}
