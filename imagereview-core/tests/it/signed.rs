//! Rules over signatures and attestations, decided from facts that were verified elsewhere.

use std::{
    fmt::Write as _,
    sync::Arc,
    time::{Duration, SystemTime},
};

use imagereview_core::{
    ImagePolicy, ImageRef, Language, Mode, Policy, PolicySource, Review, Verdict, decide,
    document::{Branch, PolicyFiles},
    facts::{
        Candidate, Cause, Claim, ContentDigest, Covers, DistinguishedName, Evidence, Fact, Facts,
        Format, ImageFacts, Need, Needs, Outcome, PlatformFacts, Refusal, RefusalCause, Signatures,
        Signer, Statement, Trust, Unavailable,
    },
};
use serde_json::{Value, json};

const KEY: &str = "-----BEGIN PUBLIC KEY-----\nA\n-----END PUBLIC KEY-----\n";
const OTHER: &str = "-----BEGIN PUBLIC KEY-----\nB\n-----END PUBLIC KEY-----\n";
const ROOTS: &str = "-----BEGIN CERTIFICATE-----\nA\n-----END CERTIFICATE-----\n";
const GITHUB: &str = "https://token.actions.githubusercontent.com";
const WORKFLOW: &str = "https://github.com/example/app/.github/workflows/release.yaml@refs/tags/v1";

fn now() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000)
}

fn digest(digit: char) -> ContentDigest {
    ContentDigest::parse(&format!("sha256:{}", digit.to_string().repeat(64))).unwrap()
}

fn image() -> String {
    format!("registry.example.com/app:1@{}", digest('a'))
}

fn files() -> PolicyFiles {
    let mut files = PolicyFiles::new();
    for (name, text) in [
        ("cosign.pub", KEY),
        ("other.pub", OTHER),
        ("roots.pem", ROOTS),
        ("trusted_root.json", "{}"),
        ("private.pem", "-----BEGIN EC PRIVATE KEY-----"),
        ("list.txt", "[]"),
    ] {
        files.insert(name, Ok(text.into()));
    }
    files.insert("gone.pub", Err("there is no such file".into()));
    files
}

fn compile(rule: &str) -> Result<ImagePolicy, String> {
    let text = format!(
        "apiVersion: imagereview/v1alpha1\nkind: ImagePolicy\nmetadata: {{name: p}}\nrules:\n  - {{name: r, {rule}}}\n"
    );
    let files = files();
    ImagePolicy::compile([PolicySource::new("p.yaml", &text).with_files(&files)])
        .map_err(|errors| errors.to_string())
}

fn policy(rule: &str) -> ImagePolicy {
    compile(rule).unwrap_or_else(|errors| panic!("{errors}\n{rule}"))
}

fn signature() -> Claim {
    Claim::Signature {
        annotations: [("env".to_owned(), "prod".to_owned())].into(),
        reference: None,
    }
}

fn attestation(kind: &str, predicate: Value) -> Claim {
    Claim::Attestation {
        predicate_type: kind.into(),
        predicate,
        subjects: vec!["registry.example.com/app".into()],
    }
}

fn key(fingerprint: &str) -> Signer {
    Signer::Key {
        fingerprint: fingerprint.into(),
    }
}

fn keyless(issuer: &str, subject: &str) -> Signer {
    Signer::Keyless {
        issuer: issuer.into(),
        subject: subject.into(),
        claims: [(
            "sourceRepositoryURI".to_owned(),
            "https://github.com/example/app".to_owned(),
        )]
        .into(),
    }
}

#[expect(
    clippy::unnecessary_wraps,
    reason = "it stands where a refusal may stand"
)]
fn statement(signer: Signer, claim: Claim) -> Result<Arc<Statement>, Refusal> {
    Ok(Arc::new(Statement::new(signer, claim, digest('a'))))
}

fn refused(message: &str) -> Result<Arc<Statement>, Refusal> {
    Err(Refusal::new(RefusalCause::BadSignature, message))
}

/// A candidate, with what came of it for each trust of the policy in its order.
fn candidate(
    policy: &ImagePolicy,
    results: impl IntoIterator<Item = Result<Arc<Statement>, Refusal>>,
) -> Candidate {
    let evidence = Evidence::new("application/vnd.dev.sigstore.bundle.v0.3+json", *b"{}");
    let mut candidate = Candidate::new(digest('c'), 0, Format::Bundle, evidence);
    let trusts = policy.trusts().map(|(_, trust)| trust.id().clone());
    let outcomes = trusts.zip(results);
    candidate.outcomes = outcomes
        .map(|(trust, result)| Outcome { trust, result })
        .collect();
    candidate
}

fn facts(candidates: Fact<Vec<Candidate>>) -> Facts {
    let mut facts = ImageFacts::new(digest('a'), now(), "registry.example.com");
    facts.signatures = vec![Signatures::new(digest('a'), candidates)];
    of(facts)
}

fn of(image_facts: ImageFacts) -> Facts {
    let mut facts = Facts::new();
    let image = image();
    let image = ImageRef::parse(&image).unwrap();
    facts.insert(&image, Fact::Known(image_facts.into()));
    facts
}

