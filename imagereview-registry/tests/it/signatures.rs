//! What lies beside an image that may be a signature of it.

use std::{
    sync::Arc,
    time::{Duration, Instant, SystemTime},
};

use imagereview_core::{
    ImageRef,
    facts::{
        Candidate, Cause, Claim, ContentDigest, Covers, Evidence, Fact, Facts, Format, ImageFacts,
        Needs, Refusal, RefusalCause, Signer, Statement, StatementNeed, Trust,
    },
};
use imagereview_registry::{Client, Verify, verified_again};

use crate::harness::{
    Answer, OCI_INDEX, OCI_MANIFEST, Registry, Seen, Store, assert_unavailable, client, client_of,
    config, json, known, soon, status, typed,
};

const BUNDLE: &str = "application/vnd.dev.sigstore.bundle.v0.3+json";
const SIMPLE_SIGNING: &str = "application/vnd.dev.cosign.simplesigning.v1+json";
const DSSE: &str = "application/vnd.dsse.envelope.v1+json";
const EMPTY: &str = "application/vnd.oci.empty.v1+json";

/// Content that begins with `good` is signed.
struct Fake;

impl Verify for Fake {
    fn verify(
        &self,
        _: &Trust,
        _: Format,
        evidence: &Evidence,
        image: &ContentDigest,
        _: SystemTime,
    ) -> Result<Statement, Refusal> {
        if !evidence.content.starts_with(b"good") {
            return Err(Refusal::new(RefusalCause::BadSignature, "it is bad"));
        }
        let signer = Signer::Key {
            fingerprint: "sha256:00".into(),
        };
        let claim = Claim::Signature {
            annotations: evidence.annotations.clone(),
            reference: None,
        };
        Ok(Statement::new(signer, claim, image.clone()))
    }
}

fn trust() -> Trust {
    Trust::key("key", None)
}

fn need(covers: Covers, repository: Option<&str>) -> StatementNeed {
    StatementNeed {
        trust: trust(),
        repository: repository.map(Into::into),
        covers,
    }
}

fn needs(image: &str, need: StatementNeed) -> Needs {
    let mut needs = Needs::new();
    needs.add_statements(&ImageRef::parse(image).unwrap(), need);
    needs
}

async fn asked(client: &Client, image: &str, need: StatementNeed) -> Arc<ImageFacts> {
    let client = client.clone().with_verifier(Arc::new(Fake));
    let facts = client.facts(&needs(image, need), soon(), |_| {}).await;
    let image = ImageRef::parse(image).unwrap();
    known(facts.image(&image).unwrap().clone())
}

/// What was found beside what the name means, in the image's own repository.
async fn found(client: &Client, image: &str) -> Fact<Vec<Candidate>> {
    let facts = asked(client, image, need(Covers::Named, None)).await;
    facts.signatures(&facts.digest, None).unwrap().clone()
}

/// The contents of candidates that count, and how many do not.
fn counted(found: &Fact<Vec<Candidate>>) -> (Vec<String>, usize) {
    let all = match found {
        Fact::Known(all) => &all[..],
        Fact::Absent => &[],
        Fact::Unavailable(why) => panic!("{why}"),
    };
    let trust = trust();
    let good = all
        .iter()
        .filter(|one| one.outcome(trust.id()).unwrap().is_ok());
    let content = |one: &Candidate| {
        let evidence = one.evidence.as_ref().unwrap();
        String::from_utf8(evidence.content.to_vec()).unwrap()
    };
    let mut good: Vec<String> = good.map(content).collect();
    good.sort();
    let bad = all.len() - good.len();
    (good, bad)
}

/// The manifest of something with one layer, about a digest or about nothing.
fn artifact(
    store: &mut Store,
    subject: Option<&ContentDigest>,
    media_type: &str,
    content: &str,
) -> ContentDigest {
    let (size, layer) = (content.len(), store.add_blob(content.to_owned()));
    let subject = subject.map_or_else(String::new, |subject| {
        format!(r#","subject":{{"mediaType":"{OCI_MANIFEST}","digest":"{subject}","size":1}}"#)
    });
    let manifest = format!(
        r#"{{"schemaVersion":2,"mediaType":"{OCI_MANIFEST}","artifactType":"{BUNDLE}",
        "config":{{"mediaType":"{EMPTY}","digest":"{layer}","size":2}},
        "layers":[{{"mediaType":"{media_type}","digest":"{layer}","size":{size},
        "annotations":{{"env":"prod"}}}}]{subject}}}"#
    );
    store.add_manifest(OCI_MANIFEST, &manifest)
}

