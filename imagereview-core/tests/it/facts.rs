//! Rules over what only registries can tell of images.

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use imagereview_core::{
    AllowAll, ContainerKind, ImagePolicy, ImageRef, Language, Location, Mode, Policy, PolicySource,
    Review, Verdict, decide,
    facts::{
        Cause, ContentDigest, Fact, Facts, ImageDetails, ImageFacts, MediaType, Need, Needs,
        PlatformFacts, Unavailable,
    },
    object::ObjectKind,
};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

fn now() -> SystemTime {
    SystemTime::UNIX_EPOCH + 20_000 * DAY
}

fn digest() -> ContentDigest {
    ContentDigest::parse(&format!("sha256:{}", "a".repeat(64))).unwrap()
}

fn pinned() -> String {
    format!("registry.example.com/app:1@{}", digest())
}

fn compiled(rule: &str) -> ImagePolicy {
    let text = format!(
        "apiVersion: imagereview/v1alpha1\nkind: ImagePolicy\nmetadata: {{name: p}}\nrules:\n  - {{name: r, {rule}}}\n"
    );
    ImagePolicy::compile([PolicySource::new("p.yaml", &text)]).unwrap()
}

fn problem(rule: &str) -> String {
    let text = format!(
        "apiVersion: imagereview/v1alpha1\nkind: ImagePolicy\nmetadata: {{name: p}}\nrules:\n  - {{name: r, {rule}}}\n"
    );
    ImagePolicy::compile([PolicySource::new("p.yaml", &text)])
        .unwrap_err()
        .to_string()
}

/// An image that every rule of this file allows.
fn details() -> ImageDetails {
    let mut details = ImageDetails::default();
    details.created = Some(now() - 10 * DAY);
    details.size = 1000;
    details.layers = 2;
    details.user = "1000:1000".into();
    details.labels.insert("team".into(), "shop".into());
    let annotations = [
        (
            "org.opencontainers.image.base.name",
            "registry.example.com/base:1",
        ),
        ("org.opencontainers.image.base.digest", "sha256:00"),
    ];
    for (name, value) in annotations {
        details.annotations.insert(name.into(), value.into());
    }
    details.exposed_ports.push("8080/tcp".into());
    details.entrypoint.push("/app".into());
    details
}

fn facts_of(platforms: &[(Option<&str>, Option<Fact<ImageDetails>>)]) -> ImageFacts {
    let mut facts = ImageFacts::new(digest(), now(), "mirror.example.com");
    facts.media_type = Some(MediaType::OciIndex);
    let platforms = platforms.iter().map(|(platform, details)| {
        let platform = platform.map(|platform| platform.parse().unwrap());
        let mut facts = PlatformFacts::new(platform, digest());
        facts.details.clone_from(details);
        facts
    });
    facts.platforms = Some(platforms.collect());
    facts
}

fn known(change: impl FnOnce(&mut ImageDetails)) -> Facts {
    let mut changed = details();
    change(&mut changed);
    let facts = facts_of(&[
        (Some("linux/amd64"), Some(Fact::Known(details()))),
        (Some("linux/arm64"), Some(Fact::Known(changed))),
    ]);
    facts_with(Fact::Known(Arc::new(facts)))
}

fn facts_with(fact: Fact<Arc<ImageFacts>>) -> Facts {
    let mut facts = Facts::new();
    facts.insert(
        &ImageRef::parse("registry.example.com/app:1").unwrap(),
        fact.clone(),
    );
    facts.insert(&ImageRef::parse(&pinned()).unwrap(), fact);
    facts
}

fn unavailable() -> Facts {
    facts_with(Fact::Unavailable(Unavailable::new(
        Cause::Deadline,
        "registry.example.com did not answer in 3s",
    )))
}

fn verdict(policy: &ImagePolicy, facts: Option<&Facts>) -> Verdict {
    let image = pinned();
    let review: Review<'_> = [image.as_str()].into_iter().collect();
    let review = review.with_time(now());
    match facts {
        Some(facts) => decide(policy, &review.with_facts(facts)),
        None => decide(policy, &review),
    }
}

fn reason(verdict: &Verdict) -> String {
    let violations = verdict.violations().iter();
    let reasons = violations.map(|one| one.reason().text(Language::English).to_owned());
    reasons.collect::<Vec<_>>().join("; ")
}

