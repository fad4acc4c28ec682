//! One decided review: what is written down about it.

use std::{
    borrow::Cow,
    fmt::Write as _,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    time::{Duration, Instant, SystemTime},
};

use imagereview_core::{
    Exempted, Language, Message, Operation, Review, User, Verdict, Violation,
    review::UnreadableImage,
};
use serde::{Serialize, Serializer, ser::SerializeStruct};

#[cfg(feature = "opentelemetry")]
use crate::traces;
use crate::{
    endpoint::Endpoint,
    policy::ServedPolicy,
    request::{Caller, RequestId},
    state::State,
};

/// The denial in place of the verdict that a policy failed to reach. What went wrong is for the
/// log, not for the client.
static POLICY_FAILED: Message = Message::new(
    "the policy failed while it reviewed the images; the webhook's log says how",
    "策略在审查镜像时发生故障,详情见webhook日志",
);

/// How many images one line names.
const MAX_LOGGED_IMAGES: usize = 32;

/// How many characters of each it shows, and of a name; none of Kubernetes' own is as long.
const MAX_LOGGED_CHARS: usize = 256;

/// Who asks, where, and since when.
#[derive(Clone, Copy)]
pub(crate) struct Asked<'a> {
    pub(crate) endpoint: Endpoint,
    pub(crate) caller: &'a Caller,
    pub(crate) started: Instant,
    /// What the API server calls the request, where it calls it anything.
    pub(crate) uid: Option<&'a str>,
}

/// What a request is answered with, and what is still to be recorded of it.
pub(crate) struct Decided<A> {
    pub(crate) answer: A,
    /// The line of the audit log, where there is one.
    record: Option<Vec<u8>>,
}

impl<A> Decided<A> {
    /// Records the decision, and gives the answer. That waits only where answers are to wait for the
    /// audit log.
    pub(crate) async fn recorded(self, state: &State) -> A {
        if let (Some(record), Some(audit)) = (self.record, &state.audit) {
            audit.record(record, &state.metrics).await;
        }
        self.answer
    }
}

/// Decides a review, makes the answer, and writes down what there is to write down.
///
/// Nothing that goes wrong in here may end the process or be answered with an error that the API
/// server would take for "decide without me", so a panic is a denial.
pub(crate) fn decide<A>(
    state: &State,
    served: &ServedPolicy,
    asked: Asked<'_>,
    review: Review<'_>,
    answer: impl Fn(&Verdict) -> A,
) -> Decided<A> {
    let review = review.with_time(SystemTime::now());
    // The review is only read, and a policy that was interrupted keeps no lock that others need
    // unless its author gave it one.
    let decided = catch_unwind(AssertUnwindSafe(|| {
        let verdict = imagereview_core::decide(&*served.policy, &review);
        served.log_explanation(&review);
        let answer = answer(&verdict);
        (verdict, answer)
    }));
    match decided {
        Ok((verdict, answer)) => {
            let record = conclude(state, asked, &review, &verdict, Some(&verdict));
            Decided { answer, record }
        }
        Err(_panic) => undecided(state, served, asked, &review, answer),
    }
}

/// Denies a review that the policy failed to decide, and writes that down.
pub(crate) fn undecided<A>(
    state: &State,
    served: &ServedPolicy,
    asked: Asked<'_>,
    review: &Review<'_>,
    answer: impl Fn(&Verdict) -> A,
) -> Decided<A> {
    state.metrics.panics.inc();
    let mut verdict = Verdict::undecided(POLICY_FAILED.clone());
    if let Some(identity) = &served.identity {
        verdict = verdict.with_policy(Arc::clone(identity));
    }
    let record = conclude(state, asked, review, &verdict, None);
    let answer = answer(&verdict);
    Decided { answer, record }
}

/// Counts and logs a verdict, and gives the line of the audit log. `decided` is the verdict unless it
/// stands for one that failed.
fn conclude(
    state: &State,
    asked: Asked<'_>,
    review: &Review<'_>,
    verdict: &Verdict,
    decided: Option<&Verdict>,
) -> Option<Vec<u8>> {
    let decision = Decision {
        asked,
        request: RequestId::next(),
        review,
        verdict,
        duration: asked.started.elapsed(),
    };
    state
        .metrics
        .decided(asked.endpoint, decided, decision.duration);
    #[cfg(feature = "opentelemetry")]
    traces::decided(verdict.is_allowed(), images(review).count());
    decision.log();
    state
        .audit
        .is_some()
        .then(|| decision.to_json(state.language))
}

/// Who asked what, and what came of it.
struct Decision<'a> {
    asked: Asked<'a>,
    request: RequestId,
    review: &'a Review<'a>,
    verdict: &'a Verdict,
    duration: Duration,
}

