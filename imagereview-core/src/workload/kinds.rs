//! Which kinds of object have images, and where.

use std::{collections::HashMap, sync::LazyLock};

use super::{field_path::FieldPath, shape::Shape};
use crate::{
    object::{ObjectKind, split_api_version},
    quote::Quoted,
};

/// Which kinds of object have images, and where: the built-in kinds, and custom resources as far as
/// they are declared.
///
/// ```
/// use imagereview_core::workload::{CustomResource, WorkloadKinds};
///
/// let rollout = CustomResource::new("argoproj.io/*", "Rollout")?
///     .with_pod_spec("spec.template.spec".parse()?);
/// let task = CustomResource::new("tekton.dev/v1", "Task")?
///     .with_image("spec.steps[*].image".parse()?)
///     .with_image("spec.sidecars[*].image".parse()?);
/// let kinds = WorkloadKinds::new([rollout, task])?;
/// assert!(kinds.has_images("argoproj.io/v1alpha1", "Rollout"));
/// assert!(kinds.has_images("apps/v1", "Deployment"));
/// assert!(!kinds.has_images("v1", "ConfigMap"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// A built-in kind is known by its API group, in whatever version: the pod spec has been at the
/// same location in all of them.
#[derive(Clone, Debug)]
pub struct WorkloadKinds {
    kinds: Vec<WorkloadKind>,
    /// The positions of the kinds, by name and group.
    by_name: HashMap<Box<str>, HashMap<Box<str>, Vec<usize>>>,
    shape: Shape,
}

/// Where the images of one kind are.
#[derive(Clone, Debug)]
pub(super) struct WorkloadKind {
    group: Box<str>,
    /// `None` for every version.
    version: Option<Box<str>>,
    kind: Box<str>,
    pub(super) images: Vec<FieldPath>,
    pub(super) pod_specs: Vec<PodSpecPath>,
    /// Whether the built-in kind's pod spec must be there.
    pub(super) is_builtin: bool,
}

/// Where a pod spec is, and the paths of what is in it, made once.
#[derive(Clone, Debug)]
pub(super) struct PodSpecPath {
    pub(super) path: FieldPath,
    /// The path as text if it is one location.
    pub(super) text: Option<Box<str>>,
    /// The path of each of [`IMAGE_LISTS`] if the pod spec is at one location.
    pub(super) lists: Option<[Box<str>; IMAGE_LISTS.len()]>,
    /// The metadata of the pod that results.
    pub(super) metadata: Option<FieldPath>,
}

/// The lists of a pod spec that have images, in the order in which those are reviewed.
pub(super) const IMAGE_LISTS: [&str; 4] = [
    "containers",
    "initContainers",
    "ephemeralContainers",
    "volumes",
];

/// Beside its images, what is looked at in a pod spec.
const PULL_SECRETS: &str = "imagePullSecrets[*].name";

/// What is looked at of the images of a pod spec.
const POD_SPEC: &[&str] = &[
    "containers[*].name",
    "containers[*].image",
    "containers[*].imagePullPolicy",
    "initContainers[*].name",
    "initContainers[*].image",
    "initContainers[*].imagePullPolicy",
    "ephemeralContainers[*].name",
    "ephemeralContainers[*].image",
    "ephemeralContainers[*].imagePullPolicy",
    "volumes[*].name",
    "volumes[*].image.reference",
    "volumes[*].image.pullPolicy",
];

/// The built-in kinds and where their pod spec is. `extensions` is where some of them come from.
const BUILTIN: &[(&[&str], &[&str], &str)] = &[
    (&[""], &["Pod"], "spec"),
    (&[""], &["ReplicationController"], "spec.template.spec"),
    (&[""], &["PodTemplate"], "template.spec"),
    (
        &["apps", "extensions"],
        &["Deployment", "ReplicaSet", "DaemonSet"],
        "spec.template.spec",
    ),
    (&["apps"], &["StatefulSet"], "spec.template.spec"),
    (&["batch"], &["Job"], "spec.template.spec"),
    (
        &["batch"],
        &["CronJob"],
        "spec.jobTemplate.spec.template.spec",
    ),
];

