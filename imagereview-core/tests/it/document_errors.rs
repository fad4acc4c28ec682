//! What is wrong with a policy document is reported at once, where it is, with what to do.

use imagereview_core::{ImagePolicy, PolicySource};

/// The problems of a text, a line each, without the file's name.
fn problems(text: &str) -> Vec<String> {
    match ImagePolicy::compile([PolicySource::new("p.yaml", text)]) {
        Ok(policy) => panic!("no problem found in {text}\n{policy:?}"),
        Err(errors) => errors
            .problems()
            .iter()
            .map(|problem| problem.to_string().replacen("p.yaml:", "", 1))
            .collect(),
    }
}

/// A document with these rules; the first line of `rules` is line 5.
fn with_rules(rules: &str) -> String {
    format!(
        "apiVersion: imagereview/v1alpha1\nkind: ImagePolicy\nmetadata: {{name: test}}\nrules:\n{rules}\n"
    )
}

#[test]
fn everything_wrong_is_reported_at_once_in_the_order_of_the_lines() {
    let text = "\
apiVersion: imagereview/v1
kind: ImagePolicy
metadata: {name: Test}
mode: enforced
rules:
  - name: one
    tags: {allow: [1.20, latest, 'a b', '/[/', '>>1', $mutbale]}
    digest: {required: maybe, algorithms: [sha1]}
  - nam: two
    registries: {deny: [Example.com, 'a.*.com', 'example.com/x', 'x:http']}
    repositories: {allow: ['nginx:1', 'team//x', 'team/App', 'a**/b']}
    scope: {namespaces: {include: [Prod]}, containers: [initial]}
    message: '{imge} is wrong'
exemptions:
  - name: all
    reason: ''
    expires: tomorrow
";
    let expected = [
        r#"1:13: apiVersion: "imagereview/v1" is not known here; write "imagereview/v1alpha1""#,
        r#"3:18: metadata.name: "Test" is no name: 1 to 63 lower-case letters, digits and dashes, with a letter or digit at each end"#,
        r#"4:7: mode: "enforced" is none of enforce, warn, audit; did you mean "enforce"?"#,
        r"7:20: rules[0].tags.allow[0]: expected text, found the number 1.2; write it in quotes, since YAML does not keep how a number was written",
        r#"7:34: rules[0].tags.allow[2]: "a b" can be no tag (' ' is not allowed in one): a tag is letters, digits, "_", "." and "-", and does not begin with "." or "-""#,
        r#"7:41: rules[0].tags.allow[3]: "/[/" is no regular expression"#,
        r#"7:48: rules[0].tags.allow[4]: ">>1" is no range of versions"#,
        r#"7:55: rules[0].tags.allow[5]: there is no set of tags "$mutbale"; there is "$mutable""#,
        r"8:24: rules[0].digest.required: expected true or false, found text",
        r#"8:44: rules[0].digest.algorithms[0]: "sha1" is none of sha256, sha384, sha512"#,
        r#"9:5: rules[1]: there is no field "nam" here; did you mean "name"?; the fields are name, description"#,
        r#"9:5: rules[1]: the field "name" is missing"#,
        r#"10:25: rules[1].registries.deny[0]: "Example.com" is no registry: write it in lower case"#,
        r#"10:38: rules[1].registries.deny[1]: "a.*.com" is no registry: the last two names of a host must be written, as in "a.*.example.com""#,
        r#"10:49: rules[1].registries.deny[2]: "example.com/x" is more than a registry"#,
        r#"10:66: rules[1].registries.deny[3]: "x:http" is no registry: the port is a number or "*""#,
        r#"11:28: rules[1].repositories.allow[0]: "nginx:1" has a tag or digest"#,
        r#"11:39: rules[1].repositories.allow[1]: "team//x" is no repository: a part of the path is empty"#,
        r#"11:50: rules[1].repositories.allow[2]: "team/App" is no repository: 'A' is not allowed in one"#,
        r#"11:62: rules[1].repositories.allow[3]: "a**/b" is no repository: "**" stands for whole parts of the path, as in "team/**""#,
        r#"12:36: rules[1].scope.namespaces.include[0]: "Prod" matches no namespace: 'P' is not allowed in one"#,
        r#"12:57: rules[1].scope.containers[0]: "initial" is none of regular, init, ephemeral, volume"#,
        r"13:14: rules[1].message: there is no placeholder {imge}; there are {image}, {registry}",
        r#"17:14: exemptions[0].expires: "tomorrow" is neither a day such as 2027-01-31 nor an instant such as 2027-01-31T12:00:00Z"#,
    ];
    let found = problems(text);
    for (found, expected) in found.iter().zip(expected) {
        assert!(
            found.starts_with(expected),
            "\nfound:    {found}\nexpected: {expected}"
        );
    }
    assert_eq!(found.len(), expected.len(), "{found:#?}");
}

