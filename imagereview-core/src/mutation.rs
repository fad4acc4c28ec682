//! Changes to an object before it is stored, as a JSON Patch.
//!
//! [`Mutations`] are applied to an [`AdmissionReview`] in place, and give the patch that does the
//! same to the object: the review that is decided afterwards is of what results.
//!
//! ```
//! use imagereview_core::{
//!     AdmissionResponse, AdmissionReview, Language, NoLatestTag, decide,
//!     facts::Facts,
//!     mutation::{MirrorRule, Mirrors, Mutations},
//! };
//!
//! let mirrors = Mirrors::new([MirrorRule::new("docker.io/**", "mirror.example.com/hub/**")?])?;
//! let mutations = Mutations::new().with_rewrite(mirrors);
//!
//! let mut request = AdmissionReview::from_slice(br#"{
//!     "apiVersion": "admission.k8s.io/v1",
//!     "kind": "AdmissionReview",
//!     "request": {"uid": "6f0d", "operation": "CREATE", "object": {
//!         "apiVersion": "v1", "kind": "Pod", "spec": {"containers": [{"image": "nginx:1.27"}]}}}
//! }"#)?;
//! let patch = mutations.apply(&mut request, &Facts::new());
//! assert_eq!(serde_json::to_string(&patch)?, concat!(
//!     r#"[{"op":"replace","path":"/spec/containers/0/image","#,
//!     r#""value":"mirror.example.com/hub/library/nginx:1.27"}]"#,
//! ));
//!
//! let verdict = decide(&NoLatestTag, &request.review());
//! let response = AdmissionResponse::new(&request, &verdict, Language::English).with_patch(&patch);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # What is left alone
//!
//! - A second pass changes nothing: the API server may ask again, and other webhooks come between.
//! - An image whose reference cannot be read, which the policy denies anyway.
//! - On `UPDATE`, images that [were in the object before](crate::Image::is_unchanged), and what is
//!   only for their sake: a new mirror does not restart what runs, and an update that has nothing to
//!   do with images is not refused for a field that may not change.
//! - Of a Pod that exists, all but images: nothing else that is changed here may change. Through its
//!   `ephemeralcontainers` subresource, all but the new ephemeral containers.
//! - Other subresources, `DELETE` and `CONNECT`.

mod full_name;
mod mirror;
mod pin_digest;
mod pull_policy;
mod pull_secret;
mod repositories;
mod rewrite;

use std::{
    borrow::Cow,
    collections::{BTreeSet, HashSet},
};

/// A JSON Patch (RFC 6902), of the crate `json-patch`.
pub use json_patch::Patch;
use json_patch::{
    AddOperation, PatchOperation, ReplaceOperation,
    jsonptr::{PointerBuf, Token},
};
use serde_json::{Value, json};

#[cfg(feature = "document")]
pub(crate) use self::pin_digest::Namespaces;
use self::repositories::RepositoriesIndex;
pub use self::{
    full_name::FullName,
    mirror::{MirrorRule, MirrorRuleError, Mirrors, UnreachableMirror},
    pin_digest::{PinDigest, PinRule},
    pull_policy::PullPolicyRule,
    pull_secret::PullSecretRule,
    repositories::{Repositories, RepositoriesError},
    rewrite::Rewrite,
};
use crate::{
    facts::{Facts, Need, Needs},
    object::{ContainerKind, Operation},
    reference::ImageRef,
    review::{FormerImages, Review},
    wire::AdmissionReview,
    workload::{PodSpec, Workload, WorkloadImage},
};

/// What is changed in objects before they are stored. See the [module](self).
#[derive(Debug, Default)]
pub struct Mutations {
    /// What comes before all rewrites, and is one list with those of others.
    mirrors: Option<Mirrors>,
    rewrites: Vec<Box<dyn Rewrite>>,
    /// What comes behind all rewrites.
    pins: Vec<PinRule>,
    pull_policies: Vec<PullPolicyRule>,
    pull_secrets: Vec<PullSecretRule>,
    /// The repositories of the rules for pull secrets, by their positions.
    secret_index: RepositoriesIndex,
}

/// What of an object may be changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mutable {
    /// Everything that mutations change.
    All,
    /// The images of containers.
    Images,
    /// The ephemeral containers.
    EphemeralContainers,
}

