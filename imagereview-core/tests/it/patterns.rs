//! What patterns match where libraries and readers differ: a row is a pattern, a name, and whether
//! the pattern matches it.

use imagereview_core::{AdmissionReview, ImagePolicy, PolicySource, Review, decide};
use serde_json::{Value, json};

fn compile(rule: &Value) -> Result<ImagePolicy, String> {
    let document = json!({"apiVersion": "imagereview/v1alpha1", "kind": "ImagePolicy",
        "metadata": {"name": "p"}, "rules": [rule]});
    let document = document.to_string();
    let policy = ImagePolicy::compile([PolicySource::new("p.json", &document)]);
    policy.map_err(|errors| errors.to_string())
}

/// Whether a list of one pattern allows an image, and whether it denies it.
fn allows_and_denies(field: &str, pattern: &str, image: &str) -> (bool, bool) {
    let review: Review<'_> = [image].into_iter().collect();
    assert_eq!(review.images().len(), 1, "{image}");
    let is_allowed = |list: &str| {
        let policy = compile(&json!({"name": "r", field: {list: [pattern]}}));
        decide(&policy.unwrap(), &review).is_allowed()
    };
    (is_allowed("allow"), !is_allowed("deny"))
}

/// Whether a rule for these users is about this one.
fn is_about_user(pattern: &str, name: &str) -> bool {
    let scope = json!({"users": {"include": [pattern]}});
    let policy = compile(&json!({"name": "r", "maxImages": 0, "scope": scope})).unwrap();
    let request = json!({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": {
        "uid": "u", "userInfo": {"username": name}, "operation": "CREATE",
        "object": {"apiVersion": "v1", "kind": "Pod", "spec": {"containers": [{"image": "x"}]}}}});
    let request = request.to_string();
    let request = AdmissionReview::from_slice(request.as_bytes()).unwrap();
    !decide(&policy, &request.review()).is_allowed()
}

#[test]
fn an_empty_alternative_is_one_too() {
    for (field, pattern, image) in [
        ("tags", "latest{,-alpine}", "nginx"),
        ("tags", "latest{,-alpine}", "nginx:latest-alpine"),
        ("tags", "{v,}1.*", "nginx:1.27"),
        ("tags", "1{,{,-}x}", "nginx:1"),
        (
            "repositories",
            "example.com/app{-dev,}",
            "example.com/app:1",
        ),
    ] {
        assert_eq!(
            allows_and_denies(field, pattern, image),
            (true, true),
            "{pattern} {image}"
        );
    }
    assert!(is_about_user("ana{,@example.com}", "ana"));
}

#[test]
fn a_class_of_characters_stays_within_one_part_of_a_path() {
    for (pattern, image, expected) in [
        ("example.com/team[!0-9]app", "example.com/team-app", true),
        ("example.com/team[!0-9]app", "example.com/team/app", false),
        ("example.com/team[^0-9]app", "example.com/team/app", false),
        ("example.com/team[!0-9]app", "example.com/team1app", false),
        ("example.com/*[!a]", "example.com/x/b", false),
    ] {
        let found = allows_and_denies("repositories", pattern, image);
        assert_eq!(found, (expected, expected), "{pattern} {image}");
    }
    for pattern in [
        "example.com/team[.-0]app",
        "example.com/team[--z]app",
        "x/a[!.-9]",
    ] {
        let error = compile(&json!({"name": "r", "repositories": {"allow": [pattern]}}));
        let error = error.unwrap_err();
        assert!(
            error.contains("a class of characters stays within one part"),
            "{error}"
        );
    }
}

#[test]
fn what_a_class_leaves_out_is_denied_as_it_is_allowed() {
    for (pattern, tag) in [
        ("[!a-z]*", "A1"),
        ("v[^a]", "vA"),
        ("/[^a-z]+/", "ABC"),
        ("/v[^x]/", "vX"),
        ("/[[:^lower:]]+/", "A"),
        (r"/\P{Ll}+/", "A"),
    ] {
        let image = format!("nginx:{tag}");
        assert_eq!(
            allows_and_denies("tags", pattern, &image),
            (true, true),
            "{pattern} {tag}"
        );
    }
    // In other letters what a pattern names is denied, and not allowed.
    for (pattern, tag) in [
        ("v[a-c]", "VA"),
        ("/v[ab]/", "vB"),
        ("*-snapshot", "1-SNAPSHOT"),
    ] {
        let image = format!("nginx:{tag}");
        assert_eq!(
            allows_and_denies("tags", pattern, &image),
            (false, true),
            "{pattern} {tag}"
        );
    }
}

#[test]
fn a_character_of_a_name_may_have_several_bytes() {
    for (pattern, name, expected) in [
        ("j?rg", "jörg", true),
        ("j??rg", "jörg", false),
        ("j[!o]rg", "jörg", true),
        ("j[oö]rg", "jörg", true),
        ("j[oö]rg", "jürg", false),
        ("j[ö]*", "jürg", false),
        ("[à-ÿ]*", "ñ", true),
        ("镜*", "镜像", true),
        ("?", "镜", true),
        // Neither of these is an "s" or a "k" to Kubernetes.
        ("system:*", "ſystem:x", false),
        ("k", "\u{212a}", false),
        ("a*b", "a\nb", true),
        ("team:*", "team:a/b", true),
    ] {
        assert_eq!(is_about_user(pattern, name), expected, "{pattern} {name}");
    }
}

#[test]
fn braces_in_a_class_end_no_alternatives() {
    for (pattern, name, expected) in [
        ("{[}],a}x", "ax", true),
        ("{[}],a}x", "}x", true),
        ("{[{],a}x", "{x", true),
        ("[]a]", "]", true),
        ("[!]a]", "]", false),
        ("{a,b},c", "a,c", true),
    ] {
        assert_eq!(is_about_user(pattern, name), expected, "{pattern} {name}");
    }
}

#[test]
fn a_class_reads_alike_whatever_it_begins_with() {
    for (field, pattern, image, expected) in [
        ("tags", "v[!-a]y", "x:v5y", true),
        ("tags", "v[!-a]y", "x:v-y", false),
        ("tags", "v[^-a]y", "x:vay", false),
        (
            "repositories",
            "example.com/x[!-a]y",
            "example.com/x5y",
            true,
        ),
        (
            "repositories",
            "example.com/x[!-a]y",
            "example.com/x/y",
            false,
        ),
    ] {
        let found = allows_and_denies(field, pattern, image);
        assert_eq!(found, (expected, expected), "{pattern} {image}");
    }
    for unclosed in ["[!]aa", "[^]", "x[]"] {
        let error = compile(&json!({"name": "r", "tags": {"deny": [unclosed]}})).unwrap_err();
        assert!(error.contains("unclosed character class"), "{error}");
    }
}

#[test]
fn a_class_that_readers_differ_on_is_refused() {
    for (field, pattern) in [("tags", "[a-c-e]"), ("repositories", "x/[a-c-e]")] {
        let error = compile(&json!({"name": "r", field: {"deny": [pattern]}})).unwrap_err();
        assert!(
            error.contains("readers differ on what [a-c-e] is"),
            "{error}"
        );
    }
    let scope = json!({"users": {"include": ["[a-c-e]"]}});
    let error = compile(&json!({"name": "r", "maxImages": 0, "scope": scope})).unwrap_err();
    assert!(
        error.contains("readers differ on what [a-c-e] is"),
        "{error}"
    );
}
