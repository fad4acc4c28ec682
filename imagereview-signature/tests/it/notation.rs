//! Signatures of the Notary Project: those that its own library made, and forged ones.

use std::time::{Duration, SystemTime};

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use imagereview_core::facts::{
    Claim, ContentDigest, DistinguishedName, Evidence, Format, NotationLevel, Refusal,
    RefusalCause, Signer, Statement, Trust,
};
use imagereview_signature::Verifier;
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair, KeyUsagePurpose,
};
use ring::{
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair},
};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::forger::{BUNDLE, Forger, SIGNED, authority, base64, digest, statement, verify};

const JWS: &str = "application/jose+json";
const COSE: &str = "application/cose";
const DAY: Duration = Duration::from_secs(24 * 3600);

#[derive(Deserialize)]
struct Fixture {
    name: Box<str>,
    key: Box<str>,
    roots: String,
    image: ContentDigest,
    evidence: Evidence,
}

/// `e2e/run ./signatures -notation-fixtures FILE` makes the file anew, with new keys.
fn fixtures() -> Vec<Fixture> {
    serde_json::from_str(include_str!("../data/notation-core-go-1.3.0.json")).unwrap()
}

fn trust(roots: &str) -> Trust {
    Trust::notation(roots, None, None, NotationLevel::Strict)
}

#[test]
fn signatures_of_each_kind_of_key_are_verified_in_both_formats() {
    let fixtures = fixtures();
    let mut verified = 0;
    for fixture in &fixtures {
        let name = &fixture.name;
        let found = verify(&trust(&fixture.roots), &fixture.evidence, &fixture.image);
        if &*fixture.key == "P-521" {
            let refusal = found.unwrap_err();
            assert_eq!(refusal.cause(), RefusalCause::Unsupported, "{name}");
            assert!(refusal.message().contains("P-521"), "{name}: {refusal}");
            continue;
        }
        let statement = found.unwrap_or_else(|refusal| panic!("{name}: {refusal}"));
        let Signer::Notation { subject, root } = &statement.signer else {
            panic!("{name}: {statement:?}");
        };
        assert_eq!(
            subject.to_string(),
            "C=US, ST=WA, O=Example, CN=level 0",
            "{name}"
        );
        assert!(root.starts_with("sha256:"), "{name}");
        let Claim::Signature {
            annotations,
            reference: None,
        } = &statement.claim
        else {
            panic!("{name}: {statement:?}");
        };
        assert_eq!(annotations["env"], "prod", "{name}");
        // As long as the signature or, without a timestamp, the certificate.
        assert!(statement.expires > Some(SystemTime::now()), "{name}");

        let other = verify(&trust(&fixture.roots), &fixture.evidence, &digest("0")).unwrap_err();
        assert_eq!(other.cause(), RefusalCause::OtherSubject, "{name}");
        for stranger in fixtures
            .iter()
            .filter(|stranger| stranger.roots != fixture.roots)
        {
            let refusal = verify(&trust(&stranger.roots), &fixture.evidence, &fixture.image);
            assert_eq!(
                refusal.unwrap_err().cause(),
                RefusalCause::Untrusted,
                "{name}"
            );
        }
        verified += 1;
    }
    assert_eq!(verified, 5 * 2 + 4);
}

#[test]
fn no_byte_of_what_is_signed_can_be_changed() {
    for fixture in fixtures() {
        let verifier = Verifier::new(&trust(&fixture.roots)).unwrap();
        let format = Format::of_media_type(&fixture.evidence.media_type).unwrap();
        let check = |evidence: &Evidence| {
            verifier.verify(format, evidence, &fixture.image, SystemTime::now())
        };
        let Ok(original) = check(&fixture.evidence) else {
            continue;
        };
        for index in (0..fixture.evidence.content.len()).step_by(11) {
            let mut changed = fixture.evidence.clone();
            let mut content = changed.content.to_vec();
            content[index] ^= 1;
            changed.content = content.into();
            if let Ok(statement) = check(&changed) {
                assert_eq!(statement, original, "{}: byte {index}", fixture.name);
            }
        }
    }
}

