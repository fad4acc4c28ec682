//! `ImageReview` of `imagepolicy.k8s.io/v1alpha1`: what an API server's `ImagePolicyWebhook` sends
//! and reads back.
//!
//! Source: `k8s.io/api/imagepolicy/v1alpha1`. A request lists a pod's `containers` and then its
//! `initContainers`, or the ephemeral ones alone, and says of each only its image. Every field of
//! `spec` may be absent.

use std::{borrow::Cow, sync::LazyLock};

use serde::{Deserialize, Deserializer, Serialize, Serializer, ser::SerializeStruct};

use crate::{
    json::{self, DecodeError, Fields, List, Object, Text, fields},
    language::Language,
    object::ObjectError,
    policy::Verdict,
    review::{FewAnnotations, Location, Review, StringMap},
};

/// The `apiVersion` of an `ImageReview`.
pub const API_VERSION: &str = "imagepolicy.k8s.io/v1alpha1";

/// The `kind` of an `ImageReview`.
pub const KIND: &str = "ImageReview";

/// The text in the key of each annotation that the API server forwards.
///
/// Source: `plugin/pkg/admission/imagepolicy` of Kubernetes, `filterAnnotations`.
pub const FORWARDED: &str = ".image-policy.k8s.io/";

/// The request of an `ImagePolicyWebhook`: may these images run?
///
/// It borrows its strings from the JSON that it is read from. Unknown fields are skipped,
/// `null` is the same as absent, and what two readers could read differently is an error: a field
/// that appears twice, or whose name differs from a known one only in case.
///
/// ```
/// use imagereview_core::ImageReview;
///
/// let request = ImageReview::from_slice(br#"{
///     "apiVersion": "imagepolicy.k8s.io/v1alpha1",
///     "kind": "ImageReview",
///     "spec": {"containers": [{"image": "nginx:1.27"}], "namespace": "shop"}
/// }"#)?;
/// assert_eq!(request.images().collect::<Vec<_>>(), ["nginx:1.27"]);
/// assert_eq!(request.namespace(), Some("shop"));
/// # Ok::<(), imagereview_core::DecodeError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ImageReview<'a> {
    spec: Spec<'a>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Spec<'a> {
    containers: Vec<Container<'a>>,
    annotations: StringMap<'a>,
    namespace: Cow<'a, str>,
    has_too_many_annotations: bool,
    /// Why not all of it is here.
    unreadable: Option<Box<ObjectError>>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Container<'a> {
    image: Cow<'a, str>,
}

