//! Policies that are written against their reader: each is refused with an error that says why, or
//! costs no more than its size and that of the review allow.

use std::fmt::Write as _;

use super::support::{admission_review, pod};
use imagereview_core::{
    AdmissionReview, ImagePolicy, Language, PolicySource, Review, StringMap, decide, facts::Facts,
};
use serde::de::DeserializeSeed as _;
use serde_json::json;

fn compile(texts: &[&str]) -> Result<ImagePolicy, String> {
    let sources = texts.iter().map(|text| PolicySource::new("p.yaml", text));
    ImagePolicy::compile(sources).map_err(|errors| errors.to_string())
}

/// A document of this name with these fields and a rule that all keep.
fn document(name: &str, fields: &str) -> String {
    format!(
        "apiVersion: imagereview/v1alpha1\nkind: ImagePolicy\nmetadata: {{name: {name}}}\n\
         rules: [{{name: {name}, maxImages: 100}}]\n{fields}\n"
    )
}

/// The images of a pod after each of two passes, and the operations of the second patch.
fn mutate_twice(policy: &ImagePolicy, images: &[&str]) -> (Vec<String>, Vec<String>, usize) {
    let mut object = pod(images);
    let mut pass = || {
        let request =
            admission_review(&json!({"uid": "u", "operation": "CREATE", "object": object}));
        let mut request =
            AdmissionReview::from_slice_with(request.as_bytes(), policy.kinds()).unwrap();
        let patch = policy.mutate(&mut request, &Facts::new());
        json_patch::patch(&mut object, &patch).unwrap();
        let workload = request.object().unwrap().unwrap();
        let images = workload.images().map(|(image, _)| image.to_owned());
        (images.collect(), patch.0.len())
    };
    let (first, _) = pass();
    let (second, operations) = pass();
    (first, second, operations)
}

#[test]
fn mirrors_of_several_documents_do_not_chain() {
    let mirrors = |name: &str, from: &str, to: &str| {
        document(
            name,
            &format!("mutations: {{mirrors: [{{from: '{from}', to: '{to}'}}]}}"),
        )
    };
    for (documents, image, mirrored) in [
        // The later document is not about what the earlier one made, nor the earlier one about that.
        (
            [("a.io/**", "b.io/**"), ("b.io/**", "c.io/**")],
            "a.io/x",
            "b.io/x",
        ),
        (
            [("b.io/**", "c.io/**"), ("a.io/**", "b.io/**")],
            "a.io/x",
            "b.io/x",
        ),
        (
            [("b.io/**", "c.io/**"), ("a.io/**", "b.io/**")],
            "b.io/x",
            "b.io/x",
        ),
        (
            [("a.io/**", "b.io/**"), ("b.io/**", "a.io/**")],
            "a.io/x",
            "a.io/x",
        ),
        (
            [("a.io/**", "b.io/**"), ("**", "c.io/**")],
            "a.io/x",
            "b.io/x",
        ),
        (
            [("a.io/**", "b.io/**"), ("a.io/**", "c.io/**")],
            "a.io/x",
            "b.io/x",
        ),
        (
            [("a.io/x/**", "a.io/y/**"), ("a.io/y/z", "a.io/x/z")],
            "a.io/x/w",
            "a.io/y/w",
        ),
    ] {
        let [(from, to), (other_from, other_to)] = documents;
        let (one, two) = (
            mirrors("one", from, to),
            mirrors("two", other_from, other_to),
        );
        for texts in [&[&*one, &*two][..], &[&format!("{one}---\n{two}")]] {
            let policy = compile(texts).unwrap();
            let (first, second, operations) = mutate_twice(&policy, &[image]);
            assert_eq!(first, [mirrored], "{documents:?}");
            assert_eq!(second, first, "{documents:?}");
            assert_eq!(operations, 0, "{documents:?}");
            // A manifest gets the API server's response.
            let text = pod(&[image]).to_string();
            let mut reader = serde_json::Deserializer::from_str(&text);
            let manifest = policy.kinds().deserialize(&mut reader).unwrap();
            let mut object = manifest.into_iter().next().unwrap().unwrap();
            let _ = policy.mutate_object(&mut object, &Facts::new());
            let images: Vec<&str> = object.images().map(|(image, _)| image).collect();
            assert_eq!(images, [mirrored], "{documents:?}");
        }
    }
}

