//! What holds of policies however they are composed.

use std::sync::Arc;

use imagereview_core::{
    AllowAll, Mode, Modes, NoLatestTag, Policy, Review, Verdict, Violation, decide,
};
use proptest::prelude::*;

/// Denies every image whose name contains a word.
struct Without(&'static str);

impl Policy for Without {
    fn evaluate(&self, review: &Review<'_>) -> Verdict {
        let images = review.images().iter();
        images
            .filter(|image| image.reference().as_written().contains(self.0))
            .map(|image| Violation::new("without", image, format!("it contains {}", self.0)))
            .collect()
    }
}

fn image() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        "nginx",
        "nginx:1",
        "redis:latest",
        "redis:7",
        "Foo/x",
        "",
        "busybox:1@bad",
        "alpine:3",
    ])
}

fn images() -> impl Strategy<Value = Vec<&'static str>> {
    prop::collection::vec(image(), 0..6)
}

fn allowed(policy: &dyn Policy, images: &[&'static str]) -> bool {
    decide(policy, &images.iter().copied().collect()).is_allowed()
}

proptest! {
    #[test]
    fn another_policy_never_allows_more(images in images()) {
        let both = NoLatestTag.and(Without("redis"));
        prop_assert_eq!(
            allowed(&both, &images),
            allowed(&NoLatestTag, &images) && allowed(&Without("redis"), &images)
        );
    }

    #[test]
    fn an_alternative_never_denies_more(images in images()) {
        let either = NoLatestTag.or(Without("redis"));
        prop_assert_eq!(
            allowed(&either, &images),
            allowed(&NoLatestTag, &images) || allowed(&Without("redis"), &images)
        );
    }

    #[test]
    fn the_order_of_containers_does_not_matter(images in images()) {
        let mut reversed = images.clone();
        reversed.reverse();
        let policy = NoLatestTag.and(Without("redis"));
        prop_assert_eq!(allowed(&policy, &images), allowed(&policy, &reversed));
    }

    #[test]
    fn unreadable_references_are_denied_by_every_enforcing_policy(images in images()) {
        let unreadable = images.iter().any(|image| ["Foo/x", "", "busybox:1@bad"].contains(image));
        let never = AllowAll.when(|_: &Review<'_>| false);
        prop_assert_eq!(allowed(&never, &images), !unreadable);
        prop_assert_eq!(allowed(&never.or(AllowAll), &images), !unreadable);
    }

    #[test]
    fn warn_and_audit_allow_and_still_record(images in images()) {
        for mode in [Mode::Warn, Mode::Audit] {
            let review: Review<'_> = images.iter().copied().collect();
            let verdict = decide(&NoLatestTag.in_mode(mode), &review);
            prop_assert!(verdict.is_allowed());
            prop_assert_eq!(
                verdict.violations().len(),
                decide(&NoLatestTag, &review).violations().len()
            );
        }
    }
}

#[test]
fn a_mode_never_makes_a_violation_count_for_more() {
    let policy = NoLatestTag.in_mode(Mode::Audit).in_mode(Mode::Enforce);
    let verdict = decide(&policy, &["nginx"].into_iter().collect());
    assert_eq!(verdict.violations()[0].mode(), Mode::Audit);
}

#[test]
fn lists_and_pointers_of_policies_are_policies() {
    let none: Vec<NoLatestTag> = Vec::new();
    let all: Vec<Box<dyn Policy>> = vec![Box::new(NoLatestTag), Box::new(Without("redis"))];
    let shared: Arc<dyn Policy> = Arc::new(NoLatestTag);
    for (images, by_none, by_all, by_shared) in [
        (&["nginx:1"][..], true, true, true),
        (&["nginx"], true, false, false),
        (&["redis:7"], true, false, true),
        (&["Foo/x"], false, false, false),
    ] {
        assert_eq!(allowed(&none, images), by_none, "{images:?}");
        assert_eq!(allowed(&all, images), by_all, "{images:?}");
        assert_eq!(allowed(&shared, images), by_shared, "{images:?}");
    }
}

/// Has modes of its own.
struct Lenient;

impl Policy for Lenient {
    fn evaluate(&self, _: &Review<'_>) -> Verdict {
        Verdict::allowed()
    }

    fn modes(&self, _: &Review<'_>) -> Modes {
        Modes::default()
            .with_unreadable_references(Mode::Audit)
            .with_unreadable_object(Mode::Audit)
            .with_unchanged(Mode::Enforce)
    }
}

#[test]
fn what_wraps_a_policy_gives_its_modes() {
    let own = (Mode::Audit, Mode::Enforce);
    let lists: [Vec<Lenient>; 2] = [vec![], vec![Lenient, Lenient]];
    let [none, two] = lists;
    for (policy, expected) in [
        (Box::new(Lenient) as Box<dyn Policy>, own),
        (Box::new(&Lenient), own),
        (Box::new(Box::new(Lenient)), own),
        (Box::new(Arc::new(Lenient)), own),
        (Box::new(Lenient.when(|_: &Review<'_>| false)), own),
        (Box::new(Lenient.in_mode(Mode::Warn)), own),
        (Box::new(Lenient.and(Lenient)), own),
        (
            Box::new(Lenient.and(AllowAll)),
            (Mode::Enforce, Mode::Enforce),
        ),
        (
            Box::new(AllowAll.or(Lenient)),
            (Mode::Enforce, Mode::Enforce),
        ),
        (
            Box::new(AllowAll.in_mode(Mode::Warn)),
            (Mode::Warn, Mode::Warn),
        ),
        (Box::new(none), (Mode::Enforce, Mode::Warn)),
        (Box::new(two), own),
    ] {
        let modes = policy.modes(&Review::new());
        assert_eq!((modes.unreadable_references(), modes.unchanged()), expected);
        assert_eq!(modes.unreadable_object(), modes.unreadable_references());
    }
}