/// Who signs: with an authority, and a certificate of it.
struct Notary {
    root: String,
    /// The one that signs, and those above it.
    certificates: Vec<Vec<u8>>,
    key: EcdsaKeyPair,
}

impl Notary {
    fn new(change: impl FnOnce(&mut CertificateParams)) -> Self {
        let authority = authority();
        Self::below(&authority, authority.pem(), change)
    }

    /// With an authority between that is valid until a time.
    fn with_intermediate(until: SystemTime) -> Self {
        let root = authority();
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        params.not_after = until.into();
        params
            .distinguished_name
            .push(DnType::CommonName, "one between");
        let key = KeyPair::generate().unwrap();
        let between = CertifiedIssuer::signed_by(params, key, &root).unwrap();
        let mut notary = Self::below(&between, root.pem(), |_| {});
        notary.certificates.push(between.der().to_vec());
        notary
    }

    fn below(
        authority: &CertifiedIssuer<'_, KeyPair>,
        root: String,
        change: impl FnOnce(&mut CertificateParams),
    ) -> Self {
        let mut params = CertificateParams::default();
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::CodeSigning];
        params
            .distinguished_name
            .push(DnType::CommonName, "a signer");
        change(&mut params);
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, authority).unwrap();
        let key = EcdsaKeyPair::from_pkcs8(
            &ECDSA_P256_SHA256_FIXED_SIGNING,
            &key.serialize_der(),
            &SystemRandom::new(),
        );
        Self {
            root,
            certificates: vec![certificate.der().to_vec()],
            key: key.unwrap(),
        }
    }

    fn sign(&self, message: &[u8]) -> Vec<u8> {
        let signature = self.key.sign(&SystemRandom::new(), message).unwrap();
        signature.as_ref().to_vec()
    }

    /// A signature in JWS with these signed headers.
    fn jws(&self, protected: &Value) -> Evidence {
        let encode = |text: String| BASE64_URL_SAFE_NO_PAD.encode(text);
        let payload = json!({"targetArtifact": {"digest": digest("1").as_str(), "size": 1}});
        let (protected, payload) = (encode(protected.to_string()), encode(payload.to_string()));
        let signature = self.sign(format!("{protected}.{payload}").as_bytes());
        let jws = json!({
            "payload": payload,
            "protected": protected,
            "header": {"x5c": self.certificates.iter().map(base64).collect::<Vec<_>>()},
            "signature": BASE64_URL_SAFE_NO_PAD.encode(signature),
        });
        Evidence::new(JWS, jws.to_string().as_bytes())
    }

    fn trust(&self, level: NotationLevel) -> Trust {
        Trust::notation(&*self.root, None, None, level)
    }
}

fn protected() -> Value {
    json!({
        "alg": "ES256",
        "cty": "application/vnd.cncf.notary.payload.v1+json",
        "crit": ["io.cncf.notary.signingScheme"],
        "io.cncf.notary.signingScheme": "notary.x509",
        "io.cncf.notary.signingTime": "2026-11-28T08:00:00Z",
    })
}

fn check(trust: &Trust, evidence: &Evidence) -> Result<Statement, Refusal> {
    verify(trust, evidence, &digest("1"))
}