/// A list of manifests, each of this type of artifact.
fn list(digests: &[&ContentDigest], artifact_type: &str) -> String {
    let entries: Vec<String> = digests
        .iter()
        .map(|digest| {
            format!(
                r#"{{"mediaType":"{OCI_MANIFEST}","digest":"{digest}","size":1,"artifactType":"{artifact_type}"}}"#
            )
        })
        .collect();
    let entries = entries.join(",");
    format!(r#"{{"schemaVersion":2,"mediaType":"{OCI_INDEX}","manifests":[{entries}]}}"#)
}

fn fallback_tag(digest: &ContentDigest) -> String {
    digest.as_str().replace(':', "-")
}

fn image(store: &mut Store) -> ContentDigest {
    let digest = store.add_image(&config("linux", "amd64", "1000"));
    store.tag("v1", &digest);
    digest
}

/// A registry with the API: what it lists, a page after the other.
async fn with_api(store: Store, pages: Vec<String>) -> Registry {
    Registry::serve(move |seen| {
        if !seen.path.contains("/referrers/") {
            return store.answer(seen);
        }
        let page = seen
            .query
            .strip_prefix("page=")
            .map_or(0, |page| page.parse().unwrap());
        let mut answer = typed(OCI_INDEX, pages[page].clone());
        if page + 1 < pages.len() {
            let link = format!("<{}?page={}>; rel=\"next\"", seen.path, page + 1);
            answer.headers_mut().insert("link", link.parse().unwrap());
        }
        answer
    })
    .await
}

// What other engines got wrong: kyverno/kyverno#16664 (types in lists), #17343 and #16678 (an empty answer of the
// API), sigstore/policy-controller#1958, #1899 and #1406 (formats that had to be chosen).
#[tokio::test]
async fn every_place_is_looked_at_whatever_the_others_say() {
    let mut store = Store::new();
    let digest = image(&mut store);
    let of_api = artifact(&mut store, Some(&digest), BUNDLE, "good api");
    let of_second_page = artifact(&mut store, Some(&digest), BUNDLE, "good second page");
    let of_tag = artifact(&mut store, Some(&digest), BUNDLE, "good tag");
    let sig = artifact(&mut store, None, SIMPLE_SIGNING, "good sig");
    let att = artifact(&mut store, None, DSSE, "good att");
    let listed = store.add_manifest(OCI_INDEX, &list(&[&of_tag, &of_api], EMPTY));
    store.tag(&fallback_tag(&digest), &listed);
    store.tag(&format!("{}.sig", fallback_tag(&digest)), &sig);
    store.tag(&format!("{}.att", fallback_tag(&digest)), &att);
    let all = [
        "good api",
        "good att",
        "good second page",
        "good sig",
        "good tag",
    ];

    let pages = vec![list(&[&of_api], BUNDLE), list(&[&of_second_page], EMPTY)];
    let registry = with_api(store.clone(), pages).await;
    let (good, bad) = counted(&found(&client(), &registry.image("team/app:v1")).await);
    assert_eq!((&good[..], bad), (&all.map(str::to_owned)[..], 0));

    // An empty list says nothing of the tags, and neither do the ways in which registries say that they
    // have no API.
    let without = ["good api", "good att", "good sig", "good tag"].map(str::to_owned);
    let empty = with_api(store.clone(), vec![list(&[], "")]).await;
    let (good, bad) = counted(&found(&client(), &empty.image("team/app:v1")).await);
    assert_eq!((&good[..], bad), (&without[..], 0));
    for code in [404, 400, 405, 501] {
        let store = store.clone();
        let answer = move |seen: &Seen| -> Answer {
            if seen.path.contains("/referrers/") {
                return status(code);
            }
            store.answer(seen)
        };
        let registry = Registry::serve(answer).await;
        let (good, bad) = counted(&found(&client(), &registry.image("team/app:v1")).await);
        assert_eq!((&good[..], bad), (&without[..], 0), "{code}");
    }
}

#[tokio::test]
async fn what_is_about_something_else_or_no_signature_is_left_out() {
    let mut store = Store::new();
    let digest = image(&mut store);
    let other = store.add_image(&config("linux", "arm64", "1000"));
    let ours = artifact(&mut store, Some(&digest), BUNDLE, "good");
    let of_other = artifact(&mut store, Some(&other), BUNDLE, "good of another");
    let of_nothing = artifact(&mut store, None, BUNDLE, "good of nothing");
    let sbom = artifact(
        &mut store,
        Some(&digest),
        "application/spdx+json",
        "good sbom",
    );
    let unreadable = store.add_manifest(OCI_MANIFEST, r#"{"schemaVersion":2}"#);
    let pages = vec![list(
        &[&ours, &of_other, &of_nothing, &sbom, &unreadable],
        BUNDLE,
    )];
    let registry = with_api(store, pages).await;
    let (good, bad) = counted(&found(&client(), &registry.image("team/app:v1")).await);
    assert_eq!((good, bad), (vec!["good".to_owned()], 0));
}

#[tokio::test]
async fn a_bad_one_beside_a_good_one_neither_helps_nor_harms() {
    let mut store = Store::new();
    let digest = image(&mut store);
    let good = artifact(&mut store, Some(&digest), BUNDLE, "good");
    let bad = artifact(&mut store, Some(&digest), BUNDLE, "bad");
    // Its content is gone, and that of another is longer than is read.
    let gone = format!(
        r#"{{"schemaVersion":2,"config":{{}},"subject":{{"digest":"{digest}"}},"layers":[
        {{"mediaType":"{BUNDLE}","digest":"sha256:{}","size":7}},
        {{"mediaType":"{BUNDLE}","digest":"sha256:{}","size":99999999}}]}}"#,
        "1".repeat(64),
        "2".repeat(64)
    );
    let gone = store.add_manifest(OCI_MANIFEST, &gone);
    let registry = with_api(store, vec![list(&[&good, &bad, &gone], BUNDLE)]).await;
    let found = found(&client(), &registry.image("team/app:v1")).await;
    assert_eq!(counted(&found), (vec!["good".to_owned()], 3));
    let trust = trust();
    let mut refusals: Vec<String> = found
        .known()
        .unwrap()
        .iter()
        .filter_map(|one| {
            one.outcome(trust.id())?
                .as_ref()
                .err()
                .map(ToString::to_string)
        })
        .collect();
    refusals.sort();
    assert_eq!(
        refusals,
        [
            "it has 99999999 bytes, and 8388608 are read at most",
            "it is bad",
            "its content is not in the registry",
        ]
    );
}

