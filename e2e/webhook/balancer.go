package webhook

import (
	"errors"
	"io"
	"net"
	"slices"
	"sync"
	"testing"
)

// Balancer is one address for several replicas: a connection goes, byte for byte, to the first of them that takes it,
// starting with the one after the last connection's. It is what a Service is to a Deployment.
type Balancer struct {
	Address  string
	replicas []string

	mutex       sync.Mutex
	next        int
	connections []int // how many each replica took
	held        *hold
}

// hold stops bytes on their way to the replicas.
type hold struct {
	release chan struct{}
	waiting chan struct{} // receives once for each read that is held
}

// Balance listens on a port that the system chooses and forwards to the replicas until the test ends.
func Balance(t testing.TB, replicas ...string) *Balancer {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	balancer := &Balancer{
		Address:     listener.Addr().String(),
		replicas:    replicas,
		connections: make([]int, len(replicas)),
	}
	t.Cleanup(func() {
		listener.Close()
		balancer.Resume()
	})
	go func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			go balancer.forward(client)
		}
	}()
	return balancer
}

// Connections tells how many connections each replica has taken.
func (b *Balancer) Connections() []int {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	return slices.Clone(b.connections)
}

// Hold keeps everything that clients send from now on, until Resume. The channel receives for each piece held.
func (b *Balancer) Hold() <-chan struct{} {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	b.held = &hold{release: make(chan struct{}), waiting: make(chan struct{}, 1024)}
	return b.held.waiting
}

// Resume lets go what Hold kept.
func (b *Balancer) Resume() {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	if b.held != nil {
		close(b.held.release)
		b.held = nil
	}
}

func (b *Balancer) forward(client net.Conn) {
	defer client.Close()
	replica, err := b.dial()
	if err != nil {
		return
	}
	defer replica.Close()
	go func() {
		// What the client sends; when it is done, so is the connection.
		io.Copy(replica, &holdable{client, b})
		replica.(*net.TCPConn).CloseWrite()
	}()
	io.Copy(client, replica)
}

func (b *Balancer) dial() (net.Conn, error) {
	b.mutex.Lock()
	first := b.next
	b.next++
	b.mutex.Unlock()
	var refusals error
	for i := range b.replicas {
		i = (first + i) % len(b.replicas)
		replica, err := net.Dial("tcp", b.replicas[i])
		if err == nil {
			b.mutex.Lock()
			b.connections[i]++
			b.mutex.Unlock()
			return replica, nil
		}
		refusals = errors.Join(refusals, err)
	}
	return nil, refusals
}

// holdable reads from a client, and keeps what it read while the balancer holds.
type holdable struct {
	client   net.Conn
	balancer *Balancer
}

func (h *holdable) Read(buffer []byte) (int, error) {
	n, err := h.client.Read(buffer)
	h.balancer.mutex.Lock()
	held := h.balancer.held
	h.balancer.mutex.Unlock()
	if held != nil {
		held.waiting <- struct{}{}
		<-held.release
	}
	return n, err
}
