//! A server that gave the right response once.

use std::net::SocketAddr;

use rustls::ClientConfig;
use serde_json::Value;
use tokio::net::TcpStream;

use super::{
    Error, connection::Connection, credentials::Credentials, protocol::Protocol, request::Request,
};

/// A server that gave the right response once.
#[derive(Debug)]
pub struct Target {
    pub(super) address: SocketAddr,
    pub(super) client: ClientConfig,
    pub(super) protocol: Protocol,
    pub(super) request: Request,
    /// Every further response must have this body, byte by byte.
    pub(super) approval: Vec<u8>,
    keeps_alive: bool,
}

impl Target {
    /// Sends the first request to a server. The server must have its certificate and approve the
    /// images. Returns `None` while it doesn't listen.
    ///
    /// # Errors
    ///
    /// The certificate or the response is another one.
    pub async fn connect(
        address: SocketAddr,
        credentials: &Credentials,
        protocol: Protocol,
    ) -> Result<Option<Self>, Error> {
        let Ok(stream) = TcpStream::connect(address).await else {
            return Ok(None);
        };
        let request = Request::new(address);
        let client = credentials.strict_client(protocol)?;
        let mut connection = Connection::open(stream, client, protocol).await?;
        let response = connection.send(&request).await?;
        let text = String::from_utf8_lossy(response.body);
        if !response.is_ok {
            return Err(format!("the status is not 200: {text}").into());
        }
        let json: Value =
            serde_json::from_slice(response.body).map_err(|error| format!("{error}: {text}"))?;
        if json["kind"] != "ImageReview" || json["status"]["allowed"] != true {
            return Err(format!("no approval: {text}").into());
        }
        let (approval, keeps_alive) = (response.body.to_vec(), !response.is_last);
        connection.close().await;
        Ok(Some(Self {
            address,
            client: credentials.quick_client(protocol)?,
            protocol,
            request,
            approval,
            keeps_alive,
        }))
    }

    /// Whether the server keeps a connection open for a second request.
    #[must_use]
    pub fn keeps_alive(&self) -> bool {
        self.keeps_alive
    }
}
