//! Ending a connection so that the client reads what was written last.

use std::time::Duration;

use tokio::{
    io::{self, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

/// How long bytes that a client still sends are read and thrown away before its connection is
/// closed. Closing at once would make the kernel send a reset, which can take the last response away
/// from the client (RFC 9112, section 9.6).
pub(super) const LINGER: Duration = Duration::from_secs(2);

/// Ends a connection so that the client gets to read what was written last: a response, or the alert
/// that says why the handshake failed. It would take a reset for a fault of the network, and
/// kube-apiserver sends its request again after one.
pub(super) async fn linger(mut stream: TcpStream) {
    let _ = timeout(LINGER, async {
        stream.shutdown().await?;
        io::copy(&mut stream, &mut io::sink()).await
    })
    .await;
}
