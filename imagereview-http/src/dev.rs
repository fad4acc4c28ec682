//! Starting without any configuration: a certificate authority in a folder, and a command that sends
//! the server a request.

use std::{
    fs, io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    path::{self, Path, PathBuf},
    time::SystemTime,
};

use imagereview_http::{IMAGE_POLICY_PATH, ServerIdentity};
use imagereview_pki::{
    CertificateAuthority, PkiError, SubjectName, Validity,
    files::{self, FilesError, NewFile, Overwrite, Secrecy},
};
use rustls_pki_types::{
    CertificateDer, PrivateKeyDer,
    pem::{self, PemObject},
};

/// What the printed command sends: a review of `nginx`, which means `nginx:latest`. It is denied.
const SAMPLE: &str = r#"{"apiVersion":"imagepolicy.k8s.io/v1alpha1","kind":"ImageReview","spec":{"containers":[{"image":"nginx"}]}}"#;

/// A certificate authority that lasts from one start to the next, so that clients which trust it go
/// on doing so. The server's own certificate is issued at each start and never stored.
pub(crate) struct DevelopmentPki {
    authority: CertificateAuthority,
    /// Absolute, so that a command with it works in any folder.
    certificate_path: PathBuf,
}

/// Why there is no such authority.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DevelopmentPkiError {
    #[error("cannot find the folder {}: {source}", folder.display())]
    Folder { folder: PathBuf, source: io::Error },
    #[error("cannot read {}: {source}; {advice}", path.display(), advice = advice(path))]
    Read { path: PathBuf, source: io::Error },
    #[error("cannot use the certificate authority in {}: {source}; {advice}", path.display(), advice = advice(path))]
    Authority { path: PathBuf, source: PkiError },
    #[error(transparent)]
    Write(#[from] FilesError),
    #[error("cannot make certificates: {0}")]
    Generate(#[from] PkiError),
    #[error("cannot read the certificate that was just made: {0}")]
    Pem(#[from] pem::Error),
}

fn advice(path: &Path) -> String {
    let folder = path.parent().unwrap_or(path).display();
    format!(
        "delete {folder} to have a new one made at the next start, or give --tls-cert and --tls-key"
    )
}

impl DevelopmentPki {
    /// Takes the authority in `folder`; makes one there if there is none or its time is over.
    pub(crate) fn open(folder: &Path, now: SystemTime) -> Result<Self, DevelopmentPkiError> {
        let folder = path::absolute(folder).map_err(|source| DevelopmentPkiError::Folder {
            folder: folder.to_owned(),
            source,
        })?;
        let (certificate_path, key_path) = (folder.join("ca.crt"), folder.join("ca.key"));
        let overwrite = match (read(&certificate_path)?, read(&key_path)?) {
            (Some(certificate), Some(key)) => {
                let authority =
                    CertificateAuthority::from_pem(&certificate, &key).map_err(|source| {
                        DevelopmentPkiError::Authority {
                            path: certificate_path.clone(),
                            source,
                        }
                    })?;
                if authority.not_after() > now {
                    return Ok(Self {
                        authority,
                        certificate_path,
                    });
                }
                tracing::warn!(
                    "the certificate authority in {} has expired; making a new one",
                    folder.display()
                );
                Overwrite::Replace
            }
            (None, None) => Overwrite::Refuse,
            (None, Some(_)) => return Err(missing(certificate_path)),
            (Some(_), None) => return Err(missing(key_path)),
        };
        let authority =
            CertificateAuthority::generate("imagereview development CA", now, Validity::AUTHORITY)?;
        files::write_all(
            &[
                NewFile::new(
                    &certificate_path,
                    authority.certificate_pem(),
                    Secrecy::Public,
                ),
                NewFile::new(&key_path, authority.key_pem(), Secrecy::Secret),
            ],
            overwrite,
        )?;
        Ok(Self {
            authority,
            certificate_path,
        })
    }

    /// A certificate for this machine's loopback names and for the address that is listened on.
    pub(crate) fn issue(
        &self,
        listen: IpAddr,
        now: SystemTime,
    ) -> Result<ServerIdentity, DevelopmentPkiError> {
        let mut names = vec![
            SubjectName::Dns("localhost".to_owned()),
            SubjectName::Ip(Ipv4Addr::LOCALHOST.into()),
            SubjectName::Ip(Ipv6Addr::LOCALHOST.into()),
        ];
        if !listen.is_unspecified() && !listen.is_loopback() {
            names.push(SubjectName::Ip(listen));
        }
        let identity =
            self.authority
                .issue_server("imagereview-http", &names, now, Validity::LEAF)?;
        Ok(ServerIdentity::Memory {
            chain: vec![CertificateDer::from_pem_slice(
                identity.certificate_pem().as_bytes(),
            )?],
            key: PrivateKeyDer::from_pem_slice(identity.key_pem().as_bytes())?,
        })
    }

    /// What the user reads once the server listens.
    pub(crate) fn hint(&self, address: SocketAddr) -> String {
        format!(
            "Serving with a certificate authority made for trying this out: {}\n\
             Send it a request from another terminal:\n\n  {}\n",
            self.certificate_path.display(),
            self.curl(address)
        )
    }

    /// A command for a POSIX shell.
    fn curl(&self, address: SocketAddr) -> String {
        let host = match address.ip() {
            ip if !ip.is_unspecified() => ip,
            IpAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
            IpAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
        };
        let url = format!(
            "https://{}{IMAGE_POLICY_PATH}",
            SocketAddr::new(host, address.port())
        );
        let certificate_path = self.certificate_path.to_string_lossy();
        let host = host.to_string();
        // A proxy that the environment names could not reach this machine's loopback interface.
        let words = ["curl", "--noproxy", &host, "--cacert", &certificate_path]
            .into_iter()
            .chain([
                "--header",
                "Content-Type: application/json",
                "--data",
                SAMPLE,
                &url,
            ]);
        shlex::try_join(words).expect("neither a path nor an address holds a NUL")
    }
}

/// The file's text; `None` if there is no such file.
fn read(path: &Path) -> Result<Option<String>, DevelopmentPkiError> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(DevelopmentPkiError::Read {
            path: path.to_owned(),
            source,
        }),
    }
}

fn missing(path: PathBuf) -> DevelopmentPkiError {
    DevelopmentPkiError::Read {
        path,
        source: io::ErrorKind::NotFound.into(),
    }
}
