//! The images of Kubernetes objects, and their locations in them.
//!
//! A [`Manifest`] is one object, or the items of a `List`. It is read from whatever serde reads
//! (JSON, YAML), in one pass that keeps only the fields that images have to do with and borrows
//! them where the format allows. Which fields those are is data: [`WorkloadKinds`] has the built-in
//! kinds, and takes custom resources by the paths at which they keep images or pod specs.
//!
//! ```
//! use imagereview_core::workload::Manifest;
//!
//! let text = r#"{
//!     "apiVersion": "apps/v1",
//!     "kind": "Deployment",
//!     "metadata": {"name": "web", "namespace": "shop"},
//!     "spec": {"template": {"spec": {
//!         "containers": [{"name": "web", "image": "nginx:1.27"}],
//!         "volumes": [{"name": "site", "image": {"reference": "registry.example.com/site:7"}}]
//!     }}}
//! }"#;
//! let manifest: Manifest<'_> = serde_json::from_str(text)?;
//! let deployment = manifest.into_iter().next().unwrap()?;
//! let found: Vec<String> = deployment
//!     .images()
//!     .map(|(image, location)| format!("{image} at {}", location.path()))
//!     .collect();
//! assert_eq!(found, [
//!     "nginx:1.27 at spec.template.spec.containers[0].image",
//!     "registry.example.com/site:7 at spec.template.spec.volumes[0].image.reference",
//! ]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # What is read how
//!
//! - `null` is the same as absent, as in Go. A container without an image has the empty one, which
//!   no policy allows.
//! - What is of the wrong type, appears twice, or is written in another case is an [`ObjectError`],
//!   if the object's kind has something to do with that field.
//! - An object of a kind that is neither built in nor declared has no images
//!   ([`Workload::is_known`]).
//! - An object that has more entries than [`ENTRIES_LIMIT`] in its
//!   lists and maps together is an error too. A `List` may have any number of items.
//! - A built-in kind without a pod spec is an error: nothing can be said of it.

mod field_path;
mod kinds;
mod known;
mod known_table;
pub(crate) mod node;
mod shape;

use std::{borrow::Cow, collections::HashSet, fmt};

use serde::{Deserialize, Deserializer, de::DeserializeSeed};

use self::{
    field_path::Step,
    kinds::{IMAGE_LISTS, PodSpecPath},
    node::{EntryBudget, Node, NodeSeed},
};
pub use self::{
    field_path::{FieldPath, FieldPathError, FieldPathErrorKind},
    kinds::{CustomResource, CustomResourceError, WorkloadKinds},
    known::KnownResources,
};
use crate::{
    json::{self, DecodeError},
    limits::ENTRIES_LIMIT,
    object::{ContainerKind, ObjectError, ObjectErrorKind, ObjectKind, ValueType},
    review::{Location, Review, StringMap},
};

/// The objects of one document: the object that it is, or the items of a `List`.
///
/// `v1 List` is what `kubectl get -o yaml` writes; a list of one kind (`PodList`), whose items may
/// leave their kind out, is read too. So is an object of any other kind that has `items`: kubectl
/// creates those, and the API server the object. A document of nothing has no objects.
///
/// Read with [`WorkloadKinds`] as the seed, it finds custom resources:
///
/// ```
/// use imagereview_core::workload::{CustomResource, WorkloadKinds};
/// use serde::de::DeserializeSeed;
///
/// let task = CustomResource::new("tekton.dev/v1", "Task")?
///     .with_image("spec.steps[*].image".parse()?);
/// let kinds = WorkloadKinds::new([task])?;
///
/// let text = r#"{"apiVersion": "tekton.dev/v1", "kind": "Task",
///                "spec": {"steps": [{"image": "golang:1.25"}]}}"#;
/// let manifest = kinds.deserialize(&mut serde_json::Deserializer::from_str(text))?;
/// let task = manifest.into_iter().next().unwrap().unwrap();
/// assert_eq!(task.images().next().unwrap().0, "golang:1.25");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Manifest<'a>(Vec<Result<Workload<'a>, UnreadableObject<'a>>>);