fn decided(policy: &ImagePolicy, facts: &Facts) -> Verdict {
    let image = image();
    let review: Review<'_> = [image.as_str()].into_iter().collect();
    decide(policy, &review.with_time(now()).with_facts(facts))
}

fn reason(verdict: &Verdict) -> String {
    let violations = verdict.violations().iter();
    let reasons = violations.map(|one| one.reason().text(Language::English).to_owned());
    reasons.collect::<Vec<_>>().join("\n")
}

/// A rule, what came of each candidate for each trust, and what is found: nothing where it passes.
type Row<'r> = (
    &'r str,
    Vec<Vec<Result<Arc<Statement>, Refusal>>>,
    Option<&'r str>,
);

fn check(rows: Vec<Row<'_>>) {
    for (rule, candidates, expected) in rows {
        let policy = policy(rule);
        let candidates = candidates.into_iter();
        let candidates = candidates.map(|results| candidate(&policy, results));
        let verdict = decided(&policy, &facts(Fact::Known(candidates.collect())));
        match expected {
            None => assert!(verdict.is_allowed(), "{rule}: {}", reason(&verdict)),
            Some(expected) => {
                assert!(!verdict.is_allowed(), "{rule}");
                let reason = reason(&verdict);
                assert!(reason.contains(expected), "{rule}: {reason}");
            }
        }
    }
}

// cosign's GHSA-fx35-mq7g-6g98: a key in the place of a certificate. And cosign 3.1.3 takes a bill of materials for a
// signature.
#[test]
fn a_key_counts_whatever_lies_beside_its_signature() {
    let ours = || statement(key("sha256:00"), signature());
    let rule = "signed: {by: {key: {file: cosign.pub}}}";
    let bad = || refused("the signature does not fit what is signed");
    check(vec![
        (rule, vec![vec![ours()]], None),
        (rule, vec![vec![bad()], vec![ours()], vec![bad()]], None),
        (
            rule,
            vec![],
            Some("it is not signed: key cosign.pub: no signature was found"),
        ),
        (
            rule,
            vec![vec![bad()]],
            Some("key cosign.pub: one was found: the signature does not fit"),
        ),
        (
            rule,
            vec![vec![bad()], vec![bad()]],
            Some("2 were found, and none counts; the first: the signature does not fit"),
        ),
        // A certificate where a key is trusted.
        (
            rule,
            vec![vec![statement(keyless(GITHUB, WORKFLOW), signature())]],
            Some("it is signed in another way than this authority signs"),
        ),
        // An attestation is no signature.
        (
            rule,
            vec![vec![statement(
                key("sha256:00"),
                attestation("https://spdx.dev/Document", json!({})),
            )]],
            Some("it is an attestation (https://spdx.dev/Document), not a signature"),
        ),
        (
            "signed: {by: {name: release-key, key: {file: cosign.pub}}}",
            vec![],
            Some("release-key: no signature was found"),
        ),
        (
            "signed: {by: {key: {file: cosign.pub}}, annotations: {env: prod}}",
            vec![vec![ours()]],
            None,
        ),
        (
            "signed: {by: {key: {file: cosign.pub}}, annotations: {env: test}}",
            vec![vec![ours()]],
            Some("its signed annotation env is prod, not test"),
        ),
        (
            "signed: {by: {key: {file: cosign.pub}}, annotations: {team: '*'}}",
            vec![vec![ours()]],
            Some("it has no signed annotation team"),
        ),
        (
            "signed: {by: {key: {file: cosign.pub}}, reference: registry.example.com/app}",
            vec![vec![ours()]],
            Some("it has no name of a repository in its signature docker-reference"),
        ),
    ]);
}

#[test]
fn identities_are_matched_whole() {
    let rule = |fields: &str| {
        format!("signed: {{by: {{keyless: {{{fields}, trustedRoot: trusted_root.json}}}}}}")
    };
    let exact = rule(&format!("issuer: '{GITHUB}', subject: '{WORKFLOW}'"));
    let glob = rule(&format!(
        "issuer: '{GITHUB}', subject: 'https://github.com/example/app/.github/workflows/release.yaml@refs/tags/*'"
    ));
    let claims = rule(&format!(
        "issuer: '{GITHUB}', subject: 'https://github.com/example/*', claims: {{sourceRepositoryURI: 'https://github.com/example/other'}}"
    ));
    let trigger = rule(&format!(
        "issuer: '{GITHUB}', subject: 'https://github.com/example/*', claims: {{buildTrigger: push}}"
    ));
    let signed =
        |issuer: &str, subject: &str| vec![vec![statement(keyless(issuer, subject), signature())]];
    let longer = format!("{WORKFLOW}-evil");
    let before = format!("https://evil.example.com/?{WORKFLOW}");
    check(vec![
        (&exact, signed(GITHUB, WORKFLOW), None),
        (&glob, signed(GITHUB, WORKFLOW), None),
        (
            &exact,
            signed(GITHUB, &longer),
            Some("its identity is https://github.com/example/app"),
        ),
        (&exact, signed(GITHUB, &before), Some("its identity is")),
        (
            &exact,
            signed(
                "https://token.actions.githubusercontent.com.evil.example.com",
                WORKFLOW,
            ),
            Some("its issuer is https://token.actions.githubusercontent.com.evil.example.com, not"),
        ),
        (
            &exact,
            vec![vec![statement(key("sha256:00"), signature())]],
            Some("it is signed in another way"),
        ),
        (
            &claims,
            signed(GITHUB, WORKFLOW),
            Some(
                "its claim sourceRepositoryURI is https://github.com/example/app, not https://github.com/example/other",
            ),
        ),
        (
            &trigger,
            signed(GITHUB, WORKFLOW),
            Some("it has no claim buildTrigger"),
        ),
    ]);
}

