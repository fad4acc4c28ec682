//! Telling a service manager how far the program is, by the protocol of
//! [`sd_notify`](https://www.freedesktop.org/software/systemd/man/latest/sd_notify.html): a datagram to the
//! socket that is named in a variable.

use std::{env, io, os::unix::net::UnixDatagram};

/// The variable that names the socket.
const VARIABLE: &str = "NOTIFY_SOCKET";

/// It listens and answers.
pub(crate) const READY: &str = "READY=1";

/// It stops.
pub(crate) const STOPPING: &str = "STOPPING=1";

/// Tells this, where somebody wants to know it. Not being heard is no reason not to serve.
pub(crate) fn tell(state: &str) {
    let Some(socket) = env::var_os(VARIABLE) else {
        return;
    };
    if let Err(error) = send(&socket, state) {
        tracing::warn!(
            "cannot tell the service manager {state} at {}: {error}",
            socket.display()
        );
    }
}

fn send(socket: &std::ffi::OsStr, state: &str) -> io::Result<()> {
    let datagram = UnixDatagram::unbound()?;
    // One that begins so is a name without a file.
    #[cfg(target_os = "linux")]
    if let Some(name) = socket.as_encoded_bytes().strip_prefix(b"@") {
        use std::os::{linux::net::SocketAddrExt, unix::net::SocketAddr};

        let address = SocketAddr::from_abstract_name(name)?;
        datagram.send_to_addr(state.as_bytes(), &address)?;
        return Ok(());
    }
    datagram.send_to(state.as_bytes(), socket)?;
    Ok(())
}
