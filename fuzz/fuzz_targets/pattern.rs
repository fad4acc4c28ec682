//! Patterns over names and parts of references against readers of our own: what a pattern allows is
//! what the oracle says, and whatever it allows, it denies too.

#![no_main]

use std::collections::BTreeSet;

use arbitrary::{Arbitrary, Unstructured};
use imagereview_core::{
    ImagePolicy, PolicySource, Review, User, decide, policy::UNREADABLE_REFERENCE,
};
use imagereview_fuzz::{glob, verdict::check_own_reasons};
use libfuzzer_sys::fuzz_target;
use serde_json::{Value, json};

/// Patterns, and texts that they are matched with.
#[derive(Debug)]
enum Case {
    Tags(Vec<String>, Vec<String>),
    Regexes(Vec<String>, Vec<String>),
    Versions(Vec<String>, Vec<String>),
    Repositories(Vec<String>, Vec<String>),
    Registries(Vec<String>, Vec<String>),
    Users(Vec<String>, Vec<String>),
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
        let pattern = |_| {
            Ok(match kind {
                0 => of(&GLOB, 8, u)?,
                1 => format!("/{}/", of(&REGEX, 8, u)?),
                2 => range(u)?,
                3 => format!("example.com/{}", of(&GLOB, 8, u)?),
                4 => of(&HOST, 8, u)?,
                _ => of(&NAME_GLOB, 8, u)?,
            })
        };
        let patterns: Vec<String> = (0..count).map(pattern).collect::<arbitrary::Result<_>>()?;
        // Compiling takes the time, so that several are asked about.
        let count = u.int_in_range(1..=4)?;
        let text = |_| {
            if kind != 2 && u.arbitrary()? {
                let pattern = u.choose(&patterns)?;
                let text = near(pattern.trim_start_matches("example.com/"), u)?;
                // Neither a tag nor a registry has a slash in it.
                let is_part = matches!(kind, 0 | 1 | 4);
                return Ok(if is_part { text.replace('/', "") } else { text });
            }
            match kind {
                0 | 1 => of(&TAG, 8, u),
                2 => version(4, u),
                3 => of(&PATH, 8, u),
                4 => of(&HOST, 4, u),
                _ => of(&NAME, 8, u),
            }
        };
        let texts = (0..count).map(text).collect::<arbitrary::Result<_>>()?;
        Ok(match kind {
            0 => Self::Tags(patterns, texts),
            1 => Self::Regexes(patterns, texts),
            2 => Self::Versions(patterns, texts),
            3 => Self::Repositories(patterns, texts),
            4 => Self::Registries(patterns, texts),
            _ => Self::Users(patterns, texts),
        })
    }
}

/// A text that a pattern may match: its own letters, mostly, and something for what stands for others.
fn near(pattern: &str, u: &mut Unstructured<'_>) -> arbitrary::Result<String> {
    let one = |c| {
        Ok(match c {
            '*' => (*u.choose(&["", "a", "ab", "-1", "/b", "é"])?).to_owned(),
            '?' => (*u.choose(&["b", "1", "", "镜"])?).to_owned(),
            '[' | ']' | '{' | '}' | ',' | '!' | '^' | '(' | ')' | '|' | '\\' => String::new(),
            _ if u.arbitrary::<u8>()? >= 192 => String::new(),
            c => c.to_string(),
        })
    };
    pattern.chars().map(one).collect()
}

/// A version with so many numbers at most.
fn version(most: usize, u: &mut Unstructured<'_>) -> arbitrary::Result<String> {
    const NUMBERS: [&str; 6] = ["0", "1", "2", "10", "09", "*"];
    const SUFFIXES: [&str; 12] = [
        "", "", "", "", "-rc1", "-rc.2", "-rc", "-alpine", "rc1", "-0", "_1", "+b",
    ];
    let count = u.int_in_range(1..=most)?;
    let numbers = (0..count).map(|_| u.choose(&NUMBERS).copied());
    let numbers: Vec<&str> = numbers.collect::<arbitrary::Result<_>>()?;
    Ok(numbers.join(".") + u.choose(&SUFFIXES)?)
}

