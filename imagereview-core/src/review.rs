//! One request to decide.

mod former_images;
mod image;
mod location;
mod string_map;

use std::time::SystemTime;

pub(crate) use self::{former_images::FormerImages, string_map::FewAnnotations};
pub use self::{
    image::{Image, UnreadableImage},
    location::Location,
    string_map::StringMap,
};
use crate::{
    facts::Facts,
    limits::VIOLATIONS_LIMIT,
    object::{ObjectError, ObjectKind, Operation, User},
    reference::ImageRef,
};

/// One request to decide: the images, the location of each, and what is known of their pod.
///
/// It is made from a wire type ([`ImageReview::review`](crate::ImageReview::review)), or by
/// hand:
///
/// ```
/// use imagereview_core::{ContainerKind, Location, Review};
///
/// let location = Location::new("spec.containers", 0, "image")
///     .with_kind(ContainerKind::Regular)
///     .with_container("web");
/// let review = Review::new()
///     .with_namespace("shop")
///     .with_image("nginx:1.27", location)
///     .with_image("not a reference", Location::new("spec.containers", 1, "image"));
///
/// assert_eq!(review.images().len(), 1);
/// assert_eq!(review.unreadable_images().len(), 1);
/// ```
///
/// Images whose reference cannot be read are kept apart: a [`Policy`](crate::Policy) sees only
/// references that are valid, and [`decide`](crate::decide) denies the others, so no policy can
/// forget them.
#[derive(Clone, Debug, Default)]
pub struct Review<'a> {
    images: Vec<Image<'a>>,
    unreadable: Vec<UnreadableImage<'a>>,
    namespace: Option<&'a str>,
    name: Option<&'a str>,
    labels: Option<&'a StringMap<'a>>,
    annotations: Option<&'a StringMap<'a>>,
    namespace_labels: Option<&'a StringMap<'a>>,
    time: Option<SystemTime>,
    kind: Option<ObjectKind<'a>>,
    operation: Option<Operation>,
    user: Option<&'a User<'a>>,
    facts: Option<&'a Facts>,
    is_dry_run: bool,
    unreadable_object: Option<&'a ObjectError>,
    is_unchanged_object: bool,
    /// `None` for the usual one.
    violations_limit: Option<usize>,
}

impl<'a> Review<'a> {
    /// A review of no images.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A review of no images yet, with capacity for this many.
    #[must_use]
    pub fn with_capacity(images: usize) -> Self {
        Self {
            images: Vec::with_capacity(images),
            ..Self::default()
        }
    }

    /// Adds an image as it was written, and its location.
    #[must_use]
    pub fn with_image(mut self, text: &'a str, location: Location<'a>) -> Self {
        self.add_image(text, location);
        self
    }

    /// Adds an image as it was written, and its location.
    pub fn add_image(&mut self, text: &'a str, location: Location<'a>) {
        let position = self.images.len() + self.unreadable.len();
        match ImageRef::parse(text) {
            Ok(reference) => self.images.push(Image {
                reference,
                location,
                position,
                is_unchanged: false,
                pull_policy: None,
            }),
            Err(error) => self.unreadable.push(UnreadableImage {
                text,
                error,
                location,
                position,
                is_unchanged: false,
            }),
        }
    }

    /// Adds the image of a container, or of a volume, which may say [when it is pulled](Image::pull_policy).
    pub fn add_image_of_container(
        &mut self,
        text: &'a str,
        location: Location<'a>,
        pull_policy: Option<&'a str>,
    ) {
        let before = self.images.len();
        self.add_image(text, location);
        if let Some(image) = self.images.get_mut(before) {
            image.pull_policy = Some(pull_policy.unwrap_or_default());
        }
    }

    /// Sets the images that were in the object before the update, and their locations. Of those that
    /// were added so far, the ones that are still there are [unchanged](Image::is_unchanged): the same
    /// text for the same kind of container, of the same name, in the same list, wherever in it. As many
    /// are unchanged as there were: where a list has one more of them, one is new.
    ///
    /// Another location makes it another image. An image that was admitted to be mounted is not admitted to
    /// run, and a container that is added is new, whatever its image.
    ///
    /// ```
    /// use imagereview_core::{NoLatestTag, Location, Review, decide};
    ///
    /// let web = Location::new("spec.containers", 0, "image").with_container("web");
    /// let log = Location::new("spec.containers", 1, "image").with_container("log");
    /// let review = Review::new()
    ///     .with_image("nginx", web.clone())
    ///     .with_image("nginx", log)
    ///     .with_former_images([("nginx", &web)]);
    /// let denied: Vec<String> = decide(&NoLatestTag, &review)
    ///     .denials()
    ///     .map(|denial| denial.location().path().to_string())
    ///     .collect();
    /// assert_eq!(denied, ["spec.containers[1].image"]);
    /// ```
    #[must_use]
    pub fn with_former_images<'i>(
        mut self,
        images: impl IntoIterator<Item = (&'i str, &'i Location<'i>)>,
    ) -> Self {
        let former = FormerImages::new(images);
        let readable = self.images.iter();
        let readable = readable.map(|image| (image.reference.as_written(), &image.location));
        let unreadable = self
            .unreadable
            .iter()
            .map(|image| (image.text, &image.location));
        let images: Vec<_> = readable.chain(unreadable).collect();
        let mut unchanged = former.find(&images).into_iter();
        for (image, is_unchanged) in self.images.iter_mut().zip(&mut unchanged) {
            image.is_unchanged = is_unchanged;
        }
        for (image, is_unchanged) in self.unreadable.iter_mut().zip(unchanged) {
            image.is_unchanged = is_unchanged;
        }
        self
    }

