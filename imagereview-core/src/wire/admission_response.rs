//! What a validating or mutating webhook sends back.

use std::borrow::Cow;

#[cfg(feature = "mutation")]
use base64::{display::Base64Display, engine::general_purpose::STANDARD};
#[cfg(feature = "mutation")]
use json_patch::Patch;
use serde::Serialize;
#[cfg(feature = "mutation")]
use serde::{Serializer, ser::Error as _};

use super::admission_review::{API_VERSION, AdmissionReview, KIND};
use crate::{
    language::Language,
    policy::{Mode, Verdict, Violation},
    quote::{Quoted, first_words, one_line},
    review::StringMap,
};

/// The longest warning, in characters: what Kubernetes advises, since some clients cut at it.
pub const WARNING_LIMIT: usize = 120;

/// The longest warnings together, in characters. From there on the API server cuts each to 256
/// (`k8s.io/apiserver/pkg/endpoints/filters/warning.go`).
pub const WARNINGS_LIMIT: usize = 4096;

/// The code of a denial; the API server would make 400 of any below that.
const FORBIDDEN: u16 = 403;

/// The reason of a denial, which `kubectl` shows in brackets (`StatusReasonForbidden`).
const FORBIDDEN_REASON: &str = "Forbidden";

/// The response to an [`AdmissionReview`], ready to be written as JSON.
///
/// A denial's reason is what the user sees after `admission webhook "<name>" denied the request: `.
/// Violations in mode `warn` become warnings, each of at most [`WARNING_LIMIT`] characters, and of
/// at most [`WARNINGS_LIMIT`] together. The audit annotations are recorded as
/// `<webhook's name>/<key>`.
///
/// ```
/// use imagereview_core::{AdmissionResponse, AdmissionReview, Language, NoLatestTag, decide};
///
/// let request = AdmissionReview::from_slice(br#"{
///     "apiVersion": "admission.k8s.io/v1",
///     "kind": "AdmissionReview",
///     "request": {"uid": "6f0d", "operation": "CREATE", "object": {
///         "apiVersion": "v1", "kind": "Pod", "spec": {"containers": [{"image": "nginx:1.27"}]}}}
/// }"#)?;
/// let verdict = decide(&NoLatestTag, &request.review());
/// let response = AdmissionResponse::new(&request, &verdict, Language::English);
/// assert_eq!(
///     serde_json::to_string(&response)?,
///     r#"{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","response":{"uid":"6f0d","allowed":true}}"#,
/// );
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AdmissionResponse<'v> {
    api_version: &'static str,
    kind: &'static str,
    response: Response<'v>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Response<'v> {
    uid: &'v str,
    allowed: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<Status<'v>>,
    #[cfg(feature = "mutation")]
    #[serde(skip_serializing_if = "Option::is_none")]
    patch_type: Option<&'static str>,
    #[cfg(feature = "mutation")]
    #[serde(skip_serializing_if = "Option::is_none")]
    patch: Option<Base64<'v>>,
    #[serde(skip_serializing_if = "StringMap::is_empty")]
    audit_annotations: StringMap<'v>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    warnings: Vec<String>,
}

/// Source: `Status` of `k8s.io/apimachinery/pkg/apis/meta/v1`.
#[derive(Debug, Serialize)]
struct Status<'v> {
    message: Cow<'v, str>,
    reason: &'static str,
    code: u16,
}

impl<'v> AdmissionResponse<'v> {
    /// The response for this verdict, as of a validating webhook: without a patch.
    #[must_use]
    pub fn new(request: &'v AdmissionReview<'_>, verdict: &'v Verdict, language: Language) -> Self {
        let denial = (!verdict.is_allowed()).then(|| Status {
            message: verdict.reason(language),
            reason: FORBIDDEN_REASON,
            code: FORBIDDEN,
        });
        Self {
            api_version: API_VERSION,
            kind: KIND,
            response: Response {
                uid: request.uid(),
                allowed: denial.is_none(),
                status: denial,
                #[cfg(feature = "mutation")]
                patch_type: None,
                #[cfg(feature = "mutation")]
                patch: None,
                audit_annotations: verdict.audit_annotations(),
                warnings: warnings(verdict, language),
            },
        }
    }

    /// The same response with a patch, as of a mutating webhook. A denial and an empty patch are sent
    /// without one.
    #[cfg(feature = "mutation")]
    #[must_use]
    pub fn with_patch(mut self, patch: &'v Patch) -> Self {
        if self.response.allowed && !patch.0.is_empty() {
            self.response.patch_type = Some("JSONPatch");
            self.response.patch = Some(Base64(patch));
        }
        self
    }
}

/// A patch as it goes over the wire: JSON in base64.
#[cfg(feature = "mutation")]
#[derive(Debug)]
struct Base64<'v>(&'v Patch);

#[cfg(feature = "mutation")]
impl Serialize for Base64<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let json = serde_json::to_vec(self.0).map_err(S::Error::custom)?;
        serializer.collect_str(&Base64Display::new(&json, &STANDARD))
    }
}

/// The warnings that fit, and how many more there are.
fn warnings(verdict: &Verdict, language: Language) -> Vec<String> {
    let mut warnings = Vec::new();
    let mut budget = WARNINGS_LIMIT;
    let more = |left: usize| match language {
        Language::English => format!("and {left} more"),
        Language::Chinese => format!("另有{left}项"),
    };
    let mut left = verdict.warnings().count() + verdict.omitted_in(Mode::Warn);
    for violation in verdict.warnings() {
        let warning = warning(violation, language);
        let len = warning.chars().count();
        // It has to fit this one and, unless it is the last, for saying that there are more.
        if len + if left > 1 { WARNING_LIMIT } else { 0 } > budget {
            warnings.push(more(left));
            return warnings;
        }
        budget -= len;
        left -= 1;
        warnings.push(warning);
    }
    if left > 0 {
        warnings.push(more(left));
    }
    warnings
}

/// The violation in one line of at most [`WARNING_LIMIT`] characters: whole if it fits, else
/// without its location and remedy, else cut.
fn warning(violation: &Violation, language: Language) -> String {
    let whole = violation.describe(language);
    if whole.chars().count() <= WARNING_LIMIT {
        // The API server drops a warning with control characters in it.
        return one_line(&whole);
    }
    let Some(image) = violation.image() else {
        return first_words(&one_line(&whole), WARNING_LIMIT).into_owned();
    };
    let (image, rule) = (Quoted(image), violation.rule());
    let reason = violation.reason().text(language);
    let short = match language {
        Language::English => format!("{image} breaks \"{rule}\": {reason}"),
        Language::Chinese => format!("{image}违反\"{rule}\":{reason}"),
    };
    first_words(&one_line(&short), WARNING_LIMIT).into_owned()
}
