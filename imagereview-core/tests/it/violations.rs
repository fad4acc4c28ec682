//! Violations of which there are too many to keep: which are, and what is said of the others.

use imagereview_core::{
    AdmissionResponse, AdmissionReview, Language, Location, Mode, NoLatestTag, Policy, Review,
    Verdict, Violation, decide, limits::VIOLATIONS_LIMIT,
};
use serde_json::json;

use super::support::{admission_review, document, pod};

/// Each of this many rules fails for each of the images.
fn failing_rules(rules: usize, images: &[&str]) -> (Verdict, usize) {
    let rules: Vec<String> = (0..rules)
        .map(|n| {
            let mode = ["audit", "enforce", "warn"][n % 3];
            format!("{{name: rule-{n}, mode: {mode}, digest: {{}}}}")
        })
        .collect();
    let policy = document(&format!("rules: [{}]", rules.join(", ")));
    let review: Review<'_> = images.iter().copied().collect();
    (decide(&policy, &review), rules.len() * images.len())
}

#[test]
fn a_hundred_rules_that_ten_thousand_images_break_keep_as_many_violations_as_the_limit() {
    let images = vec!["nginx:1"; 10_000];
    let (verdict, found) = failing_rules(100, &images);
    assert!(!verdict.is_allowed());
    assert_eq!(verdict.violations().len(), VIOLATIONS_LIMIT);
    let omitted: usize = verdict.omitted().map(|(.., count)| count).sum();
    assert_eq!(VIOLATIONS_LIMIT + omitted, found);
    // Those that deny come first, and of these the ones of the first images.
    assert_eq!(verdict.denials().count(), VIOLATIONS_LIMIT);
    let last = verdict.violations().last().unwrap();
    assert_eq!(last.position(), Some((VIOLATIONS_LIMIT - 1) / 33));
    // What the reader and the audit log learn is about all of them.
    let reason = verdict.reason(Language::English);
    let (_, more) = reason.rsplit_once("; and ").unwrap();
    let more: usize = more.strip_suffix(" more").unwrap().parse().unwrap();
    let shown = reason.matches("rule \"").count();
    assert_eq!(shown + more, 33 * images.len(), "{reason}");
    let annotations = verdict.audit_annotations();
    for (key, rules) in [("denied-by", 33), ("warned-by", 33), ("audited-by", 34)] {
        let named = annotations.get(key).unwrap().split(',').count();
        assert_eq!(named, rules, "{key}");
    }
    let written = serde_json::to_value(&verdict).unwrap();
    assert_eq!(written["omitted"], omitted);
}

#[test]
fn the_violations_that_are_kept_are_those_of_a_verdict_without_a_limit() {
    let images = vec!["nginx"; 300];
    // Few enough that all are kept, and many more.
    let (few, _) = failing_rules(3, &images);
    let (many, _) = failing_rules(12, &images);
    assert_eq!(few.omitted().count(), 0);
    let of = |verdict: &Verdict, rule: &str| -> Vec<Violation> {
        let violations = verdict.violations().iter();
        let mut violations: Vec<_> = violations.filter(|v| v.rule() == rule).cloned().collect();
        violations.truncate(200);
        violations
    };
    let without_line = |violations: Vec<Violation>| -> Vec<String> {
        let violations = violations.iter();
        violations.map(|v| v.describe(Language::English)).collect()
    };
    assert_eq!(
        without_line(of(&few, "rule-1")),
        without_line(of(&many, "rule-1"))
    );
    // Four rules deny: the first 250 images fill the limit.
    let kept = many.violations().iter();
    let expected = (0..250).flat_map(|image| [1, 4, 7, 10].map(|rule| (image, rule)));
    assert!(
        kept.map(|v| (v.position().unwrap(), v.rule().to_owned()))
            .eq(expected.map(|(image, rule)| (image, format!("rule-{rule}"))))
    );
}