type Change = fn(&mut ImageDetails);

/// Each rule, what an image is changed to so that it fails on one platform, and why.
const RULES: &[(&str, Change, &str)] = &[
    (
        "facts: {maxAge: 11d}",
        |d| d.created = Some(now() - 12 * DAY),
        "it was created 12d ago, and may be 11d old, on linux/arm64, as mirror.example.com says",
    ),
    (
        "facts: {maxAge: 11d}",
        |d| d.created = None,
        "it can't be known: the image does not say when it was created",
    ),
    (
        "facts: {maxAge: 11d}",
        |d| d.created = Some(now() + 2 * DAY),
        "it can't be known: the image says that it is from the future",
    ),
    (
        "facts: {maxSize: 1k}",
        |d| d.size = 1001,
        "its size is 1001 bytes, and may be 1000, on linux/arm64, as mirror.example.com says",
    ),
    (
        "facts: {nonRoot: true}",
        |d| d.user.clear(),
        "its user is root (none is set) on linux/arm64, as mirror.example.com says",
    ),
    (
        "facts: {nonRoot: true}",
        |d| d.user = "00:1000".into(),
        "its user is root on linux/arm64",
    ),
    (
        "facts: {nonRoot: true}",
        |d| d.user = "app".into(),
        "its user is the name \"app\", which may be root's, on linux/arm64",
    ),
    (
        "facts: {nonRoot: true}",
        |d| d.user = "+0".into(),
        "its user is the name \"+0\", which may be root's",
    ),
    (
        "facts: {labels: {team: 's*'}}",
        |d| d.labels.clear(),
        "it has no label \"team\" on linux/arm64",
    ),
    (
        "facts: {labels: {team: 's*'}}",
        |d| _ = d.labels.insert("team".into(), "x\ny".into()),
        "its label \"team\" is \"x\\ny\", which is not \"s*\", on linux/arm64",
    ),
    (
        "facts: {annotations: {org.opencontainers.image.base.digest: 'sha256:*'}}",
        |d| d.annotations.clear(),
        "it has no annotation \"org.opencontainers.image.base.digest\" on linux/arm64",
    ),
    (
        "facts: {volumes: {deny: ['*']}}",
        |d| d.volumes.push("/data".into()),
        "its volume \"/data\" is not allowed on linux/arm64",
    ),
    (
        "facts: {exposedPorts: {allow: ['8080/*']}}",
        |d| d.exposed_ports.push("22/tcp".into()),
        "its exposed port \"22/tcp\" is not allowed on linux/arm64",
    ),
    (
        "facts: {entrypoint: required}",
        |d| d.entrypoint.clear(),
        "it has no entrypoint on linux/arm64",
    ),
    (
        "facts: {foreignLayers: deny}",
        |d| d.has_foreign_layers = true,
        "it has layers that are fetched from elsewhere on linux/arm64",
    ),
    (
        "facts: {baseImage: {allow: [registry.example.com/base]}}",
        |d| _ = d.annotations.remove("org.opencontainers.image.base.name"),
        "it has no annotation \"org.opencontainers.image.base.name\" on linux/arm64",
    ),
    (
        "facts: {baseImage: {allow: [registry.example.com/base]}}",
        |d| {
            d.annotations.insert(
                "org.opencontainers.image.base.name".into(),
                "busybox".into(),
            );
        },
        "its base image \"busybox\" is not allowed on linux/arm64",
    ),
    (
        "facts: {baseImage: {deny: ['**/busybox']}}",
        |d| {
            d.annotations.insert(
                "org.opencontainers.image.base.name".into(),
                "busybox".into(),
            );
        },
        "its base image \"busybox\" is not allowed on linux/arm64",
    ),
    (
        "facts: {baseImage: {digest: required}}",
        |d| _ = d.annotations.remove("org.opencontainers.image.base.digest"),
        "it has no annotation \"org.opencontainers.image.base.digest\" on linux/arm64",
    ),
    (
        "expression: 'image.user != \"\" && image.size < 1001 && image.platforms.size() == 2'",
        |d| d.user.clear(),
        "the expression is false for it",
    ),
    (
        "expression: 'image.ageHours < 11 * 24 && image.labels.team == \"shop\"'",
        |d| d.created = None,
        "it can't be known: the image does not say what image.ageHours is",
    ),
];