static BUILTIN_KINDS: LazyLock<WorkloadKinds> = LazyLock::new(|| {
    let mut kinds = Vec::new();
    for (groups, names, path) in BUILTIN {
        for (group, name) in groups
            .iter()
            .flat_map(|group| names.iter().map(move |name| (group, name)))
        {
            kinds.push(WorkloadKind {
                group: (*group).into(),
                version: None,
                kind: (*name).into(),
                images: Vec::new(),
                pod_specs: vec![PodSpecPath::new(FieldPath::builtin(path))],
                is_builtin: true,
            });
        }
    }
    let mut shape = Shape::default();
    look_at(general_paths(), false, &mut shape);
    for kind in &kinds {
        kind.look_at(&mut shape);
    }
    let mut all = WorkloadKinds {
        kinds: Vec::new(),
        by_name: HashMap::new(),
        shape,
    };
    for kind in kinds {
        all.push(kind);
    }
    all
});

impl WorkloadKinds {
    /// The names of the kinds.
    #[cfg(feature = "document")]
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.by_name.keys().map(|name| &**name)
    }
}

impl WorkloadKinds {
    /// The built-in kinds alone: Pod, `ReplicationController` and `PodTemplate` of the core group,
    /// Deployment, `ReplicaSet`, `StatefulSet` and `DaemonSet` of `apps`, Job and `CronJob` of
    /// `batch`.
    #[must_use]
    pub fn builtin() -> &'static Self {
        &BUILTIN_KINDS
    }

    /// The built-in kinds, and these.
    ///
    /// # Errors
    ///
    /// A [`CustomResourceError`] where one declares no path, or one in labels or annotations, or what
    /// another does or is built in.
    pub fn new(
        resources: impl IntoIterator<Item = CustomResource>,
    ) -> Result<Self, CustomResourceError> {
        let mut all = BUILTIN_KINDS.clone();
        let mut metadata = Shape::default();
        for path in general_paths() {
            metadata.insert(&path, false);
        }
        for CustomResource(resource) in resources {
            let WorkloadKind { group, kind, .. } = &resource;
            if resource.images.is_empty() && resource.pod_specs.is_empty() {
                return Err(CustomResourceError::NoPaths(kind.clone()));
            }
            let earlier = all
                .of_group(group, kind)
                .find(|known| known.is_builtin || known.version == resource.version);
            match earlier {
                None => {
                    let of_labels = resource
                        .images
                        .iter()
                        .chain(resource.pod_specs.iter().map(|pod_spec| &pod_spec.path))
                        .find(|path| metadata.is_through_data(path));
                    if let Some(path) = of_labels {
                        return Err(CustomResourceError::InLabels(path.to_string().into()));
                    }
                    resource.look_at(&mut all.shape);
                    all.push(resource);
                }
                Some(known) if known.is_builtin => {
                    return Err(CustomResourceError::BuiltIn(kind.clone()));
                }
                Some(_) => return Err(CustomResourceError::DeclaredTwice(kind.clone())),
            }
        }
        Ok(all)
    }

    fn push(&mut self, kind: WorkloadKind) {
        let groups = self.by_name.entry(kind.kind.clone()).or_default();
        let positions = groups.entry(kind.group.clone()).or_default();
        positions.push(self.kinds.len());
        self.kinds.push(kind);
    }

    /// What is declared of a kind, in every version.
    fn of_group(&self, group: &str, kind: &str) -> impl Iterator<Item = &WorkloadKind> + use<'_> {
        let groups = self.by_name.get(kind);
        let positions = groups.and_then(|groups| groups.get(group));
        let positions = positions.into_iter().flatten();
        positions.map(|position| &self.kinds[*position])
    }

    /// Whether images are looked for in objects of a kind.
    #[must_use]
    pub fn has_images(&self, api_version: &str, kind: &str) -> bool {
        self.of(api_version, kind).next().is_some()
    }

    /// [`has_images`](Self::has_images), of a kind as written.
    pub(crate) fn looks_into(&self, kind: ObjectKind<'_>) -> bool {
        self.has_images(&kind.api_version().to_string(), kind.name())
    }

    /// What is declared of a kind; a version and every version may both be.
    pub(super) fn of(&self, api_version: &str, kind: &str) -> impl Iterator<Item = &WorkloadKind> {
        let (group, version) = split_api_version(api_version);
        self.of_group(group, kind).filter(move |known| {
            known
                .version
                .as_deref()
                .is_none_or(|known| known == version)
        })
    }

    pub(crate) fn shape(&self) -> &Shape {
        &self.shape
    }
}

