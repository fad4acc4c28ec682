//! What certificates say.

use std::{
    collections::BTreeMap,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use imagereview_core::facts::{CLAIMS, DistinguishedName, Refusal, RefusalCause};
use x509_parser::{
    certificate::X509Certificate, der_parser::asn1_rs::Any, extensions::GeneralName,
    prelude::FromDer as _, x509::X509Name,
};

use crate::{malformed::Malformed, public_key::PublicKey};

/// The arc of Fulcio's extensions. Source: [Fulcio, "Sigstore OID information"](https://github.com/sigstore/fulcio/blob/main/docs/oid-info.md).
const FULCIO: &str = "1.3.6.1.4.1.57264.1.";

/// A certificate that was parsed completely.
#[derive(Debug)]
pub(crate) struct Certificate<'a>(X509Certificate<'a>);

/// Whom an issuer of identities vouches for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Identity {
    pub(crate) issuer: Box<str>,
    pub(crate) subject: Box<str>,
    pub(crate) claims: BTreeMap<String, String>,
}

impl<'a> Certificate<'a> {
    /// Reads a certificate in DER.
    pub(crate) fn parse(der: &'a [u8]) -> Result<Self, Malformed> {
        match X509Certificate::from_der(der) {
            Ok(([], certificate)) if certificate.extensions_map().is_ok() => Ok(Self(certificate)),
            _ => Err(Malformed::new("its certificate can't be read")),
        }
    }

    /// Its key.
    pub(crate) fn key(&self) -> Result<PublicKey, Refusal> {
        PublicKey::from_spki(self.0.public_key().raw).map_err(|error| {
            let message = format!("the key of its certificate can't be used: {error}");
            Refusal::new(RefusalCause::Unsupported, message)
        })
    }

    /// Whether it may sign at all, and is not one of an authority.
    pub(crate) fn may_sign(&self) -> bool {
        let usage = self.0.key_usage().ok().flatten();
        let is_for_signatures = usage.is_some_and(|usage| usage.value.digital_signature());
        is_for_signatures && !self.0.is_ca()
    }

    /// When it expires.
    pub(crate) fn expires(&self) -> SystemTime {
        let seconds = u64::try_from(self.0.validity().not_after.timestamp()).unwrap_or(0);
        // No certificate can say a year after 9999, which fits.
        UNIX_EPOCH + Duration::from_secs(seconds)
    }

    /// Its subject.
    pub(crate) fn subject(&self) -> Result<DistinguishedName, Malformed> {
        distinguished_name(self.0.subject())
    }

    /// Its alternative names: e-mail addresses, URIs and hosts.
    pub(crate) fn names(&self) -> Vec<Box<str>> {
        let names = self.alternative_names().into_iter();
        let names = names.filter_map(|name| match name {
            GeneralName::RFC822Name(text) | GeneralName::URI(text) | GeneralName::DNSName(text) => {
                Some((*text).into())
            }
            _ => None,
        });
        names.collect()
    }

    fn alternative_names(&self) -> Vec<&GeneralName<'a>> {
        match self.0.subject_alternative_name() {
            Ok(Some(names)) => names.value.general_names.iter().collect(),
            _ => Vec::new(),
        }
    }

    /// Whom a certificate of Fulcio's is for.
    pub(crate) fn identity(&self) -> Result<Identity, Refusal> {
        let subject = match self.alternative_names()[..] {
            [GeneralName::RFC822Name(subject) | GeneralName::URI(subject)] => *subject,
            _ => {
                return Err(Refusal::new(
                    RefusalCause::Unsupported,
                    "its certificate must have one name: an e-mail address or a URI",
                ));
            }
        };
        // The newer extension, or the older one where that is not there.
        let issuer = match self.fulcio(8)? {
            Some(issuer) => Some(issuer),
            None => self.fulcio(1)?,
        };
        let Some(issuer) = issuer.filter(|issuer| !issuer.is_empty()) else {
            return Err(Refusal::new(
                RefusalCause::Unsupported,
                "its certificate does not say who vouches for the identity in it",
            ));
        };
        let mut claims = BTreeMap::new();
        for (name, number) in CLAIMS {
            if let Some(value) = self.fulcio(*number)? {
                claims.insert((*name).to_owned(), value.to_owned());
            }
        }
        Ok(Identity {
            issuer: issuer.into(),
            subject: subject.into(),
            claims,
        })
    }

    /// The text of one of Fulcio's extensions.
    fn fulcio(&self, number: u8) -> Result<Option<&str>, Malformed> {
        let id = format!("{FULCIO}{number}");
        let mut extensions = self.0.extensions().iter();
        let Some(extension) = extensions.find(|extension| extension.oid.to_id_string() == id)
        else {
            return Ok(None);
        };
        let bytes = extension.value;
        // The first ones are text as it is, and the others a string of ASN.1.
        let bytes = if number < 8 {
            bytes
        } else {
            match Any::from_der(bytes) {
                Ok(([], any)) if any.tag().0 == 12 => any.data,
                _ => {
                    return Err(Malformed::new(
                        "an extension of its certificate is not a UTF-8 string",
                    ));
                }
            }
        };
        std::str::from_utf8(bytes)
            .map(Some)
            .map_err(|_| Malformed::new("an extension of its certificate is not UTF-8"))
    }
}

/// The types of attributes that have a short name.
///
/// Source: [RFC 4514, section 3](https://www.rfc-editor.org/rfc/rfc4514#section-3), and the ones that OpenSSL and the
/// Notary Project call so.
const SHORT_NAMES: &[(&str, &str)] = &[
    ("2.5.4.3", "CN"),
    ("2.5.4.5", "SERIALNUMBER"),
    ("2.5.4.6", "C"),
    ("2.5.4.7", "L"),
    ("2.5.4.8", "ST"),
    ("2.5.4.9", "STREET"),
    ("2.5.4.10", "O"),
    ("2.5.4.11", "OU"),
    ("0.9.2342.19200300.100.1.1", "UID"),
    ("0.9.2342.19200300.100.1.25", "DC"),
    ("1.2.840.113549.1.9.1", "emailAddress"),
];

fn distinguished_name(name: &X509Name<'_>) -> Result<DistinguishedName, Malformed> {
    let attributes = name.iter_attributes().map(|attribute| {
        let id = attribute.attr_type().to_id_string();
        let short = SHORT_NAMES.iter().find(|(known, _)| *known == id);
        let kind = short.map_or(&*id, |(_, short)| short);
        let value = attribute.as_str().map_err(|_| {
            Malformed::new("the subject of its certificate has a value that is not UTF-8 text")
        })?;
        Ok((kind.into(), value.into()))
    });
    attributes.collect::<Result<_, _>>().map(DistinguishedName)
}
