//! What a policy takes for a review is known before, and bounded: in steps, which are counted and not timed.

use imagereview_core::{
    ImageExplanation, ImagePolicy, Language, Mode, Review, Verdict, Violation, decide,
    document::{PolicyPrice, RulePrice},
    limits::STEPS_LIMIT,
};

use super::support::{compile, document};

/// The longest names that there are, each another.
fn long_images(many: usize) -> Vec<String> {
    let host = format!("{}.example.com", vec!["x".repeat(60); 4].join("."));
    let path = "a/".repeat(120);
    let image = |n: usize| format!("{}/{path}{n:06}:{}", &host[2..], "t".repeat(128));
    (0..many).map(image).collect()
}

fn review(images: &[String]) -> Review<'_> {
    images.iter().map(String::as_str).collect()
}

fn price(fields: &str) -> PolicyPrice {
    document(fields).price()
}

/// The steps of the rules of a policy for the largest review.
fn steps(policy: &ImagePolicy) -> Vec<u64> {
    policy
        .price()
        .rules()
        .iter()
        .map(RulePrice::steps)
        .collect()
}

fn expression(text: &str) -> String {
    format!("rules: [{{name: r, expression: {text:?}}}]")
}

fn undecided(verdict: &Verdict) -> usize {
    let reasons = verdict.violations().iter();
    let reasons = reasons.map(|violation| violation.reason().text(Language::English));
    let omitted: usize = verdict.omitted().map(|(.., count)| count).sum();
    reasons
        .filter(|reason| reason.contains("steps for this review"))
        .count()
        + omitted
}

#[test]
fn comparisons_and_searches_count_with_the_bytes_of_what_is_compared() {
    for (text, least, most) in [
        ("true", 0, 50_000_000),
        ("image.tag == 'latest'", 0, 50_000_000),
        // Each image is compared with each, once.
        (
            "review.images.all(x, x == image)",
            100_000_000,
            2 * STEPS_LIMIT,
        ),
        (
            "review.images.all(x, review.images == review.images)",
            5 * STEPS_LIMIT,
            u64::MAX,
        ),
        (
            "review.images.all(x, review == review)",
            5 * STEPS_LIMIT,
            u64::MAX,
        ),
        (
            "review.annotations.all(k, review.annotations.exists_one(x, x == k))",
            0,
            0,
        ),
        (
            "review.images.all(x, review.annotations['a'].contains(x.written))",
            5 * STEPS_LIMIT,
            u64::MAX,
        ),
        (
            "review.images.all(x, x in review.images)",
            5 * STEPS_LIMIT,
            u64::MAX,
        ),
        (
            "review.images.all(x, size(review.annotations['a']) > 1)",
            5 * STEPS_LIMIT,
            u64::MAX,
        ),
        (
            "review.images.all(x, review.annotations['a'].matches('a.*b'))",
            5 * STEPS_LIMIT,
            u64::MAX,
        ),
        // Named once, and compared with a text of its own.
        (
            "review.images.all(x, x.tag != 'latest')",
            100_000_000,
            STEPS_LIMIT,
        ),
    ] {
        match compile(&expression(text)) {
            Ok(policy) => {
                let [steps] = steps(&policy)[..] else {
                    panic!("{text}")
                };
                assert!((least..=most).contains(&steps), "{text}: {steps}");
            }
            Err(error) => assert!(most == 0 && error.contains("loop within a loop"), "{error}"),
        }
    }
}

#[test]
fn an_expression_is_not_evaluated_for_images_that_no_steps_are_left_for() {
    // A state for each character, all of which the bound counts for each byte.
    let more: Vec<String> = (901..907)
        .map(|n| format!("image.written.matches('^[a-z]{{{n}}}$')"))
        .collect();
    let wide = format!(
        "image.written.matches('^[a-z0-9./:]{{900}}$') || image.written != '' || {}",
        more.join(" || ")
    );
    let images = long_images(200);
    for (mode, allowed) in [("enforce", false), ("warn", true), ("audit", true)] {
        let policy = document(&format!(
            "rules: [{{name: r, mode: {mode}, expression: {wide:?}}}]"
        ));
        assert!(policy.price().exceeds_limit());
        let few = decide(&policy, &review(&images[..20]));
        assert!(few.violations().is_empty(), "{few:?}");
        let many = decide(&policy, &review(&images));
        assert_eq!(many.is_allowed(), allowed, "{mode}");
        let undecided = undecided(&many);
        // The first images are decided, and no others.
        assert!((1..180).contains(&undecided), "{undecided}");
        let first = many.violations()[0].position().unwrap();
        assert_eq!(first + undecided, images.len());
        let reason = many.violations()[0].reason().text(Language::English);
        let expected = "the expression could not be decided: \"image.written.matches('^[a-z0-9./:]{900}$') || image.written…\" takes more than ";
        assert!(reason.starts_with(expected), "{reason}");
        // An explanation comes to the same.
        assert_eq!(policy.explain(&review(&images)).verdict(), &many);
    }
}

#[test]
fn a_hundred_and_twenty_wide_regular_expressions_are_followed_for_as_many_tags_as_there_are_steps()
{
    let regexes: Vec<String> = (0..120)
        .map(|n| format!("'/(a|t){{{}}}[a-z]*x/'", 60 + n))
        .collect();
    let policy = document(&format!(
        "rules: [{{name: r, tags: {{deny: [{}]}}}}]",
        regexes.join(", ")
    ));
    let images = long_images(500);
    assert!(policy.price().exceeds_limit());
    assert!(decide(&policy, &review(&images[..20])).is_allowed());
    let verdict = decide(&policy, &review(&images));
    assert!(!verdict.is_allowed());
    let undecided = undecided(&verdict);
    assert!((1..480).contains(&undecided), "{undecided}");
    let reason = verdict.violations()[0].reason().text(Language::English);
    assert!(
        reason.starts_with("the rule could not be decided: it takes more than "),
        "{reason}"
    );
    // What an explanation says of each image is what the verdict says.
    let explanation = policy.explain(&review(&images));
    let explained = explanation
        .images()
        .iter()
        .flat_map(ImageExplanation::steps);
    let explained = explained.filter(|step| step.why().text(Language::English) == reason);
    assert_eq!(explained.count(), undecided);
}

