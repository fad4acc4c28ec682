//! `AdmissionReview` of `admission.k8s.io/v1`: what an API server sends to a validating or mutating
//! webhook, and reads back.
//!
//! Source: `k8s.io/api/admission/v1`. A request carries the whole object; of that, only what images
//! have to do with is kept (see [`workload`](crate::workload)). Of the rest, what a policy can be
//! scoped by: user, operation, kind and namespace.
//!
//! # What is decided
//!
//! - `CREATE` and `UPDATE`: every image of the object. An operation that is not known is treated as
//!   `CREATE`.
//! - `DELETE` and `CONNECT` make no image run: the review has no images.
//! - On `UPDATE`, an image that was [at the same location](Review::with_former_images) in `oldObject` is
//!   [unchanged](crate::Image::is_unchanged). For the `ephemeralcontainers` subresource, whose object
//!   is the whole Pod, the new ephemeral containers alone are thus judged in full.
//! - An object of a kind that is neither built in nor declared has no images.
//! - An object whose images cannot be known (see [`ObjectError`]), or of another kind than the request
//!   says, or of a user in more groups than [`ENTRIES_LIMIT`](crate::limits::ENTRIES_LIMIT), is denied by
//!   [`decide`](crate::decide): the request itself was read, so the response is a denial. Only bytes that
//!   are no `AdmissionReview` are a [`DecodeError`].
//!
//! # Why not `kube-core`'s types
//!
//! They own the whole object. Reading a Pod's request of 3 to 5 KiB took them 2.4 to 3.1 times as
//! long as it takes ours with the Pod of `k8s-openapi`, and 3.0 to 4.9 times with `DynamicObject`,
//! which custom resources need (`cargo bench -p imagereview-benches --bench admission`). Of
//! two fields of one name in an object they take the last, where ours see that there are two. To pass
//! over the same bytes with `serde_json` takes a third to a half of what ours take.

use std::{borrow::Cow, sync::LazyLock};

use serde::{
    Deserialize, Deserializer,
    de::{DeserializeSeed as _, Error as _, MapAccess},
};

use crate::{
    json::{self, DecodeError, Fields, List, Object, Text, fields},
    object::{ObjectError, ObjectErrorKind, ObjectKind, Operation, User},
    review::{Location, Review},
    workload::{
        UnreadableObject, Workload, WorkloadKinds,
        node::{EntryBudget, Node, NodeSeed},
    },
};

/// The `apiVersion` of an `AdmissionReview`.
pub const API_VERSION: &str = "admission.k8s.io/v1";

/// The `kind` of an `AdmissionReview`.
pub const KIND: &str = "AdmissionReview";

/// Whether a user is in a group cannot be said where not all groups were read.
static TOO_MANY_GROUPS: LazyLock<ObjectError> =
    LazyLock::new(|| ObjectError::too_many("request.userInfo.groups"));

/// The request to a validating or mutating webhook: may this be done to this object?
///
/// It borrows its strings from the JSON that it is read from. Unknown fields are skipped,
/// `null` is the same as absent, and what two readers could read differently is an error.
///
/// ```
/// use imagereview_core::{AdmissionReview, NoLatestTag, Operation, decide};
///
/// let request = AdmissionReview::from_slice(br#"{
///     "apiVersion": "admission.k8s.io/v1",
///     "kind": "AdmissionReview",
///     "request": {
///         "uid": "6f0d",
///         "kind": {"group": "apps", "version": "v1", "kind": "Deployment"},
///         "namespace": "shop",
///         "operation": "CREATE",
///         "userInfo": {"username": "ana", "groups": ["developers"]},
///         "object": {
///             "apiVersion": "apps/v1",
///             "kind": "Deployment",
///             "spec": {"template": {"spec": {"initContainers": [{"name": "migrate", "image": "app"}]}}}
///         }
///     }
/// }"#)?;
/// let review = request.review();
/// assert_eq!(review.operation(), Some(Operation::Create));
/// assert!(review.user().unwrap().is_in("developers"));
///
/// let verdict = decide(&NoLatestTag, &review);
/// let location = verdict.violations()[0].location();
/// assert_eq!(location.to_string(), r#"container "migrate", spec.template.spec.initContainers[0].image"#);
/// # Ok::<(), imagereview_core::DecodeError>(())
/// ```
#[derive(Clone, Debug)]
pub struct AdmissionReview<'a> {
    uid: Cow<'a, str>,
    kind: RequestKind<'a>,
    sub_resource: Cow<'a, str>,
    name: Cow<'a, str>,
    namespace: Cow<'a, str>,
    operation: Option<Operation>,
    user: UserInfo<'a>,
    is_dry_run: bool,
    object: Option<Result<Workload<'a>, UnreadableObject<'a>>>,
    old_object: Option<Result<Workload<'a>, UnreadableObject<'a>>>,
    /// Whether the two are the same in all that is read of them.
    is_unchanged_object: bool,
}

