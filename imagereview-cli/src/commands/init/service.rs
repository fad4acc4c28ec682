//! The Service by which an API server reaches a webhook inside its cluster.

use std::fmt;
use std::str::FromStr;

use imagereview_pki::{SubjectName, SubjectNameError};

/// A Service: its namespace and name, and its port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Service {
    namespace: String,
    name: String,
    port: u16,
    host: SubjectName,
}

/// Why a text names no Service.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ServiceError {
    #[error("write NAMESPACE/NAME or NAMESPACE/NAME:PORT")]
    Form,
    #[error(
        "{0:?} is not a name of a namespace or Service; write lower-case letters, digits and dashes, \
         with a letter or digit at each end"
    )]
    Label(String),
    #[error("a certificate can't hold the host of this Service: {0}")]
    Name(SubjectNameError),
    #[error("its port must be a number from 1 to 65535")]
    Port,
}

impl Service {
    pub(super) fn namespace(&self) -> &str {
        &self.namespace
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn port(&self) -> u16 {
        self.port
    }

    /// The name that the API server expects in the certificate: `<name>.<namespace>.svc`.
    pub(super) fn host(&self) -> &SubjectName {
        &self.host
    }
}

/// Source: RFC 1123, section 2.1, as Kubernetes takes it.
fn is_label(text: &str) -> bool {
    let in_label = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    let ends = text.starts_with('-') || text.ends_with('-');
    (1..=63).contains(&text.len()) && text.chars().all(in_label) && !ends
}

impl FromStr for Service {
    type Err = ServiceError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (namespace, rest) = text.split_once('/').ok_or(ServiceError::Form)?;
        let (name, port) = match rest.split_once(':') {
            None => (rest, 443),
            Some((name, port)) => {
                let port: u16 = port.parse().map_err(|_| ServiceError::Port)?;
                (name, port)
            }
        };
        if port == 0 {
            return Err(ServiceError::Port);
        }
        if name.contains('/') {
            return Err(ServiceError::Form);
        }
        for label in [namespace, name] {
            if !is_label(label) {
                return Err(ServiceError::Label(label.to_owned()));
            }
        }
        let host = format!("{name}.{namespace}.svc");
        Ok(Self {
            host: host.parse().map_err(ServiceError::Name)?,
            namespace: namespace.to_owned(),
            name: name.to_owned(),
            port,
        })
    }
}

impl fmt::Display for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}:{}", self.namespace, self.name, self.port)
    }
}