#[test]
fn subjects_of_certificates_are_matched_by_their_attributes() {
    let subject = || {
        DistinguishedName(vec![
            ("C".into(), "US".into()),
            ("O".into(), "Example".into()),
            ("OU".into(), "a".into()),
            ("OU".into(), "b".into()),
        ])
    };
    let certificate = || {
        vec![vec![statement(
            Signer::Certificate {
                subject: subject(),
                names: vec!["ci@example.com".into()],
                root: "sha256:00".into(),
            },
            signature(),
        )]]
    };
    let notation = || {
        vec![vec![statement(
            Signer::Notation {
                subject: subject(),
                root: "sha256:00".into(),
            },
            signature(),
        )]]
    };
    check(vec![
        (
            "signed: {by: {certificate: {file: roots.pem}}}",
            certificate(),
            None,
        ),
        (
            "signed: {by: {certificate: {file: roots.pem, subject: {O: Example, OU: b}}}}",
            certificate(),
            None,
        ),
        (
            "signed: {by: {certificate: {file: roots.pem, subject: {O: Other}}}}",
            certificate(),
            Some("its attribute O is Example, not Other"),
        ),
        (
            "signed: {by: {certificate: {file: roots.pem, subject: {CN: '*'}}}}",
            certificate(),
            Some("it has no attribute CN"),
        ),
        (
            "signed: {by: {certificate: {file: roots.pem, alternativeName: ci@example.com}}}",
            certificate(),
            None,
        ),
        (
            "signed: {by: {certificate: {file: roots.pem, alternativeName: ci@example.org}}}",
            certificate(),
            Some("its certificate has no alternative name that is ci@example.org"),
        ),
        (
            "signed: {by: {notation: {file: roots.pem}}}",
            notation(),
            None,
        ),
        (
            "signed: {by: {notation: {file: roots.pem, identities: [{C: DE}, {C: US, O: Example}]}}}",
            notation(),
            None,
        ),
        (
            "signed: {by: {notation: {file: roots.pem, identities: [{C: DE}, {C: FR}]}}}",
            notation(),
            Some(
                "its certificate is for C=US, O=Example, OU=a, OU=b, which is none of the identities",
            ),
        ),
        (
            "signed: {by: {notation: {file: roots.pem}}}",
            certificate(),
            Some("it is signed in another way"),
        ),
    ]);
}

// kyverno/kyverno#16267: an authority that was ignored without a word.
#[test]
fn authorities_are_counted() {
    let two = "[{key: {file: cosign.pub}}, {key: {file: other.pub}}]";
    let any = format!("signed: {{by: {{anyOf: {two}}}}}");
    let all = format!("signed: {{by: {{allOf: {two}}}}}");
    let first = || {
        vec![
            statement(key("sha256:00"), signature()),
            refused("other key"),
        ]
    };
    let second = || {
        vec![
            refused("other key"),
            statement(key("sha256:11"), signature()),
        ]
    };
    let neither = || vec![refused("other key"), refused("other key")];
    // One identity that two patterns match.
    let keyless_rule = |subject: &str| {
        format!(
            "{{keyless: {{issuer: '{GITHUB}', subject: '{subject}', trustedRoot: trusted_root.json}}}}"
        )
    };
    let people = format!(
        "signed: {{by: {{atLeast: 2, of: [{}, {}, {}]}}}}",
        keyless_rule("a@example.com"),
        keyless_rule("*@example.com"),
        keyless_rule("c@example.com"),
    );
    let by = |subject: &str| vec![statement(keyless(GITHUB, subject), signature())];
    check(vec![
        (&any, vec![first()], None),
        (&any, vec![neither(), second()], None),
        (
            &any,
            vec![neither()],
            Some(
                "0 of 2 authorities vouch for it, and 1 must; key cosign.pub: one was found: other key; key other.pub",
            ),
        ),
        (&all, vec![first(), second()], None),
        (
            &all,
            vec![first()],
            Some("1 of 2 authorities vouch for it, and 2 must; key other.pub"),
        ),
        (
            &people,
            vec![by("a@example.com"), by("b@example.com")],
            None,
        ),
        (
            &people,
            vec![by("a@example.com")],
            Some("1 of 3 authorities vouch for it, and 2 must; one signer counts once"),
        ),
        (
            &people,
            vec![by("b@example.com"), by("c@example.com")],
            None,
        ),
        (
            "signed: {by: {allOf: [{static: deny}, {key: {file: cosign.pub}}]}}",
            vec![first()],
            Some("the rule says deny"),
        ),
        (
            "signed: {by: {allOf: [{static: pass}, {key: {file: cosign.pub}}]}}",
            vec![neither()],
            Some("other key"),
        ),
        (
            "signed: {by: {anyOf: [{static: pass}, {key: {file: cosign.pub}}]}}",
            vec![],
            None,
        ),
    ]);
}

