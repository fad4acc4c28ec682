//! Signatures and attestations of cosign 2, with certificates and with keys, and entries in a log.

use std::time::{Duration, SystemTime};

use imagereview_core::facts::{Claim, Evidence, RefusalCause, Signer, Trust};
use rcgen::{ExtendedKeyUsagePurpose, SanType};

use crate::{
    forger::{SPDX, digest, payload, statement, verify},
    instance::{EMAIL, ISSUER, Instance, Signatory, logged},
};

const HOUR: Duration = Duration::from_secs(3600);
const MINUTE: Duration = Duration::from_secs(60);

/// An hour ago, in whole seconds.
fn earlier() -> SystemTime {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    SystemTime::UNIX_EPOCH + Duration::from_secs(since.unwrap().as_secs()) - HOUR
}

fn cause(trust: &Trust, evidence: &Evidence) -> RefusalCause {
    verify(trust, evidence, &digest("1")).unwrap_err().cause()
}

#[test]
fn signatures_of_cosign_2_say_who_signed_and_when() {
    let instance = Instance::new();
    let time = earlier() + MINUTE;
    let signatory = instance.certify(earlier(), |_| {});
    let image = digest("1");

    let (signature, entry) = signatory.signature(&payload(&image), time);
    let signature = logged(&signature, instance.promise(&entry));
    let found = verify(&instance.trust(), &signature, &image).unwrap();
    assert_eq!(found.logged, Some(time));
    let Signer::Keyless {
        issuer,
        subject,
        claims,
    } = &found.signer
    else {
        panic!("{found:?}");
    };
    assert_eq!((&**issuer, &**subject, claims.len()), (ISSUER, EMAIL, 0));
    let Claim::Signature {
        annotations,
        reference,
    } = &found.claim
    else {
        panic!("{found:?}");
    };
    assert_eq!(annotations["env"], "prod");
    assert_eq!(reference.as_deref(), Some("registry.example.com/app"));

    let (attestation, entry) = signatory.attestation(&statement(&image, SPDX), time);
    let attestation = logged(&attestation, instance.promise(&entry));
    let found = verify(&instance.trust(), &attestation, &image).unwrap();
    assert!(matches!(found.claim, Claim::Attestation { .. }));
    assert_eq!(found.logged, Some(time));

    for evidence in [&signature, &attestation] {
        let other = verify(&instance.trust(), evidence, &digest("2")).unwrap_err();
        assert_eq!(other.cause(), RefusalCause::OtherSubject, "{other}");
        // A key is not a certificate, and other instances vouch for nothing here.
        let key = Trust::key(signatory.key.public_key_pem(), None);
        assert!(verify(&key, evidence, &image).is_ok());
        assert_eq!(cause(&Instance::new().trust(), evidence), RefusalCause::Log);
    }
}

#[test]
fn a_log_entry_of_another_signature() {
    let instance = Instance::new();
    let time = earlier() + MINUTE;
    let signatory = instance.certify(earlier(), |_| {});
    let image = digest("1");
    let (signature, good) = signatory.signature(&payload(&image), time);
    let (attestation, good_attestation) = signatory.attestation(&statement(&image, SPDX), time);
    let (_, of_other) = signatory.signature(&payload(&digest("2")), time);
    let (_, of_other_attestation) = signatory.attestation(&statement(&digest("2"), SPDX), time);
    let stranger = instance.certify(earlier(), |_| {});
    let (_, by_other) = stranger.signature(&payload(&image), time);
    for (evidence, entry, expected) in [
        (&signature, &good, None),
        (&attestation, &good_attestation, None),
        (&signature, &of_other, Some(RefusalCause::Log)),
        (&signature, &by_other, Some(RefusalCause::Log)),
        (
            &signature,
            &good_attestation,
            Some(RefusalCause::Unsupported),
        ),
        (&attestation, &of_other_attestation, Some(RefusalCause::Log)),
        (&attestation, &good, Some(RefusalCause::Unsupported)),
    ] {
        let evidence = logged(evidence, instance.promise(entry));
        for log in [true, false] {
            let trust = Trust::keyless(instance.proof(log), false);
            let found = verify(&trust, &evidence, &image).err();
            assert_eq!(found.map(|refusal| refusal.cause()), expected);
        }
    }
    // The promise of one entry with the text of another, and no promise at all.
    let mixed = instance
        .promise(&good)
        .replace("\"logIndex\":7", "\"logIndex\":8");
    assert_eq!(
        cause(&instance.trust(), &logged(&signature, mixed)),
        RefusalCause::Log
    );
    let other = Instance::new().promise(&good);
    assert_eq!(
        cause(&instance.trust(), &logged(&signature, other)),
        RefusalCause::Log
    );
    assert_eq!(cause(&instance.trust(), &signature), RefusalCause::NoTime);
    for broken in [
        "",
        "{}",
        "null",
        r#"{"Payload":{}}"#,
        r#"{"payload":{},"Payload":{}}"#,
    ] {
        let found = logged(&signature, broken.into());
        assert_eq!(
            cause(&instance.trust(), &found),
            RefusalCause::Malformed,
            "{broken}"
        );
    }
}