impl<'a> Manifest<'a> {
    /// Reads one JSON document, with the built-in kinds of object.
    ///
    /// ```
    /// use imagereview_core::workload::Manifest;
    ///
    /// let pod = br#"{"apiVersion": "v1", "kind": "Pod", "spec": {"containers": [{"image": "nginx"}]}}"#;
    /// let pod = Manifest::from_slice(pod)?.into_iter().next().unwrap()?;
    /// assert_eq!(pod.images().next().unwrap().0, "nginx");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// A [`DecodeError`] where the bytes are not one JSON document. An object whose images cannot be
    /// known is an error of its own, among the objects.
    pub fn from_slice(bytes: &'a [u8]) -> Result<Self, DecodeError> {
        Self::from_slice_with(bytes, WorkloadKinds::builtin())
    }

    /// Reads one JSON document, with these kinds of object.
    ///
    /// # Errors
    ///
    /// As [`from_slice`](Self::from_slice).
    pub fn from_slice_with(bytes: &'a [u8], kinds: &'a WorkloadKinds) -> Result<Self, DecodeError> {
        json::from_slice_seed(bytes, || kinds)
    }

    fn new(kinds: &'a WorkloadKinds, document: &Node<'a>) -> Self {
        if document.is_null() {
            return Self(Vec::new());
        }
        let type_meta = match TypeMeta::read(document, "") {
            Ok(type_meta) => type_meta,
            Err(error) => return Self(vec![Err(error.into())]),
        };
        let item_kind = type_meta.item_kind(kinds);
        if item_kind.is_none() && !has_items(document) {
            return Self(vec![Workload::new(kinds, document, "", type_meta)]);
        }
        let items = document
            .field("items", "")
            .and_then(|items| items.elements("items"));
        let items = match items {
            Ok(items) => items,
            Err(error) => return Self(vec![Err(error.into())]),
        };
        let item_kind = item_kind.unwrap_or_else(|| without_list(&type_meta.kind));
        let item = |(index, node): (usize, &Node<'a>)| {
            let path = format!("items[{index}]");
            let item = TypeMeta::read(node, &path)?.or(&type_meta.api_version, item_kind);
            if item.item_kind(kinds).is_some() || has_items(node) {
                return Err(ObjectError::new(path, ObjectErrorKind::NestedList).into());
            }
            Workload::new(kinds, node, &path, item)
        };
        let items: Vec<_> = items.iter().enumerate().map(item).collect();
        // Not every reader takes it for a list: to the API server it is an object.
        let object = (!type_meta.kind.ends_with(LIST))
            .then(|| Workload::new(kinds, document, "", type_meta));
        Self(object.into_iter().chain(items).collect())
    }
}

/// Whether kubectl takes an object for a list, whatever its kind: it creates each of the `items` then.
/// It refuses the object if one of them is something else than an object.
///
/// Source: `unstructuredJSONScheme.decode` of `k8s.io/apimachinery/pkg/apis/meta/v1/unstructured`, which
/// reads names in their own case alone.
fn has_items(object: &Node<'_>) -> bool {
    let is_object = |node: &Node<'_>| match node {
        Node::Text(_) | Node::List(_) => false,
        Node::Other(found) => *found == ValueType::Object,
        _ => true,
    };
    match object.field("items", "") {
        Ok(Node::List(items) | Node::Truncated(items)) => items.iter().all(is_object),
        Ok(Node::Unclear(kind)) => !matches!(kind, ObjectErrorKind::CaseVariant { .. }),
        _ => false,
    }
}

/// How the kind of a list ends.
const LIST: &str = "List";

/// The kind of a list's items, where they leave it out.
fn without_list(kind: &str) -> &str {
    kind.strip_suffix(LIST).unwrap_or(kind)
}