#[test]
fn what_is_not_known_is_neither_signed_nor_unsigned() {
    let many = || Fact::Unavailable(Unavailable::new(Cause::TooLarge, "more than 64 candidates"));
    for (settings, mode) in [
        ("", Some(Mode::Enforce)),
        (", ifUnavailable: deny", Some(Mode::Enforce)),
        (", ifUnavailable: warn", Some(Mode::Warn)),
        (", ifUnavailable: allow", None),
    ] {
        let policy = policy(&format!(
            "signed: {{by: {{key: {{file: cosign.pub}}}}{settings}}}"
        ));
        let verdict = decided(&policy, &facts(many()));
        let found = verdict
            .violations()
            .first()
            .map(imagereview_core::Violation::mode);
        assert_eq!(found, mode, "{settings}");
        if mode.is_some() {
            let reason = reason(&verdict);
            assert!(reason.contains("more than 64 candidates"), "{reason}");
            assert!(reason.contains("can't be known"), "{reason}");
        }
        // What is known to be unsigned is denied whatever that says.
        assert!(
            !decided(&policy, &facts(Fact::Absent)).is_allowed(),
            "{settings}"
        );
    }
    // Facts of another policy: nothing was verified with this key.
    let other = policy("signed: {by: {key: {file: other.pub}}}");
    let policy = policy("signed: {by: {key: {file: cosign.pub}}}");
    let found = candidate(&other, [statement(key("sha256:00"), signature())]);
    let verdict = decided(&policy, &facts(Fact::Known(vec![found])));
    assert!(reason(&verdict).contains("it was not verified with what this authority trusts"));
    // An authority that is known to vouch is enough.
    let any =
        compile("signed: {by: {anyOf: [{key: {file: cosign.pub}}, {key: {file: other.pub}}]}}");
    let any = any.unwrap();
    let found = candidate(&any, [statement(key("sha256:00"), signature())]);
    assert!(decided(&any, &facts(Fact::Known(vec![found]))).is_allowed());
    // Nobody looked.
    let verdict = decided(&policy, &of(ImageFacts::new(digest('a'), now(), "r")));
    assert!(reason(&verdict).contains("nobody looked for signatures"));
}

#[test]
fn what_has_expired_does_not_count() {
    let policy = policy("signed: {by: {notation: {file: roots.pem}}}");
    let signer = Signer::Notation {
        subject: DistinguishedName::default(),
        root: "sha256:00".into(),
    };
    for (expires, is_allowed) in [
        (now() + Duration::from_secs(1), true),
        (now() - Duration::from_secs(1), false),
    ] {
        let mut statement = Statement::new(signer.clone(), signature(), digest('a'));
        statement.expires = Some(expires);
        let found = candidate(&policy, [Ok(Arc::new(statement))]);
        let verdict = decided(&policy, &facts(Fact::Known(vec![found])));
        assert_eq!(verdict.is_allowed(), is_allowed, "{}", reason(&verdict));
    }
}

// kyverno/kyverno#17694: an index without the platform of the engine itself. What is named is verified.
#[test]
fn every_platform_can_be_asked_for() {
    let rule = "signed: {by: {key: {file: cosign.pub}}, covers: everyPlatform}";
    let policy = policy(rule);
    let signed = || {
        let found = candidate(&policy, [statement(key("sha256:00"), signature())]);
        Fact::Known(vec![found])
    };
    for (platforms, of_b, of_c, expected) in [
        (true, signed(), signed(), None),
        (
            true,
            signed(),
            Fact::Absent,
            Some("it is not signed on linux/arm64: key cosign.pub"),
        ),
        (
            false,
            signed(),
            signed(),
            Some("its registry was asked for its digest only"),
        ),
    ] {
        let mut facts = ImageFacts::new(digest('a'), now(), "registry.example.com");
        if platforms {
            facts.platforms = Some(vec![
                PlatformFacts::new(Some("linux/amd64".parse().unwrap()), digest('b')),
                PlatformFacts::new(Some("linux/arm64".parse().unwrap()), digest('c')),
            ]);
        }
        // That the index is signed says nothing of them.
        facts.signatures = vec![
            Signatures::new(digest('a'), signed()),
            Signatures::new(digest('b'), of_b),
            Signatures::new(digest('c'), of_c),
        ];
        let verdict = decided(&policy, &of(facts));
        match expected {
            None => assert!(verdict.is_allowed(), "{}", reason(&verdict)),
            Some(expected) => assert!(reason(&verdict).contains(expected), "{}", reason(&verdict)),
        }
    }
}