/// Adds what is looked at, in an object alone and in the items of a list.
fn look_at(paths: Vec<FieldPath>, has_images: bool, shape: &mut Shape) {
    let items = FieldPath::builtin("items[*]");
    for path in paths {
        shape.insert(&path, has_images);
        shape.insert(&items.join(&path), has_images);
    }
}

/// What is looked at whatever the kind.
fn general_paths() -> Vec<FieldPath> {
    let object = [
        "apiVersion",
        "kind",
        "metadata.name",
        "metadata.namespace",
        // A list within a list is seen, and refused.
        "items[*]",
    ];
    let mut paths: Vec<FieldPath> = object.map(FieldPath::builtin).into();
    paths.extend(metadata_below(&FieldPath::builtin("metadata")));
    paths
}

fn metadata_below(metadata: &FieldPath) -> [FieldPath; 2] {
    ["labels", "annotations"].map(|map| metadata.join(&FieldPath::builtin(map).any_field()))
}

impl WorkloadKind {
    /// Adds what is looked at for this kind.
    fn look_at(&self, shape: &mut Shape) {
        let mut images = self.images.clone();
        let mut others = Vec::new();
        for pod_spec in &self.pod_specs {
            let below = |path: &&'static str| pod_spec.path.join(&FieldPath::builtin(path));
            images.extend(POD_SPEC.iter().map(below));
            others.push(below(&PULL_SECRETS));
            others.extend(pod_spec.metadata.iter().flat_map(metadata_below));
        }
        look_at(images, true, shape);
        look_at(others, false, shape);
    }
}

impl PodSpecPath {
    fn new(path: FieldPath) -> Self {
        let metadata = path.sibling("metadata").filter(|path| !path.is_many());
        let text = (!path.is_many()).then(|| path.to_string().into_boxed_str());
        let lists = text
            .as_deref()
            .map(|text| IMAGE_LISTS.map(|list| format!("{text}.{list}").into_boxed_str()));
        Self {
            path,
            text,
            lists,
            metadata,
        }
    }
}

/// A custom resource, and where in it images and pod specs are.
///
/// ```
/// use imagereview_core::workload::CustomResource;
///
/// // An Argo Workflow: https://argo-workflows.readthedocs.io/en/latest/fields/
/// let workflow = CustomResource::new("argoproj.io/v1alpha1", "Workflow")?
///     .with_image("spec.templates[*].container.image".parse()?)
///     .with_image("spec.templates[*].script.image".parse()?);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct CustomResource(WorkloadKind);

impl CustomResource {
    /// The custom resource of an API group and version (`tekton.dev/v1`), or of every version of a
    /// group (`tekton.dev/*`), and kind.
    ///
    /// # Errors
    ///
    /// A [`CustomResourceError`] where `api_version` is not a group and a version, or `kind` is
    /// empty.
    pub fn new(api_version: &str, kind: &str) -> Result<Self, CustomResourceError> {
        let (group, version) = split_api_version(api_version);
        if group.is_empty() || version.is_empty() || version.contains('/') {
            return Err(CustomResourceError::ApiVersion(api_version.into()));
        }
        if kind.is_empty() {
            return Err(CustomResourceError::NoKind(api_version.into()));
        }
        Ok(Self(WorkloadKind {
            group: group.into(),
            version: (version != "*").then(|| version.into()),
            kind: kind.into(),
            images: Vec::new(),
            pod_specs: Vec::new(),
            is_builtin: false,
        }))
    }

