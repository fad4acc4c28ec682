//! What a certificate says: whose it is, and when it is valid.

use std::{
    net::IpAddr,
    time::{Duration, SystemTime},
};

use rustls_pki_types::CertificateDer;
use x509_parser::{
    certificate::X509Certificate,
    extensions::GeneralName,
    prelude::{FromDer, X509Error},
    time::ASN1Time,
    x509::X509Version,
};

/// When a certificate, or the shortest-lived of several, is valid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Validity {
    pub(crate) not_before: SystemTime,
    pub(crate) not_after: SystemTime,
}

impl Validity {
    /// The time in which all of these are valid; `None` if there are none that can be read.
    pub(crate) fn of_all<'c>(
        certificates: impl IntoIterator<Item = &'c CertificateDer<'static>>,
    ) -> Option<Self> {
        certificates
            .into_iter()
            .filter_map(|certificate| Self::of(certificate).ok())
            .reduce(|one, other| Self {
                not_before: one.not_before.max(other.not_before),
                not_after: one.not_after.min(other.not_after),
            })
    }

    fn of(certificate: &CertificateDer<'_>) -> Result<Self, X509Error> {
        let validity = parse(certificate)?.validity().clone();
        Ok(Self {
            not_before: system_time(validity.not_before),
            not_after: system_time(validity.not_after),
        })
    }

    /// Whether a certificate has expired. One that can't be read has not.
    pub(crate) fn has_expired(certificate: &CertificateDer<'_>, now: SystemTime) -> bool {
        Self::of(certificate).is_ok_and(|validity| validity.not_after < now)
    }

    /// Whether it expires so soon that someone should renew it: within two weeks, or within the last
    /// fifth of its time where that is shorter.
    pub(crate) fn expires_soon(&self, now: SystemTime) -> bool {
        const TWO_WEEKS: Duration = Duration::from_secs(14 * 24 * 60 * 60);
        let whole = self
            .not_after
            .duration_since(self.not_before)
            .unwrap_or_default();
        now + TWO_WEEKS.min(whole / 5) > self.not_after
    }
}

/// Why a certificate may not sign others (RFC 5280, sections 4.2.1.3 and 4.2.1.9); `None` if it may. One
/// of version 1 has no place to say so.
pub(super) fn why_no_authority(certificate: &CertificateDer<'_>) -> Option<&'static str> {
    let certificate = parse(certificate).ok()?;
    if certificate.version() == X509Version::V1 {
        return None;
    }
    if !certificate.is_ca() {
        return Some("its basic constraints don't say CA:TRUE");
    }
    let usage = certificate.key_usage().ok().flatten();
    if usage.is_some_and(|usage| !usage.value.key_cert_sign()) {
        return Some("its key usage lacks keyCertSign");
    }
    None
}

/// The names of a certificate.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Names {
    /// The subject's common name, the last where there are several.
    pub(crate) common_name: Option<Box<str>>,
    /// The subject alternative names: host names, addresses, e-mail addresses and URIs.
    pub(crate) alternative: Vec<Box<str>>,
}

impl Names {
    /// The names of a certificate; none where it can't be read.
    pub(crate) fn of(certificate: &CertificateDer<'_>) -> Self {
        let Ok(certificate) = parse(certificate) else {
            return Self::default();
        };
        let common_name = certificate.subject().iter_common_name().last();
        let alternative = certificate.subject_alternative_name().ok().flatten();
        let names = alternative
            .iter()
            .flat_map(|extension| &extension.value.general_names);
        Self {
            common_name: common_name
                .and_then(|name| name.as_str().ok())
                .map(Into::into),
            alternative: names.filter_map(text).collect(),
        }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &str> {
        self.common_name
            .iter()
            .chain(&self.alternative)
            .map(|name| &**name)
    }
}

fn text(name: &GeneralName<'_>) -> Option<Box<str>> {
    match name {
        GeneralName::DNSName(name) | GeneralName::RFC822Name(name) | GeneralName::URI(name) => {
            Some((*name).into())
        }
        GeneralName::IPAddress(bytes) => {
            let address = <[u8; 4]>::try_from(*bytes)
                .map(IpAddr::from)
                .or_else(|_| <[u8; 16]>::try_from(*bytes).map(IpAddr::from));
            Some(address.ok()?.to_string().into())
        }
        _ => None,
    }
}

pub(super) fn parse<'c>(
    certificate: &'c CertificateDer<'_>,
) -> Result<X509Certificate<'c>, X509Error> {
    match X509Certificate::from_der(certificate) {
        Ok((_, certificate)) => Ok(certificate),
        Err(_) => Err(X509Error::InvalidCertificate),
    }
}

pub(super) fn system_time(time: ASN1Time) -> SystemTime {
    // No certificate in use began before 1970.
    let seconds = u64::try_from(time.timestamp()).unwrap_or_default();
    SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
}