impl Mutable {
    /// What of a request's object may be changed; `None` for nothing.
    fn of(request: &AdmissionReview<'_>) -> Option<Self> {
        let is_update = match request.operation() {
            None | Some(Operation::Create) => false,
            Some(Operation::Update) => true,
            Some(_) => return None,
        };
        if is_mirror_pod(request) {
            return None;
        }
        let is_pod = (request.kind().group(), request.kind().name()) == ("", "Pod");
        match (request.sub_resource(), is_update && is_pod) {
            (None, true) => Some(Self::Images),
            (None, false) => Some(Self::All),
            (Some("ephemeralcontainers"), true) => Some(Self::EphemeralContainers),
            (Some(_), _) => None,
        }
    }

    /// Whether images of this kind of container may be changed.
    fn has_image(self, kind: ContainerKind) -> bool {
        self != Self::EphemeralContainers || kind == ContainerKind::Ephemeral
    }
}

/// Whether a node shows a static pod, which it runs from a file whatever is stored. A patch would change
/// nothing but what people see, and with a pull secret the API server refuses the pod.
///
/// Only a node's own request counts: anybody can write the annotation. Sources: `ConfigMirrorAnnotationKey`
/// in `k8s.io/kubernetes/pkg/kubelet/types`, and the admission plugin `NodeRestriction`.
fn is_mirror_pod(request: &AdmissionReview<'_>) -> bool {
    request.user().is_in("system:nodes")
        && request
            .review()
            .annotation("kubernetes.io/config.mirror")
            .is_some()
}

impl Mutations {
    /// The rules for pinning images.
    #[cfg(feature = "document")]
    pub(crate) fn pins(&self) -> &[PinRule] {
        &self.pins
    }

    /// None yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a step that gives images another reference, after those that were added before.
    #[must_use]
    pub fn with_rewrite(mut self, rewrite: impl Rewrite + 'static) -> Self {
        self.rewrites.push(Box::new(rewrite));
        self
    }

    /// Sets mirrors that come before all rewrites.
    #[cfg(feature = "document")]
    pub(crate) fn with_mirrors(mut self, mirrors: Mirrors) -> Self {
        self.mirrors = Some(mirrors);
        self
    }

    /// Adds a rule for `imagePullPolicy`; the first one that matches the rewritten image applies.
    #[must_use]
    pub fn with_pull_policy(mut self, rule: PullPolicyRule) -> Self {
        self.pull_policies.push(rule);
        self
    }

    /// Adds a rule for `imagePullSecrets`; all that match a rewritten image apply. It concerns pod
    /// specs only: a custom resource that declares bare images has no place for secrets.
    #[must_use]
    pub fn with_pull_secret(mut self, rule: PullSecretRule) -> Self {
        let position = self.pull_secrets.len();
        self.secret_index.insert(&rule.repositories, position);
        self.pull_secrets.push(rule);
        self
    }

    /// Adds a rule for pinning images to the digests that are known of them, behind all rewrites.
    #[must_use]
    pub fn with_pins(mut self, rule: PinRule) -> Self {
        self.pins.push(rule);
        self
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.mirrors.is_none()
            && self.rewrites.is_empty()
            && self.pins.is_empty()
            && self.pull_policies.is_empty()
            && self.pull_secrets.is_empty()
    }

    /// Changes the object of a request, and gives the patch that does the same to its JSON.
    #[must_use = "the API server changes nothing unless the response has the patch"]
    pub fn apply(&self, request: &mut AdmissionReview<'_>, facts: &Facts) -> Patch {
        All(&[self]).apply(request, facts)
    }

    /// Adds the facts that are needed to change the object of a request: the digests of what it pins.
    pub fn needs(&self, request: &AdmissionReview<'_>, needs: &mut Needs) {
        All(&[self]).needs(request, needs);
    }

    /// As [`needs`](Self::needs), of an object that is not stored yet.
    pub fn needs_of_object(&self, object: &Workload<'_>, needs: &mut Needs) {
        All(&[self]).needs_of_object(object, needs);
    }

    /// Changes an object that is not stored yet, and gives the patch that does the same to the
    /// document that it is in.
    ///
    /// ```
    /// use imagereview_core::{facts::Facts, mutation::{FullName, Mutations}, workload::Manifest};
    ///
    /// let list = r#"{"apiVersion": "v1", "kind": "List", "items": [
    ///     {"apiVersion": "v1", "kind": "Pod", "spec": {"containers": [{"image": "nginx:1.27"}]}}]}"#;
    /// let manifest: Manifest<'_> = serde_json::from_str(list)?;
    /// let mutations = Mutations::new().with_rewrite(FullName::new());
    /// for object in manifest {
    ///     let patch = mutations.apply_to_object(&mut object?, &Facts::new());
    ///     assert_eq!(patch.0[0].path().to_string(), "/items/0/spec/containers/0/image");
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use = "the document itself is not changed"]
    pub fn apply_to_object(&self, object: &mut Workload<'_>, facts: &Facts) -> Patch {
        All(&[self]).apply_to_object(object, facts)
    }
}