#[test]
fn what_can_only_be_seen_of_the_whole_is_reported_too() {
    for (text, expected) in [
        (
            with_rules("  - name: a\n    tags: {}"),
            r#"6:11: rules[0].tags: tags has no checks; give "allow", "deny" or "missing""#,
        ),
        (
            with_rules("  - name: a"),
            "5:5: rules[0]: the rule has no checks; give tags, digest",
        ),
        (
            with_rules("  - name: a\n    registries: {}"),
            "6:17: rules[0].registries: this has no checks",
        ),
        (
            with_rules("  - {name: a, maxImages: 1}\n  - {name: a, maxImages: 2}"),
            r#"6:5: rules[1]: the name "a" is taken at p.yaml:5"#,
        ),
        (
            with_rules("  []"),
            "5:3: rules: the list is empty; leave the field out, or say what it is to hold",
        ),
        (
            with_rules("  - {name: undecided, maxImages: 1}"),
            r#"5:5: rules[0]: the name "undecided" is that of a built-in rule"#,
        ),
        (
            with_rules("  - {name: unreadable-object, maxImages: 1}"),
            r#"5:5: rules[0]: the name "unreadable-object" is that of a built-in rule"#,
        ),
        (
            with_rules("  - {name: unreadable-reference, maxImages: 1}"),
            r#"5:5: rules[0]: the name "unreadable-reference" is that of a built-in rule"#,
        ),
        (
            with_rules("  - {name: a, maxImages: -1}"),
            "5:26: rules[0].maxImages: expected a whole number, 0 or more, found a number",
        ),
        (
            with_rules("  - {name: a, message: {}, maxImages: 1}"),
            r#"5:24: rules[0].message: the message has neither "en" nor "zh""#,
        ),
        (
            with_rules("  - {name: a, message: 'open {', maxImages: 1}"),
            "5:24: rules[0].message: a brace is not closed or not opened",
        ),
        (
            with_rules("  - {name: a, repositories: {allow: ['*']}}"),
            r#"5:38: rules[0].repositories.allow[0]: "*" would be Docker Hub's official images"#,
        ),
        (
            with_rules("  - {name: a, maxImages: 1}\nexemptions:\n  - {name: e, reason: why}"),
            "7:5: exemptions[0]: this exempts everything",
        ),
        (
            with_rules(
                "  - {name: a, maxImages: 1}\nexemptions:\n  - {name: e, reason: ' ', images: ['**']}",
            ),
            "7:5: exemptions[0]: the reason is empty",
        ),
        (
            with_rules(
                "  - {name: a, maxImages: 1}\nexemptions:\n  - {name: e, reason: why, annotation: {key: x.image-policy.k8s.io/y}}",
            ),
            r#"7:5: exemptions[0]: an exemption by annotation needs "namespaces""#,
        ),
        (
            with_rules(
                "  - {name: a, maxImages: 1}\nexemptions:\n  - {name: e, reason: why, namespaces: [x], annotation: {key: example.com/y}}",
            ),
            "7:63: exemptions[0].annotation.key: the API server forwards only annotations",
        ),
        (
            with_rules(
                "  - {name: a, maxImages: 1}\nexemptions:\n  - {name: e, reason: why, namespaces: [x], rules: [b]}",
            ),
            r#"7:5: exemptions[0]: this document has no rule "b" to be exempt from"#,
        ),
        (
            "kind: Pod\napiVersion: v1\n".into(),
            "1:1: this is a Pod; a policy is of kind ImagePolicy",
        ),
        (
            "- a\n- b\n".into(),
            "1:1: expected a map with apiVersion, kind and rules, found a list",
        ),
        (String::new(), "1:1: there is no policy document here"),
        (
            "# only a comment\n---\n---\n".into(),
            "1:1: there is no policy document here",
        ),
        ("kind: [\n".into(), "1:7: unclosed bracket"),
        ("kind: ImagePolicy\nkind: ImagePolicy\n".into(), "2:1: "),
        ("? [a]\n: b\n".into(), "1:"),
        (
            "x".repeat(5 * 1024 * 1024),
            "1:1: the file has 5242880 bytes; a policy may have at most 4194304",
        ),
    ] {
        let found = problems(&text);
        let short = &text[..text.len().min(400)];
        assert!(
            found[0].starts_with(expected),
            "{short}\nfound:    {found:#?}\nexpected: {expected}"
        );
    }
}