impl Decision<'_> {
    /// Writes the log line.
    fn log(&self) {
        if !tracing::enabled!(tracing::Level::INFO) {
            return;
        }
        let annotations = self.verdict.audit_annotations();
        #[cfg(feature = "opentelemetry")]
        let trace_id = traces::trace_id().map(tracing::field::display);
        #[cfg(not(feature = "opentelemetry"))]
        let trace_id = None::<&str>;
        tracing::info!(
            request = %self.request,
            trace_id,
            endpoint = self.asked.endpoint.as_str(),
            uid = self.asked.uid.map(cut),
            peer = %self.asked.caller.peer,
            client = self.asked.caller.name.as_deref().map(cut),
            user = self.review.user().map(User::name).map(cut),
            operation = self.review.operation().map(Operation::as_str),
            kind = self.review.kind().map(|kind| cut(kind.name())),
            namespace = self.review.namespace().map(cut),
            name = self.review.name().map(cut),
            images = %logged_images(self.review),
            allowed = self.verdict.is_allowed(),
            denied_by = annotations.get("denied-by"),
            warned_by = annotations.get("warned-by"),
            audited_by = annotations.get("audited-by"),
            exempted_by = annotations.get("exempted-by"),
            policy = self.verdict.policy(),
            duration_us = self.duration_us(),
            "decided"
        );
    }

    /// The line of the audit log.
    fn to_json(&self, language: Language) -> Vec<u8> {
        let violations = self.verdict.violations().iter().map(|violation| Broken {
            violation,
            exemption: None,
            language,
        });
        let exempted = self.verdict.exempted().iter().map(|exempted| Broken {
            violation: exempted.violation(),
            exemption: Some(exempted),
            language,
        });
        let record = Record {
            time: humantime::format_rfc3339_micros(SystemTime::now()).to_string(),
            request: self.request.to_string(),
            endpoint: self.asked.endpoint.as_str(),
            uid: self.asked.uid,
            peer: &self.asked.caller.peer,
            client: self.asked.caller.name.as_deref(),
            user: self.review.user().map(User::name),
            operation: self.review.operation().map(Operation::as_str),
            kind: self.review.kind().map(|kind| kind.name()),
            namespace: self.review.namespace(),
            name: self.review.name(),
            dry_run: self.review.is_dry_run(),
            images: images(self.review).collect(),
            allowed: self.verdict.is_allowed(),
            reason: (!self.verdict.is_allowed()).then(|| self.verdict.reason(language)),
            violations: violations.chain(exempted).collect(),
            policy: self.verdict.policy(),
            duration_us: self.duration_us(),
        };
        let mut json = serde_json::to_vec(&record).expect("strings and numbers always serialise");
        json.push(b'\n');
        json
    }

    fn duration_us(&self) -> u64 {
        u64::try_from(self.duration.as_micros()).unwrap_or(u64::MAX)
    }
}

/// A line of the audit log.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Record<'a> {
    time: String,
    request: String,
    endpoint: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    uid: Option<&'a str>,
    peer: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    client: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    operation: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    kind: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    namespace: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    dry_run: bool,
    images: Vec<&'a str>,
    allowed: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    violations: Vec<Broken<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    policy: Option<&'a str>,
    duration_us: u64,
}

/// A rule that an image broke, and the way past it if there was one.
struct Broken<'a> {
    violation: &'a Violation,
    exemption: Option<&'a Exempted>,
    language: Language,
}

impl Serialize for Broken<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let violation = self.violation;
        let mut broken = serializer.serialize_struct("Violation", 6)?;
        broken.serialize_field("rule", violation.rule())?;
        broken.serialize_field("mode", &violation.mode().to_string())?;
        broken.serialize_field("image", violation.image().unwrap_or_default())?;
        broken.serialize_field("location", &violation.location().to_string())?;
        broken.serialize_field("reason", violation.reason().text(self.language))?;
        if let Some(exempted) = self.exemption {
            let exemption = format!("{}: {}", exempted.exemption(), exempted.reason());
            broken.serialize_field("exemption", &exemption)?;
        }
        broken.end()
    }
}

/// The beginning of a name, so that no line gets out of hand: many may wait to be written.
fn cut(name: &str) -> &str {
    if name.len() <= MAX_LOGGED_CHARS {
        return name;
    }
    match name.char_indices().nth(MAX_LOGGED_CHARS) {
        Some((end, _)) => &name[..end],
        None => name,
    }
}

/// The images of a review for a log line: a list of strings as its `Debug` writes it, cut where a line
/// would get out of hand. Text is written much faster as a whole than by its characters.
fn logged_images(review: &Review<'_>) -> String {
    let readable = review.images().len();
    let mut images = images(review);
    let mut list = String::with_capacity(256);
    list.push('[');
    for (index, image) in images.by_ref().take(MAX_LOGGED_IMAGES).enumerate() {
        if index > 0 {
            list.push_str(", ");
        }
        let start = cut(image);
        if index < readable {
            // Nothing in a reference needs escaping.
            list.push('"');
            list.push_str(start);
            list.push('"');
        } else {
            // A string takes every write.
            let _ = write!(list, "{start:?}");
        }
        if start.len() < image.len() {
            list.push('…');
        }
    }
    list.push_str(if images.next().is_none() {
        "]"
    } else {
        ", ..]"
    });
    list
}

/// All images of a review as they were written: those with a valid reference first.
fn images<'r>(review: &'r Review<'_>) -> impl Iterator<Item = &'r str> {
    let readable = review
        .images()
        .iter()
        .map(|image| image.reference().as_written());
    let unreadable = review
        .unreadable_images()
        .iter()
        .map(UnreadableImage::as_written);
    readable.chain(unreadable)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn logged_images_read_as_a_list_of_strings() {
        let rows: [&[&str]; 5] = [
            &[],
            &["nginx"],
            &["registry.example.com:5000/a_b/c-d:1.2", "[::1]/x"],
            &["nginx", "forged\" allowed=true\n"],
            &["", "镜像", "\u{1b}[31m"],
        ];
        for images in rows {
            let review: Review<'_> = images.iter().copied().collect();
            assert_eq!(logged_images(&review), format!("{images:?}"));
        }
    }

    #[test]
    fn logged_images_are_cut() {
        let long = format!("a/{}", "é".repeat(300));
        let review: Review<'_> = [&*long].into_iter().collect();
        let start = "é".repeat(MAX_LOGGED_CHARS - 2);
        assert_eq!(logged_images(&review), format!("[\"a/{start}\"…]"));
        let review: Review<'_> = ["a"; MAX_LOGGED_IMAGES + 1].into_iter().collect();
        let list = r#""a", "#.repeat(MAX_LOGGED_IMAGES);
        assert_eq!(logged_images(&review), format!("[{list}..]"));
    }
}
