//! The certificates of a run, and the clients that use them.

use std::{
    fs,
    net::{IpAddr, Ipv4Addr},
    path::{Path, PathBuf},
    sync::Arc,
    time::SystemTime,
};

use imagereview_pki::{
    CertificateAuthority, SubjectName, Validity,
    files::{NewFile, Overwrite, Secrecy, write_all},
};
use rustls::{
    ClientConfig, DigitallySignedStruct, Error as TlsError, RootCertStore, SignatureScheme,
    client::{
        Resumption,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    },
    crypto::{CryptoProvider, ring},
};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime, pem::PemObject};

use super::{Error, protocol::Protocol};

/// Where servers listen.
pub(super) const HOST: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// An authority, and a certificate of it for each side.
#[derive(Debug)]
pub struct Credentials {
    /// The authority's certificate, in PEM.
    pub(super) ca: PathBuf,
    /// The server's certificate, in PEM.
    pub(super) server_certificate: PathBuf,
    /// The server's key, in PEM.
    pub(super) server_key: PathBuf,
    roots: Arc<RootCertStore>,
    server: CertificateDer<'static>,
    client: CertificateDer<'static>,
    client_key: PrivateKeyDer<'static>,
}

impl Credentials {
    /// Creates all of them, and writes the files of a server to the folder.
    ///
    /// # Errors
    ///
    /// They can't be created or written.
    pub fn make(folder: &Path) -> Result<Self, Error> {
        let now = SystemTime::now();
        let authority = CertificateAuthority::generate("benches", now, Validity::AUTHORITY)?;
        let names = [SubjectName::Ip(HOST)];
        let server = authority.issue_server("webhook", &names, now, Validity::LEAF)?;
        let client = authority.issue_client("kube-apiserver", None, now, Validity::LEAF)?;
        let [ca, server_certificate, server_key] =
            ["ca.crt", "server.crt", "server.key"].map(|name| folder.join(name));
        let certificate = |pem: &str| CertificateDer::from_pem_slice(pem.as_bytes());
        fs::create_dir_all(folder)?;
        write_all(
            &[
                NewFile::new(&ca, authority.certificate_pem(), Secrecy::Public),
                NewFile::new(
                    &server_certificate,
                    server.certificate_pem(),
                    Secrecy::Public,
                ),
                NewFile::new(&server_key, server.key_pem(), Secrecy::Secret),
            ],
            Overwrite::Replace,
        )?;
        let mut roots = RootCertStore::empty();
        roots.add(certificate(authority.certificate_pem())?)?;
        Ok(Self {
            ca,
            server_certificate,
            server_key,
            roots: Arc::new(roots),
            server: certificate(server.certificate_pem())?,
            client: certificate(client.certificate_pem())?,
            client_key: PrivateKeyDer::from_pem_slice(client.key_pem().as_bytes())?,
        })
    }

    /// A client that verifies the server completely.
    pub(super) fn strict_client(&self, protocol: Protocol) -> Result<ClientConfig, TlsError> {
        let builder = ClientConfig::builder_with_provider(Arc::new(provider()))
            .with_protocol_versions(&[&rustls::version::TLS13])?
            .with_root_certificates(Arc::clone(&self.roots));
        let config = builder
            .with_client_auth_cert(vec![self.client.clone()], self.client_key.clone_key())?;
        Ok(speaking(protocol, config))
    }

    /// A client that only compares the server's certificate with the one that was created here. It
    /// verifies no signature: that would cost it more than the server's side of a handshake.
    pub(super) fn quick_client(&self, protocol: Protocol) -> Result<ClientConfig, TlsError> {
        let builder = ClientConfig::builder_with_provider(Arc::new(provider()))
            .with_protocol_versions(&[&rustls::version::TLS13])?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(SameCertificate(self.server.clone())));
        let config = builder
            .with_client_auth_cert(vec![self.client.clone()], self.client_key.clone_key())?;
        Ok(speaking(protocol, config))
    }
}

fn speaking(protocol: Protocol, mut config: ClientConfig) -> ClientConfig {
    config.alpn_protocols = vec![protocol.alpn().to_vec()];
    config.resumption = Resumption::disabled();
    config
}

/// The algorithms on which an API server and each contender agree, so that all use the same.
fn provider() -> CryptoProvider {
    CryptoProvider {
        cipher_suites: vec![ring::cipher_suite::TLS13_AES_128_GCM_SHA256],
        kx_groups: vec![ring::kx_group::X25519],
        ..ring::default_provider()
    }
}

/// Accepts one certificate only, and verifies no signature.
#[derive(Debug)]
struct SameCertificate(CertificateDer<'static>);

impl ServerCertVerifier for SameCertificate {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, TlsError> {
        if *end_entity == self.0 {
            Ok(ServerCertVerified::assertion())
        } else {
            Err(TlsError::General("this is another server".to_owned()))
        }
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _cert: &CertificateDer<'_>,
        _dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _message: &[u8],
        _cert: &CertificateDer<'_>,
        _dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![SignatureScheme::ECDSA_NISTP256_SHA256]
    }
}