/// A time without a zone is no instant, and an exemption would last until the day is over.
#[test]
fn an_exemption_ends_on_a_day_or_at_an_instant_and_nothing_between() {
    let ends = |expires: &str| {
        let text = with_rules(&format!(
            "  - {{name: a, maxImages: 1}}\nexemptions:\n  - {{name: e, reason: r, images: [x], expires: '{expires}'}}"
        ));
        ImagePolicy::compile([PolicySource::new("p.yaml", &text)]).map(|_| ())
    };
    for good in [
        "2027-01-31",
        "2027-01-31T12:00:00Z",
        "2027-01-31T12:00:00.5+08:00",
    ] {
        assert_eq!(ends(good), Ok(()), "{good}");
    }
    for bad in [
        "2027-01-31T12:00:00",
        "2027-01-31 12:00:00",
        "2027-01-31T12:00[America/New_York]",
        "2027-01-31T00",
        "2027-1-31",
        "2027-02-30",
        " 2027-01-31",
        "2027-01-31 ",
        "20270131",
        "02027-01-31",
    ] {
        let error = ends(bad).unwrap_err().to_string();
        assert!(error.contains("is neither a day such as"), "{bad}: {error}");
    }
}

/// A denial that matches nothing lets everything pass, and a scope that does switches its rule off.
#[test]
fn patterns_that_could_match_nothing_are_refused() {
    for (checks, expected) in [
        ("digest: {required: false}", "digest has no checks"),
        ("tags: {missing: allow}", "a missing tag is allowed unless"),
        (
            "maxImages: 1, scope: {kinds: {include: [pods]}}",
            r#"invalid kind "pods": kinds are CamelCase, such as Pod or StatefulSet"#,
        ),
        (
            "maxImages: 1, scope: {kinds: {exclude: ['v1/Pod']}}",
            r#"invalid kind "v1/Pod""#,
        ),
        (
            "maxImages: 1, scope: {serviceAccounts: {include: [bootstrap]}}",
            r#"no service account is named "bootstrap": write namespace/name"#,
        ),
        ("tags: {deny: ['*:latest']}", "':' is not allowed in one"),
        ("tags: {deny: ['nginx:*']}", "':' is not allowed in one"),
        (
            "tags: {deny: ['{latest, main}']}",
            "' ' is not allowed in one",
        ),
        (
            "tags: {deny: ['!1.*']}",
            r#"a pattern cannot be negated with "!""#,
        ),
        ("tags: {deny: ['[a/b]*']}", "'/' is not allowed in one"),
        (
            &format!("repositories: {{deny: ['{{{}}}/x']}}", "a,".repeat(9_999)),
            "a glob may have at most 2048 bytes, and this one has 20002",
        ),
        ("tags: {deny: ['/(?x)a # b/']}", "is no regular expression"),
        ("tags: {deny: ['/a)|(?:b/']}", "is no regular expression"),
        (
            "registries: {deny: [docker]}",
            r#"no reference can name "docker" as its registry"#,
        ),
        (
            "registries: {deny: ['[2001:db8]']}",
            "only an IPv6 address is allowed in brackets",
        ),
        (
            "registries: {deny: ['[a-z].example.com']}",
            "is no registry",
        ),
        (
            "registries: {deny: ['{a,b}.example.com']}",
            "is no registry",
        ),
        (
            "registries: {deny: ['https://example.com']}",
            "is more than a registry",
        ),
        ("registries: {deny: ['example.com.']}", "is no registry"),
        (
            "repositories: {deny: [quay.io]}",
            r#"write "quay.io/**" for every repository"#,
        ),
        (
            "repositories: {deny: [localhost]}",
            r#"write "localhost/**""#,
        ),
        (
            "repositories: {deny: ['!team/x']}",
            r#"a pattern cannot be negated with "!""#,
        ),
        (
            "repositories: {deny: ['team/a,b']}",
            "',' is not allowed in one",
        ),
        (
            "repositories: {deny: ['team/a]']}",
            "']' is not allowed in one",
        ),
        (
            "repositories: {deny: ['https://example.com/x']}",
            "is no registry",
        ),
        ("repositories: {deny: []}", "the list is empty"),
        ("tags: {allow: []}", "the list is empty"),
        ("maxImages: 1, scope: {containers: []}", "the list is empty"),
        (
            "maxImages: 1, scope: {namespaces: {include: []}}",
            "the list is empty",
        ),
        (
            "maxImages: 1, scope: {namespaces: {include: ['!dev']}}",
            r#"a pattern cannot be negated with "!""#,
        ),
        (
            "maxImages: 1, scope: {annotations: {example.com/tier: gold}}",
            "the API server forwards only annotations",
        ),
    ] {
        let found = problems(&with_rules(&format!("  - {{name: a, {checks}}}")));
        assert_eq!(found.len(), 1, "{checks}: {found:#?}");
        assert!(
            found[0].contains(expected),
            "{checks}\nfound:    {found:#?}\nexpected: {expected}"
        );
    }
}

