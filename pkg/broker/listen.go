package broker

import (
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"syscall"

	"github.com/logpipe/logpipe/pkg/fault"
)

// listener opens the ports of the nodes on host. kfake asks for 127.0.0.1 and
// tells clients what the listener calls its address, so both are set here.
func (b *Broker) listener(host, advertise string) func(network, address string) (net.Listener, error) {
	return func(network, address string) (net.Listener, error) {
		_, port, err := net.SplitHostPort(address)
		if err != nil {
			return nil, err
		}
		address = net.JoinHostPort(host, port)
		l, err := net.Listen(network, address)
		if err != nil {
			return nil, listenError(address, err)
		}
		_, port, err = net.SplitHostPort(l.Addr().String())
		if err != nil {
			l.Close()
			return nil, err
		}
		return &node{Listener: l, b: b, addr: advertised(net.JoinHostPort(publicHost(host, advertise), port))}, nil
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

// node is the listener of one node.
type node struct {
	net.Listener
	b    *Broker
	addr advertised
}

func (n *node) Addr() net.Addr { return n.addr }

func (n *node) Accept() (net.Conn, error) {
	c, err := n.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &guard{Conn: c, b: n.b}, nil
}

// advertised is the address that clients are told.
type advertised string

func (a advertised) Network() string { return "tcp" }
func (a advertised) String() string  { return string(a) }
