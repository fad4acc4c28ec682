//! TLS handshakes that failed, by cause.

use std::io;

use rustls::{AlertDescription, CertificateError, Error};

/// Why a connection did not get past the TLS handshake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum HandshakeFailure {
    /// The client closed the connection: a probe of the port, most often.
    BrokenOff,
    /// It was not finished in time.
    Timeout,
    /// It was closed to make room for others.
    Evicted,
    /// What came is no TLS.
    NotTls,
    /// Client and server have no TLS version, cipher suite or protocol in common.
    NothingInCommon,
    /// The client showed no certificate.
    NoClientCertificate,
    /// The client's certificate is out of its time.
    ClientCertificateExpired,
    /// The client's certificate is from another authority, or not made for clients.
    ClientCertificateInvalid,
    /// The client's certificate is valid, but its name is not on the list.
    ClientNotListed,
    /// The client refuses the server's certificate.
    ServerCertificateRefused,
    /// Anything else.
    Other,
}

impl HandshakeFailure {
    /// All of them; each stands at its own index.
    pub(crate) const ALL: [Self; 11] = [
        Self::BrokenOff,
        Self::Timeout,
        Self::Evicted,
        Self::NotTls,
        Self::NothingInCommon,
        Self::NoClientCertificate,
        Self::ClientCertificateExpired,
        Self::ClientCertificateInvalid,
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
            Self::ClientNotListed => "client_not_listed",
            Self::ServerCertificateRefused => "server_certificate_refused",
            Self::Other => "other",
        }
    }
}

impl From<&io::Error> for HandshakeFailure {
    fn from(error: &io::Error) -> Self {
        use AlertDescription as Alert;

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
                _ => Self::ClientCertificateInvalid,
            },
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
