//! Connections, made only to addresses that may be connected to.

use std::{
    future::Future,
    io,
    net::{IpAddr, SocketAddr},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use http::Uri;
use hyper_util::rt::TokioIo;
use tokio::{net::TcpStream, time};
use tower_service::Service;

use crate::address::{self, AddressError, AddressRange};

/// How long one address may take while there are others to try.
const ATTEMPT: Duration = Duration::from_millis(800);

/// The most addresses of one name that are tried.
const MAX_ADDRESSES: usize = 8;

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub(super) enum ConnectError {
    #[error("the request names no host")]
    NoHost,
    #[error("there is no address for the name")]
    NoAddress,
    #[error(transparent)]
    Address(AddressError),
    #[error("{error}")]
    Failed { address: IpAddr, error: io::Error },
}

/// Looks names up, checks every address that they lead to, and connects to what was checked: there
/// is no second look-up that could tell another address.
#[derive(Clone, Debug)]
pub(super) struct Connector {
    allowed: Arc<[AddressRange]>,
}

impl Connector {
    pub(super) fn new(allowed: &[AddressRange]) -> Self {
        Self {
            allowed: allowed.into(),
        }
    }

    async fn connect(self, uri: Uri) -> Result<TokioIo<TcpStream>, ConnectError> {
        let host = uri.host().ok_or(ConnectError::NoHost)?;
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let is_https = uri.scheme() == Some(&http::uri::Scheme::HTTPS);
        let port = uri.port_u16().unwrap_or(if is_https { 443 } else { 80 });
        let addresses: Vec<SocketAddr> = tokio::net::lookup_host((host, port))
            .await
            .map_err(|_| ConnectError::NoAddress)?
            .take(MAX_ADDRESSES)
            .collect();
        for address in &addresses {
            address::check(address.ip(), &self.allowed).map_err(ConnectError::Address)?;
        }
        let mut failed = ConnectError::NoAddress;
        for (index, address) in addresses.iter().enumerate() {
            let attempt = TcpStream::connect(address);
            let result = if index + 1 < addresses.len() {
                time::timeout(ATTEMPT, attempt)
                    .await
                    .unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
            } else {
                attempt.await
            };
            match result {
                Ok(stream) => {
                    // Requests are small and wait for their answer; without it they still work.
                    let _ = stream.set_nodelay(true);
                    return Ok(TokioIo::new(stream));
                }
                Err(error) => {
                    failed = ConnectError::Failed {
                        address: address.ip(),
                        error,
                    };
                }
            }
        }
        Err(failed)
    }
}

impl Service<Uri> for Connector {
    type Response = TokioIo<TcpStream>;
    type Error = ConnectError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Self::Error>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        Box::pin(self.clone().connect(uri))
    }
}
