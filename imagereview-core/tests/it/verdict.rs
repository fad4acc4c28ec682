//! What a verdict reports of its violations: their subjects, and the JSON of all of it.

use imagereview_core::{
    AdmissionReview, AllowAll, Language, Location, Message, Mode, NoLatestTag, Review, Subject,
    Violation, decide, policy::UNREADABLE_OBJECT,
};
use serde_json::json;

use super::support::admission_review;

/// A request about a pod whose second image is a number.
fn unreadable_object() -> String {
    admission_review(&json!({"uid": "u", "operation": "CREATE", "object": {
        "apiVersion": "v1", "kind": "Pod", "spec": {"containers": [{"image": "a:1"}, {"image": 5}]},
    }}))
}

#[test]
fn a_violation_is_of_an_image_or_of_an_object() {
    let review: Review<'_> = ["redis:7", "nginx"].into_iter().collect();
    let verdict = decide(&NoLatestTag, &review);
    let violation = &verdict.violations()[0];
    assert!(matches!(violation.subject(), Subject::Image { .. }));
    assert_eq!(violation.image(), Some("nginx"));
    assert_eq!(violation.position(), Some(1));
    assert_eq!(violation.location().to_string(), "IMAGE[1]");

    let request = unreadable_object();
    let request = AdmissionReview::from_slice(request.as_bytes()).unwrap();
    let verdict = decide(&AllowAll, &request.review());
    let violation = &verdict.violations()[0];
    assert_eq!(violation.rule(), UNREADABLE_OBJECT);
    assert!(matches!(violation.subject(), Subject::Object { .. }));
    assert_eq!(violation.image(), None);
    assert_eq!(violation.position(), None);
    assert_eq!(violation.location().to_string(), "spec.containers[1].image");
}

#[test]
fn a_verdict_and_its_violations_are_written_as_documented() {
    let location = Location::new("spec.containers", 0, "image").with_container("cache");
    let review = Review::new().with_image("redis:7", location);
    let reason = Message::new("a cache is provided", "已提供缓存");
    let violation = Violation::new("no-redis", &review.images()[0], reason)
        .with_remedy("use the shared cache")
        .in_mode(Mode::Warn)
        .declared_at("policy.yaml:7".into());
    let verdict: imagereview_core::Verdict = [violation].into_iter().collect();
    assert_eq!(
        serde_json::to_value(verdict.with_policy("example@sha256:00")).unwrap(),
        json!({
            "allowed": true,
            "reason": {"en": "image check passed", "zh": "检查镜像通过."},
            "violations": [{
                "rule": "no-redis",
                "mode": "warn",
                "image": "redis:7",
                "location": {
                    "path": "spec.containers[0].image",
                    "kind": "unknown",
                    "container": "cache",
                },
                "reason": {"en": "a cache is provided", "zh": "已提供缓存"},
                "remedy": {"en": "use the shared cache"},
                "declaredAt": "policy.yaml:7",
            }],
            "policy": "example@sha256:00",
        })
    );

    let request = unreadable_object();
    let request = AdmissionReview::from_slice(request.as_bytes()).unwrap();
    let verdict = serde_json::to_value(decide(&AllowAll, &request.review())).unwrap();
    assert_eq!(verdict["allowed"], false);
    assert_eq!(verdict["violations"][0].get("image"), None);
    assert_eq!(
        verdict["violations"][0]["location"]["path"],
        "spec.containers[1].image"
    );
}

#[cfg(feature = "document")]
#[test]
fn an_exempted_violation_is_written_beside_those_that_count() {
    let policy = super::support::document(
        "rules: [{name: tags, tags: {deny: [latest]}}]\n\
         exemptions: [{name: legacy, reason: being replaced, images: [nginx]}]",
    );
    let review: Review<'_> = ["nginx"].into_iter().collect();
    let verdict = serde_json::to_value(decide(&policy, &review)).unwrap();
    let exempted = &verdict["exempted"][0];
    assert_eq!(verdict["allowed"], true);
    assert_eq!(verdict["violations"], json!([]));
    assert_eq!(exempted["exemption"], "legacy");
    assert_eq!(exempted["reason"], "being replaced");
    assert_eq!(exempted["violation"]["rule"], "tags");
}

#[test]
fn a_message_has_the_texts_that_it_was_given() {
    static BOTH: Message = Message::translated("denied", &[(Language::Chinese, "拒绝")]);
    static ENGLISH: Message = Message::translated("denied", &[]);
    for (message, english, chinese) in [
        (BOTH.clone(), "denied", "拒绝"),
        (ENGLISH.clone(), "denied", "denied"),
        (Message::new("denied", "拒绝"), "denied", "拒绝"),
        (
            Message::from("denied").with(Language::Chinese, "拒绝"),
            "denied",
            "拒绝",
        ),
        (
            BOTH.clone().with(Language::English, "refused"),
            "refused",
            "拒绝",
        ),
    ] {
        assert_eq!(message.text(Language::English), english);
        assert_eq!(message.text(Language::Chinese), chinese);
    }
}
