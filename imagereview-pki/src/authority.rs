//! The certificate authority and what it issues.

use std::fmt;
use std::time::SystemTime;

use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyPair, KeyUsagePurpose, PKCS_ECDSA_P256_SHA256, PublicKeyData, SanType, SerialNumber,
};
use ring::rand::{SecureRandom, SystemRandom};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use time::OffsetDateTime;
use x509_parser::prelude::{FromDer, X509Certificate};

use crate::subject_name::dns_name;
use crate::validity::date_time;
use crate::{PkiError, SubjectName, Validity};

/// A certificate authority: the certificate that peers trust, and the key that signs for it.
///
/// [`Debug`](fmt::Debug) shows no key.
pub struct CertificateAuthority {
    issuer: Issuer<'static, KeyPair>,
    certificate_pem: String,
    key_pem: String,
    /// The subject as encoded in the certificate: what the issuer of a leaf has to equal.
    subject_der: Vec<u8>,
    subject: String,
    not_after: OffsetDateTime,
}

impl CertificateAuthority {
    /// Makes an authority with a key of its own. Its certificate is self-signed, says `CA:TRUE` with
    /// a path length of 0, and may sign certificates and revocation lists.
    ///
    /// # Errors
    ///
    /// A common name of no or more than 64 characters, a time that a certificate can't hold, or a
    /// failing source of random numbers.
    pub fn generate(
        common_name: &str,
        now: SystemTime,
        validity: Validity,
    ) -> Result<Self, PkiError> {
        let mut params = params(common_name, None, validity.period(now)?)?;
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
        let certificate = params.self_signed(&key)?;
        Self::new(certificate.der(), key)
    }

    /// Takes an authority that exists: one certificate and its unencrypted PKCS #8 key. Anything
    /// else in either text, such as a key beside the certificate, is left out of
    /// [`certificate_pem`](Self::certificate_pem) and [`key_pem`](Self::key_pem).
    ///
    /// # Errors
    ///
    /// A text that can't be read or holds several certificates, a certificate that may not sign
    /// others, or a key that isn't that of the certificate.
    pub fn from_pem(certificate_pem: &str, key_pem: &str) -> Result<Self, PkiError> {
        let mut certificates = CertificateDer::pem_slice_iter(certificate_pem.as_bytes());
        let unreadable = |cause: String| PkiError::Certificate { cause };
        let certificate = certificates
            .next()
            .ok_or_else(|| unreadable("no certificate found".to_owned()))?
            .map_err(|error| unreadable(error.to_string()))?;
        if certificates.next().is_some() {
            // Each would be trusted where only the authority is meant.
            return Err(unreadable("more than one certificate found".to_owned()));
        }

        let unreadable = |cause: String| PkiError::Key { cause };
        let key = PrivateKeyDer::from_pem_slice(key_pem.as_bytes())
            .map_err(|error| unreadable(error.to_string()))?;
        let PrivateKeyDer::Pkcs8(key) = key else {
            return Err(unreadable("the key is in another format".to_owned()));
        };
        let key = KeyPair::try_from(&key).map_err(|error| unreadable(error.to_string()))?;
        Self::new(&certificate, key)
    }

    fn new(certificate: &CertificateDer<'_>, key: KeyPair) -> Result<Self, PkiError> {
        let (rest, parsed) =
            X509Certificate::from_der(certificate).map_err(|error| PkiError::Certificate {
                cause: error.to_string(),
            })?;
        if !rest.is_empty() {
            return Err(PkiError::Certificate {
                cause: "bytes follow the certificate".to_owned(),
            });
        }
        let subject = parsed.subject().to_string();
        if let Some(reason) = not_an_authority(&parsed) {
            return Err(PkiError::NotAnAuthority { subject, reason });
        }
        if *parsed.public_key().subject_public_key.data != *key.der_bytes() {
            return Err(PkiError::KeyMismatch { subject });
        }
        Ok(Self {
            certificate_pem: certificate_pem(certificate),
            key_pem: key.serialize_pem(),
            subject_der: parsed.subject().as_raw().to_vec(),
            subject,
            not_after: parsed.validity().not_after.to_datetime(),
            issuer: Issuer::from_ca_cert_der(certificate, key)?,
        })
    }

    /// Issues a certificate for a server that is reached by any of `names`, with a new key.
    ///
    /// It ends with `validity`, or with the authority where that is earlier.
    ///
    /// # Errors
    ///
    /// No names, a [`SubjectName::Dns`] that isn't a DNS name, a common name of no or more than 64
    /// characters, an authority that has ended at `now`, a time that a certificate can't hold, or a
    /// failing source of random numbers.
    pub fn issue_server(
        &self,
        common_name: &str,
        names: &[SubjectName],
        now: SystemTime,
        validity: Validity,
    ) -> Result<Identity, PkiError> {
        if names.is_empty() {
            return Err(PkiError::NoSubjectName);
        }
        let mut params = params(common_name, None, validity.period(now)?)?;
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.subject_alt_names = names
            .iter()
            .map(|name| match name {
                SubjectName::Dns(name) => Ok(SanType::DnsName(dns_name(name)?.try_into()?)),
                SubjectName::Ip(address) => Ok(SanType::IpAddress(*address)),
            })
            .collect::<Result<_, PkiError>>()?;
        self.issue(params, now)
    }