#[test]
fn a_cap_holds_for_violations_that_are_not_kept_too() {
    let review: Review<'_> = vec!["nginx"; VIOLATIONS_LIMIT + 5].into_iter().collect();
    let verdict = decide(&NoLatestTag.in_mode(Mode::Warn), &review);
    assert!(verdict.is_allowed());
    let omitted: Vec<_> = verdict.omitted().collect();
    assert_eq!(omitted, [(NoLatestTag::RULE, Mode::Warn, 5)]);
    assert_eq!(verdict.warnings().count(), VIOLATIONS_LIMIT);
    // Composed with others, too.
    let both = NoLatestTag.in_mode(Mode::Warn).and(NoLatestTag);
    let verdict = decide(&both, &review);
    assert_eq!(verdict.denials().count(), VIOLATIONS_LIMIT);
    let omitted: Vec<_> = verdict.omitted().collect();
    assert_eq!(
        omitted,
        [
            (NoLatestTag::RULE, Mode::Warn, VIOLATIONS_LIMIT + 5),
            (NoLatestTag::RULE, Mode::Enforce, 5)
        ]
    );
}

#[test]
fn a_denial_is_kept_however_many_unchanged_images_fail_before_it() {
    let old = Location::new("spec.containers", 0, "image").with_container("old");
    let mut review = Review::new();
    for _ in 0..2 * VIOLATIONS_LIMIT {
        review.add_image("nginx", old.clone());
    }
    let former = std::iter::repeat_n(("nginx", &old), 2 * VIOLATIONS_LIMIT);
    let new = Location::new("spec.containers", 1, "image").with_container("new");
    let review = review.with_image("redis", new).with_former_images(former);
    for policy in [
        &NoLatestTag as &dyn Policy,
        &document("rules: [{name: tags, tags: {missing: deny}}]"),
    ] {
        let verdict = decide(policy, &review);
        let denied: Vec<_> = verdict.denials().map(Violation::image).collect();
        assert_eq!(denied, [Some("redis")]);
        assert!(verdict.reason(Language::English).contains("redis"));
    }
}

#[test]
fn exemptions_are_recorded_however_many_violations_they_cover() {
    let policy = document(
        "rules: [{name: one, digest: {}}, {name: two, digest: {}}]\n\
         exemptions: [{name: hub, reason: agreed, images: [\"**\"]}]",
    );
    let review: Review<'_> = vec!["nginx"; VIOLATIONS_LIMIT].into_iter().collect();
    let verdict = decide(&policy, &review);
    assert!(verdict.is_allowed());
    assert_eq!(verdict.exempted().len(), VIOLATIONS_LIMIT);
    let omitted: usize = verdict.omitted_exempted().map(|(_, count)| count).sum();
    assert_eq!(omitted, VIOLATIONS_LIMIT);
    let annotations = verdict.audit_annotations();
    assert_eq!(
        annotations.get("exempted-by"),
        Some("hub (one): agreed; hub (two): agreed")
    );
}

#[test]
fn warnings_that_are_not_kept_are_said_to_be_there() {
    // As many denials as the limit but one, and then a few warnings.
    let mut images = vec!["nginx:1"; VIOLATIONS_LIMIT - 1];
    images.extend(["nginx:2"; 4]);
    let policy = document(
        "rules: [{name: one, tags: {deny: [\"1\"]}}, {name: two, mode: warn, tags: {deny: [\"2\"]}}]",
    );
    let object = pod(&images);
    let request = admission_review(&json!({"uid": "u", "operation": "CREATE", "object": object}));
    let request = AdmissionReview::from_slice(request.as_bytes()).unwrap();
    let verdict = decide(&policy, &request.review());
    let response = AdmissionResponse::new(&request, &verdict, Language::English);
    let response = serde_json::to_value(&response).unwrap();
    let warnings = response["response"]["warnings"].as_array().unwrap();
    assert_eq!(warnings.len(), 2);
    assert_eq!(warnings[1], "and 3 more");
}