impl<'a> AdmissionReview<'a> {
    /// Reads one `AdmissionReview` from JSON, with the built-in kinds of object.
    ///
    /// # Errors
    ///
    /// A [`DecodeError`] where the bytes are not one JSON document, are of another `kind` or
    /// `apiVersion`, or have no `request`.
    pub fn from_slice(bytes: &'a [u8]) -> Result<Self, DecodeError> {
        Self::from_slice_with(bytes, WorkloadKinds::builtin())
    }

    /// Reads one `AdmissionReview` from JSON, with these kinds of object.
    ///
    /// # Errors
    ///
    /// As [`from_slice`](Self::from_slice).
    pub fn from_slice_with(bytes: &'a [u8], kinds: &'a WorkloadKinds) -> Result<Self, DecodeError> {
        let seed = || Object(Document::new(kinds));
        let Object(document) = json::from_slice_seed(bytes, seed)?;
        document.into_review()
    }

    /// Reads one `AdmissionReview` from whatever serde reads, with these kinds of object.
    ///
    /// # Errors
    ///
    /// The deserializer's own, or one that says what [`from_slice`](Self::from_slice) would.
    pub fn deserialize_with<'de: 'a, D: Deserializer<'de>>(
        deserializer: D,
        kinds: &'a WorkloadKinds,
    ) -> Result<Self, D::Error> {
        let Object(document) = Object(Document::new(kinds)).deserialize(deserializer)?;
        document.into_review().map_err(D::Error::custom)
    }

    /// The identifier of the request, which the response repeats.
    #[must_use]
    pub fn uid(&self) -> &str {
        &self.uid
    }

    /// What is done to the object; `None` for an operation that is not known.
    #[must_use]
    pub fn operation(&self) -> Option<Operation> {
        self.operation
    }

    /// The part of the object that is dealt with, `status` for example; `None` for the object
    /// itself.
    #[must_use]
    pub fn sub_resource(&self) -> Option<&str> {
        (!self.sub_resource.is_empty()).then_some(&self.sub_resource)
    }

    /// The kind of the object: what the request says, or the object where that says nothing.
    #[must_use]
    pub fn kind(&self) -> ObjectKind<'_> {
        match &self.object {
            Some(Ok(object)) if self.kind.name.is_empty() => object.kind(),
            _ => self.kind.as_kind(),
        }
    }

    /// The user of the request.
    #[must_use]
    pub fn user(&self) -> &User<'a> {
        &self.user.user
    }

    /// Whether nothing will be stored, whatever the response.
    #[must_use]
    pub fn is_dry_run(&self) -> bool {
        self.is_dry_run
    }

    /// The object; `None` where there is none, as for `DELETE`.
    ///
    /// # Errors
    ///
    /// An [`ObjectError`] where its images cannot be known.
    pub fn object(&self) -> Option<Result<&Workload<'a>, &ObjectError>> {
        let object = self.object.as_ref()?;
        Some(object.as_ref().map_err(UnreadableObject::error))
    }

    /// The review to decide; see the [module](self).
    #[must_use]
    pub fn review(&self) -> Review<'_> {
        let mut review = match &self.object {
            Some(Ok(object)) if self.can_run_images() => {
                let former = former_images(self.operation, self.old_object.as_ref());
                let review = object.review().with_former_images(former);
                if self.user.has_too_many_groups && object.is_known() {
                    review.with_unreadable_object(&TOO_MANY_GROUPS)
                } else {
                    review
                }
            }
            Some(Ok(object)) => object.review_without_images(),
            Some(Err(object)) if self.can_run_images() => {
                let review = object.review();
                let review = if self.is_unchanged_object {
                    review.with_former_images(object.readable().images())
                } else {
                    let old = self.old_object.as_ref();
                    review.with_former_images(former_images(self.operation, old))
                };
                review.with_unchanged_object(self.is_unchanged_object)
            }
            _ => Review::new(),
        }
        .with_dry_run(self.is_dry_run);
        // An empty value is none.
        if !self.kind().name().is_empty() {
            review = review.with_kind(self.kind());
        }
        if !self.user().name().is_empty() && !self.user.has_too_many_groups {
            review = review.with_user(self.user());
        }
        if let Some(operation) = self.operation {
            review = review.with_operation(operation);
        }
        // The request's namespace is the one that counts; the object may leave it out.
        if !self.namespace.is_empty() {
            review = review.with_namespace(&self.namespace);
        }
        if !self.name.is_empty() {
            review = review.with_name(&self.name);
        }
        review
    }

    /// The object, and the images that were in it before.
    #[cfg(feature = "mutation")]
    pub(crate) fn object_and_former_images(
        &mut self,
    ) -> Option<(&mut Workload<'a>, crate::review::FormerImages<'_>)> {
        let former = crate::review::FormerImages::new(former_images(
            self.operation,
            self.old_object.as_ref(),
        ));
        let object = self.object.as_mut()?.as_mut().ok()?;
        Some((object, former))
    }

    fn can_run_images(&self) -> bool {
        self.operation.is_none_or(Operation::can_run_images)
    }
}