/// Mutations that are made as if they were one list. One after the other, they could undo each
/// other, or find more to do in a second pass.
pub(crate) struct All<'m>(pub(crate) &'m [&'m Mutations]);

impl All<'_> {
    /// As [`Mutations::apply`].
    pub(crate) fn apply(&self, request: &mut AdmissionReview<'_>, facts: &Facts) -> Patch {
        let mutable = Mutable::of(request);
        let pins = self.pins_of(|| request.review());
        match mutable.zip(request.object_and_former_images()) {
            None => Patch::default(),
            Some((mutable, (object, former))) => {
                self.mutate(object, &former, mutable, &pins, facts)
            }
        }
    }

    /// As [`Mutations::needs`].
    pub(crate) fn needs(&self, request: &AdmissionReview<'_>, needs: &mut Needs) {
        if let Some(mutable) = Mutable::of(request) {
            self.needs_of(&request.review(), mutable, needs);
        }
    }

    /// As [`Mutations::needs_of_object`].
    pub(crate) fn needs_of_object(&self, object: &Workload<'_>, needs: &mut Needs) {
        self.needs_of(&object.review(), Mutable::All, needs);
    }

    fn needs_of(&self, review: &Review<'_>, mutable: Mutable, needs: &mut Needs) {
        let pins = self.pins_of(|| review.clone());
        if pins.is_empty() {
            return;
        }
        for image in review.images() {
            if image.is_unchanged() || !mutable.has_image(image.location().kind()) {
                continue;
            }
            let written = image.reference().as_written();
            let text = self.rewritten(written, &[], &Facts::new());
            if let Ok(pulled) = ImageRef::parse(text.as_deref().unwrap_or(written)) {
                let pins = pins.iter().filter(|pin| pin.matches(&pulled));
                if let Some(stale_for) = pins.map(|pin| pin.stale_for()).min() {
                    needs.add_stale(&pulled, Need::Digest, stale_for);
                }
            }
        }
    }

    /// The rules for pinning that are about the object of a review.
    fn pins_of<'r>(&self, review: impl FnOnce() -> Review<'r>) -> Vec<&PinRule> {
        // Most policies pin nothing, and a review costs to make.
        if self.0.iter().all(|one| one.pins.is_empty()) {
            return Vec::new();
        }
        let review = review();
        let kind = review.kind().map_or("", |kind| kind.name());
        let pins = self.0.iter().flat_map(|one| &one.pins);
        pins.filter(|pin| pin.is_about(kind, review.namespace()))
            .collect()
    }

    /// As [`Mutations::apply_to_object`].
    pub(crate) fn apply_to_object(&self, object: &mut Workload<'_>, facts: &Facts) -> Patch {
        let pins = self.pins_of(|| object.review());
        self.mutate(object, &FormerImages::new([]), Mutable::All, &pins, facts)
    }

    fn mutate(
        &self,
        object: &mut Workload<'_>,
        former: &FormerImages<'_>,
        mutable: Mutable,
        pins: &[&PinRule],
        facts: &Facts,
    ) -> Patch {
        let mut patch = Vec::new();
        // The new images of each pod spec.
        let mut pulled: Vec<Vec<ImageRef<'_>>> = vec![Vec::new(); object.pod_specs.len()];
        let unchanged = former.find(&object.images().collect::<Vec<_>>());
        for (image, is_unchanged) in object.images.iter_mut().zip(unchanged) {
            if is_unchanged || !mutable.has_image(image.location.kind()) {
                continue;
            }
            if let Some(text) = self.rewritten(&image.text, pins, facts) {
                image.text = Cow::Owned(text);
                patch.push(replace(pointer(image), image.text.as_ref().into()));
            }
            if mutable != Mutable::Images {
                patch.extend(self.set_pull_policy(image));
            }
            let image: &WorkloadImage<'_> = image;
            if let (Some(pod_spec), Ok(reference)) = (image.pod_spec, ImageRef::parse(&image.text))
            {
                pulled[pod_spec].push(reference);
            }
        }
        if mutable == Mutable::All {
            for (pod_spec, images) in object.pod_specs.iter_mut().zip(&pulled) {
                self.add_pull_secrets(pod_spec, images, &mut patch);
            }
        }
        Patch(patch)
    }

    /// The reference that a written one becomes, if it is valid and becomes another.
    fn rewritten(&self, written: &str, pins: &[&PinRule], facts: &Facts) -> Option<String> {
        let mirrored = Mirrors::rewrite_by_first(
            self.0.iter().filter_map(|one| one.mirrors.as_ref()),
            &ImageRef::parse(written).ok()?,
        );
        let mirrored = mirrored.filter(|next| ImageRef::parse(next).is_ok());
        let mut text = mirrored.map_or(Cow::Borrowed(written), Cow::Owned);
        for rewrite in self.0.iter().flat_map(|one| &one.rewrites) {
            let next = rewrite.rewrite(&ImageRef::parse(&text).ok()?, facts);
            if let Some(next) = next.filter(|next| ImageRef::parse(next).is_ok()) {
                text = Cow::Owned(next);
            }
        }
        if let Some(pinned) = pinned(&ImageRef::parse(&text).ok()?, pins, facts) {
            text = Cow::Owned(pinned);
        }
        (text != written).then(|| text.into_owned())
    }

    fn set_pull_policy(&self, image: &mut WorkloadImage<'_>) -> Option<PatchOperation> {
        image.pod_spec?;
        let reference = ImageRef::parse(&image.text).ok()?;
        let mut rules = self.0.iter().flat_map(|one| &one.pull_policies);
        let policy = rules.find(|rule| rule.matches(&reference))?.policy.as_str();
        if image.pull_policy.as_deref() == Some(policy) {
            return None;
        }
        let field = match image.location.kind() {
            ContainerKind::Volume => "pullPolicy",
            _ => "imagePullPolicy",
        };
        let mut path = pointer(image);
        path.pop_back();
        path.push_back(field);
        let is_written = image.pull_policy.is_some();
        image.pull_policy = Some(Cow::Borrowed(policy));
        Some(if is_written {
            replace(path, policy.into())
        } else {
            add(path, policy.into())
        })
    }

    fn add_pull_secrets(
        &self,
        pod_spec: &mut PodSpec<'_>,
        images: &[ImageRef<'_>],
        patch: &mut Vec<PatchOperation>,
    ) {
        let there: HashSet<String> = pod_spec
            .pull_secrets
            .iter()
            .flatten()
            .map(ToString::to_string)
            .collect();
        let mut added = HashSet::new();
        let mut missing: Vec<&str> = Vec::new();
        for one in self.0 {
            let needed = images
                .iter()
                .flat_map(|image| one.secret_index.matching(image));
            let needed: BTreeSet<usize> = needed.collect();
            for position in needed {
                let secret = &*one.pull_secrets[position].secret;
                if !there.contains(secret) && added.insert(secret) {
                    missing.push(secret);
                }
            }
        }
        if missing.is_empty() {
            return;
        }
        let list = format!("{}.imagePullSecrets", pod_spec.path);
        let references = missing.iter().map(|name| json!({ "name": name }));
        if pod_spec.pull_secrets.is_some() {
            let end = || {
                let mut end = pointer_of(&list);
                end.push_back("-");
                end
            };
            patch.extend(references.map(|reference| add(end(), reference)));
        } else {
            patch.push(add(pointer_of(&list), references.collect()));
        }
        let missing = missing.into_iter().map(|name| Cow::Owned(name.to_owned()));
        pod_spec
            .pull_secrets
            .get_or_insert_default()
            .extend(missing);
    }
}

/// The image with the digest behind it, if a rule pins it.
pub(crate) fn pinned(image: &ImageRef<'_>, pins: &[&PinRule], facts: &Facts) -> Option<String> {
    let is_pinned = pins.iter().any(|pin| pin.matches(image));
    is_pinned
        .then(|| PinDigest::new().rewrite(image, facts))
        .flatten()
}

fn pointer(image: &WorkloadImage<'_>) -> PointerBuf {
    pointer_of(&image.location.path().to_string())
}

/// The JSON Pointer of a JSON path, whose names have no dots or brackets in them: see
/// [`FieldPath`](crate::workload::FieldPath).
fn pointer_of(path: &str) -> PointerBuf {
    let tokens = path.split(['.', '[']);
    PointerBuf::from_tokens(tokens.map(|token| Token::new(token.trim_end_matches(']'))))
}

fn add(path: PointerBuf, value: Value) -> PatchOperation {
    PatchOperation::Add(AddOperation { path, value })
}

fn replace(path: PointerBuf, value: Value) -> PatchOperation {
    PatchOperation::Replace(ReplaceOperation { path, value })
}
