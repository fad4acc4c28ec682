//! Objects and what is to be changed in them: the patch, applied by a reader of our own, gives the
//! object that was decided; a second pass changes nothing; nothing but images changes.

#![no_main]

use arbitrary::Arbitrary;
use imagereview_core::{
    AdmissionReview, ImagePolicy, ImageRef, PolicySource, Verdict, decide, facts::Facts,
    mutation::Patch,
};
use imagereview_fuzz::{images_of_object, verdict::check_own_reasons};
use libfuzzer_sys::fuzz_target;
use serde_json::{Value, json};

#[derive(Arbitrary, Debug)]
struct Case {
    documents: Vec<Document>,
    // Compiling takes the time, so that several are asked about.
    objects: Vec<Object>,
}

#[derive(Arbitrary, Debug)]
struct Object {
    kind: Kind,
    spec: Spec,
    old: Option<Spec>,
}

#[derive(Arbitrary, Debug)]
struct Document {
    mirrors: Vec<(Place, Place)>,
    full_names: Option<bool>,
    implied_tags: bool,
    pull_policies: Vec<(Tag, bool)>,
    pull_secrets: Vec<(Place, bool)>,
}

#[derive(Arbitrary, Debug)]
enum Kind {
    Pod,
    Ephemeral,
    Deployment,
    CronJob,
    Task,
}

#[derive(Arbitrary, Debug)]
struct Spec {
    containers: Option<Vec<Container>>,
    init: Option<Vec<Option<Container>>>,
    ephemeral: Vec<Container>,
    volumes: Vec<Option<Option<Container>>>,
    secrets: Option<Option<Vec<bool>>>,
}

#[derive(Arbitrary, Debug)]
struct Container {
    image: Image,
    pull_policy: Option<Option<bool>>,
}

#[derive(Arbitrary, Debug)]
struct Image {
    place: Place,
    tag: Tag,
    has_digest: bool,
    absent: bool,
}

#[derive(Arbitrary, Debug)]
struct Place(u8, u8);

#[derive(Arbitrary, Debug)]
enum Tag {
    None,
    Latest,
    Edge,
    Upper,
}

const HOSTS: [&str; 8] = [
    "",
    "docker.io/",
    "index.docker.io/",
    "a.io/",
    "A.io/",
    "b.io:5000/",
    "localhost/",
    "Foo/",
];
const PATHS: [&str; 8] = ["x", "library/x", "a/b", "a", "a/b/c", "X", "b.io/x", ""];

impl Place {
    fn written(&self) -> String {
        format!(
            "{}{}",
            HOSTS[usize::from(self.0) % 8],
            PATHS[usize::from(self.1) % 8]
        )
    }

    /// As what mutations are about: one repository, or all below.
    fn pattern(&self) -> String {
        let written = self.written();
        match (self.0 / 8 % 2, self.1 / 8 % 8) {
            (1, 0) => "**".into(),
            (1, 1..4) => format!(
                "{}/**",
                HOSTS[usize::from(self.0) % 8].trim_end_matches('/')
            ),
            (1, _) => format!("{}/**", written.trim_end_matches('/')),
            _ => written,
        }
    }
}

impl Tag {
    fn text(&self) -> &'static str {
        match self {
            Self::None => "",
            Self::Latest => "latest",
            Self::Edge => "edge",
            Self::Upper => "LATEST",
        }
    }
}

impl Container {
    fn image(&self) -> Value {
        let Image {
            place,
            tag,
            has_digest,
            absent,
        } = &self.image;
        let digest = if *has_digest {
            format!("@sha256:{}", "0f".repeat(32))
        } else {
            String::new()
        };
        match (absent, tag.text()) {
            (true, _) => Value::Null,
            (false, "") => format!("{}{digest}", place.written()).into(),
            (false, tag) => format!("{}:{tag}{digest}", place.written()).into(),
        }
    }

    fn object(&self, image: &str, pull_policy: &str) -> Value {
        let mut object = json!({"name": "c", "args": ["image"], image: self.image()});
        match self.pull_policy {
            None => {}
            Some(None) => object[pull_policy] = Value::Null,
            Some(Some(always)) => {
                object[pull_policy] = if always { "Always" } else { "Never" }.into();
            }
        }
        object
    }
}