// kyverno/kyverno#9503 and notaryproject/ratify#574: a failure is no absence.
#[tokio::test]
async fn nothing_is_absent_and_what_cannot_be_asked_is_not() {
    let mut store = Store::new();
    let digest = image(&mut store);
    let registry = Registry::of(store.clone()).await;
    let image = registry.image("team/app:v1");
    assert_eq!(found(&client(), &image).await, Fact::Absent);

    for part in ["/referrers/", ".sig", ".att", &*fallback_tag(&digest)] {
        let (store, part) = (store.clone(), part.to_owned());
        let registry = Registry::serve({
            let part = part.clone();
            move |seen| {
                if seen.path.ends_with(&part)
                    || seen.path.contains("/referrers/") && part == "/referrers/"
                {
                    return status(500);
                }
                store.answer(seen)
            }
        })
        .await;
        let found = found(&client(), &registry.image("team/app:v1")).await;
        assert_unavailable(&found, Cause::Failed, "failed (status 500)");
    }
    // What can't be read as a list is no empty list.
    let registry = with_api(store, vec!["{}".to_owned()]).await;
    let found = found(&client(), &registry.image("team/app:v1")).await;
    assert_unavailable(
        &found,
        Cause::Malformed,
        "a list of referrers that can't be read",
    );
}

