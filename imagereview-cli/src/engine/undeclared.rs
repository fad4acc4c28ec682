//! Images that were found in a document and not reviewed, since no kind that is known has them there.
//!
//! They may be no images of containers, so they are reported and change no verdict.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use imagereview_core::{
    ImageRef,
    object::ObjectKind,
    workload::{FieldPath, KnownResources, WorkloadKinds},
};

use crate::input::layout::{Entry, Kind, Layout, Value};

/// An object with images that are not looked for.
#[derive(Debug)]
pub(crate) struct Undeclared {
    advice: Advice,
    /// Where the first of the images is in the text.
    pub(crate) at: usize,
    /// Whether nothing of the object was reviewed.
    pub(crate) is_skipped: bool,
}

/// What to do, so that the images are reviewed.
#[derive(Debug)]
enum Advice {
    /// Declare the resource, or more of it.
    Declare {
        api_version: String,
        kind: String,
        /// The fields of the declaration.
        fields: String,
        /// The set that has the kind, if it is not turned on.
        known: Option<&'static str>,
        /// Whether the kind is declared, with other paths.
        is_declared: bool,
    },
    /// Render the chart that has these values.
    Render,
    /// Write an `apiVersion`.
    ApiVersion { kind: String },
    /// Write the group of a resource from the time before there were groups.
    Group { kind: String, group: String },
    /// Review what is built with a patch.
    Build,
    /// Nothing: no declaration has these paths.
    None,
}

impl fmt::Display for Undeclared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.advice {
            Advice::Declare {
                known: Some(name), ..
            } => write!(
                f,
                "this image of a custom resource was not reviewed; turn the resource on in the policy: \
                 knownResources: [{name}]"
            ),
            Advice::Declare {
                api_version,
                kind,
                fields,
                is_declared: false,
                ..
            } => write!(
                f,
                "this image of a custom resource was not reviewed; declare the resource in the policy: \
                 customResources: [{{apiVersion: {api_version}, kind: {kind}, {fields}}}]"
            ),
            Advice::Declare { kind, fields, .. } => write!(
                f,
                "this image was not reviewed, since the policy declares other paths of {kind}; add {fields}"
            ),
            Advice::Render => f.write_str(
                "this image in the values of a chart was not reviewed; review what the chart renders to: \
                 helm template CHART --values VALUES | imagereview review -",
            ),
            Advice::ApiVersion { kind } => write!(
                f,
                "this image was not reviewed, since its {kind} has no apiVersion; write one, such as \
                 apiVersion: apps/v1"
            ),
            Advice::Group { kind, group } => write!(
                f,
                "this image was not reviewed, since {kind} is no kind of v1; write the group of the \
                 resource in its apiVersion, such as {group}/v1"
            ),
            Advice::Build => f.write_str(
                "this image was not reviewed, since it is in no object but in what may be a patch; review \
                 what it is built into: kustomize build FOLDER | imagereview review -",
            ),
            Advice::None => f.write_str(
                "this image of a custom resource was not reviewed, and its path can't be declared in a policy",
            ),
        }
    }
}

/// The groups of Kubernetes' own objects, which have images only where they are known to have some.
///
/// Source: <https://kubernetes.io/docs/reference/generated/kubernetes-api/v1.34/>. Those without a dot
/// are its own too, but for the kinds of `v1` that [`CORE_KINDS`] lacks.
const GROUPS: [&str; 18] = [
    "admissionregistration.k8s.io",
    "apiextensions.k8s.io",
    "apiregistration.k8s.io",
    "authentication.k8s.io",
    "authorization.k8s.io",
    "certificates.k8s.io",
    "coordination.k8s.io",
    "discovery.k8s.io",
    "events.k8s.io",
    "flowcontrol.apiserver.k8s.io",
    "internal.apiserver.k8s.io",
    "networking.k8s.io",
    "node.k8s.io",
    "rbac.authorization.k8s.io",
    "resource.k8s.io",
    "scheduling.k8s.io",
    "storage.k8s.io",
    "storagemigration.k8s.io",
];