#[test]
fn each_condition_holds_for_every_platform_and_says_who_told_what() {
    for (rule, change, expected) in RULES {
        let policy = compiled(rule);
        let verdict_on = |facts: Facts| verdict(&policy, Some(&facts));
        let passed = verdict_on(known(|_| {}));
        assert!(passed.is_allowed(), "{rule}: {}", reason(&passed));
        let failed = verdict_on(known(*change));
        assert!(!failed.is_allowed(), "{rule}");
        assert_eq!(failed.violations().len(), 1, "{rule}");
        let reason = reason(&failed);
        assert!(reason.starts_with(expected), "{rule}: {reason}");
    }
}

#[test]
fn what_is_not_known_denies_unless_the_rule_says_otherwise() {
    let rules = RULES.iter().map(|(rule, ..)| *rule).chain([
        "facts: {platforms: {requires: [linux/amd64]}}",
        "facts: {mediaTypes: {deny: ['*schema*']}}",
        "expression: '!has(image.user) || true'",
        "expression: 'image.resolvedDigest != \"\" || true'",
    ]);
    for rule in rules {
        let facts_start = "facts: {";
        let with = |word: &str| match rule.strip_prefix(facts_start) {
            Some(rest) => format!("{facts_start}ifUnavailable: {word}, {rest}"),
            None => format!("facts: {{ifUnavailable: {word}}}, {rule}"),
        };
        for facts in [Some(unavailable()), Some(Facts::new()), None] {
            let facts = facts.as_ref();
            let denied = verdict(&compiled(rule), facts);
            assert!(!denied.is_allowed(), "{rule}");
            assert_eq!(denied.violations().len(), 1, "{rule}");
            let reason = reason(&denied);
            assert!(
                reason.starts_with("it can't be known: "),
                "{rule}: {reason}"
            );
            assert!(
                !verdict(&compiled(&with("deny")), facts).is_allowed(),
                "{rule}"
            );

            let warned = verdict(&compiled(&with("warn")), facts);
            assert!(warned.is_allowed(), "{rule}");
            assert_eq!(warned.violations()[0].mode(), Mode::Warn, "{rule}");

            let allowed = verdict(&compiled(&with("allow")), facts);
            assert!(allowed.violations().is_empty(), "{rule}");
        }
        // What is known to be wrong is denied all the same.
        let absent = facts_with(Fact::Absent);
        let denied = verdict(&compiled(&with("allow")), Some(&absent));
        assert_eq!(reason(&denied), "its registry has no such image", "{rule}");
    }
}

#[test]
fn a_message_of_the_rule_is_not_said_of_what_is_not_known() {
    let policy =
        compiled("message: it is too old, facts: {ifUnavailable: warn, maxAge: 1d, nonRoot: true}");
    let unknown = known(|details| details.created = None);
    let warned_and_denied = verdict(&policy, Some(&unknown));
    assert!(!warned_and_denied.is_allowed());
    let found: Vec<_> = warned_and_denied
        .violations()
        .iter()
        .map(|one| (one.mode(), one.reason().text(Language::English).to_owned()))
        .collect();
    // The first platform is known to be too old.
    assert_eq!(found, [(Mode::Enforce, "it is too old".to_owned())]);

    let late = verdict(&policy, Some(&unavailable()));
    assert!(late.is_allowed());
    assert_eq!(
        reason(&late),
        "it can't be known: registry.example.com did not answer in 3s"
    );
    assert!(late.violations()[0].remedy().is_none());
}

#[test]
fn platforms_that_are_required_must_be_there() {
    let policy = compiled("facts: {platforms: {requires: [linux/amd64, linux/arm]}}");
    let known = || Some(Fact::Known(details()));
    for (platforms, expected) in [
        (
            &[(Some("linux/amd64"), known()), (Some("linux/arm/v7"), None)][..],
            "",
        ),
        (
            &[(Some("linux/amd64"), known())],
            "it is not there for linux/arm, as mirror.example.com says",
        ),
        (
            &[],
            "it is not there for linux/amd64, linux/arm, as mirror.example.com says",
        ),
        (
            &[(None, known())],
            "it can't be known: the image does not say for which platform it is",
        ),
    ] {
        let facts = facts_with(Fact::Known(Arc::new(facts_of(platforms))));
        assert_eq!(
            reason(&verdict(&policy, Some(&facts))),
            expected,
            "{platforms:?}"
        );
    }
}

