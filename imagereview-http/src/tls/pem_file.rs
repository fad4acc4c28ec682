//! Certificates in PEM files.

use std::{fs::File, path::Path};

use rustls_pki_types::{
    CertificateDer,
    pem::{self, PemObject},
};

/// Reads every certificate of a PEM file; none at all is an error.
pub(super) fn read_certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, pem::Error> {
    let certificates = CertificateDer::pem_reader_iter(File::open(path).map_err(pem::Error::Io)?)
        .collect::<Result<Vec<_>, _>>()?;
    if certificates.is_empty() {
        Err(pem::Error::NoItemsFound)
    } else {
        Ok(certificates)
    }
}
