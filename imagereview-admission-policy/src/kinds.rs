//! Which objects have images, and where.

use std::collections::BTreeMap;

use imagereview_core::workload::CustomResource;

use crate::{
    cel::{Condition, string, strings},
    cost::FIELD,
    kubernetes_version::KubernetesVersion,
};

/// The built-in kinds whose pod spec is not at `spec.template.spec`.
const ELSEWHERE: [(&str, &str); 3] = [
    ("Pod", "spec"),
    ("PodTemplate", "template.spec"),
    ("CronJob", "spec.jobTemplate.spec.template.spec"),
];

/// Where it is in the others.
const IN_TEMPLATE: &str = "spec.template.spec";

/// The lists of a pod spec that have images, and the kinds of container that they are.
const IMAGE_LISTS: [(&str, &str); 4] = [
    ("containers", "regular"),
    ("initContainers", "init"),
    ("ephemeralContainers", "ephemeral"),
    ("volumes", "volume"),
];

/// The path of the pod spec in an object of a built-in kind.
pub(crate) fn pod_spec_path() -> String {
    by_kind(string)
}

/// The pod spec of an object of a built-in kind.
pub(crate) fn pod_spec(object: &str) -> String {
    by_kind(|path| format!("{object}.{path}"))
}

/// The metadata of the pods that result.
fn pod_metadata() -> String {
    by_kind(|path| {
        let (parent, _) = path.rsplit_once("spec").unwrap_or_default();
        let fields: Vec<&str> = parent.split('.').filter(|name| !name.is_empty()).collect();
        fields
            .iter()
            .chain(&["metadata"])
            .fold("object".to_owned(), |text, name| format!("{text}.?{name}"))
    })
}

fn by_kind(of_path: impl Fn(&str) -> String) -> String {
    let elsewhere = ELSEWHERE.map(|(kind, path)| {
        format!(
            "request.kind.kind == '{kind}' ? {} :
",
            of_path(path)
        )
    });
    elsewhere.concat() + &of_path(IN_TEMPLATE)
}

/// The images of a pod spec, as a list of maps.
fn images_of_pod_spec(pod_spec: &str, path: Option<&str>) -> String {
    let lists = IMAGE_LISTS.map(|(list, kind)| {
        let of_kind = format!("{pod_spec}.?{list}.orValue([])");
        let name = "string(one.?name.orValue(''))";
        // In a custom resource nobody may have checked that it is a text.
        let text = |optional: &str| match path {
            None => format!("string({optional}.orValue(''))"),
            Some(_) => text(&format!("{optional}.orValue('')")),
        };
        if kind == "volume" {
            let at = path.map(|path| format!("{path}.{list}[*].image.reference"));
            let at = at.as_deref().unwrap_or(list);
            let image = image(&text("one.image.?reference"), name, kind, at);
            format!("{of_kind}.filter(one, has(one.image)).map(one, {image})")
        } else {
            let at = path.map(|path| format!("{path}.{list}[*].image"));
            let at = at.as_deref().unwrap_or(list);
            let image = image(&text("one.?image"), name, kind, at);
            format!("{of_kind}.map(one, {image})")
        }
    });
    lists.join(" +\n")
}

/// A value that must be a text; any other is an error.
fn text(value: &str) -> String {
    format!("string(type({value}) == string ? {value} : {value}.isNoText)")
}

fn image(written: &str, container: &str, kind: &str, list: &str) -> String {
    format!(
        "{{'written': {written}, 'container': {container}, 'kind': '{kind}', 'list': {}}}",
        string(list)
    )
}

/// The images of an object of a built-in kind.
pub(crate) fn builtin_images(pod_spec: &str) -> String {
    images_of_pod_spec(pod_spec, None)
}

/// A custom resource, with what is declared of it for every version and for one.
#[derive(Debug)]
pub(crate) struct Custom {
    group: String,
    version: Option<String>,
    kind: String,
    images: Vec<String>,
    pod_specs: Vec<String>,
}