/// Each object in order, or why its images cannot all be known.
impl<'a> IntoIterator for Manifest<'a> {
    type Item = Result<Workload<'a>, UnreadableObject<'a>>;
    type IntoIter = std::vec::IntoIter<Self::Item>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

/// With the built-in kinds.
impl<'de: 'a, 'a> Deserialize<'de> for Manifest<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        WorkloadKinds::builtin().deserialize(deserializer)
    }
}

/// Reads a [`Manifest`] with these kinds.
impl<'de: 'a, 'a> DeserializeSeed<'de> for &'a WorkloadKinds {
    type Value = Manifest<'a>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Manifest<'a>, D::Error> {
        let budget = EntryBudget::new();
        let document = NodeSeed::document(self.shape(), &budget).deserialize(deserializer)?;
        Ok(Manifest::new(self, &document))
    }
}

/// An object's `apiVersion` and `kind`; empty where they are absent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct TypeMeta<'a> {
    pub(crate) api_version: Cow<'a, str>,
    pub(crate) kind: Cow<'a, str>,
}

impl<'a> TypeMeta<'a> {
    fn read(node: &Node<'a>, prefix: &str) -> Result<Self, ObjectError> {
        Ok(Self {
            api_version: text_field(node, "apiVersion", prefix)?.unwrap_or_default(),
            kind: text_field(node, "kind", prefix)?.unwrap_or_default(),
        })
    }

    /// With the kind of the list's items where the object says none itself.
    fn or(mut self, api_version: &Cow<'a, str>, kind: &str) -> Self {
        if self.kind.is_empty() && !kind.is_empty() {
            self.kind = Cow::Owned(kind.to_owned());
        }
        if self.api_version.is_empty() && !kind.is_empty() {
            self.api_version.clone_from(api_version);
        }
        self
    }

    /// The kind of a list's items: empty if they say it themselves, and `None` for what is no list.
    fn item_kind(&self, kinds: &WorkloadKinds) -> Option<&str> {
        let item = self.kind.strip_suffix(LIST)?;
        let is_list = item.is_empty() || kinds.has_images(&self.api_version, item);
        is_list.then_some(item)
    }

    pub(crate) fn as_kind(&self) -> ObjectKind<'_> {
        ObjectKind::new(&self.api_version, &self.kind)
    }
}

/// One object, as far as images have to do with it.
#[derive(Clone, Debug, Default)]
pub struct Workload<'a> {
    type_meta: TypeMeta<'a>,
    is_known: bool,
    name: Cow<'a, str>,
    namespace: Cow<'a, str>,
    /// `None` where they cannot be read.
    labels: Option<StringMap<'a>>,
    annotations: Option<StringMap<'a>>,
    pub(crate) images: Vec<WorkloadImage<'a>>,
    pub(crate) pod_specs: Vec<PodSpec<'a>>,
}

/// One image of an object.
#[derive(Clone, Debug)]
pub(crate) struct WorkloadImage<'a> {
    pub(crate) text: Cow<'a, str>,
    pub(crate) location: Location<'a>,
    /// Which of the object's pod specs it is in, if it is in one.
    pub(crate) pod_spec: Option<usize>,
    /// The pull policy that is written next to it.
    pub(crate) pull_policy: Option<Cow<'a, str>>,
}

/// What is known of a pod spec beside its images.
#[derive(Clone, Debug)]
#[cfg_attr(
    not(feature = "mutation"),
    expect(
        dead_code,
        reason = "read for its type alone; only mutations need the value"
    )
)]
pub(crate) struct PodSpec<'a> {
    pub(crate) path: Cow<'a, str>,
    /// The names of the secrets in `imagePullSecrets`; `None` if there is no such list.
    pub(crate) pull_secrets: Option<Vec<Cow<'a, str>>>,
}

