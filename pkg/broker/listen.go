package broker

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"syscall"
	"time"

	"github.com/logpipe/logpipe/pkg/fault"
)

// How long a node that comes back waits for its port, and between two tries.
const (
	backPatience = 300 * time.Millisecond
	backPause    = 5 * time.Millisecond
)

// listen opens the port of the next node: kfake asks for 127.0.0.1 and a port,
// and tells clients what the listener calls its address, so that both are set
// here. Behind the nodes of clients comes the controller's.
func (b *Broker) listen(host, advertise string) func(network, address string) (net.Listener, error) {
	return func(network, _ string) (net.Listener, error) {
		if b.opening == len(b.nodes) {
			return b.inside, nil
		}
		n := b.nodes[b.opening]
		b.opening++
		address := net.JoinHostPort(host, n.port)
		l, err := net.Listen(network, address)
		// A node that comes back: its old listener outlives its close for a moment, on
		// kernels where the thread that polls may hold the last reference.
		for end := time.Now().Add(backPatience); n.addr != "" && isAddrInUse(err) && time.Now().Before(end); {
			time.Sleep(backPause)
			l, err = net.Listen(network, address)
		}
		if err != nil {
			return nil, listenError(address, err)
		}
		_, port, err := net.SplitHostPort(l.Addr().String())
		if err != nil {
			l.Close()
			return nil, err
		}
		if n.addr == "" {
			n.port, n.addr = port, net.JoinHostPort(publicHost(host, advertise), port)
		}
		n.mu.Lock()
		n.up, n.listener = true, l
		n.mu.Unlock()
		return &listener{Listener: l, b: b, node: n}, nil
	}
}

// publicHost is the host that clients can connect to.
func publicHost(host, advertise string) string {
	if advertise != "" {
		return advertise
	}
	if ip := net.ParseIP(host); host != "" && (ip == nil || !ip.IsUnspecified()) {
		return host
	}
	if name, err := os.Hostname(); err == nil {
		if _, err := net.LookupHost(name); err == nil {
			return name
		}
	}
	return "127.0.0.1"
}

func listenError(address string, err error) error {
	switch {
	case isAddrInUse(err):
		holder := 0
		if _, port, splitErr := net.SplitHostPort(address); splitErr == nil {
			if n, convErr := strconv.Atoi(port); convErr == nil {
				holder = portHolder(n)
			}
		}
		return fault.Hint(fmt.Errorf("address %s is taken by another program%s", address, byProcess(holder)),
			"--listen 127.0.0.1:PORT uses another port; port 0 takes any free one")
	case errors.Is(err, syscall.EACCES):
		return fault.Hint(fmt.Errorf("listen on %s: permission denied", address), "--listen needs a port above 1023 without root")
	default:
		return fault.Hint(fmt.Errorf("listen on %s: %w", address, err), "--listen takes host:port of this machine")
	}
}

// listener is that of one node.
type listener struct {
	net.Listener
	b    *Broker
	node *node
}

func (l *listener) Addr() net.Addr { return advertised(l.node.addr) }

func (l *listener) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		if l.b.tls != nil {
			c = tls.Server(c, l.b.tls)
		}
		g := &guard{Conn: c, b: l.b, node: l.node}
		if l.node.add(g) {
			return g, nil
		}
		c.Close()
	}
}

// advertised is the address that clients are told.
type advertised string

func (a advertised) Network() string { return "tcp" }
func (a advertised) String() string  { return string(a) }
