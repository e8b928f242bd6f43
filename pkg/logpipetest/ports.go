package logpipetest

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"slices"
	"syscall"
	"testing"
	"time"
)

// Where ports for servers are looked for: below those that systems give to
// connections and to servers that ask for any (from 32768 on Linux, 49152
// elsewhere). One of those may be taken at any moment between its choice and the
// start of its server, and while the server is down for a while.
const (
	firstPort = 15000
	lastPort  = 32000
)

// FreePort finds a port of 127.0.0.1 for a server that has to be told which.
func FreePort(t testing.TB) int {
	t.Helper()
	ports, err := freePorts(t, 1)
	if err != nil {
		t.Fatal(err)
	}
	return ports[0]
}

// OwnAddress is host:port of the loopback network with port 0, for a server that goes
// away and comes back at the port that it got: no other test takes that meanwhile, as
// none has the host. Where a system has 127.0.0.1 alone, it is that.
func OwnAddress(t testing.TB) string {
	t.Helper()
	host := net.IPv4(127, byte(1+rand.IntN(254)), byte(rand.IntN(256)), byte(1+rand.IntN(254))).String()
	l, err := net.Listen("tcp", net.JoinHostPort(host, "0"))
	if err != nil {
		return loopback(0)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	return net.JoinHostPort(host, "0")
}

// Closed is an address at which nobody listens.
func Closed(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", OwnAddress(t))
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	Gone(t, l.Addr().String())
	return l.Addr().String()
}

// ListenAt listens at an address that may just have been let go. On newer kernels a
// listener outlives its close for as long as the thread that polls looks at it.
func ListenAt(t testing.TB, address string) net.Listener {
	t.Helper()
	for begun := time.Now(); ; time.Sleep(time.Millisecond) {
		l, err := net.Listen("tcp", address)
		if err == nil {
			return l
		}
		if !errors.Is(err, syscall.EADDRINUSE) || time.Since(begun) > awaitLimit {
			t.Fatal(err)
		}
	}
}

// Gone waits until nobody listens at an address any more: see ListenAt.
func Gone(t testing.TB, address string) {
	t.Helper()
	for begun := time.Now(); listens(address); time.Sleep(time.Millisecond) {
		if time.Since(begun) > awaitLimit {
			t.Fatalf("somebody listens at %s", address)
		}
	}
}

// awaitLimit is far more than a busy machine takes.
const awaitLimit = time.Minute

// listens reports whether somebody listens at an address.
func listens(address string) bool {
	c, err := net.Dial("tcp", address)
	if err != nil {
		return false
	}
	c.Close()
	return true
}

// freePorts finds ports of 127.0.0.1 at which nobody listens, and keeps them for the
// test on Linux. Elsewhere another process that looks for one in the same way may take
// it before a server does, so that the start of a server has to be repeated where its
// port is taken.
func freePorts(t testing.TB, n int) (ports []int, err error) {
	t.Helper()
	for tries := 0; len(ports) < n; tries++ {
		port := firstPort + rand.IntN(lastPort-firstPort)
		if slices.Contains(ports, port) {
			continue
		}
		free, err := reserve(t, port)
		if err != nil {
			return nil, fmt.Errorf("reserve port %d: %w", port, err)
		}
		if free {
			ports = append(ports, port)
		} else if tries > 100*n {
			return nil, errors.New("find a free port: all that were looked at are taken")
		}
	}
	return ports, nil
}