impl<'a> Workload<'a> {
    /// The kind of the object.
    #[must_use]
    pub fn kind(&self) -> ObjectKind<'_> {
        self.type_meta.as_kind()
    }

    /// Whether images are looked for in objects of this kind.
    #[must_use]
    pub fn is_known(&self) -> bool {
        self.is_known
    }

    /// The object's name; `None` where the API server is yet to make one.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        (!self.name.is_empty()).then_some(&self.name)
    }

    /// The namespace that the object names.
    #[must_use]
    pub fn namespace(&self) -> Option<&str> {
        (!self.namespace.is_empty()).then_some(&self.namespace)
    }

    /// The labels of the pod that results: those next to the pod spec. The object's own where it
    /// has no pod spec, or several.
    ///
    /// A Deployment is thus judged by what its pods will be judged by.
    #[must_use]
    pub fn labels(&self) -> &StringMap<'a> {
        self.labels.as_ref().unwrap_or(StringMap::empty())
    }

    /// The annotations of the pod that results; see [`labels`](Self::labels).
    #[must_use]
    pub fn annotations(&self) -> &StringMap<'a> {
        self.annotations.as_ref().unwrap_or(StringMap::empty())
    }

    /// Each image as it is written, and its location: of each pod spec `containers`,
    /// `initContainers`, `ephemeralContainers` and `volumes`, then those at declared paths.
    #[must_use]
    pub fn images(&self) -> impl ExactSizeIterator<Item = (&str, &Location<'a>)> {
        self.images
            .iter()
            .map(|image| (&*image.text, &image.location))
    }

    /// The object as something to decide.
    ///
    /// ```
    /// use imagereview_core::{NoLatestTag, decide, workload::Manifest};
    ///
    /// let pod = r#"{"apiVersion": "v1", "kind": "Pod", "spec": {"containers": [{"image": "nginx"}]}}"#;
    /// let manifest: Manifest<'_> = serde_json::from_str(pod)?;
    /// for object in manifest {
    ///     assert!(!decide(&NoLatestTag, &object?.review()).is_allowed());
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn review(&self) -> Review<'_> {
        let mut review = self.review_without_images();
        for image in &self.images {
            let location = image.location.as_borrowed();
            if image.pod_spec.is_some() {
                let pull_policy = image.pull_policy.as_deref();
                review.add_image_of_container(&image.text, location, pull_policy);
            } else {
                review.add_image(&image.text, location);
            }
        }
        review
    }

    pub(crate) fn review_without_images(&self) -> Review<'_> {
        let mut review = Review::with_capacity(self.images.len());
        // Fields that are missing or cannot be read are left out.
        if !self.kind().name().is_empty() {
            review = review.with_kind(self.kind());
        }
        if let Some(labels) = &self.labels {
            review = review.with_labels(labels);
        }
        if let Some(annotations) = &self.annotations {
            review = review.with_annotations(annotations);
        }
        if let Some(namespace) = self.namespace() {
            review = review.with_namespace(namespace);
        }
        if let Some(name) = self.name() {
            review = review.with_name(name);
        }
        review
    }

    /// The object of a request that says its kind. It may leave its own kind out, but may not say
    /// another, if images have to do with either.
    pub(crate) fn requested(
        kinds: &'a WorkloadKinds,
        object: &Node<'a>,
        kind: ObjectKind<'_>,
    ) -> Result<Self, UnreadableObject<'a>> {
        let mut type_meta = TypeMeta::read(object, "")?;
        if type_meta.kind.is_empty() {
            type_meta = TypeMeta {
                api_version: Cow::Owned(kind.api_version().to_string()),
                kind: Cow::Owned(kind.name().to_owned()),
            };
        } else if type_meta.as_kind() != kind
            && !kind.name().is_empty()
            && (kinds.looks_into(type_meta.as_kind()) || kinds.looks_into(kind))
        {
            let error = ObjectErrorKind::OtherKind {
                found: type_meta.as_kind().to_string().into(),
                expected: kind.to_string().into(),
            };
            let readable = match Self::new(kinds, object, "", type_meta) {
                Ok(readable) => Box::new(readable),
                Err(unreadable) => unreadable.readable,
            };
            return Err(UnreadableObject {
                error: ObjectError::new("", error),
                readable,
            });
        }
        Self::new(kinds, object, "", type_meta)
    }

    fn new(
        kinds: &'a WorkloadKinds,
        object: &Node<'a>,
        prefix: &str,
        type_meta: TypeMeta<'a>,
    ) -> Result<Self, UnreadableObject<'a>> {
        if type_meta.kind.is_empty() {
            let path = join(prefix, "kind");
            return Err(ObjectError::new(path, ObjectErrorKind::Missing).into());
        }
        let mut workload = Self {
            is_known: kinds.has_images(&type_meta.api_version, &type_meta.kind),
            type_meta,
            ..Self::default()
        };
        let mut first = FirstError::default();
        workload.read(kinds, object, prefix, &mut first);
        // The `items` of what is no list were read as objects of their own.
        if workload.images.len() > ENTRIES_LIMIT {
            workload.images.truncate(ENTRIES_LIMIT);
            first.note(ObjectError::too_many(prefix));
        }
        match first.0 {
            // An object of a kind without images has no errors.
            Some(error) if workload.is_known => Err(UnreadableObject {
                error,
                readable: Box::new(workload),
            }),
            _ => Ok(workload),
        }
    }

    /// Reads what can be read.
    fn read(
        &mut self,
        kinds: &'a WorkloadKinds,
        object: &Node<'a>,
        prefix: &str,
        first: &mut FirstError,
    ) {
        let path = join(prefix, "metadata");
        let metadata = first.or_default(object.field("metadata", prefix));
        let name = first.or_default(text_field(metadata, "name", &path));
        self.name = name.unwrap_or_default();
        let namespace = first.or_default(text_field(metadata, "namespace", &path));
        self.namespace = namespace.unwrap_or_default();

        let type_meta = self.type_meta.clone();
        // A version and every version of a group may declare the same paths.
        let mut images: HashSet<&FieldPath> = HashSet::new();
        let mut pod_specs: Vec<&PodSpecPath> = Vec::new();
        let mut of_pod_specs: HashSet<&FieldPath> = HashSet::new();
        let is_declared_twice = kinds.of(&type_meta.api_version, &type_meta.kind).count() > 1;
        for kind in kinds.of(&type_meta.api_version, &type_meta.kind) {
            for at in &kind.pod_specs {
                if is_declared_twice && !of_pod_specs.insert(&at.path) {
                    continue;
                }
                pod_specs.push(at);
                let mut path = prefix.to_owned();
                let before = self.pod_specs.len();
                walk(
                    object,
                    at.path.steps(),
                    &mut path,
                    first,
                    &mut |node, path, first| {
                        self.read_pod_spec(node, path, at, first);
                    },
                );
                if kind.is_builtin && self.pod_specs.len() == before {
                    let path = join(prefix, &at.path.to_string());
                    first.note(ObjectError::new(path, ObjectErrorKind::Missing));
                }
            }
            for at in &kind.images {
                if is_declared_twice && !images.insert(at) {
                    continue;
                }
                let mut path = prefix.to_owned();
                walk(
                    object,
                    at.steps(),
                    &mut path,
                    first,
                    &mut |node, path, first| {
                        if let Some(text) = first.or_default(node.text(path)) {
                            self.images.push(WorkloadImage {
                                text,
                                location: Location::at(path.to_owned()),
                                pod_spec: None,
                                pull_policy: None,
                            });
                        }
                    },
                );
            }
        }
        let template = match pod_specs[..] {
            [only] => only.metadata.as_ref(),
            _ => None,
        };
        // Where there is no metadata, there are none of either.
        self.labels = Some(StringMap::default());
        self.annotations = Some(StringMap::default());
        match template {
            Some(template) => {
                let mut path = prefix.to_owned();
                walk(
                    object,
                    template.steps(),
                    &mut path,
                    first,
                    &mut |node, path, first| {
                        self.read_labels(node, path, first);
                    },
                );
            }
            None => self.read_labels(metadata, &path, first),
        }
    }

    fn read_labels(&mut self, metadata: &Node<'a>, path: &str, first: &mut FirstError) {
        let mut map = |name| {
            let map = metadata
                .field(name, path)
                .and_then(|map| map.annotations(join(path, name)));
            first.or_default(map.map(Some))
        };
        self.labels = map("labels");
        self.annotations = map("annotations");
    }

    fn read_pod_spec(
        &mut self,
        node: &Node<'a>,
        path: &str,
        at: &'a PodSpecPath,
        first: &mut FirstError,
    ) {
        // The paths are borrowed where the pod spec is at the one location that is declared, and
        // not in an item of a list.
        let fixed = at.text.as_deref().filter(|text| *text == path);
        let pod_spec = self.pod_specs.len();
        for (index, name) in IMAGE_LISTS.into_iter().enumerate() {
            let list: Cow<'a, str> = match &at.lists {
                Some(lists) if fixed.is_some() => Cow::Borrowed(&*lists[index]),
                _ => Cow::Owned(join(path, name)),
            };
            let kind = match name {
                "initContainers" => ContainerKind::Init,
                "ephemeralContainers" => ContainerKind::Ephemeral,
                "volumes" => ContainerKind::Volume,
                _ => ContainerKind::Regular,
            };
            let elements = first.or_default(node.field(name, path));
            for (index, element) in first.elements(elements, &list).iter().enumerate() {
                let read = read_element(element, &list, index, kind, first);
                if let Some(mut image) = first.or_default(read) {
                    image.pod_spec = Some(pod_spec);
                    self.images.push(image);
                }
            }
        }
        let path = match fixed {
            Some(fixed) => Cow::Borrowed(fixed),
            None => Cow::Owned(path.to_owned()),
        };
        let secrets = first.or_default(node.field("imagePullSecrets", &path));
        let pull_secrets = (!secrets.is_null()).then(|| {
            let list = join(&path, "imagePullSecrets");
            let secrets = first.elements(secrets, &list).iter().enumerate();
            let name = |(index, secret)| {
                let name = text_field(secret, "name", format_args!("{list}[{index}]"));
                first.or_default(name).unwrap_or_default()
            };
            secrets.map(name).collect()
        });
        self.pod_specs.push(PodSpec { path, pull_secrets });
    }
}