/// A range of versions.
fn range(u: &mut Unstructured<'_>) -> arbitrary::Result<String> {
    const OPERATORS: [&str; 7] = [">", "<", ">=", "<=", "=", "~", "^"];
    let count = u.int_in_range(1..=2)?;
    let one = |_| Ok(format!("{}{}", u.choose(&OPERATORS)?, version(3, u)?));
    let all = (0..count).map(one);
    Ok(all.collect::<arbitrary::Result<Vec<String>>>()?.join(", "))
}

fuzz_target!(|case: Case| match &case {
    // Between slashes it would be a regular expression.
    Case::Tags(patterns, _) if patterns.iter().any(|pattern| pattern.starts_with('/')) => {}
    Case::Tags(patterns, tags) => {
        let matches = |tag: &str| patterns.iter().any(|pattern| glob(pattern, tag, '/'));
        check(
            "tags",
            patterns,
            &in_other_letters("x:", "", tags),
            |index| Some(matches(&tags[index])),
        );
    }
    Case::Regexes(patterns, tags) => {
        let whole = |pattern: &String| {
            let pattern = pattern.trim_matches('/');
            regex::Regex::new(&format!(r"\A(?:{pattern})\z"))
        };
        let regexes: Vec<_> = patterns
            .iter()
            .filter_map(|pattern| whole(pattern).ok())
            .collect();
        // A class may hold one case of a letter only, so nothing is said of the other.
        let images: Vec<_> = tags
            .iter()
            .map(|tag| [format!("x:{tag}"), String::new()])
            .collect();
        check("tags", patterns, &images, |index| {
            Some(regexes.iter().any(|regex| regex.is_match(&tags[index])))
        });
    }
    Case::Versions(patterns, tags) => {
        // Zeros that lead are read by us alone.
        let is_plain = !patterns.iter().any(|pattern| pattern.contains("09"));
        let parse = |range: &String| semver::VersionReq::parse(range).ok();
        let ranges: Vec<_> = patterns.iter().filter_map(parse).collect();
        let images: Vec<_> = tags
            .iter()
            .map(|tag| [format!("x:{tag}"), String::new()])
            .collect();
        check("tags", patterns, &images, |index| {
            let version = plain_version(&tags[index]).filter(|_| is_plain)?;
            Some(ranges.iter().any(|range| range.matches(&version)))
        });
    }
    Case::Repositories(patterns, paths) => {
        let images = |path: &String| {
            [
                format!("example.com/{path}:1"),
                format!("Example.COM:5000/{path}:1"),
            ]
        };
        let images: Vec<_> = paths.iter().map(images).collect();
        check("repositories", patterns, &images, |index| {
            let matches =
                |pattern: &String| glob(&pattern["example.com/".len()..], &paths[index], '/');
            Some(patterns.iter().any(matches))
        });
    }
    Case::Registries(patterns, hosts) => {
        let images = in_other_letters("", "/x/y:1", hosts);
        check("registries", patterns, &images, |index| {
            registry_matches(patterns, &hosts[index])
        });
    }
    Case::Users(patterns, names) => {
        let scope = json!({"users": {"include": patterns}});
        let rules = json!([{"name": "r", "maxImages": 0, "scope": scope}]);
        let Ok(policy) = compile(&rules) else { return };
        for name in names {
            let user = User::new(name.as_str());
            let review = ["x"].into_iter().collect::<Review<'_>>().with_user(&user);
            let denied = !decide(&policy, &review).is_allowed();
            let expected = patterns.iter().any(|pattern| glob(pattern, name, '\0'));
            assert_eq!(denied, expected, "{name:?} of {case:?}");
        }
    }
});

/// An image for each text, and another for the same in other letters.
fn in_other_letters(before: &str, after: &str, texts: &[String]) -> Vec<[String; 2]> {
    let image = |text: &str| format!("{before}{text}{after}");
    texts
        .iter()
        .map(|text| [image(text), image(&swapped(text))])
        .collect()
}