// sigstore/policy-controller#797: evidence fetched for images that `static: pass` covers; notaryproject/ratify#2872:
// images that no rule is about.
#[test]
fn only_what_a_rule_needs_is_asked_for() {
    let needs = |rule: &str, image: &str| {
        let mut needs = Needs::new();
        let review: Review<'_> = [image].into_iter().collect();
        policy(rule).needs(&review, &mut needs);
        let all = needs.iter_with_statements();
        let all = all.map(|(image, need, statements)| {
            let statements = statements.iter();
            let statements = statements.map(|one| {
                let kind = one
                    .trust
                    .id()
                    .as_str()
                    .split_once(':')
                    .unwrap()
                    .0
                    .to_owned();
                (
                    kind,
                    one.repository.as_deref().map(str::to_owned),
                    one.covers,
                )
            });
            (
                image.to_string(),
                need.clone(),
                statements.collect::<Vec<_>>(),
            )
        });
        all.collect::<Vec<_>>()
    };
    let image = image();
    let name = format!("registry.example.com/app@{}", digest('a'));
    let rule = "signed: {by: {anyOf: [{key: {file: cosign.pub}}, {key: {file: cosign.pub}}]}, repository: registry.example.com/signatures}";
    let repository = Some("registry.example.com/signatures".to_owned());
    assert_eq!(
        needs(rule, &image),
        [(
            name.clone(),
            Need::Digest,
            vec![("key".to_owned(), repository, Covers::Named)]
        )]
    );
    let rule = "signed: {by: {certificate: {file: roots.pem}}, covers: everyPlatform}";
    assert_eq!(
        needs(rule, &image),
        [(
            name,
            Need::All,
            vec![("certificate".to_owned(), None, Covers::EveryPlatform)]
        )]
    );
    // A rule that passes whatever is found, an image that the rule is not about, a tag that is denied.
    let none: Vec<(String, Need, Vec<_>)> = Vec::new();
    assert_eq!(
        needs(
            "signed: {by: {anyOf: [{static: pass}, {key: {file: cosign.pub}}]}}",
            &image
        ),
        none
    );
    let scoped = "scope: {images: {include: [registry.example.org/**]}}, signed: {by: {key: {file: cosign.pub}}}";
    assert_eq!(needs(scoped, &image), none);
    let rule = "signed: {by: {key: {file: cosign.pub}}}";
    assert_eq!(needs(rule, "registry.example.com/app:1"), none);
    let rule = "signed: {by: {key: {file: cosign.pub}}, tags: checkOnly}";
    assert_eq!(needs(rule, "registry.example.com/app:1").len(), 1);
    // Images without a rule about signatures cost nothing.
    assert!(!policy("signed: {by: {static: pass}}").uses_facts());
}

// GHSA-2r43-6962-xcw5 of Kyverno: one image verified, another one run.
#[test]
fn a_tag_is_denied_unless_it_is_only_to_be_checked() {
    let review: Review<'_> = ["registry.example.com/app:1"].into_iter().collect();
    let verdict = decide(&policy("signed: {by: {key: {file: cosign.pub}}}"), &review);
    assert!(reason(&verdict).contains("it has no digest, so what is known of it now"));
    let policy = policy("signed: {by: {key: {file: cosign.pub}}, tags: checkOnly}");
    let mut facts = ImageFacts::new(digest('a'), now(), "r");
    let found = candidate(&policy, [statement(key("sha256:00"), signature())]);
    facts.signatures = vec![Signatures::new(digest('a'), Fact::Known(vec![found]))];
    let mut all = Facts::new();
    let image = ImageRef::parse("registry.example.com/app:1").unwrap();
    all.insert(&image, Fact::Known(facts.into()));
    assert!(decide(&policy, &review.with_facts(&all)).is_allowed());
}

fn attested(fields: &str) -> String {
    format!("attested: {{by: {{key: {{file: cosign.pub}}}}, {fields}}}")
}

fn says(kind: &str, predicate: Value) -> Vec<Vec<Result<Arc<Statement>, Refusal>>> {
    vec![vec![statement(
        key("sha256:00"),
        attestation(kind, predicate),
    )]]
}

#[test]
fn provenance_is_checked() {
    let v1 = "https://slsa.dev/provenance/v1";
    let built = || {
        json!({
            "buildDefinition": {"externalParameters": {"workflow": {
                "repository": "https://github.com/example/app", "ref": "refs/tags/v1"}}},
            "runDetails": {"builder": {"id": "https://github.com/actions/runner/github-hosted"}},
        })
    };
    let kind = "predicateTypes: [slsaProvenance]";
    let rules = [
        format!("{kind}, provenance: {{builders: ['https://github.com/actions/runner/*'], sources: ['https://github.com/example/app'], refs: ['refs/tags/*']}}"),
        format!("{kind}, provenance: {{refs: [refs/heads/main]}}"),
        format!("{kind}, provenance: {{sources: ['https://github.com/example/app']}}"),
        format!("{kind}, expression: \"predicate.runDetails.builder.id.startsWith('https://github.com/') && image.registry == 'registry.example.com'\""),
        format!("{kind}, expression: \"predicate.runDetails.builder.id == ''\""),
        format!("{kind}, expression: \"predicate.nothing == ''\""),
        format!("{kind}, subject: 'registry.example.com/app'"),
        format!("{kind}, subject: 'registry.example.com/other'"),
    ]
    .map(|fields| attested(&fields));
    check(vec![
        (&rules[0], says(v1, built()), None),
        (
            &rules[1],
            says(v1, built()),
            Some("its source reference refs/tags/v1 is not allowed"),
        ),
        (
            &rules[2],
            says(v1, json!({"buildDefinition": {}})),
            Some("its provenance does not say what the source repository was"),
        ),
        (
            &rules[0],
            says("https://spdx.dev/Document", built()),
            Some(
                "its predicate is of type https://spdx.dev/Document, not https://slsa.dev/provenance/v0.2",
            ),
        ),
        (
            &rules[0],
            vec![vec![statement(key("sha256:00"), signature())]],
            Some(
                "it is not attested as required: key cosign.pub: one was found: it is a signature, not an attestation",
            ),
        ),
        (&rules[3], says(v1, built()), None),
        (
            &rules[4],
            says(v1, built()),
            Some("the expression is false for its predicate"),
        ),
        (
            &rules[5],
            says(v1, built()),
            Some("the expression could not be decided: there is no field \"nothing\""),
        ),
        (&rules[6], says(v1, built()), None),
        (
            &rules[7],
            says(v1, built()),
            Some("it names no subject registry.example.com/other"),
        ),
    ]);
}