impl<'a> ImageReview<'a> {
    /// A request for these images.
    pub fn new<I: Into<Cow<'a, str>>>(images: impl IntoIterator<Item = I>) -> Self {
        let containers = images.into_iter().map(|image| Container {
            image: image.into(),
        });
        Self {
            spec: Spec {
                containers: containers.collect(),
                ..Spec::default()
            },
        }
    }

    /// Sets the namespace that the pod is created in.
    #[must_use]
    pub fn with_namespace(mut self, namespace: impl Into<Cow<'a, str>>) -> Self {
        self.spec.namespace = namespace.into();
        self
    }

    /// Sets the annotations that the API server forwards.
    #[must_use]
    pub fn with_annotations(mut self, annotations: StringMap<'a>) -> Self {
        self.spec.annotations = annotations;
        self
    }

    /// Reads one `ImageReview` from JSON.
    ///
    /// # Errors
    ///
    /// A [`DecodeError`] where the bytes are not one JSON document, are of another `kind` or
    /// `apiVersion`, or have no `spec`. An image that is no reference is not an error here, nor are
    /// more entries than [`ENTRIES_LIMIT`](crate::limits::ENTRIES_LIMIT): they are denied by
    /// [`decide`](crate::decide), with the reason.
    pub fn from_slice(bytes: &'a [u8]) -> Result<Self, DecodeError> {
        let Object(document) = json::from_slice::<Object<Document<'a>>>(bytes)?;
        document.into_review()
    }

    /// Reads a text of any number of `ImageReview`s, one after another with or without white space
    /// between them, one at a time. After text that is not JSON nothing follows.
    ///
    /// ```
    /// use imagereview_core::ImageReview;
    ///
    /// let one = r#"{"apiVersion":"imagepolicy.k8s.io/v1alpha1","kind":"ImageReview","spec":{}}"#;
    /// assert_eq!(ImageReview::stream(&format!("{one}\n{one}{one}")).count(), 3);
    /// ```
    pub fn stream(text: &'a str) -> impl Iterator<Item = Result<Self, DecodeError>> {
        let mut documents =
            serde_json::Deserializer::from_str(text).into_iter::<Object<Document<'a>>>();
        let mut start = 0;
        std::iter::from_fn(move || {
            let document = documents.next()?;
            let this = &text[start..];
            start = documents.byte_offset();
            Some(match document {
                Ok(Object(document)) => document.into_review(),
                Err(source) => Err(json::locate::<Object<Document<'a>>>(this, source)),
            })
        })
    }

    /// The images as they are written, in the order of the request; none where there are
    /// [too many](Self::unreadable).
    #[must_use]
    pub fn images(&self) -> impl ExactSizeIterator<Item = &str> {
        self.spec
            .containers
            .iter()
            .map(|container| &*container.image)
    }

    /// The namespace that the pod is created in, where the request names it.
    #[must_use]
    pub fn namespace(&self) -> Option<&str> {
        Some(&*self.spec.namespace).filter(|namespace| !namespace.is_empty())
    }

    /// The annotations that the API server forwarded.
    #[must_use]
    pub fn annotations(&self) -> &StringMap<'a> {
        &self.spec.annotations
    }

    /// Why not all of the review is here, if that is so: it has more containers or annotations than
    /// [`ENTRIES_LIMIT`](crate::limits::ENTRIES_LIMIT).
    ///
    /// ```
    /// use imagereview_core::{AllowAll, ImageReview, decide, limits::ENTRIES_LIMIT};
    ///
    /// let many = serde_json::to_string(&ImageReview::new(vec!["nginx:1.27"; ENTRIES_LIMIT + 1]))?;
    /// let request = ImageReview::from_slice(many.as_bytes())?;
    /// assert_eq!(request.unreadable().unwrap().path(), "spec.containers");
    /// assert!(!decide(&AllowAll, &request.review()).is_allowed());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn unreadable(&self) -> Option<&ObjectError> {
        self.spec.unreadable.as_deref()
    }

    /// The review to decide.
    #[must_use]
    pub fn review(&self) -> Review<'_> {
        let mut review = Review::with_capacity(self.spec.containers.len());
        // Fields that are not read are left out.
        if !self.spec.has_too_many_annotations {
            review = review.with_annotations(self.annotations());
        }
        if let Some(namespace) = self.namespace() {
            review = review.with_namespace(namespace);
        }
        if let Some(error) = self.unreadable() {
            review = review.with_unreadable_object(error);
        }
        for (index, image) in self.images().enumerate() {
            review.add_image(image, Location::new("spec.containers", index, "image"));
        }
        review
    }
}

impl Serialize for ImageReview<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut review = serializer.serialize_struct(KIND, 3)?;
        review.serialize_field("apiVersion", API_VERSION)?;
        review.serialize_field("kind", KIND)?;
        review.serialize_field("spec", &self.spec)?;
        review.end()
    }
}

impl Serialize for Spec<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut spec = serializer.serialize_struct("ImageReviewSpec", 3)?;
        spec.serialize_field("containers", &self.containers)?;
        if !self.annotations.is_empty() {
            spec.serialize_field("annotations", &self.annotations)?;
        }
        if !self.namespace.is_empty() {
            spec.serialize_field("namespace", &self.namespace)?;
        }
        spec.end()
    }
}

impl Serialize for Container<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut container = serializer.serialize_struct("ImageReviewContainerSpec", 1)?;
        container.serialize_field("image", &self.image)?;
        container.end()
    }
}

/// Reads any document, which must be an `ImageReview`.
impl<'de: 'a, 'a> Deserialize<'de> for ImageReview<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Object(document) = Object::<Document<'de>>::deserialize(deserializer)?;
        document.into_review().map_err(serde::de::Error::custom)
    }
}

/// The document before its kind is known.
#[derive(Default)]
struct Document<'a> {
    api_version: Option<Cow<'a, str>>,
    kind: Option<Cow<'a, str>>,
    spec: Option<Spec<'a>>,
}

impl<'a> Document<'a> {
    fn into_review(self) -> Result<ImageReview<'a>, DecodeError> {
        json::require_type(self.kind, KIND, self.api_version, API_VERSION)?;
        let spec = self.spec.ok_or(DecodeError::MissingSpec)?;
        Ok(ImageReview { spec })
    }
}

impl<'de> Fields<'de> for Document<'de> {
    fields! { |self, map|
        "apiVersion" => self.api_version = Some(map.next_value::<Text<'de>>()?.0),
        "kind" => self.kind = Some(map.next_value::<Text<'de>>()?.0),
        "spec" => {
            let spec = map.next_value::<Option<Object<_>>>()?;
            self.spec = spec.map(|Object(spec)| spec);
        },
    }
}

impl Spec<'_> {
    fn has_too_many(&mut self, path: &'static str) {
        self.unreadable = Some(Box::new(ObjectError::too_many(path)));
    }
}