#[test]
fn certificates_that_may_not_sign_are_not_trusted() {
    type Change = fn(&mut CertificateParams);
    let rows: &[(&str, Change, Option<RefusalCause>)] = &[
        ("one for signing code", |_| {}, None),
        (
            "one for no purpose in particular",
            |params| params.extended_key_usages.clear(),
            None,
        ),
        (
            "one of a server",
            |params| params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth],
            Some(RefusalCause::Untrusted),
        ),
        (
            "one for timestamps",
            |params| params.extended_key_usages = vec![ExtendedKeyUsagePurpose::TimeStamping],
            Some(RefusalCause::Untrusted),
        ),
        (
            "one of an authority",
            |params| params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained),
            Some(RefusalCause::Untrusted),
        ),
        (
            "one for encryption",
            |params| params.key_usages = vec![KeyUsagePurpose::KeyEncipherment],
            Some(RefusalCause::Untrusted),
        ),
        (
            "one that has expired",
            |params| params.not_after = (SystemTime::now() - DAY).into(),
            Some(RefusalCause::Expired),
        ),
        (
            "one that is not valid yet",
            |params| params.not_before = (SystemTime::now() + DAY).into(),
            Some(RefusalCause::Expired),
        ),
    ];
    for (name, change, cause) in rows {
        let notary = Notary::new(change);
        let found = check(
            &notary.trust(NotationLevel::Strict),
            &notary.jws(&protected()),
        );
        assert_eq!(
            found.as_ref().err().map(Refusal::cause),
            *cause,
            "{name}: {found:?}"
        );
        if cause.is_none() {
            let expected = DistinguishedName(vec![("CN".into(), "a signer".into())]);
            let signer = found.unwrap().signer;
            assert!(matches!(signer, Signer::Notation { subject, .. } if subject == expected));
        }
    }
}

#[test]
fn an_expired_signature_or_certificate_counts_only_at_the_permissive_level() {
    let notary = Notary::new(|_| {});
    let mut expired = protected();
    expired["crit"] = json!(["io.cncf.notary.signingScheme", "io.cncf.notary.expiry"]);
    expired["io.cncf.notary.expiry"] = "2026-11-28T08:00:01Z".into();
    let expired = notary.jws(&expired);
    // The clock is handed in.
    let at = |level, seconds| {
        let verifier = Verifier::new(&notary.trust(level)).unwrap();
        let expiry = SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_852_801);
        let now = expiry + Duration::from_secs(seconds) - DAY;
        verifier.verify(Format::NotationJws, &expired, &digest("1"), now)
    };
    let day = DAY.as_secs();
    let before = at(NotationLevel::Strict, day - 1).unwrap();
    assert!(before.expires.is_some());
    assert_eq!(
        at(NotationLevel::Strict, day).unwrap_err().cause(),
        RefusalCause::Expired
    );
    assert!(at(NotationLevel::Permissive, day).is_ok());

    let notary = Notary::new(|params| params.not_after = rcgen::date_time_ymd(2026, 11, 28));
    let mut early = protected();
    early["io.cncf.notary.signingTime"] = "2026-11-27T00:00:00Z".into();
    for (headers, is_accepted) in [(early, true), (protected(), false)] {
        let found = notary.jws(&headers);
        let strict = check(&notary.trust(NotationLevel::Strict), &found).unwrap_err();
        assert_eq!(strict.cause(), RefusalCause::Expired);
        let permissive = check(&notary.trust(NotationLevel::Permissive), &found);
        assert_eq!(permissive.is_ok(), is_accepted, "{permissive:?}");
    }
}

#[test]
fn a_signature_without_a_proved_time_lasts_as_long_as_the_whole_chain() {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    let now = SystemTime::UNIX_EPOCH + Duration::from_secs(since.unwrap().as_secs());
    let notary = Notary::with_intermediate(now + DAY);
    let found = check(
        &notary.trust(NotationLevel::Strict),
        &notary.jws(&protected()),
    )
    .unwrap();
    assert_eq!(found.expires, Some(now + DAY));
    let notary = Notary::with_intermediate(now - DAY);
    let found = check(
        &notary.trust(NotationLevel::Strict),
        &notary.jws(&protected()),
    );
    assert_eq!(found.unwrap_err().cause(), RefusalCause::Expired);
}