impl Spec {
    fn object(&self, kind: &Kind) -> Value {
        let container = |container: &Container| container.object("image", "imagePullPolicy");
        let mut spec = json!({"steps": [], "other": {"image": "x"}});
        if let Some(containers) = &self.containers {
            let list: Vec<Value> = containers.iter().map(container).collect();
            spec["steps"] = list.clone().into();
            spec["containers"] = list.into();
        }
        if let Some(init) = &self.init {
            let init = init
                .iter()
                .map(|init| init.as_ref().map_or(Value::Null, container));
            spec["initContainers"] = init.collect();
        }
        spec["ephemeralContainers"] = self.ephemeral.iter().map(container).collect();
        let volume = |volume: &Option<Option<Container>>| match volume {
            None => Value::Null,
            Some(None) => json!({"emptyDir": {}}),
            Some(Some(volume)) => json!({"image": volume.object("reference", "pullPolicy")}),
        };
        spec["volumes"] = self.volumes.iter().map(volume).collect();
        match &self.secrets {
            None => {}
            Some(None) => spec["imagePullSecrets"] = Value::Null,
            Some(Some(secrets)) => {
                let secret = |one: &bool| json!({"name": if *one { "one" } else { "two" }});
                spec["imagePullSecrets"] = secrets.iter().map(secret).collect();
            }
        }
        let (api_version, kind, spec) = match kind {
            Kind::Pod | Kind::Ephemeral => ("v1", "Pod", spec),
            Kind::Deployment => ("apps/v1", "Deployment", json!({"template": {"spec": spec}})),
            Kind::CronJob => (
                "batch/v1",
                "CronJob",
                json!({"jobTemplate": {"spec": {"template": {"spec": spec}}}}),
            ),
            Kind::Task => ("tekton.dev/v1", "Task", spec),
        };
        json!({"apiVersion": api_version, "kind": kind, "spec": spec})
    }
}

impl Document {
    fn text(&self, index: usize) -> String {
        let policy = |always: &bool| if *always { "Always" } else { "IfNotPresent" };
        let mut mutations = json!({});
        // An empty list is refused.
        let mut set = |name: &str, list: Vec<Value>| {
            if !list.is_empty() {
                mutations[name] = list.into();
            }
        };
        let mirror =
            |(from, to): &(Place, Place)| json!({"from": from.pattern(), "to": to.pattern()});
        set("mirrors", self.mirrors.iter().map(mirror).collect());
        let pull_policy =
            |(tag, always): &(Tag, bool)| json!({"tags": [tag.text()], "policy": policy(always)});
        set(
            "pullPolicies",
            self.pull_policies.iter().map(pull_policy).collect(),
        );
        let secret = |(place, one): &(Place, bool)| json!({"repositories": place.pattern(), "secret": if *one { "one" } else { "two" }});
        set(
            "pullSecrets",
            self.pull_secrets.iter().map(secret).collect(),
        );
        if let Some(full_names) = self.full_names {
            mutations["fullNames"] = full_names.into();
            mutations["impliedTags"] = (full_names && self.implied_tags).into();
        }
        json!({"apiVersion": "imagereview/v1alpha1", "kind": "ImagePolicy",
            "metadata": {"name": format!("d{index}")}, "mutations": mutations,
            "customResources": if index == 0 {
                json!([{"apiVersion": "tekton.dev/*", "kind": "Task", "images": ["spec.steps[*].image"]}])
            } else {
                json!([{"apiVersion": format!("x{index}/v1"), "kind": "X", "images": ["spec"]}])
            },
            "rules": [{"name": format!("r{index}"), "maxImages": 2}]})
        .to_string()
    }
}

fuzz_target!(|case: Case| {
    let texts = case.documents.iter().take(3).enumerate();
    let texts: Vec<String> = texts
        .map(|(index, document)| document.text(index))
        .collect();
    let sources = texts.iter().map(|text| PolicySource::new("p.json", text));
    let Ok(policy) = ImagePolicy::compile(sources) else {
        return;
    };

    for object in case.objects.iter().take(4) {
        check(&policy, object);
    }
});

