//! TLS handshakes that failed, by cause.

use std::io;

use rustls::{AlertDescription, CertificateError, Error, OtherError};

use super::client_verifier::ClientCaExpired;

/// Why a connection did not get past the TLS handshake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum HandshakeFailure {
    /// The client closed the connection: a probe of the port, most often.
    BrokenOff,
    /// It was not finished in time.
    Timeout,
    /// It was evicted, since others needed its slot.
    Evicted,
    /// What came is not TLS.
    NotTls,
    /// Client and server have no TLS version, cipher suite or protocol in common.
    NothingInCommon,
    /// The client showed no certificate.
    NoClientCertificate,
    /// The client's certificate has expired or is not valid yet.
    ClientCertificateExpired,
    /// The client's certificate is from another authority, or not made for clients.
    ClientCertificateInvalid,
    /// The client CA that issued the client's certificate has expired.
    ClientCaExpired,
    /// The client's certificate, or one of its chain, was revoked.
    ClientCertificateRevoked,
    /// No revocation list tells whether the client's certificate was revoked.
    ClientRevocationUnknown,
    /// The client's certificate has a key or signature of a kind that is not supported.
    ClientCertificateUnsupported,
    /// The client's certificate is valid, but its name is not on the list.
    ClientNotListed,
    /// The client refuses the server's certificate.
    ServerCertificateRefused,
    /// Anything else.
    Other,
}

impl HandshakeFailure {
    /// All of them, each at its own index.
    pub(crate) const ALL: [Self; 15] = [
        Self::BrokenOff,
        Self::Timeout,
        Self::Evicted,
        Self::NotTls,
        Self::NothingInCommon,
        Self::NoClientCertificate,
        Self::ClientCertificateExpired,
        Self::ClientCertificateInvalid,
        Self::ClientCaExpired,
        Self::ClientCertificateRevoked,
        Self::ClientRevocationUnknown,
        Self::ClientCertificateUnsupported,
        Self::ClientNotListed,
        Self::ServerCertificateRefused,
        Self::Other,
    ];

    /// The name in metrics.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::BrokenOff => "broken_off",
            Self::Timeout => "timeout",
            Self::Evicted => "evicted",
            Self::NotTls => "not_tls",
            Self::NothingInCommon => "nothing_in_common",
            Self::NoClientCertificate => "no_client_certificate",
            Self::ClientCertificateExpired => "client_certificate_expired",
            Self::ClientCertificateInvalid => "client_certificate_invalid",
            Self::ClientCaExpired => "client_ca_expired",
            Self::ClientCertificateRevoked => "client_certificate_revoked",
            Self::ClientRevocationUnknown => "client_revocation_unknown",
            Self::ClientCertificateUnsupported => "client_certificate_unsupported",
            Self::ClientNotListed => "client_not_listed",
            Self::ServerCertificateRefused => "server_certificate_refused",
            Self::Other => "other",
        }
    }
}

impl HandshakeFailure {
    /// What went wrong, and what to do about it.
    pub(crate) fn explanation(self) -> &'static str {
        match self {
            Self::BrokenOff => "the client closed the connection",
            Self::Timeout => "the client did not finish it in time",
            Self::Evicted => "others needed the slot",
            Self::NotTls => "the client does not speak TLS; connect by https",
            Self::NothingInCommon => {
                "client and server share no TLS version, cipher suite or protocol; the server has \
                 TLS 1.2 and 1.3, HTTP/2 and HTTP/1.1"
            }
            Self::NoClientCertificate => {
                "the client sent no certificate; give it one that the client CA issued"
            }
            Self::ClientCertificateExpired => {
                "the client's certificate has expired or is not valid yet; renew it, and compare the clocks"
            }
            Self::ClientCertificateInvalid => {
                "the client's certificate is from another authority than the client CA, or not for \
                 clients; give the client one that the client CA issued"
            }
            Self::ClientCaExpired => {
                "the client CA that issued the client's certificate has expired; give --client-ca its \
                 successor, and the client a certificate of that"
            }
            Self::ClientCertificateRevoked => {
                "the client's certificate was revoked; give the client a new one"
            }
            Self::ClientRevocationUnknown => {
                "no list in --client-crl tells whether the client's certificate was revoked; add the list of \
                 each authority above it"
            }
            Self::ClientCertificateUnsupported => {
                "the client's certificate has a key or signature of a kind that is not supported; give the \
                 client one with a key of RSA, ECDSA P-256 or P-384, or Ed25519"
            }
            Self::ClientNotListed => {
                "the client's certificate has none of the names that may connect; see --client-name"
            }
            Self::ServerCertificateRefused => {
                "the client refuses the server's certificate; give the client the CA that issued it"
            }
            Self::Other => "the TLS library refuses what the client sent",
        }
    }
}