#[test]
fn only_the_platforms_that_a_rule_names_count() {
    let policy = compiled("facts: {onPlatforms: [linux/amd64], nonRoot: true}");
    let facts = known(|details| details.user.clear());
    assert!(verdict(&policy, Some(&facts)).is_allowed());

    let policy = compiled("facts: {onPlatforms: [linux/amd64]}, expression: image.user != ''");
    assert!(verdict(&policy, Some(&facts)).is_allowed());

    // A rule is not passed because there is nothing to check.
    let policy = compiled("facts: {onPlatforms: [windows/amd64], nonRoot: true}");
    let denied = verdict(&policy, Some(&facts));
    assert_eq!(reason(&denied), "it is not there for windows/amd64");
}

#[test]
fn a_tag_is_not_what_is_pulled() {
    let by_default = compiled("facts: {nonRoot: true}");
    let takes_tags = compiled("facts: {tags: checkOnly, nonRoot: true}");
    let expression = compiled("expression: image.user != ''");
    let facts = known(|_| {});
    let deployment = ObjectKind::new("apps/v1", "Deployment");
    let pod = ObjectKind::new("v1", "Pod");
    for (policy, kind, is_allowed) in [
        (&by_default, None, false),
        (&by_default, Some(pod), false),
        (&by_default, Some(deployment), true),
        (&expression, Some(pod), false),
        (&expression, Some(deployment), true),
        (&takes_tags, Some(pod), true),
        (&takes_tags, None, true),
    ] {
        let review: Review<'_> = ["registry.example.com/app:1"].into_iter().collect();
        let mut review = review.with_time(now()).with_facts(&facts);
        if let Some(kind) = kind {
            review = review.with_kind(kind);
        }
        let verdict = decide(policy, &review);
        assert_eq!(
            verdict.is_allowed(),
            is_allowed,
            "{kind:?}: {}",
            reason(&verdict)
        );
        let mut needs = Needs::new();
        policy.needs(&review, &mut needs);
        assert_eq!(needs.is_empty(), !is_allowed, "{kind:?}");
        if !is_allowed {
            assert_eq!(
                reason(&verdict),
                "it has no digest, so what is known of it now may not be what is pulled"
            );
        }
    }
}

#[test]
fn an_image_that_could_not_be_pinned_says_why() {
    let policy = compiled("facts: {nonRoot: true}");
    let name = "registry.example.com/app:1";
    let mut facts = Facts::new();
    let why = Unavailable::new(Cause::Denied, "access was denied\nto all");
    facts.insert(&ImageRef::parse(name).unwrap(), Fact::Unavailable(why));
    let review: Review<'_> = [name].into_iter().collect();
    let review = review.with_time(now()).with_facts(&facts);
    let verdict = decide(&policy, &review);
    assert!(!verdict.is_allowed());
    assert_eq!(
        reason(&verdict),
        "it has no digest, and its registry could not be asked for one: access was denied to all"
    );
    let mut needs = Needs::new();
    policy.needs(&review, &mut needs);
    assert!(needs.is_empty());
}

fn needs_of(policy: &impl Policy, review: &Review<'_>) -> Vec<(String, Need)> {
    let mut needs = Needs::new();
    policy.needs(review, &mut needs);
    let needs = needs.iter();
    needs
        .map(|(image, need)| (image.to_string(), need.clone()))
        .collect()
}