#[test]
fn an_exemption_is_not_for_the_rules_of_another_document() {
    let one = with_rules("  - {name: a, maxImages: 1}");
    let two = with_rules(
        "  - {name: b, maxImages: 1}\nexemptions:\n  - {name: e, reason: r, rules: [a], images: ['**']}",
    );
    let stacked = format!("{one}---\n{two}");
    let found = problems(&stacked);
    assert!(
        found[0].contains(r#"this document has no rule "a""#),
        "{found:#?}"
    );
}

/// Ways of YAML to write one thing and mean another.
#[test]
fn yaml_means_what_it_says() {
    let read = |text: &str| ImagePolicy::compile([PolicySource::new("p.yaml", text)]);
    let deny = |list: &str| with_rules(&format!("  - {{name: a, tags: {{deny: [{list}]}}}}"));
    for text in [
        deny("'1.20', '0x10', '1e3', 'null', '~1.2', 'true'"),
        deny("!!str 1.20"),
        deny("&t latest, *t"),
        deny("\"\\u006catest\""),
        format!("\u{feff}{}", deny("latest")),
        deny("latest").replace('\n', "\r\n"),
        format!("%YAML 1.2\n---\n{}...\n", deny("latest")),
        deny("latest") + "# yaml-language-server: $schema=x\n",
        deny("latest").replace(", ", ",\t"),
    ] {
        assert!(read(&text).is_ok(), "{text:?}: {:?}", read(&text));
    }
    for (text, expected) in [
        (deny("1.20"), "expected text, found the number"),
        // Readers of YAML differ about these.
        (deny("no"), "expected text, found false; write it in quotes"),
        (deny("on"), "expected text, found true; write it in quotes"),
        (deny("1_000"), ""),
        (deny("0x10"), "expected text, found the number"),
        (deny("1e3"), "expected text, found the number"),
        (deny(".inf"), "non-finite"),
        (
            deny("true"),
            "expected text, found true; write it in quotes",
        ),
        (deny("null"), "expected text, found nothing"),
        (deny("~"), "expected text, found nothing"),
        (deny("!!int '5'"), ""),
        (deny("!include x"), "unsupported tag `!include`"),
        (deny("\"a\\0\""), "can be no tag"),
        (deny("latest").replace("  - {", "\t- {"), ""),
        (
            with_rules("  - {name: a, maxImages: 1, maxImages: 2}"),
            "appears twice",
        ),
        (
            with_rules("  - {name: a, maxImages: 1, Tags: {deny: [x]}}"),
            r#"did you mean "tags"?"#,
        ),
        (
            with_rules("  - {name: a, digest: {required: 'yes'}}"),
            "expected true or false, found text",
        ),
        (
            with_rules("  - {name: a, tags: }"),
            "expected a map, found nothing",
        ),
        (
            with_rules("  - {name: a, maxImages: 1, scope: null}"),
            "expected a map, found nothing",
        ),
        (
            with_rules("  - {name: a, maxImages: 1.5}"),
            "expected a whole number",
        ),
        (
            with_rules("  - {name: a, maxImages: '1'}"),
            "expected a whole number",
        ),
        (
            with_rules("  - {name: a, <<: {maxImages: 1}}"),
            "merge keys",
        ),
        (
            with_rules("  - &r {name: a, maxImages: 1}\n  - {<<: *r, name: b}"),
            "",
        ),
        (
            with_rules("  - {name: a, maxImages: 1}\nmode: warn\nmode: audit"),
            "appears twice",
        ),
    ] {
        let found = problems(&text);
        assert!(
            found[0].contains(expected),
            "{text}\nfound:    {found:#?}\nexpected: {expected}"
        );
    }
}

/// Documents that unfold to far more than they are.
#[test]
fn yaml_bombs_and_deep_nesting_are_refused() {
    let level = |level: usize| {
        let repeated = vec![format!("*a{}", level - 1); 9].join(", ");
        format!("a{level}: &a{level} [{repeated}]")
    };
    let leaves = "a0: &a0 [x, x, x, x, x, x, x, x, x]".to_owned();
    let bomb: Vec<String> = std::iter::once(leaves).chain((1..9).map(level)).collect();
    let bomb = bomb.join("\n");
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    let deep_block: Vec<String> = (0..2_000).map(|n| " ".repeat(n) + "- ").collect();
    let deep_block = deep_block.join("\n");
    for text in [bomb, deep, deep_block] {
        let found = problems(&text);
        assert_eq!(found.len(), 1);
        assert!(
            found[0].contains("too much or too deep for a policy"),
            "{found:?}"
        );
    }
}

#[test]
#[cfg(feature = "cel")]
fn an_error_in_an_expression_is_where_it_is_written() {
    for (rule, at) in [
        ("  - {name: a, expression: image.tag = 'x'}", "5:37"),
        ("  - {name: a, expression: \"image.tag = 'x'\"}", "5:38"),
        (
            "  - name: a\n    expression: >-\n      image.tag\n      = 'x'",
            "8:7",
        ),
        (
            "  - name: a\n    expression: |\n      image.tag\n       = 'x'",
            "8:8",
        ),
        // It is written otherwise than it reads.
        ("  - {name: a, expression: 'image.tag = ''x'''}", "5:27"),
    ] {
        let found = problems(&with_rules(rule));
        let expected = format!("{at}: rules[0].expression: this is no CEL expression: ");
        assert!(found[0].contains(&expected), "{rule}: {found:?}");
    }
}

#[test]
#[cfg(feature = "cel")]
fn expressions_that_cannot_be_bounded_are_refused() {
    let long = format!("'{}' == ''", "x".repeat(3000));
    let brackets = format!("{}true{}", "(".repeat(9), ")".repeat(9));
    let chain = format!("image{} == 1", ".tag".repeat(24));
    let doubled = format!("['x']{} == []", ".map(x, x + x + x + x)".repeat(11));
    for (expression, expected) in [
        (
            "image.registry ==",
            "this is no CEL expression: it ends before it is complete",
        ),
        (
            "image.tag = 'x'",
            "this is no CEL expression: \"=\" is not expected here; write == to compare",
        ),
        (
            "image.tag == 'x' | true",
            "this is no CEL expression: one sign of || or && is missing here",
        ),
        (
            "image.tag == @",
            "this is no CEL expression: \"@\" means nothing here",
        ),
        (
            "image.tag ==) 'x'",
            "this is no CEL expression: \")\" is not expected here",
        ),
        (
            "img.registry == 'x'",
            r#"there is no variable "img"; there are image, review"#,
        ),
        (
            "review.images.all(i, j.tag == '1')",
            r#"there is no variable "j"; there are image, review"#,
        ),
        (
            "review.images.all(a, review.images.all(b, a == b))",
            "a loop within a loop could cost too much; it is not allowed",
        ),
        (
            "image.tag.matches(image.registry)",
            "matches takes a regular expression that is written out, in quotes",
        ),
        (
            "!has(image.knd) || image.kind != 'ephemeral'",
            r#"image has no field "knd"; did you mean "kind"?; it has written, registry,"#,
        ),
        (
            "review.nosuchfield == 'x'",
            r#"review has no field "nosuchfield"; it has namespace, user,"#,
        ),
        (
            "review.images.all(i, i.tga == '1')",
            r#"i has no field "tga"; did you mean "tag"?"#,
        ),
        (
            "nosuch(image.tag) == 1",
            r#"there is no function "nosuch" that is called like this"#,
        ),
        (
            "image.tag.lowerAscii() == 'x'",
            r#"there is no function "lowerAscii" that is called like this"#,
        ),
        (
            "review.images.all(i)",
            r#"there is no function "all" that is called like this"#,
        ),
        ("image.tag.matches('[')", r#""[" is no regular expression"#),
        (
            "image.tag.matches('(a{1000}){1000}')",
            "is no regular expression",
        ),
        (
            &brackets,
            "its brackets lie more than 8 deep within each other",
        ),
        (&chain, "its parts lie more than 24 deep within each other"),
        (
            &doubled,
            "it could make more than 16777216 bytes of a large review",
        ),
        (
            "review.images.map(i, review) == []",
            "it could make more than 16777216 bytes of a large review",
        ),
        (
            "review.images.all(image, image.tag != '')",
            r#""image" has a meaning already"#,
        ),
        (&long, "the expression is longer than 2048 bytes"),
    ] {
        let text = with_rules(&format!(
            "  - name: a\n    expression: >-\n      {expression}"
        ));
        let found = problems(&text);
        assert!(
            found[0].contains(expected),
            "{expression}\nfound: {found:#?}\nexpected: {expected}"
        );
        assert!(found[0].contains("rules[0].expression"), "{found:#?}");
    }
}

#[test]
fn regular_expressions_that_blow_up_are_refused() {
    let found = problems(&with_rules(
        "  - {name: a, tags: {deny: ['/(a{1000}){1000}/']}}",
    ));
    assert!(found[0].contains("is no regular expression"), "{found:#?}");
}

#[test]
fn the_files_of_a_folder_are_one_policy() {
    let one = with_rules("  - {name: a, maxImages: 1}");
    let two = with_rules("  - {name: b, tags: {deny: [latest]}}");
    let both = [
        PolicySource::new("one.yaml", &one),
        PolicySource::new("two.yaml", &two),
    ];
    let policy = ImagePolicy::compile(both).unwrap();
    assert_eq!(policy.rules().collect::<Vec<_>>(), ["a", "b"]);

    // A name stands for one thing in all of them, and problems name their file.
    let clash = [
        PolicySource::new("one.yaml", &one),
        PolicySource::new("two.yaml", &one),
    ];
    let errors = ImagePolicy::compile(clash).unwrap_err();
    assert_eq!(
        errors.to_string(),
        r#"two.yaml:5:5: rules[0]: the name "a" is taken at one.yaml:5"#
    );

    // As do the documents of one file.
    let stacked = format!("{one}---\n{two}");
    let policy = ImagePolicy::compile([PolicySource::new("p.yaml", &stacked)]).unwrap();
    assert_eq!(policy.rules().count(), 2);
}

#[test]
fn the_identity_changes_with_the_text() {
    let identity = |rules: &str| {
        let text = with_rules(rules);
        let policy = ImagePolicy::compile([PolicySource::new("p.yaml", &text)]).unwrap();
        policy.identity().to_owned()
    };
    let one = identity("  - {name: a, maxImages: 1}");
    assert!(one.starts_with("test@sha256:"), "{one}");
    assert_eq!(one, identity("  - {name: a, maxImages: 1}"));
    assert_ne!(one, identity("  - {name: a, maxImages: 2}"));
}

#[test]
fn json_is_read_too() {
    // As programs write it: with tabs, on one line, with escapes.
    let pretty = "{\n\t\"apiVersion\": \"imagereview/v1alpha1\",\n\t\"kind\": \"ImagePolicy\",\n\t\"metadata\": \
                  {\n\t\t\"name\": \"json\"\n\t},\n\t\"rules\": [\n\t\t{\n\t\t\t\"name\": \"a\",\n\t\t\t\"tags\": \
                  {\"deny\": [\"latest\"]}\n\t\t}\n\t]\n}\n";
    let line = r#"{"apiVersion":"imagereview\/v1alpha1","kind":"ImagePolicy","metadata":{"name":"json"},"rules":[{"name":"a","message":"\u955c\u50cf","tags":{"deny":["\u006catest"]}}]}"#;
    for text in [pretty, line] {
        let policy = ImagePolicy::compile([PolicySource::new("p.json", text)]);
        let policy = policy.unwrap_or_else(|errors| panic!("{errors}\n{text}"));
        let verdict = imagereview_core::decide(&policy, &["nginx:latest"].into_iter().collect());
        assert!(!verdict.is_allowed(), "{text}");
    }
}
