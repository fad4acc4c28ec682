//! What holds of every verdict, whatever was asked and by whichever policy.

use std::collections::BTreeSet;

use imagereview_core::{
    ImageExplanation, ImagePolicy, Language, Review, Verdict, Violation, decide, document::Outcome,
    policy::REASON_LIMIT,
};

/// More than the longest sentence of our own, in bytes: three quotations of 160 characters, each
/// written as `\u{10ffff}` at the longest.
const SENTENCE_LIMIT: usize = 3 * 160 * 10 + 400;

/// Decides with two policies that were compiled from the same text, each by itself: they come to the
/// same verdict, and the explanation too, by the same rules, broken by the same images.
pub fn check_decision(policies: [&ImagePolicy; 2], review: &Review<'_>) -> Verdict {
    let [policy, other] = policies;
    let verdict = decide(policy, review);
    let explanation = other.explain(review);
    assert_eq!(*explanation.verdict(), verdict, "the same each time");
    check_reasons(&verdict);

    let explained = |outcome| {
        let of_image = |image: &ImageExplanation| {
            let steps = image.steps().iter();
            let steps = steps.filter(|step| step.outcome() == outcome);
            let place = image.location().to_string();
            steps
                .map(move |step| (step.rule().to_owned(), place.clone()))
                .collect::<Vec<_>>()
        };
        let images = explanation.images().iter();
        images.flat_map(of_image).collect::<BTreeSet<_>>()
    };
    let named = |violation: &Violation| {
        (
            violation.rule().to_owned(),
            violation.location().to_string(),
        )
    };
    let is_declared = |violation: &&Violation| violation.rule_declared_at().is_some();
    let violated = verdict.violations().iter().filter(is_declared).map(named);
    let exempted = verdict.exempted().iter();
    let exempted = exempted.map(|exempted| named(exempted.violation()));
    for (outcome, kept, are_all) in [
        (
            Outcome::Violated,
            violated.collect::<BTreeSet<_>>(),
            verdict.omitted().next().is_none(),
        ),
        (
            Outcome::Exempted,
            exempted.collect(),
            verdict.omitted_exempted().next().is_none(),
        ),
    ] {
        let explained = explained(outcome);
        if are_all {
            assert_eq!(explained, kept);
        } else {
            assert!(kept.is_subset(&explained));
        }
    }
    verdict
}

/// A verdict says why, in both languages, in as many bytes as there is room for.
pub fn check_reasons(verdict: &Verdict) {
    let first = verdict.denials().next();
    assert_eq!(verdict.is_allowed(), first.is_none());
    let annotations = verdict.audit_annotations();
    assert_eq!(annotations.get("denied-by").is_some(), first.is_some());
    for (key, value) in annotations.iter() {
        assert!(!value.is_empty(), "{key} says nothing");
    }
    for language in [Language::English, Language::Chinese] {
        let reason = verdict.reason(language);
        assert!(!reason.is_empty());
        let least = first.map_or(0, |first| {
            let first = first.describe(language);
            assert!(reason.contains(&first), "{reason:?} has all of {first:?}");
            first.len() + 100
        });
        assert!(reason.len() <= REASON_LIMIT.max(least), "{reason:?}");
        let exempted = verdict.exempted().iter();
        let exempted = exempted.map(|exempted| exempted.violation());
        for violation in verdict.violations().iter().chain(exempted) {
            assert!(!violation.reason().text(language).is_empty());
            assert!(
                violation
                    .remedy()
                    .is_none_or(|to_do| !to_do.text(language).is_empty())
            );
        }
    }
}

/// [`check_reasons`], for a policy that has no messages of its own: each sentence is in both languages,
/// is one line, and does not run on.
pub fn check_own_reasons(verdict: &Verdict) {
    check_reasons(verdict);
    for violation in verdict.violations() {
        let texts = [Some(violation.reason()), violation.remedy()];
        for text in texts.into_iter().flatten() {
            let (english, chinese) = (text.text(Language::English), text.text(Language::Chinese));
            let has_chinese =
                |text: &str| text.contains(|c| ('\u{4e00}'..='\u{9fff}').contains(&c));
            assert!(has_chinese(chinese), "{chinese:?} is not Chinese");
            for text in [english, chinese] {
                assert!(!text.contains(char::is_control), "{text:?} is one line");
            }
        }
        for language in [Language::English, Language::Chinese] {
            let sentence = violation.describe(language);
            assert!(sentence.len() <= SENTENCE_LIMIT, "{sentence:?} runs on");
            assert!(sentence.contains(violation.rule()) || violation.image().is_none());
        }
    }
}
