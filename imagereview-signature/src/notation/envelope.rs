//! What both kinds of envelope hold.

use std::time::SystemTime;

use imagereview_core::facts::{Refusal, RefusalCause};
use jiff::Timestamp;

use crate::{
    certificate::Certificate,
    malformed::Malformed,
    public_key::{EnvelopeAlgorithm, PublicKey},
};

/// The type of the payload.
pub(super) const CONTENT_TYPE: &str = "application/vnd.cncf.notary.payload.v1+json";

/// The names of headers.
pub(super) const SCHEME: &str = "io.cncf.notary.signingScheme";
pub(super) const SIGNING_TIME: &str = "io.cncf.notary.signingTime";
pub(super) const AUTHENTIC_SIGNING_TIME: &str = "io.cncf.notary.authenticSigningTime";
pub(super) const EXPIRY: &str = "io.cncf.notary.expiry";

/// The most certificates of a chain.
pub(super) const MAX_CERTIFICATES: usize = 16;

/// An envelope, of which nothing is verified.
#[derive(Debug)]
pub(super) struct Envelope {
    pub(super) algorithm: EnvelopeAlgorithm,
    pub(super) scheme: Scheme,
    pub(super) expiry: Option<SystemTime>,
    pub(super) payload: Vec<u8>,
    /// The bytes that are signed.
    pub(super) signed: Vec<u8>,
    pub(super) signature: Vec<u8>,
    /// The one that signed, and those above it, in DER.
    pub(super) certificates: Vec<Vec<u8>>,
    /// A timestamp of the signature.
    pub(super) timestamp: Option<Vec<u8>>,
}

/// Who vouches for the time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scheme {
    /// Nobody does, unless there is a timestamp. The signer may say a time.
    Certificate { signed_at: Option<SystemTime> },
    /// The authority that signed.
    SigningAuthority { signed_at: SystemTime },
}

/// The headers that are signed.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Headers<'a> {
    pub(super) scheme: Option<&'a str>,
    pub(super) signing_time: Option<SystemTime>,
    pub(super) authentic_signing_time: Option<SystemTime>,
    pub(super) expiry: Option<SystemTime>,
}

impl Headers<'_> {
    /// What vouches for the time, if the headers that must be understood are those that are there.
    pub(super) fn scheme(&self, critical: &[&str]) -> Result<Scheme, Malformed> {
        let known = [
            (SCHEME, self.scheme.is_some()),
            (
                AUTHENTIC_SIGNING_TIME,
                self.authentic_signing_time.is_some(),
            ),
            (EXPIRY, self.expiry.is_some()),
        ];
        let mut listed = critical.iter();
        if !listed.all(|name| known.contains(&(*name, true))) {
            return Err(Malformed::new(
                "a header must be understood that is not known, or is not there",
            ));
        }
        let mut missing = known
            .iter()
            .filter(|(name, is_there)| *is_there && !critical.contains(name));
        if let Some((name, _)) = missing.next() {
            return Err(Malformed::new(format!(
                "the header {name} is not among those that must be understood"
            )));
        }
        match (self.scheme, self.signing_time, self.authentic_signing_time) {
            (Some("notary.x509"), signed_at, None) => Ok(Scheme::Certificate { signed_at }),
            (Some("notary.x509.signingAuthority"), None, Some(signed_at)) => {
                Ok(Scheme::SigningAuthority { signed_at })
            }
            _ => Err(Malformed::new(format!(
                "the header {SCHEME} is unknown, or does not fit the times"
            ))),
        }
    }
}

impl Envelope {
    /// Verifies the signature by the certificate's key. The algorithm is the key's: the envelope may only
    /// agree.
    pub(super) fn check_signature(&self, certificate: &Certificate<'_>) -> Result<(), Refusal> {
        let key: PublicKey = certificate.key()?;
        if key.envelope_algorithm() != Some(self.algorithm) {
            let message = "its algorithm is not the one that its key must be used with";
            return Err(Refusal::new(RefusalCause::Unsupported, message));
        }
        if key.has_signed_envelope(&self.signed, &self.signature) {
            return Ok(());
        }
        let message = "the signature does not fit what is signed";
        Err(Refusal::new(RefusalCause::BadSignature, message))
    }
}

/// A time of RFC 3339.
pub(super) fn time(text: &str) -> Result<SystemTime, Malformed> {
    let time = text.parse::<Timestamp>().and_then(SystemTime::try_from);
    time.map_err(|_| Malformed::new("a time is not one of RFC 3339"))
}

/// A time in seconds since 1970.
pub(super) fn seconds(seconds: i64) -> Result<SystemTime, Malformed> {
    let time = Timestamp::from_second(seconds).and_then(SystemTime::try_from);
    time.map_err(|_| Malformed::new("a time is out of range"))
}