#[test]
fn packages_are_found_in_both_forms() {
    let spdx = || {
        json!({"spdxVersion": "SPDX-2.3", "packages": [
            {"name": "openssl", "versionInfo": "3.0.1", "externalRefs": [
                {"referenceCategory": "PACKAGE-MANAGER", "referenceLocator": "pkg:apk/alpine/openssl@3.0.1"}]},
            {"name": "busybox"},
        ]})
    };
    let cyclonedx = || {
        json!({"bomFormat": "CycloneDX", "components": [
            {"name": "app", "components": [{"name": "openssl", "version": "3.0.1", "purl": "pkg:apk/alpine/openssl@3.0.1"}]},
        ]})
    };
    let kinds = "predicateTypes: [spdx, cyclonedx]";
    let rules = [
        ("deny: ['pkg:npm/*'], require: [openssl]", None),
        (
            "deny: ['openssl@3.0.*']",
            Some("it has the package openssl@3.0.1, which is denied by openssl@3.0.*"),
        ),
        (
            "deny: ['pkg:apk/**/openssl@*']",
            Some("it has the package pkg:apk/alpine/openssl@3.0.1"),
        ),
        ("require: [left-pad]", Some("it has no package left-pad")),
    ];
    for (packages, expected) in rules {
        let rule = attested(&format!("{kinds}, packages: {{{packages}}}"));
        check(vec![
            (&rule, says("https://spdx.dev/Document", spdx()), expected),
            (
                &rule,
                says("https://cyclonedx.org/bom", cyclonedx()),
                expected,
            ),
            (
                &rule,
                says("https://cyclonedx.org/bom", json!({"components": []})),
                Some("its predicate lists no packages in a form that can be read"),
            ),
        ]);
    }
}

#[test]
fn vulnerabilities_are_counted() {
    let kind = "https://cosign.sigstore.dev/attestation/vuln/v1";
    let report = |result: Value, at: &str| json!({"scanner": {"result": result}, "metadata": {"scanFinishedOn": at}});
    let trivy = || {
        json!({"Results": [{"Target": "app"}, {"Vulnerabilities": [
            {"VulnerabilityID": "CVE-1", "Severity": "CRITICAL"},
            {"VulnerabilityID": "CVE-2", "Severity": "HIGH"},
        ]}]})
    };
    let grype = || {
        json!({"matches": [
            {"vulnerability": {"id": "CVE-1", "severity": "Critical"}},
            {"vulnerability": {"id": "CVE-2", "severity": "High"}},
        ]})
    };
    let in_toto = || {
        json!([
            {"id": "CVE-1", "severity": [{"method": "nvd", "score": "critical"}]},
            {"id": "CVE-2", "severity": [{"method": "nvd", "score": "high"}]},
        ])
    };
    // The time of the reviews is 2027-01-15T08:00:00Z.
    let (recent, old) = ("2027-01-14T08:00:00Z", "2026-12-01T00:00:00Z");
    for result in [trivy(), grype(), in_toto()] {
        for (fields, at, expected) in [
            ("max: {critical: 1, high: 1}", recent, None),
            (
                "max: {critical: 0}",
                recent,
                Some("it has 1 critical vulnerabilities, and may have 0"),
            ),
            ("max: {critical: 0}, ignore: [CVE-1]", recent, None),
            ("maxAge: 2d", recent, None),
            (
                "maxAge: 2d",
                old,
                Some("it was scanned 1088h ago, and may have been 48h ago"),
            ),
            (
                "maxAge: 2d",
                "2027-01-16T08:00:00Z",
                Some("the scan is in the future"),
            ),
            (
                "maxAge: 2d",
                "yesterday",
                Some("its report does not say when the scan was"),
            ),
        ] {
            let rule = attested(&format!(
                "predicateTypes: [vulnerabilities], vulnerabilities: {{{fields}}}"
            ));
            check(vec![(
                &rule,
                says(kind, report(result.clone(), at)),
                expected,
            )]);
        }
    }
    let rule = attested("predicateTypes: [vulnerabilities], vulnerabilities: {max: {critical: 0}}");
    check(vec![(
        &rule,
        says(kind, report(json!({"text": "none"}), recent)),
        Some("its report is not in a form that can be read"),
    )]);
}

