//! Patterns over names and parts of references against readers of our own: what a pattern allows is
//! what the oracle says, and whatever it allows, it denies too.

#![no_main]

use arbitrary::{Arbitrary, Unstructured};
use imagereview_core::{ImagePolicy, PolicySource, Review, decide};
use imagereview_fuzz::glob;
use libfuzzer_sys::fuzz_target;
use serde_json::{Value, json};

/// Texts of which every second one is a pattern, and what they are matched with.
#[derive(Debug)]
enum Case {
    Tags(Vec<String>, String),
    Regexes(Vec<String>, String),
    Versions(Vec<String>, String),
    Repositories(Vec<String>, String),
    Registries(Vec<String>, String),
    Users(Vec<String>, String),
}

/// Text of these pieces.
fn of(pieces: &[&str], most: usize, u: &mut Unstructured<'_>) -> arbitrary::Result<String> {
    let len = u.int_in_range(1..=most)?;
    (0..len).map(|_| u.choose(pieces).copied()).collect()
}

impl<'a> Arbitrary<'a> for Case {
    fn arbitrary(u: &mut Unstructured<'a>) -> arbitrary::Result<Self> {
        const GLOB: [&str; 21] = [
            "a", "b", "A", "1", "-", ".", "_", "*", "?", "[", "[!", "]", "a-c", ".-1", "{", "}",
            ",", "**", "/", "/**", "**/",
        ];
        const TAG: [&str; 9] = ["a", "b", "c", "A", "B", "1", "-", ".", "_"];
        const REGEX: [&str; 22] = [
            "a", "b", "A", "1", "-", r"\.", ".", "[a-b]", "[^a-b]", "[^A]", "*", "+", "?", "|",
            "(", ")", "^", "$", r"\w", r"\W", r"\d", "(?i)",
        ];
        const RANGE: [&str; 19] = [
            ">", "<", ">=", "<=", "=", "~", "^", "0", "1", "2", "10", "09", ".", ".", ", ", "-rc1",
            "-rc", "*", "x",
        ];
        const VERSION: [&str; 12] = [
            "0", "1", "2", "10", "09", ".", ".", "-rc1", "-alpine", "-", "_", "rc1",
        ];
        const PATH: [&str; 9] = ["a", "b", "c", "1", "-", ".", "_", "/", "/a"];
        const HOST: [&str; 14] = [
            "a",
            "b",
            "A",
            "example",
            ".com",
            ".",
            "docker.io",
            "localhost",
            ":",
            ":443",
            ":5000",
            ":05000",
            "*",
            "*.",
        ];
        const NAME: [&str; 14] = [
            "a", "b", "A", "1", "-", "/", ":", "é", "ü", "ſ", "\u{212a}", "k", "s", "镜",
        ];
        const NAME_GLOB: [&str; 22] = [
            "a", "b", "1", "-", "/", "é", "ſ", "k", "*", "?", "[", "[!", "]", "a-c", "é-ü", "{",
            "}", ",", "**", "}", "镜", "^",
        ];
        let kind = u.int_in_range(0..=5)?;
        let count = u.int_in_range(1..=3)?;
        let mut patterns = |prefix: &str, pieces: &[&str], suffix: &str| {
            let pattern = |_| Ok(format!("{prefix}{}{suffix}", of(pieces, 8, u)?));
            (0..count)
                .map(pattern)
                .collect::<arbitrary::Result<Vec<String>>>()
        };
        Ok(match kind {
            0 => Self::Tags(patterns("", &GLOB, "")?, of(&TAG, 6, u)?),
            1 => Self::Regexes(patterns("/", &REGEX, "/")?, of(&TAG, 6, u)?),
            2 => Self::Versions(patterns("", &RANGE, "")?, of(&VERSION, 7, u)?),
            3 => Self::Repositories(patterns("example.com/", &GLOB, "")?, of(&PATH, 8, u)?),
            4 => Self::Registries(patterns("", &HOST, "")?, of(&HOST, 4, u)?),
            _ => Self::Users(patterns("", &NAME_GLOB, "")?, of(&NAME, 6, u)?),
        })
    }
}