/// The images that were in the object before this update, and where. None for other operations, and none
/// if the old object cannot be read.
fn former_images<'o>(
    operation: Option<Operation>,
    old_object: Option<&'o Result<Workload<'o>, UnreadableObject<'o>>>,
) -> impl Iterator<Item = (&'o str, &'o Location<'o>)> {
    let old = old_object.filter(|_| operation == Some(Operation::Update));
    let old = old.and_then(|old| old.as_ref().ok());
    old.into_iter().flat_map(Workload::images)
}

/// Reads any document, which must be an `AdmissionReview`; with the built-in kinds of
/// object.
impl<'de: 'a, 'a> Deserialize<'de> for AdmissionReview<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::deserialize_with(deserializer, WorkloadKinds::builtin())
    }
}

/// The document before its kind is known.
struct Document<'a> {
    api_version: Option<Cow<'a, str>>,
    kind: Option<Cow<'a, str>>,
    kinds: &'a WorkloadKinds,
    request: Option<Request<'a>>,
}

impl<'a> Document<'a> {
    fn new(kinds: &'a WorkloadKinds) -> Self {
        Self {
            api_version: None,
            kind: None,
            kinds,
            request: None,
        }
    }

    fn into_review(self) -> Result<AdmissionReview<'a>, DecodeError> {
        json::require_type(self.kind, KIND, self.api_version, API_VERSION)?;
        let request = self.request.ok_or(DecodeError::MissingRequest)?;
        Ok(request.into_review())
    }
}

impl<'de: 'a, 'a> Fields<'de> for Document<'a> {
    fields! { |self, map|
        "apiVersion" => self.api_version = Some(map.next_value::<Text<'de>>()?.0),
        "kind" => self.kind = Some(map.next_value::<Text<'de>>()?.0),
        "request" => {
            let Object(request) = map.next_value_seed(Object(Request::new(self.kinds)))?;
            self.request = request.is_there.then_some(request);
        },
    }
}

/// The request as it is read: the objects' kind may be said after them.
struct Request<'a> {
    kinds: &'a WorkloadKinds,
    /// Whether it is an object, and not `null`.
    is_there: bool,
    uid: Cow<'a, str>,
    kind: RequestKind<'a>,
    sub_resource: Cow<'a, str>,
    name: Cow<'a, str>,
    namespace: Cow<'a, str>,
    operation: Option<Operation>,
    user: UserInfo<'a>,
    is_dry_run: bool,
    object: Node<'a>,
    old_object: Node<'a>,
}