#[test]
fn a_cheap_rule_decides_whatever_an_expensive_one_beside_it_takes() {
    let wide = "review.images.all(x, review == review)";
    let policy = document(&format!(
        "rules: [{{name: cheap, registries: {{deny: [example.com]}}}}, {{name: wide, mode: audit, expression: {wide:?}}}]"
    ));
    let price = policy.price();
    let [cheap, wide] = price.rules() else {
        panic!()
    };
    assert_eq!(cheap.share(), cheap.steps());
    assert!(wide.share() < wide.steps());
    let shares = cheap.share() + wide.share() + price.own_steps();
    assert_eq!(shares, STEPS_LIMIT);
    let verdict = decide(&policy, &review(&long_images(2_000)));
    assert!(verdict.is_allowed());
    let modes = verdict.violations().iter().map(Violation::mode);
    assert!(modes.into_iter().all(|mode| mode == Mode::Audit));
}

#[test]
fn exemptions_by_annotation_are_looked_up_once_a_review() {
    let exemptions = |many: usize| {
        let exemption = |n: usize| {
            format!(
                "{{name: e{n}, reason: r, namespaces: [shop], annotation: {{key: x.image-policy.k8s.io/k{n}, value: 'a*b*c*d*e*'}}}}"
            )
        };
        let all: Vec<String> = (0..many).map(exemption).collect();
        price(&format!(
            "rules: [{{name: r, digest: {{}}}}]\nexemptions: [{}]",
            all.join(", ")
        ))
    };
    let (one, many) = (exemptions(1), exemptions(101));
    // Each costs its pattern once, and next to nothing for each of 10,000 images.
    let own = many.own_steps() - one.own_steps();
    assert!(own > 100 * 4096, "{own}");
    let of_images = many.rules()[0].steps() - one.rules()[0].steps();
    assert!(of_images <= 100 * 10_000 * 50, "{of_images}");
}

#[test]
fn many_patterns_take_a_name_no_more_steps_than_few() {
    let list = |of: &str, many: usize| {
        let patterns: Vec<String> = (0..many)
            .map(|n| of.replace('#', &format!("{n:05}")))
            .collect();
        let fields = format!(
            "rules: [{{name: r, repositories: {{deny: [{}]}}}}]",
            patterns.join(", ")
        );
        price(&fields).rules()[0].steps()
    };
    for of in [
        "registry.example.com/team-#/app",
        "registry.example.com/team-#/**",
        "'*.h#.example.com/**'",
    ] {
        assert_eq!(list(of, 10), list(of, 10_000), "{of}");
    }
    // Globs of one folder are tried one by one, and cost what they are.
    let of = "registry.example.com/team/*-#/x*";
    let (few, many) = (list(of, 10), list(of, 10_000));
    assert!(many > 100 * few, "{few} {many}");
}

#[test]
fn a_name_of_very_many_parts_is_decided_as_one_of_few() {
    let policy = document(
        "rules: [{name: r, repositories: {deny: [\"*.example.com/**\", registry.example.org/a/a/a/**]}}]",
    );
    let folders = "a/".repeat(126);
    let domains = "a.".repeat(100);
    for (image, allowed) in [
        (format!("registry.example.org/{folders}a:1"), false),
        ("registry.example.org/a/a/b:1".to_owned(), true),
        (format!("{domains}example.com/x:1"), false),
        (format!("{domains}example.org/{folders}a:1"), true),
        ("registry.example.org/a/a/a:1".to_owned(), true),
    ] {
        let review: Review<'_> = [&*image].into_iter().collect();
        assert_eq!(decide(&policy, &review).is_allowed(), allowed, "{image}");
    }
}

#[test]
fn a_name_that_is_too_long_for_patterns_is_in_scope_and_not_exempt() {
    let long = "x".repeat(4097);
    for scope in [
        "namespaces: {include: [shop]}",
        "namespaces: {exclude: [\"x*\"]}",
    ] {
        let policy = document(&format!(
            "scope: {{{scope}}}\nrules: [{{name: r, digest: {{}}}}]"
        ));
        let review: Review<'_> = ["nginx"].into_iter().collect();
        let verdict = decide(&policy, &review.with_namespace(&long));
        assert!(!verdict.is_allowed(), "{scope}");
    }
    let policy = document(
        "rules: [{name: r, digest: {}}]\nexemptions: [{name: e, reason: r, namespaces: [\"x*\"]}]",
    );
    let review: Review<'_> = ["nginx"].into_iter().collect();
    assert!(!decide(&policy, &review.with_namespace(&long)).is_allowed());
}

#[test]
fn a_message_that_is_too_long_is_refused() {
    let fields = |len: usize| {
        format!(
            "rules: [{{name: r, digest: {{}}, message: {}}}]",
            "x".repeat(len)
        )
    };
    assert!(compile(&fields(4096)).is_ok());
    let error = compile(&fields(4097)).unwrap_err();
    assert!(
        error
            .contains("the message has 4097 bytes, and may have 4096; a response has room for 640"),
        "{error}"
    );
}