#[test]
fn what_several_documents_change_is_changed_once() {
    let one = document(
        "one",
        "mutations:\n  fullNames: true\n  pullPolicies: [{tags: [latest], policy: Always}]\n  \
         pullSecrets: [{repositories: mirror.io/**, secret: one}]",
    );
    let two = document(
        "two",
        "mutations:\n  mirrors: [{from: docker.io/**, to: mirror.io/**}]\n  \
         pullPolicies: [{tags: [latest, main], policy: IfNotPresent}]\n  \
         pullSecrets: [{repositories: docker.io/**, secret: two}]",
    );
    for texts in [[&*one, &*two], [&*two, &*one]] {
        let policy = compile(&texts).unwrap();
        let images = ["nginx", "nginx:main", "quay.io/x", "Foo/x"];
        let (first, second, operations) = mutate_twice(&policy, &images);
        assert_eq!(first[0], "mirror.io/library/nginx");
        assert_eq!((first, 0), (second, operations));
    }
}

/// A glob has no way back: many stars cost their number times the name's length, and no more.
#[test]
fn globs_of_many_stars_are_decided() {
    let stars = "*a".repeat(1000);
    let tag = "a".repeat(127) + "b";
    let braces = "{a,".repeat(60) + "b" + &"}".repeat(60);
    let nested = format!("{{{}a{}", "{".repeat(50), "}".repeat(51));
    for pattern in [
        &stars,
        &braces,
        &nested,
        &"?".repeat(128),
        &"[ab]*".repeat(400),
    ] {
        for list in ["allow", "deny"] {
            let text = document("d", "").replace(
                "maxImages: 100",
                &format!("tags: {{{list}: ['{pattern}']}}"),
            );
            let policy = compile(&[&text]).unwrap_or_else(|error| panic!("{pattern}: {error}"));
            let image = format!("nginx:{tag}");
            let _ = decide(&policy, &[&*image].into_iter().collect());
        }
    }
    let text = document("d", "").replace(
        "maxImages: 100",
        &format!("repositories: {{deny: ['{}x']}}", "**/".repeat(600)),
    );
    let policy = compile(&[&text]).unwrap();
    let image = format!("example.com/{}y:1", "a/".repeat(100));
    assert!(decide(&policy, &[&*image].into_iter().collect()).is_allowed());
}

/// Each of these takes milliseconds to compile, and a megabyte when it is.
#[test]
fn very_many_large_regular_expressions_are_not_compiled_one_by_one() {
    let regexes: Vec<String> = (0..2_000).map(|n| format!(r"'/\w{{60}}x{n}/'")).collect();
    let text = document("d", "").replace(
        "maxImages: 100",
        &format!("tags: {{deny: [{}]}}", regexes.join(", ")),
    );
    let error = compile(&[&text]).unwrap_err();
    assert!(
        error.contains("the regular expressions are too many or too large"),
        "{error}"
    );
}