#[tokio::test]
async fn more_than_are_looked_at_is_not_the_same_as_none() {
    let mut store = Store::new();
    let digest = image(&mut store);
    let all: Vec<ContentDigest> = (0..65)
        .map(|index| artifact(&mut store, Some(&digest), BUNDLE, &format!("good {index}")))
        .collect();
    let all: Vec<&ContentDigest> = all.iter().collect();
    let registry = with_api(store.clone(), vec![list(&all, BUNDLE)]).await;
    let expected = "more than 64 signatures and attestations lie beside the image";
    let too_many = found(&client(), &registry.image("team/app:v1")).await;
    assert_unavailable(&too_many, Cause::TooLarge, expected);
    let registry = with_api(store.clone(), vec![list(&all[..64], BUNDLE)]).await;
    let (good, _) = counted(&found(&client(), &registry.image("team/app:v1")).await);
    assert_eq!(good.len(), 64);

    // One page after the other, for ever.
    let endless = Registry::serve(move |seen| {
        if !seen.path.contains("/referrers/") {
            return store.answer(seen);
        }
        let mut answer = typed(OCI_INDEX, list(&[], ""));
        let link = format!("<{}?page={}>; rel=\"next\"", seen.path, seen.query.len());
        answer.headers_mut().insert("link", link.parse().unwrap());
        answer
    })
    .await;
    let found = found(&client(), &endless.image("team/app:v1")).await;
    assert_unavailable(&found, Cause::TooLarge, expected);
    assert!(endless.seen().len() < 30, "{}", endless.seen().len());
}

#[tokio::test]
async fn a_link_to_the_next_page_leads_to_no_other_place() {
    let mut store = Store::new();
    let digest = image(&mut store);
    let elsewhere = Registry::serve(|_| json("{}")).await;
    let target = elsewhere.address;
    let path = format!("/v2/team/app/referrers/{digest}");
    let registry = Registry::serve(move |seen| {
        if !seen.path.contains("/referrers/") {
            return store.answer(seen);
        }
        let mut answer = typed(OCI_INDEX, list(&[], ""));
        if seen.query.is_empty() {
            let link = format!("<http://{target}/v2/secret?last=1>; rel=\"next\"");
            answer.headers_mut().insert("link", link.parse().unwrap());
        }
        answer
    })
    .await;
    assert_eq!(
        found(&client(), &registry.image("team/app:v1")).await,
        Fact::Absent
    );
    assert!(elsewhere.seen().is_empty());
    let pages: Vec<String> = registry
        .seen()
        .into_iter()
        .filter(|seen| seen.path == path)
        .map(|seen| seen.query)
        .collect();
    assert_eq!(pages, ["", "last=1"]);
}

// sigstore/cosign#786, notaryproject/ratify#101: is the index signed, or each platform?
#[tokio::test]
async fn signatures_may_be_kept_in_another_repository_and_for_each_platform() {
    let mut store = Store::new();
    let amd64 = store.add_image(&config("linux", "amd64", "1000"));
    let arm64 = store.add_image(&config("linux", "arm64", "1000"));
    let index = store.add_index(&[(&amd64, "linux/amd64"), (&arm64, "linux/arm64")]);
    store.tag("v1", &index);
    let sig = artifact(&mut store, None, SIMPLE_SIGNING, "good");
    store.tag(&format!("{}.sig", fallback_tag(&amd64)), &sig);
    let registry = Registry::of(store).await;
    let image = registry.image("team/app:v1");
    let repository = registry.image("team/signatures");
    let need = need(Covers::EveryPlatform, Some(&repository));
    let facts = asked(&client(), &image, need).await;
    let found = |digest| facts.signatures(digest, Some(&repository)).unwrap();
    assert_eq!(counted(found(&amd64)).0, ["good"]);
    assert_eq!(found(&arm64), &Fact::Absent);
    assert_eq!(facts.signatures(&index, Some(&repository)), None);
    let paths = registry.paths();
    let asked: Vec<&String> = paths
        .iter()
        .filter(|path| path.contains("sha256-"))
        .collect();
    assert!(!asked.is_empty());
    assert!(
        asked.iter().all(|path| path.contains("/team/signatures/")),
        "{asked:?}"
    );
}