impl From<&io::Error> for HandshakeFailure {
    fn from(error: &io::Error) -> Self {
        let Some(error) = error
            .get_ref()
            .and_then(|error| error.downcast_ref::<Error>())
        else {
            return match error.kind() {
                io::ErrorKind::UnexpectedEof
                | io::ErrorKind::ConnectionReset
                | io::ErrorKind::BrokenPipe => Self::BrokenOff,
                _ => Self::Other,
            };
        };
        Self::from(error)
    }
}

impl From<&Error> for HandshakeFailure {
    fn from(error: &Error) -> Self {
        use AlertDescription as Alert;

        match error {
            Error::InvalidMessage(_) => Self::NotTls,
            Error::PeerIncompatible(_) | Error::NoApplicationProtocol => Self::NothingInCommon,
            Error::NoCertificatesPresented => Self::NoClientCertificate,
            Error::InvalidCertificate(error) => match error {
                CertificateError::Expired
                | CertificateError::ExpiredContext { .. }
                | CertificateError::NotValidYet
                | CertificateError::NotValidYetContext { .. } => Self::ClientCertificateExpired,
                CertificateError::ApplicationVerificationFailure => Self::ClientNotListed,
                CertificateError::Revoked => Self::ClientCertificateRevoked,
                CertificateError::UnknownRevocationStatus => Self::ClientRevocationUnknown,
                CertificateError::UnsupportedSignatureAlgorithmContext { .. }
                | CertificateError::UnsupportedSignatureAlgorithmForPublicKeyContext { .. } => {
                    Self::ClientCertificateUnsupported
                }
                CertificateError::Other(OtherError(error)) if error.is::<ClientCaExpired>() => {
                    Self::ClientCaExpired
                }
                _ => Self::ClientCertificateInvalid,
            },
            Error::InvalidCertRevocationList(_) => Self::ClientRevocationUnknown,
            Error::AlertReceived(
                Alert::BadCertificate
                | Alert::UnsupportedCertificate
                | Alert::CertificateRevoked
                | Alert::CertificateExpired
                | Alert::CertificateUnknown
                | Alert::UnknownCA,
            ) => Self::ServerCertificateRefused,
            _ => Self::Other,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use rustls::{CertRevocationListError, InvalidMessage, PeerIncompatible, PeerMisbehaved};

    use super::{HandshakeFailure as Failure, *};

    #[test]
    fn each_error_of_the_library_has_a_cause() {
        let rows = [
            (
                Error::InvalidMessage(InvalidMessage::InvalidContentType),
                Failure::NotTls,
            ),
            (
                Error::PeerIncompatible(PeerIncompatible::NoCipherSuitesInCommon),
                Failure::NothingInCommon,
            ),
            (Error::NoApplicationProtocol, Failure::NothingInCommon),
            (Error::NoCertificatesPresented, Failure::NoClientCertificate),
            (
                CertificateError::Expired.into(),
                Failure::ClientCertificateExpired,
            ),
            (
                CertificateError::NotValidYet.into(),
                Failure::ClientCertificateExpired,
            ),
            (
                CertificateError::UnknownIssuer.into(),
                Failure::ClientCertificateInvalid,
            ),
            (
                CertificateError::ApplicationVerificationFailure.into(),
                Failure::ClientNotListed,
            ),
            (
                CertificateError::Revoked.into(),
                Failure::ClientCertificateRevoked,
            ),
            (
                CertificateError::UnknownRevocationStatus.into(),
                Failure::ClientRevocationUnknown,
            ),
            (
                CertRevocationListError::BadSignature.into(),
                Failure::ClientRevocationUnknown,
            ),
            (
                CertificateError::Other(OtherError(Arc::new(ClientCaExpired))).into(),
                Failure::ClientCaExpired,
            ),
            (
                CertificateError::UnsupportedSignatureAlgorithmContext {
                    signature_algorithm_id: Vec::new(),
                    supported_algorithms: Vec::new(),
                }
                .into(),
                Failure::ClientCertificateUnsupported,
            ),
            (
                Error::AlertReceived(AlertDescription::UnknownCA),
                Failure::ServerCertificateRefused,
            ),
            (
                Error::PeerMisbehaved(PeerMisbehaved::TooMuchEarlyDataReceived),
                Failure::Other,
            ),
        ];
        for (error, failure) in rows {
            let named = format!("{error:?}");
            let error = io::Error::new(io::ErrorKind::InvalidData, error);
            assert_eq!(Failure::from(&error), failure, "{named}");
        }
        let closed = io::Error::from(io::ErrorKind::UnexpectedEof);
        assert_eq!(Failure::from(&closed), Failure::BrokenOff);
    }

    #[test]
    fn each_failure_has_its_own_explanation() {
        let mut explanations = Failure::ALL.map(Failure::explanation).to_vec();
        explanations.sort_unstable();
        explanations.dedup();
        assert_eq!(explanations.len(), Failure::ALL.len());
    }
}
