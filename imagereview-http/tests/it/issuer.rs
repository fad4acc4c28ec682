//! An authority that does what those of `imagereview init` do not: it expires before what it issued, and
//! revokes certificates.

use std::time::{Duration, SystemTime};

use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, CertifiedIssuer, DnType,
    ExtendedKeyUsagePurpose, IsCa, KeyIdMethod, KeyPair, KeyUsagePurpose, RevokedCertParams,
    SerialNumber,
};

use crate::harness::{Client, Pki};

pub(crate) const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// An authority of clients.
pub(crate) struct Issuer(CertifiedIssuer<'static, KeyPair>);

/// A client's certificate and key, in PEM.
pub(crate) struct Issued {
    pub(crate) certificate: String,
    key: String,
}

impl Issuer {
    /// One that expires at this time.
    pub(crate) fn until(name: &str, end: SystemTime) -> Self {
        let mut params = params(name, end);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let key = KeyPair::generate().unwrap();
        Self(CertifiedIssuer::self_signed(params, key).unwrap())
    }

    /// One that does not expire while a test runs.
    pub(crate) fn new(name: &str) -> Self {
        Self::until(name, SystemTime::now() + 100 * DAY)
    }

    pub(crate) fn pem(&self) -> String {
        self.0.pem()
    }

    /// A client's certificate with this serial number, which expires at this time.
    pub(crate) fn issue(&self, serial: u64, end: SystemTime) -> Issued {
        let mut params = params("kube-apiserver", end);
        params.serial_number = Some(SerialNumber::from(serial));
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        let key = KeyPair::generate().unwrap();
        Issued {
            certificate: params.signed_by(&key, &self.0).unwrap().pem(),
            key: key.serialize_pem(),
        }
    }

    /// A client with a certificate of this serial number.
    pub(crate) fn client(&self, pki: &Pki, serial: u64) -> Client {
        self.issue(serial, SystemTime::now() + 50 * DAY).client(pki)
    }

    /// The list of these serial numbers, which should be replaced at this time.
    pub(crate) fn revoke_until(&self, serials: &[u64], next_update: SystemTime) -> String {
        let begin = SystemTime::UNIX_EPOCH + DAY;
        let list = CertificateRevocationListParams {
            this_update: begin.into(),
            next_update: next_update.into(),
            crl_number: SerialNumber::from(1),
            issuing_distribution_point: None,
            revoked_certs: serials
                .iter()
                .map(|serial| RevokedCertParams {
                    serial_number: SerialNumber::from(*serial),
                    revocation_time: begin.into(),
                    reason_code: None,
                    invalidity_date: None,
                })
                .collect(),
            key_identifier_method: KeyIdMethod::Sha256,
        };
        list.signed_by(&self.0).unwrap().pem().unwrap()
    }

    /// The list of these serial numbers.
    pub(crate) fn revoke(&self, serials: &[u64]) -> String {
        self.revoke_until(serials, SystemTime::now() + 7 * DAY)
    }
}

impl Issued {
    pub(crate) fn client(&self, pki: &Pki) -> Client {
        Client::with_pair(
            pki.authority.certificate_pem(),
            &self.certificate,
            &self.key,
        )
    }
}

fn params(name: &str, end: SystemTime) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, name);
    params.not_before = (SystemTime::UNIX_EPOCH + DAY).into();
    params.not_after = end.into();
    params
}