#[test]
fn an_older_answer_is_good_enough_where_every_rule_that_needs_it_says_so() {
    let minutes = |minutes: u64| Duration::from_secs(60 * minutes);
    let image = ImageRef::parse("nginx:1.27").unwrap();
    for (rules, expected) in [
        (&["staleFor: 10m"][..], minutes(10)),
        (&["staleFor: 10m", "staleFor: 1h"], minutes(10)),
        (&["staleFor: 24h"], minutes(24 * 60)),
        (&["staleFor: 10m", "ifUnavailable: warn"], Duration::ZERO),
        (&["ifUnavailable: warn"], Duration::ZERO),
    ] {
        let rules = rules.iter().enumerate();
        let rules = rules.map(|(index, setting)| {
            format!(
                "  - {{name: r{index}, facts: {{tags: checkOnly, nonRoot: true, {setting}}}}}\n"
            )
        });
        let rules: String = rules.collect();
        let text = format!(
            "apiVersion: imagereview/v1alpha1\nkind: ImagePolicy\nmetadata: {{name: p}}\nrules:\n{rules}"
        );
        let policy = ImagePolicy::compile([PolicySource::new("p.yaml", &text)]).unwrap();
        let review: Review<'_> = ["nginx:1.27"].into_iter().collect();
        let mut needs = Needs::new();
        policy.needs(&review, &mut needs);
        assert_eq!(needs.stale_for(&image), expected, "{text}");
        // What was met with an older answer is needed anew by those who are stricter.
        let mut met = Needs::new();
        met.add_stale(&image, Need::All, minutes(30));
        let is_met = needs.without(&met).is_empty();
        assert_eq!(is_met, expected >= minutes(30), "{text}");
    }
}