#[test]
fn a_signing_authority_is_trusted_only_where_it_is_named_as_one() {
    let notary = Notary::new(|_| {});
    let mut headers = protected();
    headers["io.cncf.notary.signingScheme"] = "notary.x509.signingAuthority".into();
    let fields = headers.as_object_mut().unwrap();
    fields.remove("io.cncf.notary.signingTime");
    fields.insert(
        "io.cncf.notary.authenticSigningTime".into(),
        "2026-11-28T08:00:00Z".into(),
    );
    headers["crit"] = json!([
        "io.cncf.notary.signingScheme",
        "io.cncf.notary.authenticSigningTime"
    ]);
    let found = notary.jws(&headers);
    let other = Notary::new(|_| {});
    let strict = NotationLevel::Strict;
    for (roots, authorities, is_trusted) in [
        (&other.root, Some(&notary.root), true),
        (&notary.root, Some(&other.root), false),
        (&notary.root, None, false),
    ] {
        let authorities = authorities.map(|pem| pem.as_str().into());
        let trust = Trust::notation(roots.as_str(), authorities, None, strict);
        match check(&trust, &found) {
            Ok(_) => assert!(is_trusted),
            Err(refusal) => {
                assert!(!is_trusted, "{refusal}");
                assert_eq!(refusal.cause(), RefusalCause::Untrusted);
            }
        }
    }
    // And one that is trusted as such signs nothing else.
    let authorities = Some(notary.root.as_str().into());
    let trust = Trust::notation(other.root.as_str(), authorities, None, strict);
    let refusal = check(&trust, &notary.jws(&protected())).unwrap_err();
    assert_eq!(refusal.cause(), RefusalCause::Untrusted);
}

#[test]
fn the_algorithm_is_the_keys() {
    let notary = Notary::new(|_| {});
    for algorithm in ["PS256", "PS384", "PS512", "ES384", "ES512"] {
        let mut headers = protected();
        headers["alg"] = algorithm.into();
        let refusal = check(&notary.trust(NotationLevel::Strict), &notary.jws(&headers));
        assert_eq!(
            refusal.unwrap_err().cause(),
            RefusalCause::Unsupported,
            "{algorithm}"
        );
    }
    for algorithm in ["none", "HS256", "RS256", "EdDSA", "es256"] {
        let mut headers = protected();
        headers["alg"] = algorithm.into();
        let refusal = check(&notary.trust(NotationLevel::Strict), &notary.jws(&headers));
        assert_eq!(
            refusal.unwrap_err().cause(),
            RefusalCause::Malformed,
            "{algorithm}"
        );
    }
}

#[test]
fn kinds_of_trust_never_pass_for_each_other() {
    let notary = Notary::new(|_| {});
    let forger = Forger::new();
    let jws = notary.jws(&protected());
    let bundle = forger.bundle(&statement(&digest("1"), SIGNED));
    for (trust, evidence) in [
        (forger.trust(), &jws),
        (Trust::certificate(&*notary.root, None), &jws),
        (notary.trust(NotationLevel::Strict), &bundle),
    ] {
        let refusal = check(&trust, evidence).unwrap_err();
        assert_eq!(refusal.cause(), RefusalCause::OtherKind, "{refusal}");
    }
    for media_type in [JWS, COSE] {
        let found = Evidence::new(media_type, bundle.content.clone());
        let refusal = check(&notary.trust(NotationLevel::Strict), &found).unwrap_err();
        assert_eq!(refusal.cause(), RefusalCause::Malformed, "{refusal}");
    }
    let found = Evidence::new(BUNDLE, jws.content);
    assert_eq!(
        check(&forger.trust(), &found).unwrap_err().cause(),
        RefusalCause::Malformed
    );
}

#[test]
fn cbor_of_indefinite_length_is_refused() {
    for fixture in fixtures()
        .iter()
        .filter(|fixture| &*fixture.evidence.media_type == COSE)
    {
        let content = &fixture.evidence.content;
        // The envelope is a tag, and a list of four.
        assert_eq!(content[..2], [0xd2, 0x84]);
        let mut indefinite = vec![0xd2, 0x9f];
        indefinite.extend(&content[2..]);
        indefinite.push(0xff);
        let mut longer = vec![0xd2, 0x98, 0x04];
        longer.extend(&content[2..]);
        let mut trailing = content.to_vec();
        trailing.push(0);
        for changed in [indefinite, longer, trailing, content[1..].to_vec()] {
            let found = Evidence::new(COSE, changed);
            let refusal = verify(&trust(&fixture.roots), &found, &fixture.image).unwrap_err();
            assert_eq!(refusal.cause(), RefusalCause::Malformed, "{}", fixture.name);
        }
    }
}