    /// Sets the namespace of the pod.
    #[must_use]
    pub fn with_namespace(mut self, namespace: &'a str) -> Self {
        self.namespace = Some(namespace);
        self
    }

    /// Sets the object's name.
    #[must_use]
    pub fn with_name(mut self, name: &'a str) -> Self {
        self.name = Some(name);
        self
    }

    /// Sets the kind of the object.
    #[must_use]
    pub fn with_kind(mut self, kind: ObjectKind<'a>) -> Self {
        self.kind = Some(kind);
        self
    }

    /// Sets the labels of the pod.
    #[must_use]
    pub fn with_labels(mut self, labels: &'a StringMap<'a>) -> Self {
        self.labels = Some(labels);
        self
    }

    /// Sets the labels of the namespace. No request has them, so whoever knows them says so.
    #[must_use]
    pub fn with_namespace_labels(mut self, labels: &'a StringMap<'a>) -> Self {
        self.namespace_labels = Some(labels);
        self
    }

    /// Sets what is done to the object.
    #[must_use]
    pub fn with_operation(mut self, operation: Operation) -> Self {
        self.operation = Some(operation);
        self
    }

    /// Sets the user of the request.
    #[must_use]
    pub fn with_user(mut self, user: &'a User<'a>) -> Self {
        self.user = Some(user);
        self
    }

    /// Sets whether nothing will be stored.
    #[must_use]
    pub fn with_dry_run(mut self, is_dry_run: bool) -> Self {
        self.is_dry_run = is_dry_run;
        self
    }

    /// Says that the object's images cannot be known, and why: [`decide`](crate::decide) denies it.
    #[must_use]
    pub fn with_unreadable_object(mut self, error: &'a ObjectError) -> Self {
        self.unreadable_object = Some(error);
        self
    }

    /// Sets whether all that images have to do with was in the object before, as it is now.
    pub(crate) fn with_unchanged_object(mut self, is_unchanged: bool) -> Self {
        self.is_unchanged_object = is_unchanged;
        self
    }

    /// The same review without labels and annotations, as if the request did not have them.
    pub(crate) fn without_labels_and_annotations(mut self) -> Self {
        self.labels = None;
        self.annotations = None;
        self
    }

    /// Sets the annotations that came with the request.
    #[must_use]
    pub fn with_annotations(mut self, annotations: &'a StringMap<'a>) -> Self {
        self.annotations = Some(annotations);
        self
    }

    /// Sets when the review is decided. This crate has no clock; without a time no exemption that
    /// expires is granted.
    #[must_use]
    pub fn with_time(mut self, now: SystemTime) -> Self {
        self.time = Some(now);
        self
    }

    /// Has a verdict keep more violations than [`VIOLATIONS_LIMIT`], for a program that reports all of
    /// them and has the memory for that.
    ///
    /// ```
    /// use imagereview_core::{NoLatestTag, Review, decide, limits::VIOLATIONS_LIMIT};
    ///
    /// let review: Review<'_> = vec!["nginx"; VIOLATIONS_LIMIT + 1].into_iter().collect();
    /// assert_eq!(decide(&NoLatestTag, &review).violations().len(), VIOLATIONS_LIMIT);
    /// let verdict = decide(&NoLatestTag, &review.with_violations_limit(10_000));
    /// assert_eq!(verdict.violations().len(), VIOLATIONS_LIMIT + 1);
    /// ```
    #[must_use]
    pub fn with_violations_limit(mut self, limit: usize) -> Self {
        self.violations_limit = Some(limit);
        self
    }

    pub(crate) fn violations_limit(&self) -> usize {
        self.violations_limit.unwrap_or(VIOLATIONS_LIMIT)
    }