/// The kinds of `v1`. Before it had groups, `OpenShift` had its own kinds there too.
const CORE_KINDS: [&str; 19] = [
    "Binding",
    "ComponentStatus",
    "ConfigMap",
    "Endpoints",
    "Event",
    "LimitRange",
    "List",
    "Namespace",
    "Node",
    "PersistentVolume",
    "PersistentVolumeClaim",
    "Pod",
    "PodTemplate",
    "ReplicationController",
    "ResourceQuota",
    "Secret",
    "Service",
    "ServiceAccount",
    "Status",
];

/// Whether an object is of a custom resource.
pub(crate) fn is_custom(kind: &ObjectKind<'_>) -> bool {
    match kind.group() {
        "" => !CORE_KINDS.contains(&kind.name().trim_end_matches("List")) && kind.name() != "List",
        group => group.contains('.') && !GROUPS.contains(&group),
    }
}

/// The objects of a document, alone or in a list, that have images which were not reviewed. The paths
/// of those that were are given.
pub(crate) fn undeclared(
    document: &str,
    kinds: &WorkloadKinds,
    reviewed: &BTreeSet<&str>,
) -> Vec<Undeclared> {
    let has = |word: &[u8]| memchr::memmem::find(document.as_bytes(), word).is_some();
    if !has(b"image") && !has(b"Image") {
        return Vec::new();
    }
    let Some(layout) = Layout::of(document) else {
        return Vec::new();
    };
    let of_object = |prefix: &str, object: &Value| {
        let mut images = Images {
            reviewed,
            found: Vec::new(),
            all: 0,
        };
        images.object(object, prefix);
        let is_skipped = images.found.len() == images.all;
        let at = images.found.first()?.at;
        let advice = advice(object, kinds, &images.found)?;
        Some(Undeclared {
            advice,
            at,
            is_skipped,
        })
    };
    // A list at the root is read as a `List`.
    let items = field(&layout.root, "items").unwrap_or(&layout.root);
    match &items.kind {
        Kind::List { items, .. } => {
            let items = items.iter().enumerate();
            items
                .filter_map(|(index, item)| of_object(&format!("items[{index}]."), item))
                .collect()
        }
        _ => of_object("", &layout.root).into_iter().collect(),
    }
}

/// What to do about the images of an object; `None` if they need not be reported.
fn advice(object: &Value, kinds: &WorkloadKinds, found: &[Found]) -> Option<Advice> {
    let text_of = |name| text(field(object, name)?).filter(|text| !text.is_empty());
    let (api_version, kind) = (text_of("apiVersion"), text_of("kind"));
    let are_values = found.iter().any(|image| image.is_in_parts);
    let (api_version, kind) = match (api_version, kind) {
        (Some(api_version), Some(kind)) => (api_version, kind),
        (None, Some(kind)) if kind.starts_with(|c: char| c.is_ascii_uppercase()) => {
            let kind = kind.to_owned();
            return Some(Advice::ApiVersion { kind });
        }
        (_, Some(_)) => return None,
        _ if are_values => return Some(Advice::Render),
        _ => {
            let is_of_container = |image: &Found| pod_spec_of(&image.pattern).is_some();
            return found.iter().any(is_of_container).then_some(Advice::Build);
        }
    };
    if !is_custom(&ObjectKind::new(api_version, kind)) {
        return None;
    }
    let Some((group, _)) = api_version.split_once('/') else {
        let mut resources = KnownResources::all().flat_map(KnownResources::resources);
        let resource = resources.find(|resource| resource.kind() == kind);
        let group = resource.map_or("example.com".to_owned(), |found| found.group().to_owned());
        let kind = kind.to_owned();
        return Some(Advice::Group { kind, group });
    };
    let fields = declaration(found);
    if fields.is_empty() {
        return Some(if are_values {
            Advice::Render
        } else {
            Advice::None
        });
    }
    let is_declared = kinds.has_images(api_version, kind);
    let has_kind = |set: &KnownResources| {
        let mut resources = set.resources();
        resources.any(|resource| resource.group() == group && resource.kind() == kind)
    };
    let known = KnownResources::all()
        .find(has_kind)
        .filter(|_| !is_declared);
    Some(Advice::Declare {
        api_version: api_version.to_owned(),
        kind: kind.to_owned(),
        fields,
        known: known.map(KnownResources::name),
        is_declared,
    })
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

/// An image that was not reviewed.
struct Found {
    /// Its path, with a `[*]` for each list.
    pattern: String,
    at: usize,
    /// Whether repository and tag are fields of their own.
    is_in_parts: bool,
}

/// Looks for images in an object.
struct Images<'r> {
    /// The paths of those that were reviewed.
    reviewed: &'r BTreeSet<&'r str>,
    found: Vec<Found>,
    /// How many there are, reviewed or not.
    all: usize,
}

