//! Lists of revoked certificates.

use std::{path::Path, time::SystemTime};

use rustls_pki_types::{CertificateDer, CertificateRevocationListDer};
use x509_parser::{prelude::FromDer, revocation_list::CertificateRevocationList, x509::X509Name};

use super::{
    certificate::{parse, system_time},
    error::TlsError,
    pem_file,
};

/// The revocation lists of a file.
#[derive(Debug, Default)]
pub(super) struct Revocations {
    pub(super) lists: Vec<CertificateRevocationListDer<'static>>,
    /// When the first of them should have been replaced, where one says so.
    pub(super) next_update: Option<SystemTime>,
}

impl Revocations {
    /// Reads a file of lists. Each that has the name of a client CA must have its signature, and one
    /// of them must, since no client could connect otherwise.
    pub(super) fn read(
        path: &Path,
        authorities: &[CertificateDer<'static>],
    ) -> Result<Self, TlsError> {
        let lists: Vec<CertificateRevocationListDer<'static>> =
            pem_file::read_all(path).map_err(|source| TlsError::ClientCrl {
                path: path.to_owned(),
                source,
            })?;
        let authorities: Vec<_> = authorities
            .iter()
            .filter_map(|authority| parse(authority).ok())
            .collect();
        let mut covered = vec![false; authorities.len()];
        let mut next_update = None;
        for (number, list) in (1..).zip(&lists) {
            let unusable = |why: String| TlsError::UnusableClientCrl {
                path: path.to_owned(),
                number,
                why,
            };
            let (_, list) = CertificateRevocationList::from_der(list)
                .map_err(|_| unusable("it is damaged or no X.509 revocation list".to_owned()))?;
            let mut has_name = false;
            let mut has_signature = false;
            for (authority, covered) in authorities.iter().zip(&mut covered) {
                if authority.subject().as_raw() != list.issuer().as_raw() {
                    continue;
                }
                has_name = true;
                if list.verify_signature(authority.public_key()).is_ok() {
                    (has_signature, *covered) = (true, true);
                }
            }
            if has_name && !has_signature {
                let name = name(list.issuer());
                return Err(unusable(format!(
                    "its issuer {name} has the name of a client CA, but that has not signed it"
                )));
            }
            let end = list.next_update().map(system_time);
            next_update = [next_update, end].into_iter().flatten().min();
        }
        for (authority, covered) in authorities.iter().zip(&covered) {
            if !covered {
                let name = name(authority.subject());
                tracing::warn!(
                    name,
                    "{} has no revocation list of this client CA, so its clients are refused",
                    path.display()
                );
            }
        }
        if covered.contains(&true) {
            Ok(Self { lists, next_update })
        } else {
            Err(TlsError::ForeignClientCrl {
                path: path.to_owned(),
            })
        }
    }
}

/// The name of an issuer or subject, for a message.
fn name(name: &X509Name<'_>) -> String {
    format!("{:?}", name.to_string())
}
