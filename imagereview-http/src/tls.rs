//! TLS: the server's certificate and key, the client CAs, and what they must satisfy.

mod certificate;
mod client_verifier;
mod clients;
mod current;
mod error;
mod explain;
mod handshake;
mod identity;
mod named_clients;
mod pem_file;
mod public_key;
mod revocation;

pub(crate) use self::{
    certificate::{Names, Validity},
    clients::{ClientTrust, client_authorities},
    current::{ALPN_H2, Generation, Tls},
    handshake::HandshakeFailure,
    identity::certificates,
};
pub use self::{error::TlsError, pem_file::PemFileError};