/// Whether a registry is allowed, where it is written in full and in lower case, and so are the
/// patterns.
fn registry_matches(patterns: &[String], registry: &str) -> Option<bool> {
    let is_plain = |text: &str| !text.contains(|c: char| c.is_ascii_uppercase());
    let is_full = registry.contains(['.', ':']) && is_plain(registry);
    // Of two stars nothing is said.
    if patterns.iter().any(|pattern| pattern.contains("**")) {
        return None;
    }
    if !is_full || !patterns.iter().all(|pattern| is_plain(pattern)) {
        return None;
    }
    let parts = |text: &str| match text.split_once(':') {
        Some((host, port)) => (host.to_owned(), Some(port.to_owned())),
        None => (text.to_owned(), None),
    };
    let (host, port) = parts(registry);
    let matches = |pattern: &String| {
        let (pattern, its_port) = parts(pattern);
        let is_host = pattern == "*" || host_matches(&pattern, &host);
        // A lone star is every registry.
        let is_any = its_port.as_deref() == Some("*") || pattern == "*" && its_port.is_none();
        is_host && (is_any || port == its_port)
    };
    Some(patterns.iter().any(matches))
}

/// Whether a host is written so: one name or more for a star that the pattern begins with, and one for
/// each other.
fn host_matches(pattern: &str, host: &str) -> bool {
    let (pattern, is_below) = match pattern.strip_prefix("*.") {
        Some(rest) => (rest, true),
        None => (pattern, false),
    };
    let pattern: Vec<&str> = pattern.rsplit('.').collect();
    let host: Vec<&str> = host.rsplit('.').collect();
    let is_long_enough = if is_below {
        host.len() > pattern.len()
    } else {
        host.len() == pattern.len()
    };
    let mut names = pattern.iter().zip(&host);
    is_long_enough && names.all(|(pattern, name)| *pattern == "*" || pattern == name)
}

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

/// The first of each two images is allowed as expected; whatever is allowed is denied by the same
/// patterns, the second too if the first is allowed; and none of them has to do with the others.
fn check(
    field: &str,
    patterns: &[String],
    images: &[[String; 2]],
    expected: impl Fn(usize) -> Option<bool>,
) {
    let rule = |list: &str| json!({"name": list, field: {list: patterns}});
    let Ok(policy) = compile(&json!([rule("allow"), rule("deny")])) else {
        return;
    };
    let broken = |review: Review<'_>| {
        let verdict = decide(&policy, &review);
        check_own_reasons(&verdict);
        let violations = verdict.violations().iter();
        violations
            .map(|violation| {
                (
                    violation.image().unwrap_or_default().to_owned(),
                    violation.rule().to_owned(),
                )
            })
            .collect::<BTreeSet<_>>()
    };
    let texts = || images.iter().flatten().map(String::as_str);
    let all = broken(texts().collect());
    assert_eq!(all, broken(texts().rev().collect()), "whatever their order");

    let is_broken = |image: &str, rule: &str| all.contains(&(image.to_owned(), rule.to_owned()));
    let is_readable = |image: &str| !is_broken(image, UNREADABLE_REFERENCE);
    for (index, [image, other]) in images.iter().enumerate() {
        for image in [image, other] {
            assert!(
                is_broken(image, "allow") || is_broken(image, "deny") || !is_readable(image),
                "{patterns:?} allow {image} and don't deny it"
            );
        }
        let Some(expected) = expected(index).filter(|_| is_readable(image)) else {
            continue;
        };
        assert_eq!(
            !is_broken(image, "allow"),
            expected,
            "{patterns:?} and {image}"
        );
        let is_plain = |pattern: &String| !pattern.contains("[!");
        if expected && is_readable(other) && patterns.iter().all(is_plain) {
            assert!(
                is_broken(other, "deny"),
                "{patterns:?} don't deny {other} in other letters"
            );
        }
    }
}