fn check(policy: &ImagePolicy, case: &Object) {
    let object = case.spec.object(&case.kind);
    let old = case.old.as_ref();
    let old = old.map_or(Value::Null, |old| old.object(&case.kind));
    let first = mutate(policy, &case.kind, &object, &old);
    let mut result = object.clone();
    apply(&mut result, &first.patch);
    let images = images_of_object(&result, &Value::Null);
    assert_eq!(images, first.images, "what results is decided");
    let again = mutate(policy, &case.kind, &result, &old);
    let (patch, next) = (&first.patch, &again.patch);
    assert!(next.0.is_empty(), "{patch} and then {next}");
    assert_eq!(first.verdict, again.verdict, "as what results is");

    assert_eq!(without_images(&object), without_images(&result));
    let before = images_of_object(&object, &Value::Null);
    for (before, after) in before.into_iter().zip(&first.images) {
        match (ImageRef::parse(before), ImageRef::parse(after)) {
            (Ok(before), Ok(after)) => {
                assert_eq!(before.pulled_tag(), after.pulled_tag());
                assert_eq!(before.digest(), after.digest());
            }
            _ => assert_eq!(before, after, "what cannot be read is left alone"),
        }
    }
}

/// What was changed, and what was decided of what resulted.
struct Mutated {
    patch: Patch,
    images: Vec<String>,
    verdict: Verdict,
}

fn mutate(policy: &ImagePolicy, kind: &Kind, object: &Value, old: &Value) -> Mutated {
    let sub_resource = match kind {
        Kind::Ephemeral => "ephemeralcontainers",
        _ => "",
    };
    let operation = if old.is_null() { "CREATE" } else { "UPDATE" };
    let request = json!({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": {
        "uid": "u", "operation": operation, "subResource": sub_resource, "object": object, "oldObject": old}});
    let request = request.to_string();
    let mut question = AdmissionReview::from_slice_with(request.as_bytes(), policy.kinds())
        .expect("it is a question");
    let patch = policy.mutate(&mut question, &Facts::new());
    let verdict = decide(policy, &question.review());
    check_own_reasons(&verdict);
    let object = question.object().expect("there is one");
    let object = object.expect("it can be read");
    Mutated {
        patch,
        images: object.images().map(|(image, _)| image.to_owned()).collect(),
        verdict,
    }
}

/// Applies a patch as RFC 6902 has it, as far as `add` and `replace`; each path but the last part
/// must exist, and what is replaced too.
fn apply(object: &mut Value, patch: &Patch) {
    let patch = serde_json::to_value(patch).expect("a patch is JSON");
    for operation in patch.as_array().expect("a patch is a list") {
        let path = operation["path"].as_str().expect("a path is text");
        let (parent, last) = path.rsplit_once('/').expect("a path has parts");
        let parent = object.pointer_mut(parent).expect("the path exists");
        let value = operation["value"].clone();
        match (operation["op"].as_str(), parent) {
            (Some("add"), Value::Array(list)) if last == "-" => list.push(value),
            (Some("add"), Value::Object(fields)) => drop(fields.insert(last.to_owned(), value)),
            (Some("replace"), parent) => *parent.get_mut(last).expect("it exists") = value,
            other => panic!("{other:?} in {operation}"),
        }
    }
}

/// The object without what mutations may change.
fn without_images(value: &Value) -> Value {
    match value {
        Value::Object(fields) => {
            let own = [
                "image",
                "reference",
                "imagePullPolicy",
                "pullPolicy",
                "imagePullSecrets",
            ];
            let kept = fields.iter().filter(|(name, value)| {
                !own.contains(&name.as_str()) || **name == "image" && value.is_object()
            });
            kept.map(|(name, value)| (name.clone(), without_images(value)))
                .collect()
        }
        Value::Array(list) => list.iter().map(without_images).collect(),
        other => other.clone(),
    }
}