impl<'de> Fields<'de> for Spec<'de> {
    fields! { |self, map|
        "containers" => {
            let List { elements, is_truncated } = map.next_value()?;
            self.containers = elements;
            if is_truncated {
                self.has_too_many("spec.containers");
            }
        },
        "annotations" => {
            let FewAnnotations(annotations) = map.next_value()?;
            self.has_too_many_annotations = annotations.is_none();
            if self.has_too_many_annotations {
                self.has_too_many("spec.annotations");
            }
            self.annotations = annotations.unwrap_or_default();
        },
        "namespace" => Text(self.namespace) = map.next_value()?,
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Container<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Object(container) = Object::<Container<'de>>::deserialize(deserializer)?;
        Ok(container)
    }
}

impl<'de> Fields<'de> for Container<'de> {
    fields! { |self, map|
        "image" => Text(self.image) = map.next_value()?,
    }
}

/// The response to an [`ImageReview`], ready to be written as JSON.
///
/// The API server reads `status` only: `allowed`, the `reason` of a denial (which the user sees
/// after `image policy webhook backend denied one or more images: `) and `auditAnnotations`, which
/// it records as `imagepolicywebhook.image-policy.k8s.io/<key>`.
///
/// ```
/// use imagereview_core::{ImageReview, ImageReviewResponse, Language, NoLatestTag, decide};
///
/// let request = ImageReview::new(["nginx:1.27"]);
/// let verdict = decide(&NoLatestTag, &request.review());
/// let response = ImageReviewResponse::new(&verdict, Language::English);
/// assert_eq!(
///     serde_json::to_string(&response)?,
///     r#"{"apiVersion":"imagepolicy.k8s.io/v1alpha1","kind":"ImageReview","status":{"allowed":true,"reason":"image check passed"}}"#,
/// );
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct ImageReviewResponse<'v> {
    verdict: &'v Verdict,
    language: Language,
}

impl<'v> ImageReviewResponse<'v> {
    /// The response for this verdict.
    #[must_use]
    pub fn new(verdict: &'v Verdict, language: Language) -> Self {
        Self { verdict, language }
    }

    /// The response as JSON.
    ///
    /// An approval with nothing to record, the common case, is the same bytes each time, which are
    /// borrowed: writing them anew took an eighth of a whole review of three containers.
    ///
    /// ```
    /// use std::borrow::Cow;
    ///
    /// use imagereview_core::{ImageReviewResponse, Language, Verdict};
    ///
    /// let response = ImageReviewResponse::new(&Verdict::allowed(), Language::English).to_json();
    /// assert!(matches!(response, Cow::Borrowed(json) if json.starts_with(b"{")));
    /// ```
    #[must_use]
    pub fn to_json(&self) -> Cow<'static, [u8]> {
        static APPROVALS: LazyLock<[Vec<u8>; 2]> = LazyLock::new(|| {
            [Language::English, Language::Chinese]
                .map(|language| write(&ImageReviewResponse::new(&Verdict::allowed(), language)))
        });
        fn write(response: &ImageReviewResponse<'_>) -> Vec<u8> {
            serde_json::to_vec(response).expect("strings and a boolean are written to memory")
        }

        if self.verdict.is_unremarkable() {
            let [english, chinese] = &*APPROVALS;
            return Cow::Borrowed(match self.language {
                Language::English => english,
                Language::Chinese => chinese,
            });
        }
        Cow::Owned(write(self))
    }
}

impl Serialize for ImageReviewResponse<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut response = serializer.serialize_struct(KIND, 3)?;
        response.serialize_field("apiVersion", API_VERSION)?;
        response.serialize_field("kind", KIND)?;
        response.serialize_field("status", &Status(*self))?;
        response.end()
    }
}

/// The `status` of an response.
struct Status<'v>(ImageReviewResponse<'v>);

impl Serialize for Status<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let ImageReviewResponse { verdict, language } = self.0;
        let audit_annotations = verdict.audit_annotations();
        let mut status = serializer.serialize_struct("ImageReviewStatus", 3)?;
        status.serialize_field("allowed", &verdict.is_allowed())?;
        status.serialize_field("reason", &verdict.reason(language))?;
        if !audit_annotations.is_empty() {
            status.serialize_field("auditAnnotations", &audit_annotations)?;
        }
        status.end()
    }
}