#[test]
fn a_time_at_which_the_certificate_was_not_valid_or_that_has_not_come() {
    let instance = Instance::new();
    let image = digest("1");
    let now = SystemTime::now();
    for (from, at, expected) in [
        (earlier(), earlier() + MINUTE, None),
        (earlier(), earlier() - MINUTE, Some(RefusalCause::Expired)),
        (
            earlier(),
            earlier() + 11 * MINUTE,
            Some(RefusalCause::Expired),
        ),
        (now + HOUR, now + HOUR + MINUTE, Some(RefusalCause::Log)),
    ] {
        let signatory = instance.certify(from, |_| {});
        let (signature, entry) = signatory.signature(&payload(&image), at);
        let signature = logged(&signature, instance.promise(&entry));
        let found = verify(&instance.trust(), &signature, &image).err();
        assert_eq!(found.map(|refusal| refusal.cause()), expected);
    }
}

#[test]
fn a_certificate_that_is_not_one_for_an_identity() {
    type Change = fn(&mut rcgen::CertificateParams);
    let instance = Instance::new();
    let image = digest("1");
    let rows: &[(&str, Change, RefusalCause)] = &[
        (
            "two names",
            |params| {
                let second = SanType::URI("https://x".try_into().unwrap());
                params.subject_alt_names.push(second);
            },
            RefusalCause::Unsupported,
        ),
        (
            "a host",
            |params| {
                params.subject_alt_names =
                    vec![SanType::DnsName("x.example.com".try_into().unwrap())];
            },
            RefusalCause::Unsupported,
        ),
        (
            "no name",
            |params| params.subject_alt_names.clear(),
            RefusalCause::Unsupported,
        ),
        (
            "no issuer",
            |params| params.custom_extensions.clear(),
            RefusalCause::Unsupported,
        ),
        (
            "not for signing code",
            |params| params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth],
            RefusalCause::Untrusted,
        ),
        (
            "for no purpose in particular",
            |params| params.extended_key_usages.clear(),
            RefusalCause::Untrusted,
        ),
    ];
    for (name, change, cause) in rows {
        let signatory = instance.certify(earlier(), change);
        let (signature, entry) = signatory.signature(&payload(&image), earlier() + MINUTE);
        let signature = logged(&signature, instance.promise(&entry));
        let refusal = verify(&instance.trust(), &signature, &image).unwrap_err();
        assert_eq!(refusal.cause(), *cause, "{name}: {refusal}");
    }
}