impl Images<'_> {
    fn object(&mut self, object: &Value, prefix: &str) {
        for Entry { key, value } in entries(object) {
            // Labels, and what the cluster reports, run nothing.
            if let Some(name) = text(key).filter(|name| !["metadata", "status"].contains(name)) {
                self.field(name, value, name.to_owned(), &format!("{prefix}{name}"));
            }
        }
    }

    fn field(&mut self, name: &str, value: &Value, pattern: String, path: &str) {
        let is_in_parts = is_in_parts(name, value);
        if is_in_parts || text(value).is_some_and(|text| is_image(name, text)) {
            self.all += 1;
            if !self.reviewed.contains(path) {
                self.found.push(Found {
                    pattern,
                    at: value.span.start,
                    is_in_parts,
                });
            }
            return;
        }
        match &value.kind {
            Kind::List { items, .. } => {
                for (index, item) in items.iter().enumerate() {
                    let pattern = format!("{pattern}[*]");
                    self.field("", item, pattern, &format!("{path}[{index}]"));
                }
            }
            Kind::Object { entries, .. } => {
                for Entry { key, value } in entries {
                    if let Some(name) = text(key) {
                        let pattern = format!("{pattern}.{name}");
                        self.field(name, value, pattern, &format!("{path}.{name}"));
                    }
                }
            }
            Kind::Scalar { .. } | Kind::Alias(_) => {}
        }
    }
}

/// Whether a field of this name holds an image. The name `image` is enough, unless the text is
/// prose; of `fooImage` the text must look like a reference too.
fn is_image(name: &str, text: &str) -> bool {
    let is_placeholder = text.contains("{{") || text.contains("${");
    let is_word = !text.is_empty() && !text.contains(char::is_whitespace);
    if name == "image" {
        return is_word || is_placeholder;
    }
    let has_parts = text.contains(['/', ':', '@']);
    name.ends_with("Image") && ((has_parts && ImageRef::parse(text).is_ok()) || is_placeholder)
}

/// Whether a field holds an image as charts have it: a mapping with `repository`, and `tag` or `digest`.
fn is_in_parts(name: &str, value: &Value) -> bool {
    let is_text = |name| field(value, name).and_then(text).is_some();
    let is_named_so = name == "image" || name.ends_with("Image");
    is_named_so && is_text("repository") && ["tag", "digest", "registry"].into_iter().any(is_text)
}

/// The path of the pod spec in which an image is, if it is one of a container.
fn pod_spec_of(pattern: &str) -> Option<&str> {
    let lists = ["containers", "initContainers", "ephemeralContainers"].into_iter();
    let mut pod_specs =
        lists.filter_map(|list| pattern.strip_suffix(&*format!(".{list}[*].image")));
    pod_specs.next()
}

