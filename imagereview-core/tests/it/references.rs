//! References against the two judges: the module that the node uses, by a data file of cases that
//! it confirmed, and `oci-spec`, directly.

use std::collections::BTreeMap;

use imagereview_core::{ImageRef, ReferenceErrorKind};
use oci_spec::distribution::Reference;
use proptest::prelude::*;
use serde::Deserialize;

/// How the node reads a text; see `e2e/cmd/noderef`.
#[derive(Debug, Deserialize, PartialEq, Eq)]
struct NodeReading {
    domain: String,
    path: String,
    tag: Option<String>,
    digest: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Case {
    input: String,
    node: Option<NodeReading>,
}

fn cases() -> Vec<Case> {
    include_str!("../data/references.jsonl")
        .lines()
        .map(|line| serde_json::from_str(line).expect(line))
        .collect()
}

/// What two readers must agree on.
#[derive(Debug, PartialEq, Eq)]
struct Parts {
    registry: String,
    repository: String,
    tag: Option<String>,
    digest: Option<String>,
}

impl From<&ImageRef<'_>> for Parts {
    fn from(image: &ImageRef<'_>) -> Self {
        Self {
            registry: image.registry().to_owned(),
            repository: image.repository().to_string(),
            tag: image.tag().map(str::to_owned),
            digest: image.digest().map(|digest| digest.to_string()),
        }
    }
}

impl From<NodeReading> for Parts {
    fn from(node: NodeReading) -> Self {
        Self {
            registry: node.domain,
            repository: node.path,
            tag: node.tag,
            digest: node.digest,
        }
    }
}

/// Classes of text that the node accepts and we deny; each is a row of the table in the crate's
/// documentation.
fn is_denied_on_purpose(kind: ReferenceErrorKind) -> bool {
    matches!(
        kind,
        ReferenceErrorKind::UppercaseHost
            | ReferenceErrorKind::UnderscoreInHost
            | ReferenceErrorKind::HostTooLong
            | ReferenceErrorKind::ImageId
            | ReferenceErrorKind::InvalidIpv6Host
    )
}

#[test]
fn what_is_accepted_is_read_as_the_node_reads_it() {
    let cases = cases();
    let mut accepted = 0;
    for Case { input, node } in cases {
        match (ImageRef::parse(&input), node) {
            (Ok(image), Some(node)) => {
                assert_eq!(Parts::from(&image), Parts::from(node), "{input:?}");
                accepted += 1;
            }
            (Ok(image), None) => panic!("{input:?}: the node refuses it, not we: {image:?}"),
            (Err(error), Some(node)) => assert!(
                is_denied_on_purpose(error.kind()),
                "{input:?}: the node reads {node:?}, we say: {error}"
            ),
            (Err(_), None) => {}
        }
    }
    assert!(accepted > 200, "only {accepted} cases were accepted");
}

/// Accepted here means accepted by `oci-spec` with the same parts, IPv6 hosts apart.
fn agrees_with_oci_spec(text: &str) {
    let Ok(image) = ImageRef::parse(text) else {
        return;
    };
    match (image.to_oci(), Reference::try_from(text)) {
        (Ok(ours), Ok(theirs)) => assert_eq!(ours, theirs, "{text:?}"),
        (Err(not_oci), Err(_)) => assert!(not_oci.host().starts_with('['), "{text:?}"),
        (ours, theirs) => panic!("{text:?}: ours {ours:?}, oci-spec's {theirs:?}"),
    }
}

#[test]
fn what_is_accepted_is_read_as_oci_spec_reads_it() {
    for Case { input, .. } in cases() {
        agrees_with_oci_spec(&input);
    }
}

/// Every kind of error is reached by some case, and each ambiguous kind by the row of the table.
#[test]
fn texts_that_readers_differ_on_are_denied_by_name() {
    use ReferenceErrorKind as Kind;

    let upper_hex = format!("x@sha256:{}", "F".repeat(64));
    let bare = "f".repeat(64);
    for (text, kind) in [
        ("Foo/bar:1", Kind::UppercaseHost),
        ("LOCALHOST/x:1", Kind::UppercaseHost),
        ("a_b.c/d:1", Kind::UnderscoreInHost),
        ("nginx:é", Kind::NonAsciiTag),
        ("nginx:１.２", Kind::NonAsciiTag),
        ("nginx:١", Kind::NonAsciiTag),
        (&bare, Kind::BareIdentifier),
        (&upper_hex, Kind::UppercaseDigest),
        ("sha256:2d71", Kind::ImageId),
    ] {
        let error = ImageRef::parse(text).unwrap_err();
        assert_eq!(error.kind(), kind, "{text:?}");
        assert!(error.kind().is_ambiguous(), "{text:?}");
    }
    let image = ImageRef::parse("[2001:db8::1]:5000/x:1").unwrap();
    assert_eq!(image.registry(), "[2001:db8::1]:5000");
    assert_eq!(
        image.to_oci().unwrap_err().host(),
        "[2001:db8::1]:5000",
        "oci-spec cannot read an IPv6 host back"
    );
}

