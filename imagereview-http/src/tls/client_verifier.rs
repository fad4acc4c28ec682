//! Verifying the certificates of clients by the client CAs that are valid at the time.
//!
//! To the TLS library a trusted authority has no end: it takes only the name and the key from its
//! certificate (RFC 5280, section 6.1.1). So the end is kept here.

use std::{
    error::Error as StdError,
    fmt,
    sync::Arc,
    time::{Duration, SystemTime},
};

use arc_swap::ArcSwap;
use rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, Error, OtherError, RootCertStore,
    SignatureScheme,
    client::danger::HandshakeSignatureValid,
    crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature},
    server::{
        VerifierBuilderError, WebPkiClientVerifier,
        danger::{ClientCertVerified, ClientCertVerifier},
    },
};
use rustls_pki_types::{CertificateDer, CertificateRevocationListDer, UnixTime};

use super::certificate::Validity;

/// Accepts the certificates that a client CA issued which is valid at the time of the handshake.
#[derive(Debug)]
pub(super) struct CurrentAuthorities {
    authorities: Vec<CertificateDer<'static>>,
    revocations: Vec<CertificateRevocationListDer<'static>>,
    provider: Arc<CryptoProvider>,
    hints: Vec<DistinguishedName>,
    current: ArcSwap<Period>,
}

/// A time in which no client CA expires, and what holds in it.
#[derive(Debug)]
struct Period {
    /// The last moment before it, unless it has no beginning.
    after: Option<SystemTime>,
    /// Its last moment, unless it has no end.
    until: Option<SystemTime>,
    /// By the authorities that have not expired; `None` if all have.
    valid: Option<Arc<dyn ClientCertVerifier>>,
    /// By those that have, to tell a client of theirs why it is refused.
    expired: Option<Arc<dyn ClientCertVerifier>>,
}

/// The client CA that issued a client's certificate has expired.
#[derive(Debug)]
pub(super) struct ClientCaExpired;

impl fmt::Display for ClientCaExpired {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the client CA that issued the client's certificate has expired")
    }
}

impl StdError for ClientCaExpired {}

impl CurrentAuthorities {
    /// Each authority must be one that [`RootCertStore::add`] takes.
    pub(super) fn new(
        authorities: Vec<CertificateDer<'static>>,
        revocations: Vec<CertificateRevocationListDer<'static>>,
        provider: Arc<CryptoProvider>,
        now: SystemTime,
    ) -> Result<Self, VerifierBuilderError> {
        let period = Period::at(now, &authorities, &revocations, &provider)?;
        Ok(Self {
            hints: roots(&authorities).subjects(),
            authorities,
            revocations,
            provider,
            current: ArcSwap::from_pointee(period),
        })
    }

    /// What holds now. It is made anew only when an authority has expired since, or when the clock was
    /// put back.
    fn period(&self, now: SystemTime) -> Result<Arc<Period>, Error> {
        let current = self.current.load_full();
        if current.holds(now) {
            return Ok(current);
        }
        let period = Period::at(now, &self.authorities, &self.revocations, &self.provider)
            .map_err(|error| Error::General(error.to_string()))?;
        let period = Arc::new(period);
        self.current.store(Arc::clone(&period));
        Ok(period)
    }
}

impl Period {
    fn at(
        now: SystemTime,
        authorities: &[CertificateDer<'static>],
        revocations: &[CertificateRevocationListDer<'static>],
        provider: &Arc<CryptoProvider>,
    ) -> Result<Self, VerifierBuilderError> {
        let (expired, valid): (Vec<_>, Vec<_>) = authorities
            .iter()
            .cloned()
            .partition(|authority| Validity::has_expired(authority, now));
        let ends = |of: &[CertificateDer<'static>]| {
            of.iter()
                .filter_map(|authority| Validity::of_all([authority]))
                .map(|validity| validity.not_after)
                .collect::<Vec<_>>()
        };
        let verifier = |of: &[_], revocations: &[CertificateRevocationListDer<'static>]| {
            if of.is_empty() {
                return Ok(None);
            }
            let roots = Arc::new(roots(of));
            WebPkiClientVerifier::builder_with_provider(roots, Arc::clone(provider))
                .with_crls(revocations.iter().cloned())
                .build()
                .map(Some)
        };
        Ok(Self {
            after: ends(&expired).into_iter().max(),
            until: ends(&valid).into_iter().min(),
            valid: verifier(&valid, revocations)?,
            expired: verifier(&expired, &[])?,
        })
    }

    fn holds(&self, now: SystemTime) -> bool {
        self.after.is_none_or(|after| after < now) && self.until.is_none_or(|until| now <= until)
    }
}

/// Authorities that can be read; all can, since they were added before.
fn roots(authorities: &[CertificateDer<'static>]) -> RootCertStore {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(authorities.iter().cloned());
    roots
}

impl ClientCertVerifier for CurrentAuthorities {
    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        let time = SystemTime::UNIX_EPOCH + Duration::from_secs(now.as_secs());
        let period = self.period(time)?;
        let verify = |verifier: &Arc<dyn ClientCertVerifier>| {
            verifier.verify_client_cert(end_entity, intermediates, now)
        };
        let refused = match period.valid.as_ref().map(verify) {
            Some(Ok(verified)) => return Ok(verified),
            Some(Err(error)) => error,
            None => CertificateError::UnknownIssuer.into(),
        };
        // An authority's successor may have its name, but not its key.
        let is_of_another = matches!(
            refused,
            Error::InvalidCertificate(
                CertificateError::UnknownIssuer | CertificateError::BadSignature
            )
        );
        if is_of_another
            && period
                .expired
                .as_ref()
                .map(verify)
                .is_some_and(|v| v.is_ok())
        {
            return Err(CertificateError::Other(OtherError(Arc::new(ClientCaExpired))).into());
        }
        Err(refused)
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &self.hints
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, cert, dss, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, cert, dss, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider
            .signature_verification_algorithms
            .supported_schemes()
    }
}
