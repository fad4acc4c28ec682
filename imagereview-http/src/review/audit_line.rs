//! The line of the audit log about a decision.

use std::{borrow::Cow, time::SystemTime};

use imagereview_core::{Exempted, Language, Operation, User, Violation};
use serde::{Serialize, Serializer, ser::SerializeStruct};

use super::{images::images, known_facts::AuditedFacts, record::Record};

pub(super) fn to_json(record: &Record<'_>, language: Language) -> Vec<u8> {
    let Record {
        context,
        review,
        verdict,
        ..
    } = record;
    let violations = verdict.violations().iter().map(|violation| FailedRule {
        violation,
        exemption: None,
        language,
    });
    let exempted = verdict.exempted().iter().map(|exempted| FailedRule {
        violation: exempted.violation(),
        exemption: Some(exempted),
        language,
    });
    let line = AuditLine {
        time: humantime::format_rfc3339_micros(SystemTime::now()).to_string(),
        request: record.request.to_string(),
        endpoint: context.endpoint.as_str(),
        uid: context.uid,
        peer: &context.caller.peer,
        client: context.caller.name.as_deref(),
        user: review.user().map(User::name),
        operation: review.operation().map(Operation::as_str),
        kind: review.kind().map(|kind| kind.name()),
        namespace: review.namespace(),
        name: review.name(),
        dry_run: review.is_dry_run(),
        images: images(review).collect(),
        facts: context
            .facts
            .filter(|facts| !facts.is_empty())
            .map(AuditedFacts),
        allowed: verdict.is_allowed(),
        reason: (!verdict.is_allowed()).then(|| verdict.reason(language)),
        violations: violations.chain(exempted).collect(),
        omitted_violations: verdict.omitted().map(|(.., count)| count).sum::<usize>()
            + verdict
                .omitted_exempted()
                .map(|(_, count)| count)
                .sum::<usize>(),
        policy: verdict.policy(),
        duration_us: record.duration_us,
    };
    let mut json = serde_json::to_vec(&line).expect("strings and numbers always serialise");
    json.push(b'\n');
    json
}

/// A line of the audit log.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct AuditLine<'a> {
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
    /// What rules needed to know of images.
    #[serde(skip_serializing_if = "Option::is_none")]
    facts: Option<AuditedFacts<'a>>,
    allowed: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    violations: Vec<FailedRule<'a>>,
    /// How many more there are, which the verdict counts and does not keep.
    #[serde(skip_serializing_if = "is_zero")]
    omitted_violations: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    policy: Option<&'a str>,
    duration_us: u64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde gives a reference")]
fn is_zero(number: &usize) -> bool {
    *number == 0
}

/// A rule that an image failed, and the exemption if there was one.
struct FailedRule<'a> {
    violation: &'a Violation,
    exemption: Option<&'a Exempted>,
    language: Language,
}

impl Serialize for FailedRule<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let violation = self.violation;
        let mut object = serializer.serialize_struct("Violation", 6)?;
        object.serialize_field("rule", violation.rule())?;
        object.serialize_field("mode", &violation.mode().to_string())?;
        object.serialize_field("image", violation.image().unwrap_or_default())?;
        object.serialize_field("location", &violation.location().to_string())?;
        object.serialize_field("reason", violation.reason().text(self.language))?;
        if let Some(exempted) = self.exemption {
            let exemption = format!("{}: {}", exempted.exemption(), exempted.reason());
            object.serialize_field("exemption", &exemption)?;
        }
        object.end()
    }
}
