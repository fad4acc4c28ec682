//! Which keys can be trusted.

use imagereview_core::facts::{RefusalCause, Signer, Trust};
use imagereview_signature::{KeyError, PemError, TrustError, Verifier};
use rcgen::{PKCS_ECDSA_P384_SHA384, PKCS_ED25519};

use crate::forger::{Forger, SIGNED, base64, digest, statement, verify};

/// The object identifier of keys on curves.
const EC: [u8; 9] = [0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01];

fn error_of(pem: &str) -> PemError {
    match Verifier::new(&Trust::key(pem, None)) {
        Err(TrustError::Keys(error)) => error,
        other => panic!("{other:?}: {pem}"),
    }
}

fn pem(label: &str, der: &[u8]) -> String {
    format!(
        "-----BEGIN {label}-----\n{}\n-----END {label}-----\n",
        base64(der)
    )
}

#[test]
fn what_is_no_public_key_is_refused_with_advice() {
    let good = Forger::new();
    let public = good.public_key();
    for (text, error) in [
        (
            String::new(),
            "there is no `-----BEGIN PUBLIC KEY-----` in it",
        ),
        (
            "cosign.pub".to_owned(),
            "there is no `-----BEGIN PUBLIC KEY-----` in it",
        ),
        (
            pem("CERTIFICATE", b"x"),
            "block 1 is a CERTIFICATE; trust a certificate as one",
        ),
        (pem("ENCRYPTED SIGSTORE PRIVATE KEY", b"x"), "it is secret"),
        (
            pem("RSA PUBLIC KEY", b"x"),
            "openssl rsa -RSAPublicKey_in -pubout",
        ),
        (pem("PGP MESSAGE", b"x"), "such as cosign.pub"),
        (
            public.clone() + &pem("EC PRIVATE KEY", b"x"),
            "block 2 is a EC PRIVATE KEY",
        ),
        (
            pem("PUBLIC KEY", b"x"),
            "block 1: it is not a public key in the form of X.509",
        ),
        (public.replace("-----END", "----END"), "it is damaged"),
        (public.replacen('M', "*", 1), "it is damaged"),
        (
            public.clone() + "-----BEGIN PUBLIC KEY-----\n",
            "it is damaged",
        ),
        (public.repeat(65), "it has more than 64 blocks"),
    ] {
        let found = error_of(&text).to_string();
        assert!(found.contains(error), "{text}: {found}");
    }
}

#[test]
fn keys_whose_signatures_cannot_be_verified_are_refused_when_they_are_loaded() {
    // `SubjectPublicKeyInfo` of each: the algorithm, and as many bytes as its keys have.
    let info = |algorithm: &[u8], bits: usize, first: u8| {
        let mut key = vec![0; bits];
        key[0] = first;
        let mut inner = vec![0x30, u8::try_from(algorithm.len()).unwrap()];
        inner.extend(algorithm);
        inner.extend([0x03, 0x81, u8::try_from(bits + 1).unwrap(), 0]);
        inner.extend(key);
        let mut outer = vec![0x30, 0x81, u8::try_from(inner.len()).unwrap()];
        outer.extend(inner);
        outer
    };
    let curve = |oid: &[u8]| [&EC[..], oid].concat();
    let p521 = curve(&[0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x23]);
    let k256 = curve(&[0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x0a]);
    let p256 = curve(&[0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07]);
    let ed448 = [0x06, 0x03, 0x2b, 0x65, 0x71];
    for (der, error) in [
        (info(&p521, 133, 4), KeyError::Curve("P-521".into())),
        (info(&k256, 65, 4), KeyError::Curve("1.3.132.0.10".into())),
        (info(&p256, 65, 2), KeyError::Point),
        (info(&p256, 64, 4), KeyError::Form),
        (info(&ed448, 57, 0), KeyError::Algorithm("Ed448".into())),
    ] {
        match error_of(&pem("PUBLIC KEY", &der)) {
            PemError::Key {
                number: 1,
                error: found,
                ..
            } => assert_eq!(found, error),
            other => panic!("{other}"),
        }
    }
    let mut trailing = Forger::new().spki();
    trailing.push(0);
    let error = error_of(&pem("PUBLIC KEY", &trailing)).to_string();
    assert!(error.contains("form of X.509"), "{error}");
}

#[test]
fn rsa_keys_that_are_too_short_are_refused_when_they_are_loaded() {
    // 1024 bits, made by `openssl genrsa 1024 | openssl rsa -pubout`.
    let error = error_of(
        "-----BEGIN PUBLIC KEY-----
MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQChiUoSsLwfLeKVKCO6j+ZXRrKK
fkDUKhwIDm0rokkegsN11o5xP4/dHys1xOtuOKoY3UF+zbZTRnY3BqMSsP4y97my
VdiovSylBX43/mvzKUzFHkLdvbt2wu9BmSEldwIFE+84mtXZqnvuYz1FV730riEY
zvGK0c6Q0/prLjNKzwIDAQAB
-----END PUBLIC KEY-----",
    );
    assert!(error.to_string().contains("1024"), "{error}");
}

#[test]
fn one_of_several_keys_is_enough_and_is_named() {
    let [old, new, stranger] = [
        Forger::new(),
        Forger::with(&PKCS_ECDSA_P384_SHA384),
        Forger::with(&PKCS_ED25519),
    ];
    let both = Trust::key(
        format!("{}\n# the new one\n{}", old.public_key(), new.public_key()),
        None,
    );
    let image = digest("1");
    let mut fingerprints = Vec::new();
    for forger in [&old, &new] {
        let found = verify(&both, &forger.bundle(&statement(&image, SIGNED)), &image).unwrap();
        let alone = verify(
            &forger.trust(),
            &forger.bundle(&statement(&image, SIGNED)),
            &image,
        );
        assert_eq!(found, alone.unwrap());
        match found.signer {
            Signer::Key { fingerprint } => fingerprints.push(fingerprint),
            other => panic!("{other:?}"),
        }
    }
    assert_ne!(fingerprints[0], fingerprints[1]);
    let refusal = verify(&both, &stranger.bundle(&statement(&image, SIGNED)), &image).unwrap_err();
    assert_eq!(refusal.cause(), RefusalCause::OtherKey);
    assert_eq!(refusal.message(), "it is not signed with any of the 2 keys");
}