/// The image of a container, or of a volume if it has one.
fn read_element<'a>(
    element: &Node<'a>,
    list: &Cow<'a, str>,
    index: usize,
    kind: ContainerKind,
    first: &mut FirstError,
) -> Result<Option<WorkloadImage<'a>>, ObjectError> {
    let here = format_args!("{list}[{index}]");
    let (image, field, pull_policy);
    if kind == ContainerKind::Volume {
        let volume = element.field("image", here)?;
        if volume.is_null() {
            return Ok(None);
        }
        let here = format_args!("{here}.image");
        image = volume.field("reference", here)?;
        pull_policy = text_field(volume, "pullPolicy", here);
        field = "image.reference";
    } else {
        image = element.field("image", here)?;
        pull_policy = text_field(element, "imagePullPolicy", here);
        field = "image";
    }
    let image = image.text(format_args!("{here}.{field}"))?;
    let mut location = Location::new(list.clone(), index, field).with_kind(kind);
    if let Some(name) = first.or_default(text_field(element, "name", here)) {
        location = location.with_container(name);
    }
    Ok(Some(WorkloadImage {
        text: image.unwrap_or_default(),
        location,
        pod_spec: None,
        pull_policy: first.or_default(pull_policy),
    }))
}

/// What is wrong with an object, of which the rest is read all the same.
#[derive(Default)]
struct FirstError(Option<ObjectError>);