    /// Sets what is known of the images. Of what no policy [needs](crate::Policy::needs), nothing has to
    /// be known. Without facts, each that a rule asks for is unavailable.
    ///
    /// ```
    /// use imagereview_core::{AllowAll, Policy, Review, decide, facts::{Facts, Needs}};
    ///
    /// let review: Review<'_> = ["nginx:1.27"].into_iter().collect();
    /// let mut needs = Needs::new();
    /// AllowAll.needs(&review, &mut needs);
    /// assert!(needs.is_empty());
    /// let facts = Facts::new();
    /// assert!(decide(&AllowAll, &review.with_facts(&facts)).is_allowed());
    /// ```
    #[must_use]
    pub fn with_facts(mut self, facts: &'a Facts) -> Self {
        self.facts = Some(facts);
        self
    }

    /// What is known of the images, if anything was asked.
    #[must_use]
    pub fn facts(&self) -> Option<&'a Facts> {
        self.facts
    }

    /// The images with a valid reference, in the order of the request.
    #[must_use]
    pub fn images(&self) -> &[Image<'a>] {
        &self.images
    }

    /// The images whose reference cannot be read, in the order of the request.
    #[must_use]
    pub fn unreadable_images(&self) -> &[UnreadableImage<'a>] {
        &self.unreadable
    }

    /// The namespace of the pod; `None` where the request names none.
    #[must_use]
    pub fn namespace(&self) -> Option<&'a str> {
        self.namespace
    }

    /// The object's name; `None` if the request has none, or the API server has not made one yet.
    #[must_use]
    pub fn name(&self) -> Option<&'a str> {
        self.name
    }

    /// The kind of the object; `None` if the request does not have it: an `ImageReview` is always
    /// about a Pod.
    #[must_use]
    pub fn kind(&self) -> Option<ObjectKind<'a>> {
        self.kind
    }

    /// The operation on the object, if the request has it.
    #[must_use]
    pub fn operation(&self) -> Option<Operation> {
        self.operation
    }

    /// The user of the request, where it names one.
    #[must_use]
    pub fn user(&self) -> Option<&'a User<'a>> {
        self.user
    }

    /// Whether nothing will be stored, whatever the verdict. A policy has no side effects, so it
    /// decides the same.
    #[must_use]
    pub fn is_dry_run(&self) -> bool {
        self.is_dry_run
    }

    /// Why the object's images cannot be known, if that is so.
    #[must_use]
    pub fn unreadable_object(&self) -> Option<&'a ObjectError> {
        self.unreadable_object
    }

    /// Whether an object whose images cannot be known was the same before this update.
    pub(crate) fn is_unchanged_object(&self) -> bool {
        self.is_unchanged_object
    }

    /// The labels of the pod, if the request has them.
    #[cfg(feature = "document")]
    pub(crate) fn labels(&self) -> Option<&'a StringMap<'a>> {
        self.labels
    }

    /// The labels of the namespace, where they are known.
    #[must_use]
    pub fn namespace_labels(&self) -> Option<&'a StringMap<'a>> {
        self.namespace_labels
    }

    /// Whether annotations came with the request; there may be none among them.
    #[cfg(feature = "document")]
    pub(crate) fn tells_annotations(&self) -> bool {
        self.annotations.is_some()
    }

    /// The value of a label of the pod; an `ImageReview` has none.
    #[must_use]
    pub fn label(&self, key: &str) -> Option<&'a str> {
        self.labels?.get(key)
    }

    /// The value of an annotation that came with the request.
    ///
    /// The API server forwards to an `ImagePolicyWebhook` only those pod annotations whose key
    /// contains `.image-policy.k8s.io/`. Whoever may create the pod may set them.
    #[must_use]
    pub fn annotation(&self, key: &str) -> Option<&'a str> {
        self.annotations?.get(key)
    }

    /// All annotations that came with the request.
    pub fn annotations(&self) -> impl Iterator<Item = (&'a str, &'a str)> {
        self.annotations.into_iter().flat_map(StringMap::iter)
    }

    /// When the review is decided, where it is known.
    #[must_use]
    pub fn time(&self) -> Option<SystemTime> {
        self.time
    }
}

/// A review of bare references, each at the location `IMAGE[n]`.
///
/// ```
/// # use imagereview_core::Review;
/// let review: Review<'_> = ["nginx", "redis:7.4"].into_iter().collect();
/// assert_eq!(review.images().len(), 2);
/// ```
impl<'a> FromIterator<&'a str> for Review<'a> {
    fn from_iter<I: IntoIterator<Item = &'a str>>(images: I) -> Self {
        let images = images.into_iter();
        let mut review = Self::with_capacity(images.size_hint().0);
        for (index, text) in images.enumerate() {
            review.add_image(text, Location::new("IMAGE", index, ""));
        }
        review
    }
}
