//! Images of custom resources that no policy document declares: they are not reviewed, and people
//! are to hear of it.

use std::fmt;

use imagereview_core::{ImageRef, object::ObjectKind, workload::WorkloadKinds};

use crate::input::layout::{Entry, Kind, Layout, Value};

/// An object with an image that is not looked for.
#[derive(Debug)]
pub(crate) struct Undeclared {
    kind: String,
    api_version: String,
    /// What would declare it.
    declaration: String,
    /// Where the image is in the text.
    pub(crate) at: usize,
}

impl fmt::Display for Undeclared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            kind,
            api_version,
            declaration,
            ..
        } = self;
        write!(
            f,
            "this image of a custom resource was not reviewed; declare the resource in the policy: \
             customResources: [{{apiVersion: {api_version}, kind: {kind}, {declaration}}}]"
        )
    }
}

/// Whether an object is of a custom resource. Those of Kubernetes itself have images only where they
/// are known to have some.
pub(crate) fn is_custom(kind: &ObjectKind<'_>) -> bool {
    let group = kind.group();
    group.contains('.') && !group.ends_with(".k8s.io")
}

/// The objects of a document, alone or in a list, that have an image and are of a kind that is not
/// declared; of each the first image.
pub(crate) fn undeclared(document: &str, kinds: &WorkloadKinds) -> Vec<Undeclared> {
    if memchr::memmem::find(document.as_bytes(), b"image").is_none() {
        return Vec::new();
    }
    let Some(layout) = Layout::of(document) else {
        return Vec::new();
    };
    let items = match field(&layout.root, "items").map(|items| &items.kind) {
        Some(Kind::List { items, .. }) => items.iter().collect(),
        _ => vec![&layout.root],
    };
    let of_object = |object: &Value| {
        let (api_version, kind) = (
            text(field(object, "apiVersion")?)?,
            text(field(object, "kind")?)?,
        );
        let is_reviewed = kinds.has_images(api_version, kind);
        if is_reviewed || !is_custom(&ObjectKind::new(api_version, kind)) {
            return None;
        }
        let mut path = Vec::new();
        let at = first_image(object, &mut path)?;
        Some(Undeclared {
            kind: kind.to_owned(),
            api_version: api_version.to_owned(),
            declaration: declaration(&path),
            at,
        })
    };
    items.into_iter().filter_map(of_object).collect()
}

fn entries(value: &Value) -> &[Entry] {
    match &value.kind {
        Kind::Object { entries, .. } => entries,
        _ => &[],
    }
}

fn field<'v>(object: &'v Value, name: &str) -> Option<&'v Value> {
    let entry = entries(object)
        .iter()
        .find(|entry| entry.name() == Some(name));
    entry.map(|entry| &entry.value)
}

fn text(value: &Value) -> Option<&str> {
    match &value.kind {
        Kind::Scalar { text, .. } => Some(text),
        _ => None,
    }
}

/// Where the first field `image` is that holds a reference. Its path is left in `path`, with a
/// `[*]` for each list.
fn first_image<'v>(value: &'v Value, path: &mut Vec<&'v str>) -> Option<usize> {
    if let Kind::List { items, .. } = &value.kind {
        path.push("[*]");
        let found = items.iter().find_map(|item| first_image(item, path));
        if found.is_none() {
            path.pop();
        }
        return found;
    }
    for Entry { key, value } in entries(value) {
        path.push(text(key)?);
        let is_image = text(key) == Some("image")
            && text(value).is_some_and(|text| ImageRef::parse(text).is_ok());
        let found = if is_image {
            Some(value.span.start)
        } else {
            first_image(value, path)
        };
        if found.is_some() {
            return found;
        }
        path.pop();
    }
    None
}

/// The field that declares what has an image at this path.
fn declaration(path: &[&str]) -> String {
    let join = |steps: &[&str]| steps.join(".").replace(".[", "[");
    match path {
        [
            pod_spec @ ..,
            "containers" | "initContainers",
            "[*]",
            "image",
        ] if !pod_spec.is_empty() => {
            format!("podSpecs: [{}]", join(pod_spec))
        }
        _ => format!("images: ['{}']", join(path)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_object_with_an_image_is_reported_with_what_declares_it() {
        let rollout = "apiVersion: argoproj.io/v1alpha1\nkind: Rollout\nspec:\n  replicas: 1\n  template:\n    spec:\n      containers:\n      - {name: a, image: nginx}\n";
        let task =
            "{apiVersion: tekton.dev/v1, kind: Task, spec: {steps: [{name: a}, {image: golang}]}}";
        for (text, expected) in [
            (
                rollout,
                &["nginx: argoproj.io/v1alpha1, kind: Rollout, podSpecs: [spec.template.spec]"][..],
            ),
            (
                task,
                &["golang: tekton.dev/v1, kind: Task, images: ['spec.steps[*].image']"],
            ),
            (
                &format!(
                    "kind: List\napiVersion: v1\nitems: [{task}, {{apiVersion: v1, kind: Pod}}, {task}]"
                ),
                &[
                    "golang: tekton.dev/v1, kind: Task, images: ['spec.steps[*].image']",
                    "golang: tekton.dev/v1, kind: Task, images: ['spec.steps[*].image']",
                ],
            ),
            // What Kubernetes itself has, and what is no image.
            (
                "apiVersion: v1\nkind: ConfigMap\ndata: {image: nginx}\n",
                &[],
            ),
            (
                "apiVersion: apps/v1\nkind: Deployment\nspec: {image: nginx}\n",
                &[],
            ),
            (
                "apiVersion: x.example.com/v1\nkind: X\nspec: {image: {tag: '1'}, images: [{name: nginx}]}\n",
                &[],
            ),
            (
                "apiVersion: x.example.com/v1\nkind: X\nspec: {image: 'not a reference'}\n",
                &[],
            ),
            ("image: [", &[]),
        ] {
            let found = undeclared(text, WorkloadKinds::builtin());
            let found: Vec<String> = found
                .iter()
                .map(|found| {
                    let Undeclared {
                        kind,
                        api_version,
                        declaration,
                        at,
                    } = found;
                    let image = text[*at..]
                        .split(|c: char| !c.is_alphanumeric())
                        .next()
                        .unwrap();
                    format!("{image}: {api_version}, kind: {kind}, {declaration}")
                })
                .collect();
            assert_eq!(found, expected, "{text}");
        }
    }
}
