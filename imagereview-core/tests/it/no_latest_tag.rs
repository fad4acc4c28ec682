//! The built-in policy, first of all where the script that it replaces was wrong.

use std::borrow::Cow;

use imagereview_core::{Language, NoLatestTag, Review, Violation, decide, policy::REASON_LIMIT};
use serde::Deserialize;

const HEADLINE: &str = "检查镜像失败!镜像标签不允许使用latest!";

fn review(images: &[&'static str]) -> Review<'static> {
    images.iter().copied().collect()
}

/// A row of `tests/data/no-latest-tag.jsonl`, which the command line's tests read too.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Row<'a> {
    #[serde(borrow)]
    image: Cow<'a, str>,
    /// The rule; `null` for an image that is allowed.
    denied_by: Option<&'a str>,
}

#[test]
fn each_image_is_allowed_or_denied_for_the_right_rule() {
    let rows: Vec<&str> = include_str!("../data/no-latest-tag.jsonl")
        .lines()
        .collect();
    assert_eq!(rows.len(), 27);
    for row in rows {
        let Row { image, denied_by } = serde_json::from_str(row).expect(row);
        let image = &*image;
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