    /// Issues a certificate for a client, with a new key.
    ///
    /// It ends with `validity`, or with the authority where that is earlier.
    ///
    /// # Errors
    ///
    /// A common name or organization of no or more than 64 characters, an authority that has ended
    /// at `now`, a time that a certificate can't hold, or a failing source of random numbers.
    pub fn issue_client(
        &self,
        common_name: &str,
        organization: Option<&str>,
        now: SystemTime,
        validity: Validity,
    ) -> Result<Identity, PkiError> {
        let mut params = params(common_name, organization, validity.period(now)?)?;
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        self.issue(params, now)
    }

    fn issue(&self, mut params: CertificateParams, now: SystemTime) -> Result<Identity, PkiError> {
        if self.not_after < date_time(now)? {
            return Err(PkiError::AuthorityExpired {
                end: self.not_after(),
            });
        }
        params.not_after = params.not_after.min(self.not_after);
        params.is_ca = IsCa::ExplicitNoCa;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.use_authority_key_identifier_extension = true;

        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
        let certificate = params.signed_by(&key, &self.issuer)?;
        // A path is built by comparing names byte for byte, and the subject of an authority made
        // elsewhere may hold what the encoder can't repeat, such as two organizational units.
        let (_, issued) =
            X509Certificate::from_der(certificate.der()).map_err(|error| PkiError::Generation {
                cause: error.to_string(),
            })?;
        if issued.issuer().as_raw() != self.subject_der {
            return Err(PkiError::Subject {
                subject: self.subject.clone(),
            });
        }
        Ok(Identity {
            certificate_pem: certificate_pem(certificate.der()),
            key_pem: key.serialize_pem(),
            not_after: params.not_after,
        })
    }

    /// The certificate in PEM: what peers are given to trust.
    #[must_use]
    pub fn certificate_pem(&self) -> &str {
        &self.certificate_pem
    }

    /// The key in PEM (PKCS #8). Whoever has it can impersonate the webhook and the API server.
    #[must_use]
    pub fn key_pem(&self) -> &str {
        &self.key_pem
    }

    /// The last moment at which the certificate is valid.
    #[must_use]
    pub fn not_after(&self) -> SystemTime {
        self.not_after.into()
    }
}

impl fmt::Debug for CertificateAuthority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CertificateAuthority")
            .field("subject", &self.subject)
            .field("not_after", &self.not_after)
            .finish_non_exhaustive()
    }
}

/// A certificate that an authority issued, and its key.
///
/// [`Debug`](fmt::Debug) shows no key.
pub struct Identity {
    certificate_pem: String,
    key_pem: String,
    not_after: OffsetDateTime,
}

impl Identity {
    /// The certificate in PEM, without that of the authority.
    #[must_use]
    pub fn certificate_pem(&self) -> &str {
        &self.certificate_pem
    }

    /// The key in PEM (PKCS #8).
    #[must_use]
    pub fn key_pem(&self) -> &str {
        &self.key_pem
    }

    /// The last moment at which the certificate is valid.
    #[must_use]
    pub fn not_after(&self) -> SystemTime {
        self.not_after.into()
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identity")
            .field("certificate_pem", &self.certificate_pem)
            .field("not_after", &self.not_after)
            .finish_non_exhaustive()
    }
}

/// What all certificates have in common: the subject, the dates and a serial number.
fn params(
    common_name: &str,
    organization: Option<&str>,
    (not_before, not_after): (OffsetDateTime, OffsetDateTime),
) -> Result<CertificateParams, PkiError> {
    let mut name = DistinguishedName::new();
    if let Some(organization) = organization {
        name.push(
            DnType::OrganizationName,
            attribute("organization", organization)?,
        );
    }
    name.push(DnType::CommonName, attribute("common name", common_name)?);

    let mut params = CertificateParams::default();
    params.distinguished_name = name;
    params.not_before = not_before;
    params.not_after = not_after;
    params.serial_number = Some(serial_number()?);
    Ok(params)
}

fn attribute<'a>(attribute: &'static str, value: &'a str) -> Result<&'a str, PkiError> {
    if (1..=64).contains(&value.chars().count()) && !value.chars().any(char::is_control) {
        Ok(value)
    } else {
        Err(PkiError::Attribute {
            attribute,
            value: value.to_owned(),
        })
    }
}

/// A serial number of 126 random bits: positive and not zero, as RFC 5280, section 4.1.2.2, wants it.
fn serial_number() -> Result<SerialNumber, PkiError> {
    let mut bytes = [0; 16];
    SystemRandom::new()
        .fill(&mut bytes)
        .map_err(|_| PkiError::Generation {
            cause: "the system gives no random numbers".to_owned(),
        })?;
    bytes[0] = bytes[0] & 0b0011_1111 | 0b0100_0000;
    Ok(bytes.to_vec().into())
}

/// What keeps a certificate from signing others, if anything does (RFC 5280, sections 4.2.1.3 and
/// 4.2.1.9).
fn not_an_authority(certificate: &X509Certificate<'_>) -> Option<&'static str> {
    if !certificate.is_ca() {
        return Some("its basic constraints don't say CA:TRUE");
    }
    match certificate.key_usage() {
        Ok(None) => None,
        Ok(Some(usage)) if usage.value.key_cert_sign() => None,
        Ok(Some(_)) => Some("its key usage lacks keyCertSign"),
        Err(_) => Some("its key usage is given more than once"),
    }
}

fn certificate_pem(certificate: &CertificateDer<'_>) -> String {
    // Every certificate ends its lines alike, on each platform and whatever it was read from.
    pem::encode_config(
        &pem::Pem::new("CERTIFICATE", certificate.as_ref()),
        pem::EncodeConfig::new().set_line_ending(pem::LineEnding::LF),
    )
}