#[test]
fn errors_say_what_is_wrong_and_where() {
    use ReferenceErrorKind as Kind;

    let long_path = "a".repeat(248);
    let long_tag = format!("nginx:{}", "t".repeat(129));
    let long_host = format!("{}/app", "a.".repeat(127) + "aa");
    let long_port = format!("a:{}/app", "1".repeat(254));
    let short_digest = "nginx@sha256:abc".to_owned();
    let table: BTreeMap<&str, (Kind, usize)> = [
        ("", (Kind::Empty, 0)),
        (" nginx", (Kind::InvalidCharacter, 0)),
        ("nginx ", (Kind::InvalidCharacter, 5)),
        ("user@example.com/x", (Kind::DigestAlgorithm, 5)),
        ("https://example.com/x", (Kind::Scheme, 0)),
        ("docker://nginx:1", (Kind::Scheme, 0)),
        ("oci://registry.example.com/x:1", (Kind::Scheme, 0)),
        ("HTTPS://example.com/x", (Kind::Scheme, 0)),
        ("://example.com/x", (Kind::EmptyComponent, 0)),
        ("example.com/a://b", (Kind::InvalidCharacter, 14)),
        ("team//app", (Kind::EmptyComponent, 5)),
        ("team/", (Kind::EmptyComponent, 5)),
        ("/team", (Kind::EmptyComponent, 0)),
        ("a..b", (Kind::MisplacedSeparator, 2)),
        ("a___b", (Kind::MisplacedSeparator, 3)),
        ("app-", (Kind::MisplacedSeparator, 4)),
        ("team/App", (Kind::UppercaseRepository, 0)),
        ("example.com/App", (Kind::UppercaseRepository, 12)),
        ("example.com:http/app", (Kind::InvalidPort, 12)),
        ("example.com:/app", (Kind::InvalidPort, 12)),
        ("[::1/app", (Kind::InvalidIpv6Host, 0)),
        ("[fff]/app", (Kind::InvalidIpv6Host, 0)),
        ("[::1]", (Kind::InvalidIpv6Host, 0)),
        ("nginx:", (Kind::EmptyTag, 6)),
        ("nginx:.1", (Kind::TagStart, 6)),
        ("nginx:1:2", (Kind::InvalidCharacter, 7)),
        ("nginx@md5:abc", (Kind::DigestAlgorithm, 6)),
        (&short_digest, (Kind::DigestLength, 13)),
        (&long_path, (Kind::RepositoryTooLong, 0)),
        (&long_host, (Kind::HostTooLong, 0)),
        (&long_port, (Kind::HostTooLong, 0)),
        (&long_tag, (Kind::TagTooLong, 6)),
    ]
    .into();
    for (text, (kind, position)) in table {
        let error = ImageRef::parse(text).expect_err(text);
        assert_eq!(
            (error.kind(), error.position()),
            (kind, position),
            "{text:?}: {error}"
        );
    }
}

#[test]
fn a_host_of_255_bytes_is_read() {
    let host = "a.".repeat(127) + "a";
    let text = format!("{host}/app:1");
    let image = ImageRef::parse(&text).unwrap();
    assert_eq!((host.len(), image.registry()), (255, &*host));
}

#[test]
fn the_normal_form_is_written_in_full() {
    let digest = format!("sha256:{}", "0".repeat(64));
    for (text, full) in [
        ("nginx", "docker.io/library/nginx:latest".to_owned()),
        (
            "index.docker.io/nginx:1",
            "docker.io/library/nginx:1".to_owned(),
        ),
        ("team/app", "docker.io/team/app:latest".to_owned()),
        ("localhost/app:1", "localhost/app:1".to_owned()),
        ("[::1]/app:1", "[::1]/app:1".to_owned()),
        (
            &format!("nginx@{digest}"),
            format!("docker.io/library/nginx@{digest}"),
        ),
        (
            &format!("nginx:1@{digest}"),
            format!("docker.io/library/nginx:1@{digest}"),
        ),
    ] {
        let image = ImageRef::parse(text).unwrap();
        assert_eq!(image.to_string(), full, "{text:?}");
        assert_eq!(
            ImageRef::parse(&full).unwrap().to_string(),
            full,
            "the normal form is stable: {text:?}"
        );
    }
}

/// Text that is nearly a reference: pieces of the grammar in any order, with some that are not of
/// it.
fn near_reference() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        4 => "[a-z0-9]{1,6}",
        1 => "[A-Z]{1,3}",
        3 => prop::sample::select(vec![
            ".", "_", "__", "-", "--", "/", ":", "@", "localhost", "docker.io", "index.docker.io",
            "library", "latest", "[::1]", "[", "]", "sha256:", "sha512", "é", "１", "\u{200d}", " ",
        ]).prop_map(str::to_owned),
        1 => "[0-9a-f]{64}",
        1 => "[0-9a-fA-F]{64}",
    ];
    prop::collection::vec(piece, 0..9).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4096))]

    #[test]
    fn near_references_agree_with_oci_spec(text in near_reference()) {
        agrees_with_oci_spec(&text);
    }

    #[test]
    fn any_text_agrees_with_oci_spec_and_never_panics(text in any::<String>()) {
        agrees_with_oci_spec(&text);
    }

    #[test]
    fn the_normal_form_names_the_same_image(text in near_reference()) {
        if let Ok(image) = ImageRef::parse(&text) {
            let full = image.to_string();
            let again = ImageRef::parse(&full).expect(&full);
            prop_assert_eq!(again.registry(), image.registry());
            prop_assert_eq!(again.repository().to_string(), image.repository().to_string());
            prop_assert_eq!(again.pulled_tag(), image.pulled_tag());
            prop_assert_eq!(again.digest(), image.digest());
        }
    }
}
