//! Test cases that show what the rules of a document mean.

use std::collections::BTreeSet;

use imagereview_core::{
    ContainerKind, ImagePolicy, Location, Review, Verdict, Violation, decide, facts::Facts,
};

use crate::draft::{Checks, DigestCheck, Document, Rule};

/// A test case: an image, and what the policy says of it.
#[derive(Debug)]
pub(crate) struct Case {
    pub(crate) name: String,
    pub(crate) image: String,
    pub(crate) namespace: Option<String>,
    pub(crate) container: Option<&'static str>,
    pub(crate) is_allowed: bool,
    pub(crate) rules: Vec<String>,
}

/// An image that shows what a rule means, before the policy is asked.
struct Sample {
    image: String,
    /// Whether the rule is there to deny it.
    fails: bool,
}

const DIGEST: &str = "@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

/// The cases for all rules, and the rules that do not decide as they were meant to, with the image.
pub(crate) fn cases(
    documents: &[Document],
    policy: &ImagePolicy,
) -> (Vec<Case>, Vec<(String, String)>) {
    let mut cases = Vec::new();
    let mut wrong = Vec::new();
    for rule in documents.iter().flat_map(|document| &document.rules) {
        let namespace = namespace(rule);
        let container = rule.scope.containers.first().copied();
        for sample in samples(&rule.checks) {
            let verdict = verdict(policy, &sample.image, namespace.as_deref(), container);
            let rules: BTreeSet<_> = verdict.violations().iter().map(Violation::rule).collect();
            let is_exempt = !rule.checks.images_excluded.is_empty()
                || verdict
                    .exempted()
                    .iter()
                    .any(|one| one.violation().rule() == rule.name);
            if sample.fails && is_exempt && !rules.contains(&*rule.name) {
                // It shows another thing than it is meant to.
                continue;
            }
            if rules.contains(&*rule.name) != sample.fails {
                wrong.push((rule.name.clone(), sample.image));
                continue;
            }
            let what = if sample.fails { "fails" } else { "passes" };
            cases.push(Case {
                name: format!("{} {what} {}", sample.image, rule.name),
                image: sample.image.clone(),
                namespace: namespace.clone(),
                container,
                is_allowed: verdict.is_allowed(),
                rules: rules.into_iter().map(str::to_owned).collect(),
            });
        }
    }
    (cases, wrong)
}

fn verdict(
    policy: &ImagePolicy,
    image: &str,
    namespace: Option<&str>,
    container: Option<&str>,
) -> Verdict {
    let kind = match container {
        Some("regular") => ContainerKind::Regular,
        Some("init") => ContainerKind::Init,
        Some("ephemeral") => ContainerKind::Ephemeral,
        Some("volume") => ContainerKind::Volume,
        _ => ContainerKind::Unknown,
    };
    let location = Location::new("images", 0, "").with_kind(kind);
    let facts = Facts::new();
    let mut review = Review::new().with_image(image, location).with_facts(&facts);
    if let Some(namespace) = namespace {
        review = review.with_namespace(namespace);
    }
    decide(policy, &review)
}

/// A namespace that the rule is about.
fn namespace(rule: &Rule) -> Option<String> {
    let names = &rule.scope.namespaces;
    if names.is_empty() {
        return None;
    }
    let example = names.include.first().map_or("apps", String::as_str);
    let example = example.replace(['*', '?'], "x");
    Some(example.trim_matches('-').to_owned())
}

/// Images that show what a rule means.
fn samples(checks: &Checks) -> Vec<Sample> {
    let mut samples = Vec::new();
    let mut add = |image: String, fails| samples.push(Sample { image, fails });
    let named = checks.images.first().map(|pattern| example(pattern));
    let name = named
        .as_deref()
        .unwrap_or("registry.example.com/samples/app");
    if !checks.is_about_references() {
        return Vec::new();
    }
    if let Some(tag) = checks.tags.denied.first() {
        let tag = tag.replace('*', "x").replace('?', "1");
        add(format!("{name}:{tag}"), true);
    }
    if checks.tags.deny_missing {
        add(name.to_owned(), true);
        if named.is_none() {
            add("registry.example.com:5000/samples/app".into(), true);
        }
    }
    if !checks.tags.denied.is_empty() && !checks.tags.check_pinned {
        let tag = checks.tags.denied[0].replace('*', "x").replace('?', "1");
        add(format!("{name}:{tag}{DIGEST}"), false);
    }
    if let Some(tag) = checks.tags.allowed.first() {
        let tag = tag.replace('*', "x").replace('?', "1");
        add(format!("{name}:{tag}"), false);
    }
    if checks.digest != DigestCheck::None {
        add(format!("{name}:1.27.3"), true);
        add(format!("{name}:1.27.3{DIGEST}"), false);
    }
    for pattern in checks.repositories_allowed.iter().take(3) {
        add(example(pattern) + ":1.27.3", false);
        let host = pattern.split('/').next().unwrap_or_default();
        if crate::meaning::names_host(host) && !host.contains(['*', ':']) {
            add(format!("{host}.evil.example/team/app:1.27.3"), true);
        }
    }
    for pattern in checks.repositories_denied.iter().take(3) {
        add(example(pattern) + ":1.27.3", true);
    }
    samples
}

/// A repository that a pattern matches.
fn example(pattern: &str) -> String {
    let parts: Vec<&str> = pattern.split('/').collect();
    let mut example = Vec::new();
    for (index, part) in parts.iter().enumerate() {
        let is_last = index + 1 == parts.len();
        match *part {
            "**" if parts.len() == 1 => example.push("registry.example.com/team/app".to_owned()),
            "**" | "*" if index == 0 => example.push("registry.example.com".to_owned()),
            "**" if is_last => example.push("team/app".to_owned()),
            "**" => {}
            part if index == 0 && part.starts_with("*.") => {
                example.push(part.replacen('*', "eu", 1));
            }
            part if index == 0 => {
                example.push(part.replace(":*", ":5000").replace(['*', '?'], "1"));
            }
            part => example.push(part.replace(['*', '?'], "1")),
        }
    }
    example.join("/")
}
