//! The certificate authority and what it issues.

use std::fmt;
use std::time::SystemTime;

use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyPair, KeyUsagePurpose, PKCS_ECDSA_P256_SHA256, PublicKeyData, SanType, SerialNumber,
};
use ring::rand::{SecureRandom, SystemRandom};
use rustls_pki_types::pem::{self, PemObject};
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use time::OffsetDateTime;
use x509_parser::prelude::{FromDer, X509Certificate};

use crate::subject_name::dns_name;
use crate::validity::date_time;
use crate::{PkiError, SubjectName, Validity};

/// A certificate authority: the certificate that peers trust, and its private key.
///
/// [`Debug`](fmt::Debug) does not show the private key.
pub struct CertificateAuthority {
    issuer: Issuer<'static, KeyPair>,
    certificate_pem: String,
    key_pem: String,
    /// The subject as encoded in the certificate. The issuer of a leaf has to have the same bytes.
    subject_der: Vec<u8>,
    subject: String,
    not_after: OffsetDateTime,
}

impl CertificateAuthority {
    /// Creates an authority with a new key. The certificate is self-signed. It has `CA:TRUE` with a
    /// path length of 0, and may sign certificates and revocation lists.
    ///
    /// # Errors
    ///
    /// - [`PkiError::Attribute`]: the common name has not 1 to 64 characters.
    /// - [`PkiError::Time`]: the certificate would begin or end outside the years 1970 to 9999.
    /// - [`PkiError::Generation`]: the system has no random numbers.
    pub fn generate(
        common_name: &str,
        now: SystemTime,
        validity: Validity,
    ) -> Result<Self, PkiError> {
        let mut params = params(common_name, None, validity.period(now)?)?;
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).map_err(generation)?;
        let certificate = params.self_signed(&key).map_err(generation)?;
        Self::new(certificate.der(), key)
    }

    /// Uses an existing authority: one certificate and its unencrypted PKCS #8 key, both in PEM.
    /// Other text around them is skipped, such as a key in the file of the certificate:
    /// [`certificate_pem`](Self::certificate_pem) and [`key_pem`](Self::key_pem) don't return it.
    ///
    /// # Errors
    ///
    /// - [`PkiError::Certificate`], [`PkiError::Key`]: a text can't be read, or holds several
    ///   certificates.
    /// - [`PkiError::NotAnAuthority`]: the certificate may not sign others.
    /// - [`PkiError::KeyMismatch`]: the key belongs to another certificate.
    pub fn from_pem(certificate_pem: &str, key_pem: &str) -> Result<Self, PkiError> {
        let mut certificates = CertificateDer::pem_slice_iter(certificate_pem.as_bytes());
        let unreadable = |cause| PkiError::Certificate { cause };
        let certificate = certificates
            .next()
            .ok_or(unreadable("no certificate found"))?
            .map_err(|error| unreadable(pem_fault(&error)))?;
        if certificates.next().is_some() {
            // Each would be trusted where only the authority is meant.
            return Err(unreadable("more than one certificate found"));
        }

        let unreadable = |cause| PkiError::Key { cause };
        let key = PrivateKeyDer::from_pem_slice(key_pem.as_bytes()).map_err(|error| {
            unreadable(match error {
                pem::Error::NoItemsFound => "no unencrypted private key found",
                error => pem_fault(&error),
            })
        })?;
        let PrivateKeyDer::Pkcs8(key) = key else {
            return Err(unreadable("the key is in another format"));
        };
        let key = KeyPair::try_from(&key)
            .map_err(|_| unreadable("it is damaged, or of a kind that is not supported"))?;
        Self::new(&certificate, key)
    }

    fn new(certificate: &CertificateDer<'_>, key: KeyPair) -> Result<Self, PkiError> {
        let (rest, parsed) =
            X509Certificate::from_der(certificate).map_err(|_| PkiError::Certificate {
                cause: "its contents are not an X.509 certificate",
            })?;
        if !rest.is_empty() {
            return Err(PkiError::Certificate {
                cause: "more bytes follow the certificate",
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
            issuer: Issuer::from_ca_cert_der(certificate, key).map_err(|_| {
                PkiError::Certificate {
                    cause: "it has parts that are not supported",
                }
            })?,
        })
    }

    /// Issues a certificate, with a new key, for a server that clients reach by any of `names`.
    ///
    /// It expires after `validity`, or with the authority if that is earlier.
    ///
    /// # Errors
    ///
    /// - [`PkiError::NoSubjectName`]: `names` is empty.
    /// - [`PkiError::SubjectName`]: a [`SubjectName::Dns`] is not a DNS name.
    /// - [`PkiError::Attribute`]: the common name has not 1 to 64 characters.
    /// - [`PkiError::AuthorityExpired`]: the authority has expired at `now`.
    /// - [`PkiError::Subject`]: the authority's subject can't be copied into the certificate.
    /// - [`PkiError::Time`]: the certificate would begin or end outside the years 1970 to 9999.
    /// - [`PkiError::Generation`]: the system has no random numbers.
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
                SubjectName::Dns(name) => {
                    let name = dns_name(name)?.try_into().map_err(generation)?;
                    Ok(SanType::DnsName(name))
                }
                SubjectName::Ip(address) => Ok(SanType::IpAddress(*address)),
            })
            .collect::<Result<_, PkiError>>()?;
        self.issue(params, now)
    }

    /// Issues a certificate, with a new key, for a client.
    ///
    /// It expires after `validity`, or with the authority if that is earlier.
    ///
    /// # Errors
    ///
    /// - [`PkiError::Attribute`]: the common name or the organization has not 1 to 64 characters.
    /// - [`PkiError::AuthorityExpired`]: the authority has expired at `now`.
    /// - [`PkiError::Subject`]: the authority's subject can't be copied into the certificate.
    /// - [`PkiError::Time`]: the certificate would begin or end outside the years 1970 to 9999.
    /// - [`PkiError::Generation`]: the system has no random numbers.
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

        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).map_err(generation)?;
        let certificate = params.signed_by(&key, &self.issuer).map_err(generation)?;
        // Verifiers compare the issuer with the authority's subject byte for byte. The encoder can't
        // copy every subject, for example one with two organizational units.
        let (_, issued) =
            X509Certificate::from_der(certificate.der()).map_err(|_| PkiError::Generation {
                cause: "the new certificate can't be parsed".to_owned(),
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

    /// The certificate in PEM, for the peers that are to trust it.
    #[must_use]
    pub fn certificate_pem(&self) -> &str {
        &self.certificate_pem
    }

    /// The private key in PEM (PKCS #8). Whoever has it can impersonate the webhook and the API server.
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

/// A certificate that an authority issued, and its private key.
///
/// [`Debug`](fmt::Debug) does not show the private key.
pub struct Identity {
    certificate_pem: String,
    key_pem: String,
    not_after: OffsetDateTime,
}

impl Identity {
    /// The certificate in PEM, without the authority's certificate.
    #[must_use]
    pub fn certificate_pem(&self) -> &str {
        &self.certificate_pem
    }

    /// The private key in PEM (PKCS #8).
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

/// The parameters that every certificate has: the subject, the dates and a serial number.
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

/// A serial number of 126 random bits. It is positive and not zero, as RFC 5280, section 4.1.2.2, requires.
fn serial_number() -> Result<SerialNumber, PkiError> {
    let mut bytes = [0; 16];
    SystemRandom::new()
        .fill(&mut bytes)
        .map_err(|_| PkiError::Generation {
            cause: "the system has no random numbers".to_owned(),
        })?;
    bytes[0] = bytes[0] & 0b0011_1111 | 0b0100_0000;
    Ok(bytes.to_vec().into())
}

/// Why a certificate may not sign others; `None` if it may (RFC 5280, sections 4.2.1.3 and 4.2.1.9).
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

/// A failure that no input explains, so the library's own words are all that there is to say.
#[expect(clippy::needless_pass_by_value, reason = "as `map_err` passes it")]
fn generation(error: rcgen::Error) -> PkiError {
    PkiError::Generation {
        cause: error.to_string(),
    }
}

/// What is wrong with a text that should be PEM.
fn pem_fault(error: &pem::Error) -> &'static str {
    match error {
        pem::Error::MissingSectionEnd { .. } => "its `-----END` line is missing",
        pem::Error::IllegalSectionStart { .. } => "its `-----BEGIN` line is damaged",
        pem::Error::Base64Decode(_) => "the text between its BEGIN and END lines is not base64",
        pem::Error::NoItemsFound => "nothing in PEM found",
        _ => "it is not PEM",
    }
}

fn certificate_pem(certificate: &CertificateDer<'_>) -> String {
    // The line endings are the same on each platform, whatever file the certificate was read from.
    ::pem::encode_config(
        &::pem::Pem::new("CERTIFICATE", certificate.as_ref()),
        ::pem::EncodeConfig::new().set_line_ending(::pem::LineEnding::LF),
    )
}