/// The fields that declare what has images at these paths; empty if no path can be declared.
fn declaration(found: &[Found]) -> String {
    let mut fields: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for image in found.iter().filter(|image| !image.is_in_parts) {
        let (field, path) = match pod_spec_of(&image.pattern) {
            Some(pod_spec) => ("podSpecs", pod_spec),
            None => ("images", &*image.pattern),
        };
        if path.parse::<FieldPath>().is_ok() {
            fields.entry(field).or_default().insert(path);
        }
    }
    let fields = fields.into_iter().rev();
    let fields = fields.map(|(field, paths)| {
        let paths: Vec<String> = paths.into_iter().map(|path| format!("'{path}'")).collect();
        format!("{field}: [{}]", paths.join(", "))
    });
    fields.collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use imagereview_core::{ImagePolicy, PolicySource};

    use super::*;

    /// What is reported of a text by a policy that declares these resources: the word at which, and what.
    fn found(text: &str, resources: &str) -> Vec<String> {
        let policy = format!(
            "apiVersion: imagereview/v1alpha1\nkind: ImagePolicy\nmetadata: {{name: p}}\n\
             {resources}\nrules: [{{name: a, digest: {{}}}}]\n"
        );
        let policy = ImagePolicy::compile([PolicySource::new("p", &policy)]).unwrap();
        let reviewed: Vec<String> = serde_saphyr::with_deserializer_from_str(text, |yaml| {
            serde::de::DeserializeSeed::deserialize(policy.kinds(), yaml)
        })
        .map(|manifest| {
            let objects = manifest.into_iter().flatten();
            objects
                .flat_map(|object| {
                    let paths = object.images().map(|(_, place)| place.path().to_string());
                    paths.collect::<Vec<_>>()
                })
                .collect()
        })
        .unwrap_or_default();
        let reviewed = reviewed.iter().map(String::as_str).collect();
        let found = undeclared(text, policy.kinds(), &reviewed);
        let shown = |found: &Undeclared| {
            let word = text[found.at..]
                .split([',', '}', '\n', ']'])
                .next()
                .unwrap();
            // What is advised is a declaration that a policy takes, and with it nothing is left.
            if let Advice::Declare {
                api_version,
                kind,
                fields,
                is_declared: false,
                ..
            } = &found.advice
            {
                let resources = format!(
                    "customResources: [{{apiVersion: {api_version}, kind: {kind}, {fields}}}]"
                );
                let left = self::found(text, &resources);
                assert!(
                    left.is_empty() || text.contains("items"),
                    "{resources}: {left:?}"
                );
            }
            format!("{word}: {found}")
        };
        found.iter().map(shown).collect()
    }

    #[test]
    fn each_object_with_an_image_is_reported_with_what_to_do() {
        let declare = "this image of a custom resource was not reviewed; declare the resource in the policy: customResources: ";
        let foo = |spec: &str| format!("apiVersion: x.example.com/v1\nkind: Foo\nspec: {spec}\n");
        for (text, resources, says) in [
            (
                foo("{template: {spec: {containers: [{image: a}], initContainers: [{image: b}]}}}"),
                "",
                format!("a: {declare}[{{apiVersion: x.example.com/v1, kind: Foo, podSpecs: ['spec.template.spec']}}]"),
            ),
            // All paths are in one advice.
            (
                foo("{steps: [{image: a}, {image: b}], sidecars: [{image: c}], tasks: [{template: {spec: {containers: [{image: d}]}}}]}"),
                "",
                format!("a: {declare}[{{apiVersion: x.example.com/v1, kind: Foo, podSpecs: ['spec.tasks[*].template.spec'], images: ['spec.sidecars[*].image', 'spec.steps[*].image']}}]"),
            ),
            (
                foo("{fooImage: 'a:1', barImage: prose, backgroundImage: 'https://example.com/a.png'}"),
                "",
                format!("'a:1': {declare}[{{apiVersion: x.example.com/v1, kind: Foo, images: ['spec.fooImage']}}]"),
            ),
            (
                "apiVersion: sparkoperator.example.k8s.io/v1beta2\nkind: SparkApplication\nspec: {image: 'spark:latest'}\n".to_owned(),
                "",
                format!("'spark:latest': {declare}[{{apiVersion: sparkoperator.example.k8s.io/v1beta2, kind: SparkApplication, images: ['spec.image']}}]"),
            ),
            // What is there already as a set has a name.
            (
                "apiVersion: tekton.dev/v1\nkind: Task\nspec: {steps: [{image: a}]}\n".to_owned(),
                "",
                "a: this image of a custom resource was not reviewed; turn the resource on in the policy: knownResources: [tekton]".to_owned(),
            ),
            // Old kinds of OpenShift.
            (
                "apiVersion: v1\nkind: DeploymentConfig\nspec: {template: {spec: {containers: [{image: a}]}}}\n".to_owned(),
                "",
                "a: this image was not reviewed, since DeploymentConfig is no kind of v1; write the group of the resource in its apiVersion, such as apps.openshift.io/v1".to_owned(),
            ),
            // References that can't be read, and placeholders.
            (
                foo("{image: 'ko://x/y'}"),
                "",
                format!("'ko://x/y': {declare}[{{apiVersion: x.example.com/v1, kind: Foo, images: ['spec.image']}}]"),
            ),
            (
                foo("{image: '{{inputs.parameters.image}}'}"),
                "",
                format!("'{{{{inputs.parameters.image: {declare}[{{apiVersion: x.example.com/v1, kind: Foo, images: ['spec.image']}}]"),
            ),
            // The other paths of a declared resource.
            (
                foo("{head: {spec: {containers: [{image: a}]}}, workers: [{spec: {containers: [{image: b}]}}]}"),
                "customResources: [{apiVersion: x.example.com/v1, kind: Foo, podSpecs: [spec.head.spec]}]",
                "b: this image was not reviewed, since the policy declares other paths of Foo; add podSpecs: ['spec.workers[*].spec']".to_owned(),
            ),
            // Values of charts.
            (
                "apiVersion: helm.toolkit.fluxcd.io/v2\nkind: HelmRelease\nspec: {values: {a: {image: {repository: quay.io/x/y, tag: latest}}}}\n".to_owned(),
                "",
                "{repository: quay.io/x/y: this image in the values of a chart was not reviewed; review what the chart renders to: helm template CHART --values VALUES | imagereview review -".to_owned(),
            ),
            (
                "web: {image: {repository: a, digest: 'sha256:b'}}\n".to_owned(),
                "",
                "{repository: a: this image in the values of a chart was not reviewed; review what the chart renders to: helm template CHART --values VALUES | imagereview review -".to_owned(),
            ),
            // What is no whole object.
            (
                "kind: Deployment\nspec: {template: {spec: {containers: [{image: a}]}}}\n".to_owned(),
                "",
                "a: this image was not reviewed, since its Deployment has no apiVersion; write one, such as apiVersion: apps/v1".to_owned(),
            ),
            (
                "spec: {template: {spec: {containers: [{name: app, image: a}]}}}\n".to_owned(),
                "",
                "a: this image was not reviewed, since it is in no object but in what may be a patch; review what it is built into: kustomize build FOLDER | imagereview review -".to_owned(),
            ),
        ] {
            assert_eq!(found(&text, resources), [says], "{text}");
        }
    }

    #[test]
    fn what_has_no_image_is_not_reported() {
        let foo = |spec: &str| format!("apiVersion: x.example.com/v1\nkind: Foo\nspec: {spec}\n");
        for text in [
            // What Kubernetes itself has.
            "apiVersion: v1\nkind: ConfigMap\ndata: {image: nginx}\n".to_owned(),
            "apiVersion: v1\nkind: ConfigMapList\nspec: {image: nginx}\n".to_owned(),
            "apiVersion: apps/v1\nkind: Deployment\nspec: {image: nginx}\n".to_owned(),
            "apiVersion: storage.k8s.io/v1\nkind: StorageClass\nparameters: {image: nginx}\n".to_owned(),
            foo("{image: {tag: '1'}, images: [{name: nginx}]}"),
            foo("{image: 'not a reference', fooImage: prose}"),
            "apiVersion: x.example.com/v1\nkind: Foo\nmetadata: {labels: {image: a}}\nstatus: {image: b}\n".to_owned(),
            // Other programs' files.
            "build: {image: 'ruby:3'}\n".to_owned(),
            "kind: pipeline\nsteps: [{image: 'golang:1'}]\n".to_owned(),
            "image: [".to_owned(),
        ] {
            assert!(found(&text, "").is_empty(), "{text}");
        }
    }

    #[test]
    fn each_object_of_a_list_is_looked_at() {
        let task = "{apiVersion: x.example.com/v1, kind: Foo, spec: {steps: [{name: a}, {image: golang}]}}";
        let text = format!(
            "kind: List\napiVersion: v1\nitems: [{task}, {{apiVersion: v1, kind: Pod}}, {task}]"
        );
        assert_eq!(found(&text, "").len(), 2);
        let resources = "customResources: [{apiVersion: x.example.com/v1, kind: Foo, images: ['spec.steps[*].image']}]";
        assert!(found(&text, resources).is_empty());
    }
}