impl FirstError {
    fn note(&mut self, error: ObjectError) {
        self.0.get_or_insert(error);
    }

    /// What was read; nothing where it cannot be.
    fn or_default<T: Default>(&mut self, read: Result<T, ObjectError>) -> T {
        read.unwrap_or_else(|error| {
            self.note(error);
            T::default()
        })
    }

    /// The elements of a list, as far as there are any.
    fn elements<'n, 'a>(&mut self, list: &'n Node<'a>, path: &str) -> &'n [Node<'a>] {
        if let Node::Truncated(elements) = list {
            self.note(ObjectError::too_many(path));
            return elements;
        }
        self.or_default(list.elements(path))
    }
}

/// An object whose images cannot all be known: what is wrong with it, and what could be read.
///
/// The images that could be read are decided like those of any object, and the object itself is denied
/// by [`decide`](crate::decide) as the policy says.
///
/// ```
/// use imagereview_core::{NoLatestTag, decide, workload::Manifest};
///
/// let pod = r#"{"apiVersion": "v1", "kind": "Pod",
///              "spec": {"containers": [{"image": 5}, {"image": "nginx"}]}}"#;
/// let manifest: Manifest<'_> = serde_json::from_str(pod)?;
/// let object = manifest.into_iter().next().unwrap().unwrap_err();
/// assert_eq!(object.error().path(), "spec.containers[0].image");
/// let verdict = decide(&NoLatestTag, &object.review());
/// let rules: Vec<&str> = verdict.denials().map(|denial| denial.rule()).collect();
/// assert_eq!(rules, ["unreadable-object", "no-latest-tag"]);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct UnreadableObject<'a> {
    error: ObjectError,
    readable: Box<Workload<'a>>,
}