    /// How many paths it declares.
    #[cfg(feature = "document")]
    pub(crate) fn paths(&self) -> usize {
        self.0.images.len() + self.0.pod_specs.len()
    }

    /// Adds where an image is: a string.
    #[must_use]
    pub fn with_image(mut self, path: FieldPath) -> Self {
        if !self.0.images.contains(&path) {
            self.0.images.push(path);
        }
        self
    }

    /// Adds where a pod spec is: an object with `containers` and everything else that a Pod's
    /// `spec` has.
    #[must_use]
    pub fn with_pod_spec(mut self, path: FieldPath) -> Self {
        if self.0.pod_specs.iter().all(|known| known.path != path) {
            self.0.pod_specs.push(PodSpecPath::new(path));
        }
        self
    }

    /// Where images are: strings.
    pub fn images(&self) -> impl Iterator<Item = &FieldPath> {
        self.0.images.iter()
    }

    /// Where pod specs are.
    pub fn pod_specs(&self) -> impl Iterator<Item = &FieldPath> {
        self.0.pod_specs.iter().map(|pod_spec| &pod_spec.path)
    }

    /// Its API group.
    #[must_use]
    pub fn group(&self) -> &str {
        &self.0.group
    }

    /// The version of the group, or `None` for every version.
    #[must_use]
    pub fn version(&self) -> Option<&str> {
        self.0.version.as_deref()
    }

    /// Its kind.
    #[must_use]
    pub fn kind(&self) -> &str {
        &self.0.kind
    }

    /// Whether both are about the same kind, in the same version or in every one.
    #[cfg(feature = "document")]
    pub(crate) fn is_of_kind_of(&self, other: &Self) -> bool {
        let (one, two) = (&self.0, &other.0);
        (&one.group, &one.version, &one.kind) == (&two.group, &two.version, &two.kind)
    }

    /// Adds the paths of another declaration of the same kind.
    #[cfg(feature = "document")]
    pub(crate) fn add_paths_of(&mut self, other: Self) {
        let of_images = |path: &FieldPath| !self.0.images.contains(path);
        let images: Vec<_> = other.0.images.into_iter().filter(of_images).collect();
        self.0.images.extend(images);
        let of_pod_specs = |new: &PodSpecPath| {
            let mut known = self.0.pod_specs.iter();
            known.all(|known| known.path != new.path)
        };
        let pod_specs: Vec<_> = other.0.pod_specs.into_iter().filter(of_pod_specs).collect();
        self.0.pod_specs.extend(pod_specs);
    }
}

/// A [`CustomResource`] cannot be as it is declared.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CustomResourceError {
    /// The `apiVersion` has no group, no version or more than one slash.
    #[error(
        "{} is no apiVersion of a custom resource; write group/version, or group/* for every version",
        Quoted(_0)
    )]
    ApiVersion(Box<str>),
    /// There is no kind.
    #[error("the kind of a custom resource of {} is empty", Quoted(_0))]
    NoKind(Box<str>),
    /// There is neither an image nor a pod spec.
    #[error(
        "the custom resource {} declares neither images nor pod specs",
        Quoted(_0)
    )]
    NoPaths(Box<str>),
    /// The kind is one whose images are known.
    #[error(
        "{} is built in; its images are found without a declaration",
        Quoted(_0)
    )]
    BuiltIn(Box<str>),
    /// An image or a pod spec is said to be in labels or annotations, which are read whole.
    #[error(
        "{} is in labels or annotations; images are not looked for there",
        Quoted(_0)
    )]
    InLabels(Box<str>),
    /// The same kind and version is declared before.
    #[error(
        "the custom resource {} is declared twice; put its paths together",
        Quoted(_0)
    )]
    DeclaredTwice(Box<str>),
}
