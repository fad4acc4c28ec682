//! Objects of the API server, got one at a time.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderValue, Request, StatusCode, header};
use http_body_util::Full;
use rustls_pki_types::{CertificateDer, pem::PemObject};
use tokio::time::Instant;

use super::PullSecretsError;
use crate::{
    address::AddressRange,
    error::AskError,
    file::FileError,
    http::{Transport, TrustRoots, USER_AGENT, discard, read_body},
};

/// How long the API server may take to answer.
const TIMEOUT: Duration = Duration::from_secs(3);

/// The most bytes of an object. etcd takes 1.5 MiB of a request, and base64 makes a third more of a
/// Secret's data.
const MAX_BYTES: usize = 3 << 20;

/// The most bytes of a token.
const MAX_TOKEN: u64 = 64 << 10;

/// Why an object can't be read, in words that follow its name in brackets.
#[derive(Debug, thiserror::Error)]
pub(super) enum ApiError {
    #[error("which does not exist")]
    Absent,
    #[error("which the webhook's service account may not get; grant it the verb get")]
    Forbidden,
    #[error("the API server does not take the webhook's token")]
    Unauthorized,
    #[error("the API server failed with status {0}")]
    Status(u16),
    #[error("the token of the webhook's service account can't be read")]
    Token,
    #[error(
        "the API server's certificate is not from its authority in the service account's ca.crt, or not for its \
         address"
    )]
    Tls,
    #[error("{0}")]
    Ask(AskError),
}

/// The API server, asked as a service account.
#[derive(Debug)]
pub(super) struct ApiServer {
    authority: Box<str>,
    token: PathBuf,
    transport: Transport,
}

impl ApiServer {
    pub(super) fn open(host: &str, port: u16, folder: &Path) -> Result<Self, PullSecretsError> {
        let host = match host.parse() {
            Ok(std::net::Ipv6Addr { .. }) => format!("[{host}]"),
            Err(_) => host.to_owned(),
        };
        let authority = format!("{host}:{port}");
        if authority.parse::<http::uri::Authority>().is_err() {
            return Err(PullSecretsError::NotInCluster {
                variable: "KUBERNETES_SERVICE_HOST",
                what: "host",
            });
        }
        let path = folder.join("ca.crt");
        let pem = fs::read(&path)
            .map_err(|error| FileError::new(&path, format!("can't be read: {error}")))?;
        let authorities: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
        let authorities = authorities
            .ok()
            .filter(|authorities| !authorities.is_empty())
            .ok_or_else(|| FileError::new(&path, "holds no certificates in the form PEM"))?;
        let token = folder.join("token");
        read_token(&token)
            .ok_or_else(|| FileError::new(&token, "can't be read, or holds no token"))?;
        Ok(Self {
            authority: authority.into(),
            token,
            // The operator says where it is, and not who names images.
            transport: Transport::new(
                TrustRoots::only(authorities),
                vec![AddressRange::Loopback, AddressRange::LinkLocal],
            ),
        })
    }

    /// Gets an object at a path.
    pub(super) async fn get(&self, path: &str) -> Result<Bytes, ApiError> {
        let token = self.token.clone();
        // It is replaced before it expires.
        let token = tokio::task::spawn_blocking(move || read_token(&token)).await;
        let token = token.ok().flatten().ok_or(ApiError::Token)?;
        let mut message = Request::new(Full::default());
        let url = format!("https://{}{path}", self.authority);
        *message.uri_mut() = url.parse().unwrap_or_default();
        let headers = message.headers_mut();
        headers.insert(header::AUTHORIZATION, token);
        headers.insert(header::USER_AGENT, HeaderValue::from_static(USER_AGENT));
        let json = HeaderValue::from_static("application/json");
        headers.insert(header::ACCEPT, json);
        let deadline = Instant::now() + TIMEOUT;
        let response = self.transport.send(message, TIMEOUT, deadline).await;
        let response = response.map_err(|error| match error {
            AskError::Tls { .. } => ApiError::Tls,
            error => ApiError::Ask(error),
        })?;
        let error = match response.status() {
            StatusCode::OK => {
                let body = read_body(response, &self.authority, "an object", MAX_BYTES, deadline);
                return body.await.map_err(ApiError::Ask);
            }
            StatusCode::NOT_FOUND => ApiError::Absent,
            StatusCode::FORBIDDEN => ApiError::Forbidden,
            StatusCode::UNAUTHORIZED => ApiError::Unauthorized,
            status => ApiError::Status(status.as_u16()),
        };
        discard(response, deadline).await;
        Err(error)
    }
}

/// The header with the token in a file.
fn read_token(path: &Path) -> Option<HeaderValue> {
    if fs::metadata(path).ok()?.len() > MAX_TOKEN {
        return None;
    }
    let token = fs::read_to_string(path).ok()?;
    let token = token.trim();
    if token.is_empty() {
        return None;
    }
    let mut header = HeaderValue::from_str(&format!("Bearer {token}")).ok()?;
    header.set_sensitive(true);
    Some(header)
}