impl<'a> UnreadableObject<'a> {
    /// The first thing that is wrong with the object.
    #[must_use]
    pub fn error(&self) -> &ObjectError {
        &self.error
    }

    /// What could be read of the object: it has fewer images than the object, or labels and
    /// annotations are left out.
    #[must_use]
    pub fn readable(&self) -> &Workload<'a> {
        &self.readable
    }

    /// The object as something to decide: the images that could be read, and why there may be others.
    #[must_use]
    pub fn review(&self) -> Review<'_> {
        // No annotation of an unreadable object skips a rule or grants an exemption.
        let review = self.readable.review().without_labels_and_annotations();
        review.with_unreadable_object(&self.error)
    }
}

impl std::error::Error for UnreadableObject<'_> {}

impl fmt::Display for UnreadableObject<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(f)
    }
}

/// An object of which nothing can be read.
impl From<ObjectError> for UnreadableObject<'_> {
    fn from(error: ObjectError) -> Self {
        Self {
            error,
            readable: Box::default(),
        }
    }
}

/// The string in a field of the node at `path`.
fn text_field<'a>(
    node: &Node<'a>,
    name: &str,
    path: impl fmt::Display,
) -> Result<Option<Cow<'a, str>>, ObjectError> {
    let field = node.field(name, &path)?;
    field.text(Below(path, name))
}

/// [`join`], when an error needs it.
struct Below<'n, P>(P, &'n str);

impl<P: fmt::Display> fmt::Display for Below<'_, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&join(&self.0.to_string(), self.1))
    }
}

/// The path of a field of what is at `path`; an empty one is the object itself.
fn join(path: &str, field: &str) -> String {
    if path.is_empty() {
        field.to_owned()
    } else {
        format!("{path}.{field}")
    }
}

/// Visits everything that is there at a path.
fn walk<'a>(
    node: &Node<'a>,
    steps: &[Step],
    path: &mut String,
    first: &mut FirstError,
    visit: &mut dyn FnMut(&Node<'a>, &str, &mut FirstError),
) {
    if node.is_null() {
        return;
    }
    let Some((step, rest)) = steps.split_first() else {
        return visit(node, path, first);
    };
    let len = path.len();
    match step {
        Step::Field(name) => {
            let child = first.or_default(node.field(name, &*path));
            if len > 0 {
                path.push('.');
            }
            path.push_str(name);
            walk(child, rest, path, first, visit);
        }
        Step::Elements => {
            for (index, element) in first.elements(node, path).iter().enumerate() {
                path.push('[');
                path.push_str(&index.to_string());
                path.push(']');
                walk(element, rest, path, first, visit);
                path.truncate(len);
            }
        }
        // Only labels and annotations have such names, and they are read whole.
        Step::AnyField => {}
    }
    path.truncate(len);
}
