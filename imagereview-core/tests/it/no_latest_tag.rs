//! The built-in policy, first of all where the script that it replaces was wrong.

use super::support::SHA256;
use imagereview_core::{
    Language, NoLatestTag, Review, Violation, decide,
    policy::{REASON_LIMIT, UNREADABLE_REFERENCE},
};

const HEADLINE: &str = "检查镜像失败!镜像标签不允许使用latest!";
fn review(images: &[&'static str]) -> Review<'static> {
    images.iter().copied().collect()
}

#[test]
fn each_image_is_allowed_or_denied_for_the_right_rule() {
    let digest = |name: &str| format!("{name}@{SHA256}");
    let upper_digest = digest("nginx").replace("abcdef", "ABCDEF");
    let bare = "f".repeat(64);
    let unreadable = Some(UNREADABLE_REFERENCE);
    let latest = Some(NoLatestTag::RULE);
    for (image, denied_by) in [
        ("nginx", latest),
        ("nginx:latest", latest),
        ("nginx:1.17.1", None),
        // A port is no tag.
        ("registry:5000/nginx", latest),
        ("registry.example.com:5000/team/app:1.2", None),
        ("registry.example.com:5000/team/app", latest),
        // A tag that only begins with "latest" is another tag.
        ("nginx:latest-alpine", None),
        ("nginx:notlatest", None),
        // With a digest the node pulls exactly those bytes, whatever the tag says.
        (&digest("nginx"), None),
        (&digest("nginx:latest"), None),
        // Only the case differs: another tag to a registry, and no reason to choose it but this rule.
        ("nginx:LATEST", latest),
        ("nginx:Latest", latest),
        ("latest", latest),
        ("latest:1", None),
        ("[2001:db8::1]:5000/x:1", None),
        ("[2001:db8::1]:5000/x", latest),
        // No reference, or one that readers differ on.
        ("", unreadable),
        ("nginx:", unreadable),
        ("ng inx:1", unreadable),
        ("Foo/x:1", unreadable),
        ("LOCALHOST/x:1", unreadable),
        ("nginx:é", unreadable),
        ("nginx:１.２", unreadable),
        ("a_b.c/d:1", unreadable),
        ("sha256:2d71", unreadable),
        (&upper_digest, unreadable),
        (&bare, unreadable),
    ] {
        let verdict = decide(&NoLatestTag, &[image].into_iter().collect());
        let rules: Vec<&str> = verdict.violations().iter().map(Violation::rule).collect();
        assert_eq!(
            rules,
            denied_by.into_iter().collect::<Vec<_>>(),
            "{image:?}"
        );
        assert_eq!(verdict.is_allowed(), denied_by.is_none(), "{image:?}");
        let chinese = verdict.reason(Language::Chinese);
        match denied_by {
            None => {
                assert_eq!(chinese, "检查镜像通过.", "{image:?}");
                assert_eq!(verdict.reason(Language::English), "image check passed");
            }
            Some(rule) => {
                assert!(chinese.starts_with(HEADLINE), "{image:?}: {chinese}");
                for reason in [chinese, verdict.reason(Language::English)] {
                    assert!(reason.contains(rule), "{image:?}: {reason}");
                    assert!(
                        reason.contains(&format!("\"{image}\"")),
                        "{image:?}: {reason}"
                    );
                }
            }
        }
    }
}

#[test]
fn a_review_of_no_images_is_allowed() {
    assert!(decide(&NoLatestTag, &review(&[])).is_allowed());
}

#[test]
fn one_bad_image_among_many_is_denied_and_named() {
    let verdict = decide(&NoLatestTag, &review(&["redis:7", "nginx", "busybox:1"]));
    assert!(!verdict.is_allowed());
    assert_eq!(verdict.violations().len(), 1);
    assert_eq!(verdict.violations()[0].image(), Some("nginx"));
    assert_eq!(
        verdict.violations()[0].location().path().to_string(),
        "IMAGE[1]"
    );
}

#[test]
fn all_bad_images_are_named_in_the_order_of_the_request() {
    let verdict = decide(&NoLatestTag, &review(&["b", "Foo/x", "a:latest"]));
    let images: Option<Vec<&str>> = verdict.violations().iter().map(Violation::image).collect();
    assert_eq!(images.unwrap(), ["b", "Foo/x", "a:latest"]);
}

#[test]
fn a_long_reason_ends_between_violations_and_counts_the_rest() {
    for language in [Language::English, Language::Chinese] {
        let names: Vec<String> = (0..200)
            .map(|n| format!("registry.example.com/app-{n}"))
            .collect();
        let verdict = decide(&NoLatestTag, &names.iter().map(String::as_str).collect());
        let reason = verdict.reason(language);
        assert!(reason.len() <= REASON_LIMIT, "{} bytes", reason.len());
        let shown = names
            .iter()
            .filter(|name| reason.contains(&format!("\"{name}\"")))
            .count();
        assert!(shown >= 2, "{reason}");
        let rest = match language {
            Language::Chinese => format!("; 另有{}项", 200 - shown),
            _ => format!("; and {} more", 200 - shown),
        };
        assert!(reason.ends_with(&rest), "{reason}");
    }
}
