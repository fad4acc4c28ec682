//! Binding an address, for whichever versions of IP there are.

use std::{
    io,
    net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener},
};

use socket2::{Domain, Socket, Type};

/// How many connections may wait to be accepted.
const WAITING: i32 = 1024;

/// Listens on an address. `[::]` is each of the machine's addresses of both versions of IP, whatever its
/// settings, and those of IPv4 where it has no IPv6.
pub(super) fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    listen_by(bind, address)
}

fn listen_by<T>(bind: impl Fn(SocketAddr) -> io::Result<T>, address: SocketAddr) -> io::Result<T> {
    match bind(address) {
        Err(error) if is_any(address) && is_without_ipv6(&error) => {
            tracing::warn!("this machine has no IPv6 ({error}): listening on IPv4 alone");
            bind((Ipv4Addr::UNSPECIFIED, address.port()).into())
        }
        bound => bound,
    }
}

fn is_any(address: SocketAddr) -> bool {
    address.ip() == Ipv6Addr::UNSPECIFIED
}

/// Where IPv6 is not built in or is turned off (`ipv6.disable=1`), there is no such socket, and with the sysctl
/// `disable_ipv6` no such address.
fn is_without_ipv6(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::AddrNotAvailable
        || error.raw_os_error() == Some(libc::EAFNOSUPPORT)
}

fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
    if is_any(address) {
        socket.set_only_v6(false)?;
    }
    // After a restart, connections of before may still be on their way to their end.
    socket.set_reuse_address(true)?;
    socket.bind(&address.into())?;
    socket.listen(WAITING)?;
    socket.set_nonblocking(true)?;
    Ok(socket.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_ipv6_any_address_is_any_of_ipv4_and_no_other_is_replaced() {
        let any = SocketAddr::from((Ipv6Addr::UNSPECIFIED, 8443));
        let loopback = SocketAddr::from((Ipv6Addr::LOCALHOST, 8443));
        let of_ipv4 = SocketAddr::from((Ipv4Addr::UNSPECIFIED, 8443));
        let not_supported = || io::Error::from_raw_os_error(libc::EAFNOSUPPORT);
        let not_available = || io::Error::from(io::ErrorKind::AddrNotAvailable);
        let taken = || io::Error::from(io::ErrorKind::AddrInUse);
        let bound = |error: fn() -> io::Error, address| {
            let bind = |address: SocketAddr| match address {
                SocketAddr::V4(_) => Ok(address),
                SocketAddr::V6(_) => Err(error()),
            };
            listen_by(bind, address).ok()
        };
        assert_eq!(bound(not_supported, any), Some(of_ipv4));
        assert_eq!(bound(not_available, any), Some(of_ipv4));
        assert_eq!(bound(not_available, loopback), None);
        assert_eq!(bound(taken, any), None);
        let bind = |address| Ok(address);
        assert_eq!(listen_by(bind, any).unwrap(), any);
    }
}