fuzz_target!(|case: Case| match &case {
    Case::Tags(patterns, tag) => {
        let images = [format!("x:{tag}"), format!("x:{}", swapped(tag))];
        let matches = |pattern: &String| glob(pattern, tag, '/');
        check("tags", patterns, &images, || {
            Some(patterns.iter().any(matches))
        });
    }
    Case::Regexes(patterns, tag) => {
        let matches = |pattern: &String| {
            let pattern = pattern.trim_matches('/');
            regex::Regex::new(&format!(r"\A(?:{pattern})\z")).is_ok_and(|regex| regex.is_match(tag))
        };
        let images = [format!("x:{tag}")];
        check("tags", patterns, &images, || {
            Some(patterns.iter().any(matches))
        });
    }
    Case::Versions(patterns, tag) => {
        let is_range = |pattern: &String| pattern.starts_with(['>', '<', '=', '~', '^']);
        if patterns.iter().all(is_range) {
            let expected = plain_version(tag).map(|version| {
                let matches = |range: &String| {
                    semver::VersionReq::parse(range).is_ok_and(|range| range.matches(&version))
                };
                patterns.iter().any(matches)
            });
            let has_leading_zero = |pattern: &String| pattern.contains("09");
            let expected = expected.filter(|_| !patterns.iter().any(has_leading_zero));
            check("tags", patterns, &[format!("x:{tag}")], || expected);
        }
    }
    Case::Repositories(patterns, path) => {
        let matches = |pattern: &String| glob(&pattern["example.com/".len()..], path, '/');
        let images = [
            format!("example.com/{path}:1"),
            format!("Example.COM:5000/{path}:1"),
        ];
        check("repositories", patterns, &images, || {
            Some(patterns.iter().any(matches))
        });
    }
    Case::Registries(patterns, host) => {
        let images = [format!("{host}/x:1"), format!("{}/x:1", swapped(host))];
        check("registries", patterns, &images, || None);
    }
    Case::Users(patterns, name) => {
        let scope = json!({"users": {"include": patterns}});
        let rules = json!([{"name": "r", "maxImages": 0, "scope": scope}]);
        let Ok(policy) = compile(&rules) else { return };
        let request = json!({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": {
            "uid": "u", "userInfo": {"username": name}, "operation": "CREATE",
            "object": {"apiVersion": "v1", "kind": "Pod", "spec": {"containers": [{"image": "x"}]}}}});
        let request = request.to_string();
        let question = imagereview_core::AdmissionReview::from_slice(request.as_bytes());
        let denied = !decide(&policy, &question.expect("it is a question").review()).is_allowed();
        let expected = patterns.iter().any(|pattern| glob(pattern, name, '\0'));
        assert_eq!(denied, expected, "{case:?}");
    }
});

fn swapped(text: &str) -> String {
    let swap = |c: char| {
        if c.is_ascii_lowercase() {
            c.to_ascii_uppercase()
        } else {
            c.to_ascii_lowercase()
        }
    };
    text.chars().map(swap).collect()
}

fn compile(rules: &Value) -> Result<ImagePolicy, imagereview_core::PolicyErrors> {
    let document = json!({"apiVersion": "imagereview/v1alpha1", "kind": "ImagePolicy",
        "metadata": {"name": "p"}, "rules": rules});
    ImagePolicy::compile([PolicySource::new("p.json", &document.to_string())])
}

/// The version that a tag is, where nothing can be said about it but that.
fn plain_version(tag: &str) -> Option<semver::Version> {
    let version = semver::Version::parse(tag).ok()?;
    (version.pre.is_empty() && version.build.is_empty()).then_some(version)
}

/// The first image is allowed as expected; and each of them that is allowed by what is denied would
/// be denied.
fn check(
    field: &str,
    patterns: &[String],
    images: &[String],
    expected: impl FnOnce() -> Option<bool>,
) {
    let rule = |list: &str| compile(&json!([{"name": "r", field: {list: patterns}}]));
    let (Ok(allow), Ok(deny)) = (rule("allow"), rule("deny")) else {
        return;
    };
    let expected = expected();
    for (index, image) in images.iter().enumerate() {
        let review: Review<'_> = [&**image].into_iter().collect();
        if review.images().is_empty() {
            continue;
        }
        let allowed = decide(&allow, &review).is_allowed();
        let denied = !decide(&deny, &review).is_allowed();
        assert!(
            !allowed || denied,
            "{patterns:?} allow {image} and don't deny it"
        );
        if let (0, Some(expected)) = (index, expected) {
            assert_eq!(allowed, expected, "{patterns:?} and {image}");
            assert!(denied || !expected);
        }
        if let (1, Some(true)) = (index, expected) {
            let is_plain = |pattern: &String| !pattern.contains("[!");
            let is_denied = denied || !patterns.iter().all(is_plain);
            assert!(
                is_denied,
                "{patterns:?} don't deny {image} in other letters"
            );
        }
    }
}