/// The custom resources of a policy, those of one version first.
pub(crate) fn customs<'r>(resources: impl IntoIterator<Item = &'r CustomResource>) -> Vec<Custom> {
    type Key<'a> = (&'a str, &'a str, Option<&'a str>);
    let mut by_key: BTreeMap<Key<'_>, Vec<&CustomResource>> = BTreeMap::new();
    for resource in resources {
        let key = (resource.group(), resource.kind(), resource.version());
        by_key.entry(key).or_default().push(resource);
    }
    let mut customs = Vec::new();
    for ((group, kind, version), declared) in &by_key {
        let every_version = by_key
            .get(&(*group, *kind, None))
            .filter(|_| version.is_some());
        let all = || declared.iter().chain(every_version.into_iter().flatten());
        let mut custom = Custom {
            group: (*group).into(),
            version: version.map(Into::into),
            kind: (*kind).into(),
            images: all()
                .flat_map(|one| one.images())
                .map(ToString::to_string)
                .collect(),
            pod_specs: all()
                .flat_map(|one| one.pod_specs())
                .map(ToString::to_string)
                .collect(),
        };
        for paths in [&mut custom.images, &mut custom.pod_specs] {
            let mut seen = std::collections::BTreeSet::new();
            paths.retain(|path| seen.insert(path.clone()));
        }
        customs.push(custom);
    }
    // Before every version comes the one.
    customs.sort_by_key(|custom| custom.version.is_none());
    customs
}

impl Custom {
    pub(crate) fn group(&self) -> &str {
        &self.group
    }

    pub(crate) fn version(&self) -> Option<&str> {
        self.version.as_deref()
    }

    pub(crate) fn kind(&self) -> &str {
        &self.kind
    }

    /// Whether a request is about it.
    pub(crate) fn condition(&self) -> String {
        let version = self.version.as_deref().map(string);
        let version = version.map(|version| format!(" && request.kind.version == {version}"));
        format!(
            "request.kind.group == {} && request.kind.kind == {}{}",
            string(&self.group),
            string(&self.kind),
            version.unwrap_or_default()
        )
    }

    /// What the variable of its images is called.
    pub(crate) fn name(&self) -> String {
        let mut name = format!("imagesOf_{}_{}", self.kind, self.group);
        if let Some(version) = &self.version {
            name = format!("{name}_{version}");
        }
        let is_word = |c: char| if c.is_ascii_alphanumeric() { c } else { '_' };
        name.chars().map(is_word).collect()
    }

    /// Its images, as a list of maps.
    pub(crate) fn images(
        &self,
        object: &str,
        kubernetes: KubernetesVersion,
    ) -> Result<String, String> {
        let mut lists = Vec::new();
        for path in &self.pod_specs {
            let leaf = |pod_spec: &str| images_of_pod_spec(pod_spec, Some(path));
            lists.push(elements(object, path, 0, true, kubernetes, &leaf)?);
        }
        for path in &self.images {
            let leaf = |value: &str| format!("[{}]", image(&text(value), "''", "unknown", path));
            lists.push(elements(object, path, 0, false, kubernetes, &leaf)?);
        }
        Ok(lists.join(" +\n"))
    }

    /// The metadata of the pod that results; the object's own where it has no pod spec, or several.
    fn metadata(&self) -> String {
        let parent = match &self.pod_specs[..] {
            [one] if !one.contains("[*]") => one.rsplit_once('.').map_or("", |(parent, _)| parent),
            _ => "",
        };
        let fields = parent.split('.').filter(|name| !name.is_empty());
        fields
            .chain(["metadata"])
            .fold("object".to_owned(), |text, name| format!("{text}.?{name}"))
    }
}

/// The annotations of the pods that result.
pub(crate) fn annotations(customs: &[Custom]) -> String {
    let of_customs = customs.iter().map(|custom| {
        format!(
            "{} ? {}.?annotations.orValue({{}}) :\n",
            custom.condition(),
            custom.metadata()
        )
    });
    let builtin = pod_metadata()
        .lines()
        .map(|line| match line.strip_suffix(" :") {
            Some(line) => format!("{line}.?annotations.orValue({{}}) :"),
            None => format!("{line}.?annotations.orValue({{}})"),
        })
        .collect::<Vec<_>>()
        .join("\n");
    of_customs.collect::<String>() + &builtin
}

