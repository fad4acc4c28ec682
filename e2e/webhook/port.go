package webhook

import (
	"net"
	"strconv"
	"syscall"
	"testing"
)

// Port reserves a loopback port until the test ends and gives its address, host and port.
//
// A webhook's address stands in the API server's configuration before the webhook starts, and it stops and starts
// again on the same one. A socket that is bound but never listens keeps others off the port meanwhile: the system
// doesn't choose a bound port for anybody else, and connecting to it is refused while the webhook is down. Both
// sockets set SO_REUSEADDR (Rust's and Go's listeners do), so the webhook may listen there.
func Port(t testing.TB) string {
	t.Helper()
	socket, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { syscall.Close(socket) })
	if err := syscall.SetsockoptInt(socket, syscall.SOL_SOCKET, syscall.SO_REUSEADDR, 1); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Bind(socket, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		t.Fatal(err)
	}
	address, err := syscall.Getsockname(socket)
	if err != nil {
		t.Fatal(err)
	}
	return net.JoinHostPort("127.0.0.1", strconv.Itoa(address.(*syscall.SockaddrInet4).Port))
}