#[test]
fn expressions_over_predicates_are_bounded() {
    let vex = "predicateTypes: [openvex], expression: \"!predicate.statements.exists(s, s.status == 'affected')\"";
    let rule = attested(vex);
    let statements = |count: usize| {
        let one = json!({"status": "fixed"});
        json!({"statements": vec![one; count]})
    };
    let kind = "https://openvex.dev/ns/v0.2.0";
    let affected = json!({"statements": [{"status": "fixed"}, {"status": "affected"}]});
    let long = json!({"statements": [{"status": "x".repeat(2 << 20)}]});
    check(vec![
        (&rule, says(kind, statements(10)), None),
        (&rule, says(kind, affected), Some("the expression is false")),
        (
            &rule,
            says(kind, statements(300)),
            Some("it is over 300 items, and may be over 256"),
        ),
        (&rule, says(kind, long), Some("expressions are for at most")),
    ]);
    for (expression, expected) in [
        (
            "image.size > 1",
            "image.size can't be used beside a predicate",
        ),
        (
            "predicates.x == 1",
            "there is no variable \"predicates\"; there are image, review, predicate",
        ),
        (
            "predicate.a.all(x, predicate.b.all(y, x == y))",
            "a loop within a loop could cost too much",
        ),
    ] {
        let errors = compile(&attested(&format!(
            "predicateTypes: [openvex], expression: \"{expression}\""
        )));
        let errors = errors.unwrap_err();
        assert!(errors.contains(expected), "{errors}");
    }
    let errors = compile("expression: \"predicate.a == 1\"").unwrap_err();
    assert!(
        errors.contains("there is no variable \"predicate\"; there are image, review"),
        "{errors}"
    );
}

#[test]
fn what_is_wrong_with_authorities_is_told_with_its_field() {
    let keyless = |fields: &str| format!("signed: {{by: {{keyless: {{{fields}}}}}}}");
    for (rule, expected) in [
        ("signed: {by: {}}".to_owned(), "rules[0].signed.by: this takes one of key, keyless, certificate"),
        ("signed: {by: {key: {}}}".to_owned(), "rules[0].signed.by.key: give \"file\""),
        ("signed: {by: {key: {file: gone.pub}}}".to_owned(), "the file \"gone.pub\" can't be read: there is no such file"),
        ("signed: {by: {key: {file: missing.pub}}}".to_owned(), "there is no file \"missing.pub\" beside this policy"),
        ("signed: {by: {key: {file: private.pem}}}".to_owned(), "the file \"private.pem\" holds a private key"),
        ("signed: {by: {key: {file: roots.pem}}}".to_owned(), "nothing begins with -----BEGIN PUBLIC KEY-----"),
        ("signed: {by: {key: {file: ../cosign.pub}}}".to_owned(), "is no name of a file beside the policy"),
        ("signed: {by: {key: {file: key.yaml}}}".to_owned(), "would be read as one; name it otherwise"),
        ("signed: {by: {key: {pem: x, file: cosign.pub}}}".to_owned(), "give either \"file\" or \"pem\", not both"),
        ("signed: {by: {key: {file: cosign.pub, log: required}}}".to_owned(), "give \"trustedRoot\""),
        ("signed: {by: {key: {file: cosign.pub, trustedRoot: trusted_root.json}}}".to_owned(), "the trusted root is for what is required"),
        (keyless("subject: a@example.com, trustedRoot: trusted_root.json"), "the field \"issuer\" is missing"),
        (keyless("issuer: 'https://a.example.com', trustedRoot: trusted_root.json"), "the field \"subject\" is missing"),
        (keyless("issuer: 'https://a.example.com', subject: a@example.com"), "the field \"trustedRoot\" is missing"),
        (keyless("issuer: 'https://a.example.com', subject: a@example.com, trustedRoot: list.txt"), "it is no JSON object, in line 1"),
        (keyless("issuer: a, subject: b, trustedRoot: trusted_root.json, claims: {buildTriger: push}"), "did you mean \"buildTrigger\"?"),
        ("signed: {by: {atLeast: 3, of: [{static: pass}]}}".to_owned(), "atLeast is a number from 1 to 1"),
        ("signed: {by: {atLeast: 0, of: [{static: pass}]}}".to_owned(), "atLeast is a number from 1 to 1"),
        ("signed: {by: {atLeast: 1}}".to_owned(), "atLeast and of are given together"),
        ("signed: {by: {anyOf: []}}".to_owned(), "rules[0].signed.by.anyOf: the list is empty"),
        ("signed: {by: {static: pass, key: {file: cosign.pub}}}".to_owned(), "this takes one of"),
        ("signed: {by: {static: pass}, repository: 'registry.example.com/a:1'}".to_owned(), "is an image; write its repository"),
        ("attested: {by: {static: pass}, predicateTypes: [sbom]}".to_owned(), "\"sbom\" is neither a URI nor one of slsaProvenance"),
        ("attested: {by: {static: pass}, predicateTypes: [spdx], packages: {}}".to_owned(), "packages has no checks"),
        ("attested: {by: {static: pass}, predicateTypes: [spdx], vulnerabilities: {max: {bad: 1}}}".to_owned(), "\"bad\" is none of critical, high"),
    ] {
        let errors = compile(&rule).unwrap_err();
        assert!(errors.contains(expected), "{rule}: {errors}");
    }
    let many = vec!["{key: {file: cosign.pub}}"; 40].join(", ");
    let errors = compile(&format!("signed: {{by: {{anyOf: [{many}]}}}}")).unwrap_err();
    assert!(
        errors.contains("a rule may have at most 32 authorities"),
        "{errors}"
    );
}

