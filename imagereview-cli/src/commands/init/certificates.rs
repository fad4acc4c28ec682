//! The certificates that are written.

use std::{fs, path::Path, time::SystemTime};

use imagereview_pki::{
    CertificateAuthority, Identity, Validity,
    files::{NewFile, Secrecy},
};
use time::{Date, OffsetDateTime};

use super::{
    args::InitArgs,
    error::InitError,
    file_names::{
        CA_CERTIFICATE, CA_KEY, CLIENT_CERTIFICATE, CLIENT_KEY, SERVER_CERTIFICATE, SERVER_KEY,
    },
    service::Service,
};

/// The authority and what it issued for this set of files.
pub(super) struct Certificates {
    pub(super) authority: CertificateAuthority,
    /// Whether the authority was made for this set, so that its key has to be written.
    authority_is_new: bool,
    server: Identity,
    client: Identity,
}

impl Certificates {
    pub(super) fn issue(args: &InitArgs, now: SystemTime) -> Result<Self, InitError> {
        let given = args.ca_cert.as_deref().zip(args.ca_key.as_deref());
        let authority = match given {
            Some((certificate, key)) => {
                CertificateAuthority::from_pem(&read(certificate)?, &read(key)?)?
            }
            None => CertificateAuthority::generate(&authority_name(now), now, Validity::AUTHORITY)?,
        };
        let mut names = vec![args.server.host().clone()];
        let service = args.service.as_ref().map(Service::host);
        for name in service.into_iter().chain(&args.subject_names) {
            if !names.contains(name) {
                names.push(name.clone());
            }
        }
        Ok(Self {
            server: authority.issue_server("imagereview", &names, now, args.days)?,
            client: authority.issue_client("kube-apiserver", None, now, args.days)?,
            authority_is_new: given.is_none(),
            authority,
        })
    }

    pub(super) fn files(&self, folder: &Path) -> Vec<NewFile> {
        let certificate = |name, pem: &str| NewFile::new(folder.join(name), pem, Secrecy::Public);
        let key = |name, pem: &str| NewFile::new(folder.join(name), pem, Secrecy::Secret);
        let mut files = vec![certificate(
            CA_CERTIFICATE,
            self.authority.certificate_pem(),
        )];
        if self.authority_is_new {
            files.push(key(CA_KEY, self.authority.key_pem()));
        }
        files.extend([
            certificate(SERVER_CERTIFICATE, self.server.certificate_pem()),
            key(SERVER_KEY, self.server.key_pem()),
            certificate(CLIENT_CERTIFICATE, self.client.certificate_pem()),
            key(CLIENT_KEY, self.client.key_pem()),
        ]);
        files
    }

    /// The last day on which all certificates are valid.
    pub(super) fn end(&self) -> Date {
        let end = self.server.not_after().min(self.client.not_after());
        OffsetDateTime::from(end).date()
    }
}

/// Each authority has a name of its own. A client that shows a certificate of another run is then
/// told that its authority is unknown, rather than that a signature is wrong.
fn authority_name(now: SystemTime) -> String {
    let now = OffsetDateTime::from(now);
    let (date, time) = (now.date(), now.time());
    let (hour, minute, second) = time.as_hms();
    format!(
        "imagereview authority of {date} {hour:02}:{minute:02}:{second:02}.{:09}",
        now.nanosecond()
    )
}

fn read(path: &Path) -> Result<String, InitError> {
    fs::read_to_string(path).map_err(|cause| InitError::Read {
        path: path.to_owned(),
        cause,
    })
}
