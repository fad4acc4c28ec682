//! An open connection over TLS, in either protocol.

use std::sync::Arc;

use rustls::{ClientConfig, HandshakeKind};
use rustls_pki_types::ServerName;
use tokio::{io::AsyncWriteExt as _, net::TcpStream};
use tokio_rustls::{TlsConnector, client::TlsStream};

use super::{
    Error, credentials::HOST, http1::Http1, http2::Http2, protocol::Protocol, request::Request,
    response::Response,
};

/// An open connection.
#[derive(Debug)]
pub(super) struct Connection {
    stream: TlsStream<TcpStream>,
    http: Http,
}

#[derive(Debug)]
enum Http {
    Http1(Http1),
    Http2(Http2),
}

impl Connection {
    pub(super) async fn open(
        stream: TcpStream,
        client: ClientConfig,
        protocol: Protocol,
    ) -> Result<Self, Error> {
        stream.set_nodelay(true)?;
        let connector = TlsConnector::from(Arc::new(client));
        let name = ServerName::IpAddress(HOST.into());
        let stream = connector.connect(name, stream).await?;
        let spoken = stream.get_ref().1.alpn_protocol();
        let http = match protocol {
            // A server without ALPN speaks HTTP/1.1.
            Protocol::H1 => Http::Http1(Http1::default()),
            Protocol::H2 if spoken == Some(protocol.alpn()) => Http::Http2(Http2::new()),
            Protocol::H2 => return Err("the server doesn't speak HTTP/2".into()),
        };
        Ok(Self { stream, http })
    }

    pub(super) fn is_resumed(&self) -> bool {
        self.stream.get_ref().1.handshake_kind() == Some(HandshakeKind::Resumed)
    }

    /// Sends the request and waits for its response.
    pub(super) async fn send(&mut self, request: &Request) -> Result<Response<'_>, Error> {
        match &mut self.http {
            Http::Http1(http1) => http1.send(&mut self.stream, request).await,
            Http::Http2(http2) => http2.send(&mut self.stream, request).await,
        }
    }

    pub(super) async fn close(mut self) {
        // The measurement is over: an error of the server changes nothing.
        let _ = self.stream.shutdown().await;
    }
}