#[test]
fn authorities_who_may_be_anybody_are_a_warning() {
    for (rule, expected) in [
        (
            format!("signed: {{by: {{keyless: {{issuer: '{GITHUB}', subject: '*', trustedRoot: trusted_root.json}}}}}}"),
            Some("p.yaml:5:"),
        ),
        (
            format!("signed: {{by: {{keyless: {{issuer: '{GITHUB}', subject: 'https://github.com/*', trustedRoot: trusted_root.json}}}}}}"),
            Some("matches workflows of everybody on a host"),
        ),
        (
            format!("signed: {{by: {{keyless: {{issuer: '{GITHUB}', subject: '*', claims: {{sourceRepositoryURI: 'https://github.com/example/app'}}, trustedRoot: trusted_root.json}}}}}}"),
            None,
        ),
        (
            "signed: {by: {keyless: {issuer: '*', subject: a@example.com, trustedRoot: trusted_root.json}}}".to_owned(),
            Some("the issuer matches every issuer"),
        ),
        ("signed: {by: {certificate: {file: roots.pem}}}".to_owned(), Some("whoever has a certificate of these roots may sign")),
        ("signed: {by: {notation: {file: roots.pem}}}".to_owned(), Some("give \"identities\"")),
        ("signed: {by: {key: {file: cosign.pub}}}".to_owned(), None),
    ] {
        let warnings = policy(&rule).warnings().join("\n");
        match expected {
            None => assert_eq!(warnings, "", "{rule}"),
            Some(expected) => assert!(warnings.contains(expected), "{rule}: {warnings}"),
        }
    }
}

fn drawn(branches: &[Branch], depth: usize, out: &mut String, language: Language) {
    for branch in branches {
        let mark = match branch.holds() {
            Some(true) => "+",
            Some(false) => "-",
            None => "?",
        };
        let what = branch.what().text(language);
        let _ = writeln!(out, "{}{mark} {what}", "  ".repeat(depth));
        drawn(branch.branches(), depth + 1, out, language);
    }
}

#[test]
fn an_explanation_is_a_tree_of_what_was_tried() {
    let policy = policy(
        "signed: {by: {anyOf: [{key: {file: cosign.pub}}, {name: other, key: {file: other.pub}}]}}",
    );
    let found = vec![
        candidate(
            &policy,
            [
                statement(key("sha256:00"), signature()),
                refused("another key"),
            ],
        ),
        candidate(&policy, [refused("no signature"), refused("no signature")]),
    ];
    let facts = facts(Fact::Known(found));
    let image = image();
    let review: Review<'_> = [image.as_str()].into_iter().collect();
    let review = review.with_time(now()).with_facts(&facts);
    let explanation = policy.explain(&review);
    let step = &explanation.images()[0].steps()[0];
    let expected = format!(
        "+ {}\n\
        \x20 + any of 2 authorities\n\
        \x20   + key cosign.pub: signed by the key sha256:00\n\
        \x20     + Sigstore bundle sha256:cccccccccccc…: the key sha256:00\n\
        \x20     - Sigstore bundle sha256:cccccccccccc…: no signature\n\
        \x20   - other: 2 were found, and none counts; the first: another key\n\
        \x20     - Sigstore bundle sha256:cccccccccccc…: another key\n\
        \x20     - Sigstore bundle sha256:cccccccccccc…: no signature\n",
        digest('a')
    );
    let mut tree = String::new();
    drawn(step.branches(), 0, &mut tree, Language::English);
    assert_eq!(tree, expected);
    let mut tree = String::new();
    drawn(step.branches(), 0, &mut tree, Language::Chinese);
    assert!(tree.contains("2个签署者中的任意一个"), "{tree}");
    assert_eq!(
        step.why().text(Language::English),
        "it is signed: 1 of 2 authorities vouch for it, and 1 must"
    );
}

#[test]
fn the_identity_of_a_policy_is_that_of_its_files_too() {
    let text = "apiVersion: imagereview/v1alpha1\nkind: ImagePolicy\nmetadata: {name: p}\nrules:\n  - {name: r, signed: {by: {key: {file: cosign.pub}}}}\n";
    let identity = |key: &str| {
        let mut files = PolicyFiles::new();
        files.insert("cosign.pub", Ok(key.into()));
        let source = PolicySource::new("p.yaml", text).with_files(&files);
        ImagePolicy::compile([source])
            .unwrap()
            .identity()
            .to_owned()
    };
    assert_ne!(identity(KEY), identity(OTHER));
    let inline = format!("signed: {{by: {{key: {{pem: {KEY:?}}}}}}}");
    let inline = policy(&inline);
    let trusts: Vec<&Trust> = inline.trusts().map(|(_, trust)| trust).collect();
    assert_eq!(trusts, [&Trust::key(KEY, None)]);
}