#[test]
fn nothing_more_is_asked_for_than_is_needed() {
    let text = r"
apiVersion: imagereview/v1alpha1
kind: ImagePolicy
metadata: {name: p}
scope: {namespaces: {exclude: [dev]}}
rules:
  - {name: tags, tags: {deny: [latest]}}
  - name: old
    scope: {images: {include: ['registry.example.com/**']}, containers: [regular]}
    facts: {tags: checkOnly, maxAge: 90d}
  - {name: moved, facts: {tags: checkOnly}, expression: image.resolvedDigest != ''}
exemptions:
  - {name: e, reason: agreed, rules: [moved], images: [nginx]}
  - {name: f, reason: agreed, images: [registry.example.com/exempt]}
";
    let policy = ImagePolicy::compile([PolicySource::new("p.yaml", text)]).unwrap();
    let regular =
        |index| Location::new("spec.containers", index, "image").with_kind(ContainerKind::Regular);
    let init = Location::new("spec.initContainers", 0, "image").with_kind(ContainerKind::Init);
    let review = Review::new()
        .with_image("registry.example.com/app", regular(0))
        .with_image("nginx:1.27", regular(1))
        .with_image("registry.example.com/exempt", regular(2))
        .with_image("redis:7", regular(3))
        .with_image("not a reference", regular(4))
        .with_image("registry.example.com/tool:1", init);
    let all = [
        ("docker.io/library/redis:7".to_owned(), Need::Digest),
        ("registry.example.com/app:latest".to_owned(), Need::All),
        ("registry.example.com/tool:1".to_owned(), Need::Digest),
    ];
    assert_eq!(needs_of(&policy, &review), all);
    assert_eq!(needs_of(&policy, &review.clone().with_namespace("dev")), []);

    // Policies that are made of policies ask for what those need.
    let policy = Arc::new(policy);
    assert_eq!(needs_of(&AllowAll.and(policy.clone()), &review), all);
    assert_eq!(needs_of(&policy.clone().or(AllowAll), &review), all);
    assert_eq!(needs_of(&policy.clone().in_mode(Mode::Warn), &review), all);
    assert_eq!(needs_of(&vec![policy.clone()], &review), all);
    assert_eq!(
        needs_of(
            &Box::new(policy.clone()).when(|_: &Review<'_>| false),
            &review
        ),
        []
    );
    assert_eq!(needs_of(&policy.when(|_: &Review<'_>| true), &review), all);
}

#[test]
fn an_update_asks_nothing_of_what_was_there_before() {
    let image = pinned();
    let web = Location::new("spec.containers", 0, "image").with_container("web");
    let review = Review::new()
        .with_image(&image, web.clone())
        .with_former_images([(image.as_str(), &web)]);
    let policy = compiled("facts: {nonRoot: true}");
    assert_eq!(needs_of(&policy, &review), []);
    assert!(decide(&policy, &review).violations().is_empty());

    let text = "apiVersion: imagereview/v1alpha1\nkind: ImagePolicy\nmetadata: {name: p}\nunchangedImages: enforce\nrules:\n  - {name: r, facts: {nonRoot: true}}\n";
    let strict = ImagePolicy::compile([PolicySource::new("p.yaml", text)]).unwrap();
    assert_eq!(needs_of(&strict, &review).len(), 1);
    assert!(!decide(&strict, &review).is_allowed());
}

#[test]
fn what_is_known_of_a_tag_is_known_of_its_digest() {
    let mut facts = Facts::new();
    let tagged = ImageRef::parse("registry.example.com/app:1").unwrap();
    facts.insert(&tagged, Fact::Known(Arc::new(facts_of(&[]))));
    assert!(facts.image(&ImageRef::parse(&pinned()).unwrap()).is_some());
    let other = format!("registry.example.com/other@{}", digest());
    assert!(facts.image(&ImageRef::parse(&other).unwrap()).is_none());
}

#[test]
fn mistakes_in_rules_over_facts_are_told() {
    for (rule, expected) in [
        ("facts: {}", "facts has no checks"),
        (
            "facts: {tags: checkOnly}, expression: image.tag != ''",
            "facts has no checks",
        ),
        ("facts: {maxAge: 90}", "found the number 90"),
        ("facts: {maxAge: 90x}", "\"90x\" is no time"),
        ("facts: {maxAge: 0d}", "\"0d\" is no time"),
        ("facts: {maxAge: ''}", "\"\" is no time"),
        ("facts: {maxAge: 'd'}", "\"d\" is no time"),
        ("facts: {maxAge: '日'}", "is no time"),
        (
            "facts: {nonRoot: true, staleFor: 25h}",
            "\"25h\" is no time of a day at most",
        ),
        ("facts: {nonRoot: true, staleFor: 0m}", "\"0m\" is no time"),
        (
            "facts: {nonRoot: true, staleFor: 10s}",
            "\"10s\" is no time",
        ),
        ("facts: {maxSize: 5Ti}", "\"5Ti\" is no size"),
        ("facts: {maxSize: 999999999999999Gi}", "is no size"),
        (
            "facts: {ifUnavailable: alow, nonRoot: true}",
            "did you mean \"allow\"",
        ),
        (
            "facts: {platforms: {requires: [amd64]}}",
            "a platform is written as",
        ),
        ("facts: {volumes: {}}", "give \"allow\" or \"deny\""),
        (
            "facts: {baseImage: {}}",
            "give \"allow\", \"deny\" or \"digest: required\"",
        ),
        ("expression: 'image.usr != \"\"'", "did you mean \"user\""),
        (
            "expression: 'review.images.all(i, i.user != \"\")'",
            "i has no field \"user\"",
        ),
        (
            "expression: '[image].all(i, has(i.user)) && image.size > 1'",
            "\"image\" as a whole",
        ),
    ] {
        let found = problem(rule);
        assert!(found.contains(expected), "{rule}: {found}");
    }
}

/// A registry may say very much of an image.
#[test]
fn what_is_known_of_an_image_counts_with_its_values_and_the_patterns() {
    let globs: Vec<String> = (0..2_000).map(|n| format!("'*a*{n}b'")).collect();
    let policy = compiled(&format!(
        "facts: {{exposedPorts: {{deny: [{}]}}}}",
        globs.join(", ")
    ));
    let ports = |many: usize| {
        known(|details| {
            let port = "a".repeat(4_000);
            details.exposed_ports = (0..many).map(|n| format!("{port}{n}")).collect();
        })
    };
    let few = verdict(&policy, Some(&ports(1)));
    assert!(few.is_allowed(), "{}", reason(&few));
    let many = verdict(&policy, Some(&ports(200)));
    assert!(!many.is_allowed());
    let reason = reason(&many);
    assert!(reason.contains("steps for this review"), "{reason}");
}

#[test]
fn each_condition_on_facts_has_a_price() {
    let steps = |rule: &str| compiled(rule).price().steps();
    let age = steps("facts: {maxAge: 10d}");
    let label = steps("facts: {labels: {team: 's*'}}");
    let labels = steps("facts: {labels: {team: 's*', cost-center: '*-??-*', unit: 'u*'}}");
    let ports = steps("facts: {exposedPorts: {allow: ['8080/*', '*/udp'], deny: ['2*', '?']}}");
    assert!(
        age < label && label < labels && labels < ports,
        "{age} {label} {labels} {ports}"
    );
    // Each can decide as many images as there may be.
    assert!(ports < imagereview_core::limits::STEPS_LIMIT, "{ports}");
}