/// The same where each is in a rule of its own.
#[test]
fn large_regular_expressions_are_bounded_for_all_rules_together() {
    let compile_rules = |count: usize, check: &dyn Fn(usize) -> String| {
        let rules: Vec<String> = (0..count)
            .map(|n| format!("{{name: r{n}, {}}}", check(n)))
            .collect();
        let text = document("d", "");
        let (head, _) = text.split_once("rules:").unwrap();
        compile(&[&format!("{head}rules: [{}]", rules.join(", "))])
    };
    let tags = |n| format!(r"tags: {{deny: ['/\w{{40}}x{n}/']}}");
    let expressions = |n| format!(r#"expression: 'image.tag.matches("^[\\\\w]{{20}}x{n}")'"#);
    for check in [&tags as &dyn Fn(usize) -> String, &expressions] {
        let few = compile_rules(3, check);
        assert!(few.is_ok(), "{few:?}");
        let error = compile_rules(5_000, check).unwrap_err();
        assert!(
            error.contains("the regular expressions of the policy are too many or too large"),
            "{error}"
        );
    }
    let ordinary = |n| format!("tags: {{allow: ['/v[0-9]+[.][0-9]+-{n}/']}}");
    assert!(compile_rules(900, &ordinary).is_ok());
}

/// Each of these fills the stack, or memory, where nothing bounds it.
#[test]
fn expressions_that_are_deep_or_grow_are_refused_or_decided() {
    let within = |open: &str, count: usize, close: &str| {
        format!("{}1{} == 1", open.repeat(count), close.repeat(count))
    };
    for expression in [
        within("(", 1000, ")"),
        within("[", 1000, "]"),
        within("{1:", 450, "}"),
        within("size(", 300, ")"),
        within("-", 2000, ""),
        within("!", 2000, ""),
        within("(", 8, ")"),
        format!("{}true", "true ? true : ".repeat(140)),
        format!("image{} == 1", ".a".repeat(1000)),
        format!("image{} == 1", "[0]".repeat(600)),
        format!("1{} == 1", " + 1".repeat(500)),
        format!("1{} == 1", " + 1".repeat(22)),
        format!("true{}", " && true".repeat(250)),
        format!("[1]{} == []", ".map(x, x)".repeat(200)),
        format!("[1]{} == []", ".map(x, [x, x])".repeat(25)),
        format!("['x']{} == []", ".map(x, x + x)".repeat(18)),
        format!("['x'].map(x, x{}) == []", " + x".repeat(60)),
    ] {
        let text = json!({"apiVersion": "imagereview/v1alpha1", "kind": "ImagePolicy",
            "metadata": {"name": "p"}, "rules": [{"name": "r", "expression": expression}]});
        if let Ok(policy) = compile(&[&text.to_string()]) {
            let _ = decide(&policy, &["nginx"].into_iter().collect());
        }
    }
}

/// A review that holds more than an expression is bounded for is not decided, so it is denied.
#[test]
fn expressions_about_reviews_that_are_too_large_deny() {
    let policy = |expression: &str| {
        let text = json!({"apiVersion": "imagereview/v1alpha1", "kind": "ImagePolicy",
            "metadata": {"name": "p"}, "rules": [{"name": "r", "expression": expression}]});
        compile(&[&text.to_string()]).unwrap()
    };
    let long = "x".repeat(2 << 20);
    let keys: Vec<String> = (0..300)
        .map(|n| format!("key.image-policy.k8s.io/{n}"))
        .collect();
    for (annotations, expression, reason) in [
        (
            vec![("x.image-policy.k8s.io/long", &*long)],
            "'long' in review.annotations",
            "expressions are for at most 1048576",
        ),
        (
            keys.iter().map(|key| (&**key, "")).collect(),
            "review.annotations.all(k, k != '')",
            "the review has 300 annotations, and expressions are for at most 256",
        ),
    ] {
        let annotations: StringMap<'_> = annotations.into_iter().collect();
        let review: Review<'_> = ["nginx"].into_iter().collect();
        let verdict = decide(&policy(expression), &review.with_annotations(&annotations));
        assert!(!verdict.is_allowed(), "{expression}");
        let said = verdict.violations()[0].reason().text(Language::English);
        assert!(said.contains(reason), "{said}");
    }
}

/// The text that a glob asks for is in these names a hundred thousand times. The glob is held
/// against each of them once all the same.
#[test]
fn a_name_that_repeats_what_a_glob_asks_for_costs_no_more_than_its_length() {
    let namespace = format!("{}x", "-a".repeat(100_000));
    let text = document("d", "scope: {namespaces: {exclude: ['*-a*-a?a*-b']}}").replace("100", "0");
    let policy = compile(&[&text]).unwrap();
    let review: Review<'_> = ["nginx"].into_iter().collect();
    assert!(!decide(&policy, &review.with_namespace(&namespace)).is_allowed());
}

/// A value of an annotation that is too long to be held against a pattern for every image and rule is
/// no exemption from a rule, and not out of its scope.
#[test]
fn a_very_long_value_of_an_annotation_exempts_nothing() {
    let key = "x.image-policy.k8s.io/ticket";
    let exemption = format!(
        "exemptions: [{{name: e, reason: r, namespaces: [shop], annotation: {{key: {key}, value: 'INC*'}}}}]"
    );
    let scope = format!("scope: {{annotations: {{{key}: 'INC-?'}}}}");
    for (fields, value, allowed) in [
        (&exemption, "INC-1".to_owned(), true),
        (&exemption, format!("INC{}", "1".repeat(4093)), true),
        (&exemption, format!("INC{}", "1".repeat(4094)), false),
        (&scope, "INC-1".into(), false),
        (&scope, "INC-12".into(), true),
        (&scope, "1".repeat(4097), false),
    ] {
        let policy = compile(&[&document("d", fields).replace("100", "0")]).unwrap();
        let annotations: StringMap<'_> = [(key, value.as_str())].into_iter().collect();
        let review: Review<'_> = ["nginx"].into_iter().collect();
        let review = review.with_namespace("shop").with_annotations(&annotations);
        let verdict = decide(&policy, &review);
        assert_eq!(
            verdict.is_allowed(),
            allowed,
            "{fields}, {} bytes",
            value.len()
        );
    }
}

/// Text that is long, and wrong in every place.
#[test]
fn a_document_that_is_wrong_everywhere_is_reported_within_bounds() {
    let many = |item: &dyn Fn(usize) -> String| {
        let mut items = String::new();
        let mut index = 0;
        while items.len() < 1024 * 1024 {
            write!(items, "{}, ", item(index)).unwrap();
            index += 1;
        }
        items
    };
    let unknown_fields = document(
        "d",
        &format!("scope: {{{}}}", many(&|index| format!("f{index}: 1"))),
    );
    let long_field = document("d", &format!("{}: 1", "x".repeat(1000 * 1000)));
    let long_word = document("d", &format!("mode: {}", "x".repeat(1000 * 1000)));
    let bad_tags = document("d", "").replace(
        "maxImages: 100",
        &format!("tags: {{deny: [{}]}}", many(&|_| "' '".into())),
    );
    let bad_names = document(
        "d",
        &format!("customResources: [{}]", many(&|_| "1".into())),
    );
    for text in [unknown_fields, long_field, long_word, bad_tags, bad_names] {
        let Err(errors) = ImagePolicy::compile([PolicySource::new("p.yaml", &text)]) else {
            panic!("there is something wrong with {}…", &text[..200]);
        };
        let told = errors.problems().len();
        assert!(told <= 101, "{told} problems");
        let said = errors.to_string();
        assert!(said.len() < 64 * 1024, "{} bytes are said", said.len());
        if told > 1 {
            assert!(
                said.ends_with("more problems"),
                "{}",
                &said[said.len() - 200..]
            );
        }
    }
}

/// As many of everything as a document can hold.
#[test]
fn a_document_of_very_many_parts_is_compiled_or_refused() {
    let many = |item: &dyn Fn(usize) -> String| {
        let items: Vec<String> = (0..10_000).map(item).collect();
        items.join(", ")
    };
    let mirrors = many(&|n| format!("{{from: a.io/x{n}/**, to: b.io/x{n}/**}}"));
    let exemptions = many(&|n| format!("{{name: e{n}, reason: r, images: [a.io/x{n}]}}"));
    for fields in [
        format!("mutations: {{mirrors: [{mirrors}]}}"),
        format!("exemptions: [{exemptions}]"),
    ] {
        let policy = compile(&[&document("d", &fields)]);
        let policy = policy.unwrap_or_else(|error| panic!("{}", &error[..500.min(error.len())]));
        let review: Review<'_> = ["a.io/x7/y:1"].into_iter().collect();
        assert!(decide(&policy, &review).is_allowed());
    }
    // Each of these is looked for in every object.
    let resources = many(&|n| format!("{{apiVersion: e.io/v1, kind: K{n}, images: [spec.a{n}]}}"));
    let error = compile(&[&document("d", &format!("customResources: [{resources}]"))]).unwrap_err();
    assert_eq!(
        error,
        "p.yaml:1:1: there are 10000 custom resources; a policy may declare at most 1000"
    );
}