#[tokio::test]
async fn a_mirror_that_lacks_signatures_is_not_the_last_that_is_asked() {
    let mut store = Store::new();
    let digest = image(&mut store);
    let mirror = Registry::of(store.clone()).await;
    let sig = artifact(&mut store, None, SIMPLE_SIGNING, "good");
    store.tag(&format!("{}.sig", fallback_tag(&digest)), &sig);
    let origin = Registry::of(store).await;
    let both = client_of(&format!(
        "registries: [{{host: '{}', mirrors: ['{}']}}]",
        origin.address, mirror.address
    ));
    let (good, _) = counted(&found(&both, &origin.image("team/app:v1")).await);
    assert_eq!(good, ["good"]);
}

// kyverno/kyverno#4732 and #16657: one image, verified thousands of times.
#[tokio::test]
async fn those_who_ask_at_once_share_what_is_fetched() {
    let mut store = Store::new();
    let digest = image(&mut store);
    let good = artifact(&mut store, Some(&digest), BUNDLE, "good");
    let registry = with_api(store, vec![list(&[&good], BUNDLE)]).await;
    let image = registry.image("team/app:v1");
    let client = client();
    let asks = (0..200).map(|_| {
        let (client, image) = (client.clone(), image.clone());
        tokio::spawn(async move { counted(&found(&client, &image).await) })
    });
    let asks: Vec<_> = asks.collect();
    for ask in asks {
        assert_eq!(ask.await.unwrap(), (vec!["good".to_owned()], 0));
    }
    // The tag, the four places, the manifest and its layer.
    let mut paths = registry.paths();
    paths.sort();
    assert_eq!(paths.len(), 7, "{paths:?}");
}

// notaryproject/ratify#1623: a timeout that ended in an admission.
#[tokio::test]
async fn what_is_not_there_in_time_is_not_known() {
    let mut store = Store::new();
    let digest = image(&mut store);
    let store = Arc::new(store);
    let registry = Registry::serve_later(move |seen| {
        let store = Arc::clone(&store);
        async move {
            if seen.path.contains("/referrers/") {
                std::future::pending::<()>().await;
            }
            store.answer(&seen)
        }
    })
    .await;
    let image = format!("{}@{digest}", registry.image("team/app"));
    let client = client().with_verifier(Arc::new(Fake));
    let deadline = Instant::now() + Duration::from_millis(300);
    let needs = needs(&image, need(Covers::Named, None));
    let facts = client.facts(&needs, deadline, |_| {}).await;
    let fact = facts.image(&ImageRef::parse(&image).unwrap()).unwrap();
    assert_unavailable(fact, Cause::Deadline, "before");
}

#[test]
fn saved_evidence_is_verified_again() {
    let digest = ContentDigest::parse(&format!("sha256:{}", "0".repeat(64))).unwrap();
    let name = ImageRef::parse("registry.example.com/app:1").unwrap();
    let saved = |content: &str, believed: bool| {
        let evidence = Evidence::new(BUNDLE, content.as_bytes());
        let mut candidate = Candidate::new(digest.clone(), 0, Format::Bundle, evidence.clone());
        let outcome = if believed {
            let good = Evidence::new(BUNDLE, *b"good");
            Fake.verify(&trust(), Format::Bundle, &good, &digest, SystemTime::now())
        } else {
            Err(Refusal::new(RefusalCause::BadSignature, "it was bad"))
        };
        candidate.outcomes = vec![imagereview_core::facts::Outcome {
            trust: trust().id().clone(),
            result: outcome.map(Arc::new),
        }];
        candidate
    };
    let mut without_evidence = saved("", true);
    without_evidence.evidence = None;
    let mut image = ImageFacts::new(digest.clone(), SystemTime::UNIX_EPOCH, "r");
    let candidates = vec![saved("bad", true), saved("good", false), without_evidence];
    let signatures =
        imagereview_core::facts::Signatures::new(digest.clone(), Fact::Known(candidates));
    image.signatures = vec![signatures];
    let mut facts = Facts::new();
    facts.insert(&name, Fact::Known(image.into()));
    let mut needs = Needs::new();
    needs.add_statements(&name, need(Covers::Named, None));
    let again = verified_again(&facts, &needs, &Fake, SystemTime::now());
    let found = again.image(&name).unwrap().known().unwrap();
    let found = found.signatures(&digest, None).unwrap().known().unwrap();
    let results: Vec<bool> = found
        .iter()
        .map(|one| one.outcome(trust().id()).unwrap().is_ok())
        .collect();
    assert_eq!(results, [false, true, true]);
}