/// The list of what `leaf` makes of each value at a path. What is null is absent, and what should be a list and is
/// none is an error, so that nothing in it passes unseen.
fn elements(
    root: &str,
    path: &str,
    depth: usize,
    leaf_is_many: bool,
    kubernetes: KubernetesVersion,
    leaf: &dyn Fn(&str) -> String,
) -> Result<String, String> {
    let (before, rest) = match path.split_once("[*]") {
        None => (path, None),
        Some((before, rest)) => (before, Some(rest)),
    };
    let fields: Vec<&str> = before.split('.').filter(|name| !name.is_empty()).collect();
    let (mut value, mut optional) = (root.to_owned(), root.to_owned());
    for name in &fields {
        let (selected, if_there) = field(name);
        value.push_str(&selected);
        optional.push_str(&if_there);
    }
    let is_absent = if fields.is_empty() {
        format!("{root} == null")
    } else {
        format!("{optional}.orValue(null) == null")
    };
    let Some(rest) = rest else {
        return Ok(format!("({is_absent} ? [] : {})", leaf(&value)));
    };
    let list = format!("({is_absent} ? [] : type({value}) == list ? {value} : {value}.isNoList)");
    let one = format!("one{depth}");
    let is_last = !rest.contains("[*]");
    if is_last && !leaf_is_many {
        let of_one = elements(&one, rest, depth + 1, false, kubernetes, leaf)?;
        // The list of one, or of none.
        let (absent, present) = of_one
            .strip_prefix('(')
            .and_then(|text| text.strip_suffix("])"))
            .and_then(|text| text.split_once(" ? [] : ["))
            .ok_or("this compiler can't say where its images are")?;
        return Ok(format!(
            "{list}.filter({one}, !({absent})).map({one}, {present})"
        ));
    }
    if !kubernetes.has_flatten() {
        return Err(format!(
            "images are in lists of lists, which Kubernetes {kubernetes} can't join; it can from 1.34"
        ));
    }
    let inner = elements(&one, rest, depth + 1, leaf_is_many, kubernetes, leaf)?;
    Ok(format!("{list}.map({one}, {inner}).flatten()"))
}

/// Words that CEL has a meaning of its own for.
const RESERVED: [&str; 23] = [
    "as",
    "break",
    "const",
    "continue",
    "else",
    "false",
    "for",
    "function",
    "if",
    "import",
    "in",
    "let",
    "loop",
    "namespace",
    "null",
    "package",
    "return",
    "true",
    "var",
    "void",
    "while",
    "isNoList",
    "isNoText",
];

/// A field of a value, and the same where it may be absent.
fn field(name: &str) -> (String, String) {
    let is_word = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
        && !name.starts_with(|c: char| c.is_ascii_digit());
    if is_word && !RESERVED.contains(&name) {
        (format!(".{name}"), format!(".?{name}"))
    } else {
        let name = string(name);
        (format!("[{name}]"), format!("[?{name}]"))
    }
}

/// Whether an object is of a kind with images, where all of a group's resources are asked about.
pub(crate) fn has_images(customs: &[Custom]) -> Condition {
    let builtin = Condition::new("request.kind.group in ['', 'apps', 'batch']", FIELD);
    let mut groups: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for custom in customs {
        groups.entry(&custom.group).or_default().push(&custom.kind);
    }
    let customs = groups.into_iter().map(|(group, kinds)| {
        let is_group = Condition::new(format!("request.kind.group == {}", string(group)), FIELD);
        let is_kind = Condition::new(format!("request.kind.kind in {}", strings(kinds)), FIELD);
        Condition::all([is_group, is_kind])
    });
    Condition::any([builtin].into_iter().chain(customs))
}
