//! Reviews of very many entries, and the largest that are decided.

use imagereview_core::limits::ENTRIES_LIMIT;

/// What `--max-body-bytes` is unless told otherwise.
pub(crate) const BODY: usize = 3 << 20;

/// A review in which an entry of a list or a map comes many times.
#[derive(Clone, Copy)]
pub(crate) struct Entries {
    pub(crate) path: &'static str,
    /// What comes before them and after them.
    pub(crate) around: [&'static str; 2],
    /// `#` in it is its number.
    pub(crate) entry: &'static str,
}

impl Entries {
    fn of_image_review(field: [&'static str; 2], entry: &'static str) -> Self {
        Self {
            path: "/image_policy",
            around: field,
            entry,
        }
    }

    fn of_object(path: &'static str, fields: [&'static str; 2], entry: &'static str) -> Self {
        Self {
            path,
            around: fields,
            entry,
        }
    }

    /// Each kind of entry that is kept, as short as it may be.
    pub(crate) fn all() -> [Self; 9] {
        [
            Self::of_image_review([r#""containers":["#, "{}]"], "{},"),
            Self::of_image_review([r#""annotations":{"#, r#""x":""}"#], r##""#":"","##),
            Self::of_object("/validate", [r#""spec":{"containers":["#, "{}]}}"], "{},"),
            Self::of_object(
                "/mutate",
                [r#""spec":{"volumes":["#, "{}]}}"],
                r#"{"image":{}},"#,
            ),
            Self::of_object(
                "/mutate",
                [r#""spec":{"imagePullSecrets":["#, "{}]}}"],
                "{},",
            ),
            Self::of_object(
                "/validate",
                [r#""items":["#, r#"{}],"spec":{"containers":[{}]}}"#],
                "{},",
            ),
            Self::of_object(
                "/validate",
                [r#""spec":{},"metadata":{"labels":{"#, r#""x":""}}}"#],
                r##""#":"","##,
            ),
            Self::of_object(
                "/validate",
                [r#""spec":{}},"userInfo":{"groups":["#, r#"""]}"#],
                r#""","#,
            ),
            Self::of_object(
                "/validate",
                [
                    r#""spec":{"containers":[{}]}},"oldObject":{"kind":"Pod","spec":{"containers":["#,
                    "{}]}}",
                ],
                "{},",
            ),
        ]
    }

    /// So many of them.
    pub(crate) fn body(&self, many: usize) -> String {
        let entries: String = if self.entry.contains('#') {
            (0..many)
                .map(|key| self.entry.replace('#', &key.to_string()))
                .collect()
        } else {
            self.entry.repeat(many)
        };
        let [before, after] = self.around;
        if self.path == "/image_policy" {
            format!(
                r#"{{"apiVersion":"imagepolicy.k8s.io/v1alpha1","kind":"ImageReview","spec":{{{before}{entries}{after}}}}}"#
            )
        } else {
            format!(
                r#"{{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","request":{{"uid":"u","operation":"UPDATE","object":{{"apiVersion":"v1","kind":"Pod",{before}{entries}{after}}}}}"#
            )
        }
    }

    /// As many as a body may hold.
    pub(crate) fn longest_body(&self) -> String {
        // An AdmissionReview may be twice as long.
        let limit = if self.path == "/image_policy" {
            BODY
        } else {
            2 * BODY
        };
        // With capacity for the numbers.
        let digits = 6 * self.entry.matches('#').count();
        self.body((limit - 400) / (self.entry.len() + digits))
    }
}

/// Reviews of as many containers as are read, of which each breaks a rule: as short as may be, and as
/// long as a body can hold. The last of three is allowed, since all images were there before.
pub(crate) fn largest_reviews() -> Vec<(&'static str, String, bool)> {
    let image = |image: &str| format!(r#"{{"image":"{image}"}}"#);
    let containers = [
        "{}".to_owned(),
        image(&"A".repeat(280)),
        image(&format!("{}:latest", "a".repeat(250))),
    ];
    let [image_review, admission_review] = [
        r#"{"apiVersion":"imagepolicy.k8s.io/v1alpha1","kind":"ImageReview","spec":"#,
        r#"{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","request":{"uid":"u","operation":"UPDATE","object":"#,
    ];
    let mut reviews = Vec::new();
    for container in containers {
        let list = vec![container; ENTRIES_LIMIT].join(",");
        let pod = format!(r#"{{"apiVersion":"v1","kind":"Pod","spec":{{"containers":[{list}]}}}}"#);
        reviews.extend([
            (
                "/image_policy",
                format!(r#"{image_review}{{"containers":[{list}]}}}}"#),
                false,
            ),
            ("/validate", format!("{admission_review}{pod}}}}}"), false),
            (
                "/validate",
                format!(r#"{admission_review}{pod},"oldObject":{pod}}}}}"#),
                true,
            ),
        ]);
    }
    reviews
}

/// The creation of a Pod of as many of these containers as are read, to be mutated.
pub(crate) fn largest_creation(container: &str) -> (&'static str, String) {
    let list = vec![container; ENTRIES_LIMIT].join(",");
    let body = format!(
        r#"{{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","request":{{"uid":"u","operation":"CREATE","object":{{"apiVersion":"v1","kind":"Pod","spec":{{"containers":[{list}]}}}}}}}}"#
    );
    ("/mutate", body)
}