#[test]
fn a_signature_with_the_certificate_of_somebody_else() {
    let instance = Instance::new();
    let image = digest("1");
    let time = earlier() + MINUTE;
    let [victim, attacker] = [instance.certify(earlier(), |_| {}), Signatory::with_key()];
    let attacker = Signatory {
        certificate: victim.certificate.clone(),
        ..attacker
    };
    let (signature, entry) = attacker.signature(&payload(&image), time);
    let signature = logged(&signature, instance.promise(&entry));
    assert_eq!(
        cause(&instance.trust(), &signature),
        RefusalCause::BadSignature
    );
    let (attestation, entry) = attacker.attestation(&statement(&image, SPDX), time);
    let attestation = logged(&attestation, instance.promise(&entry));
    assert_eq!(
        cause(&instance.trust(), &attestation),
        RefusalCause::BadSignature
    );
    // Without a time to prove it is our own path that must notice.
    let own = instance.certify(SystemTime::now() - MINUTE, |_| {});
    let trust = Trust::certificate(instance.root_pem(), None);
    let (good, _) = own.signature(&payload(&image), time);
    assert!(verify(&trust, &good, &image).is_ok());
    let forged = Signatory {
        certificate: own.certificate,
        ..Signatory::with_key()
    };
    for (forged, _) in [
        forged.signature(&payload(&image), time),
        forged.attestation(&statement(&image, SPDX), time),
    ] {
        assert_eq!(cause(&trust, &forged), RefusalCause::BadSignature);
    }
}

#[test]
fn certificates_of_ones_own_authority_count_while_they_are_valid_or_with_a_proved_time() {
    let instance = Instance::new();
    let before = earlier();
    let image = digest("1");
    let valid = instance.certify(SystemTime::now() - MINUTE, |params| {
        params
            .distinguished_name
            .push(rcgen::DnType::OrganizationName, "Example");
    });
    let expired = instance.certify(before, |_| {});
    let untimed = Trust::certificate(instance.root_pem(), None);
    for evidence in [
        valid.signature(&payload(&image), before).0,
        valid.attestation(&statement(&image, SPDX), before).0,
    ] {
        let found = verify(&untimed, &evidence, &image).unwrap();
        let Signer::Certificate {
            subject,
            names,
            root,
        } = &found.signer
        else {
            panic!("{found:?}");
        };
        assert!(subject.to_string().contains("O=Example"), "{subject}");
        assert_eq!(*names, [EMAIL.into()]);
        assert!(root.starts_with("sha256:"));
        assert!(found.expires > Some(SystemTime::now()));
        let other = Trust::certificate(Instance::new().root_pem(), None);
        assert_eq!(cause(&other, &evidence), RefusalCause::Untrusted);
    }
    let (signature, entry) = expired.signature(&payload(&image), before + MINUTE);
    assert_eq!(cause(&untimed, &signature), RefusalCause::Expired);
    let timed = Trust::certificate(instance.root_pem(), Some(instance.proof(true)));
    assert_eq!(cause(&timed, &signature), RefusalCause::NoTime);
    let found = verify(
        &timed,
        &logged(&signature, instance.promise(&entry)),
        &image,
    )
    .unwrap();
    assert_eq!((found.logged, found.expires), (Some(before + MINUTE), None));
}

#[test]
fn a_log_can_be_required_of_keys_too() {
    let instance = Instance::new();
    let image = digest("1");
    let signatory = Signatory::with_key();
    let time = earlier();
    let trust = |log| Trust::key(signatory.key.public_key_pem(), Some(instance.proof(log)));
    let (signature, entry) = signatory.signature(&payload(&image), time);
    let (attestation, of_attestation) = signatory.attestation(&statement(&image, SPDX), time);
    let (_, of_other) = Signatory::with_key().signature(&payload(&image), time);
    for log in [true, false] {
        for (evidence, entry) in [(&signature, &entry), (&attestation, &of_attestation)] {
            assert_eq!(cause(&trust(log), evidence), RefusalCause::NoTime);
            let evidence = logged(evidence, instance.promise(entry));
            let found = verify(&trust(log), &evidence, &image).unwrap();
            assert_eq!(found.logged, Some(time));
        }
        let found = logged(&signature, instance.promise(&of_other));
        assert_eq!(cause(&trust(log), &found), RefusalCause::Log);
        let found = logged(&signature, Instance::new().promise(&entry));
        assert_eq!(cause(&trust(log), &found), RefusalCause::Log);
    }
    // With a certificate beside it, it is the key that is asked about, and a certificate is none.
    let certified = instance.certify(earlier(), |_| {});
    let (signature, entry) = certified.signature(&payload(&image), time);
    let signature = logged(&signature, instance.promise(&entry));
    let refusal = verify(&trust(true), &signature, &image).unwrap_err();
    assert_eq!(refusal.cause(), RefusalCause::OtherKey);
}