impl<'a> Request<'a> {
    fn new(kinds: &'a WorkloadKinds) -> Self {
        Self {
            kinds,
            is_there: false,
            uid: Cow::default(),
            kind: RequestKind::default(),
            sub_resource: Cow::default(),
            name: Cow::default(),
            namespace: Cow::default(),
            operation: None,
            user: UserInfo::default(),
            is_dry_run: false,
            object: Node::Null,
            old_object: Node::Null,
        }
    }

    fn read_object<'de: 'a, A: MapAccess<'de>>(&self, map: &mut A) -> Result<Node<'a>, A::Error> {
        map.next_value_seed(NodeSeed::object(self.kinds.shape(), &EntryBudget::new()))
    }

    /// The error that an object is not there, where one has to be.
    fn missing_object(&self) -> Option<ObjectError> {
        let kind = self.kind.as_kind();
        let has_images = kind.name().is_empty() || self.kinds.looks_into(kind);
        let is_needed = self.operation.is_none_or(Operation::can_run_images) && has_images;
        is_needed.then(|| ObjectError::new("", ObjectErrorKind::Missing))
    }

    fn into_review(self) -> AdmissionReview<'a> {
        let object = |node: &Node<'a>| {
            let expected = self.kind.as_kind();
            (!node.is_null()).then(|| Workload::requested(self.kinds, node, expected))
        };
        let is_update = self.operation == Some(Operation::Update);
        AdmissionReview {
            object: object(&self.object)
                .or_else(|| self.missing_object().map(|error| Err(error.into()))),
            old_object: object(&self.old_object),
            // Two missing objects may be different.
            is_unchanged_object: is_update
                && !self.object.is_null()
                && self.object.is_same(&self.old_object),
            uid: self.uid,
            kind: self.kind,
            sub_resource: self.sub_resource,
            name: self.name,
            namespace: self.namespace,
            operation: self.operation,
            user: self.user,
            is_dry_run: self.is_dry_run,
        }
    }
}

impl<'de: 'a, 'a> Fields<'de> for Request<'a> {
    fields! { |self, map|
        each => self.is_there = true,
        "uid" => Text(self.uid) = map.next_value()?,
        "kind" => Object(self.kind) = map.next_value()?,
        "subResource" => Text(self.sub_resource) = map.next_value()?,
        "name" => Text(self.name) = map.next_value()?,
        "namespace" => Text(self.namespace) = map.next_value()?,
        "operation" => {
            let Text(name) = map.next_value()?;
            self.operation = Operation::from_wire(&name);
        },
        "userInfo" => Object(self.user) = map.next_value()?,
        "object" => self.object = self.read_object(map)?,
        "oldObject" => self.old_object = self.read_object(map)?,
        "dryRun" => self.is_dry_run = map.next_value::<Option<bool>>()?.unwrap_or_default(),
    }
}

/// The kind that the request says.
///
/// Source: `GroupVersionKind` of `k8s.io/apimachinery/pkg/apis/meta/v1`.
#[derive(Clone, Debug, Default)]
struct RequestKind<'a> {
    group: Cow<'a, str>,
    version: Cow<'a, str>,
    name: Cow<'a, str>,
}

impl RequestKind<'_> {
    fn as_kind(&self) -> ObjectKind<'_> {
        ObjectKind::from_parts(&self.group, &self.version, &self.name)
    }
}

impl<'de> Fields<'de> for RequestKind<'de> {
    fields! { |self, map|
        "group" => Text(self.group) = map.next_value()?,
        "version" => Text(self.version) = map.next_value()?,
        "kind" => Text(self.name) = map.next_value()?,
    }
}

/// The user of the request, as far as it is read.
///
/// Source: `UserInfo` of `k8s.io/api/authentication/v1`.
#[derive(Clone, Debug, Default)]
struct UserInfo<'a> {
    user: User<'a>,
    /// Whether there are more groups than are read.
    has_too_many_groups: bool,
}

impl<'de> Fields<'de> for UserInfo<'de> {
    fields! { |self, map|
        "username" => {
            let Text(name) = map.next_value()?;
            self.user.set_name(name);
        },
        "groups" => {
            let groups = map.next_value::<List<Text<'de>>>()?;
            self.has_too_many_groups = groups.is_truncated;
            let groups = groups.elements.into_iter();
            self.user.set_groups(groups.map(|Text(group)| group).collect());
        },
    }
}
