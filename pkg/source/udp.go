package source

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/logpipe/logpipe/pkg/flume"
)

const (
	// udpWaiting is how many bytes of datagrams wait in memory for a channel;
	// beyond them the system's own buffer fills, and then it drops.
	udpWaiting = 32 << 20
	// udpEventCost is what an event costs beside its bytes.
	udpEventCost = 200
	// udpBuffer is what is asked for the system's buffer.
	udpBuffer = 8 << 20

	udpGuarantee = "at most once: the protocol has no answers: a datagram that meets a full buffer is lost, counted and told of where the system counts; " +
		"while the channel is full, 32 MB of them wait"
)

// udpServer receives datagrams and puts events made of them.
type udpServer struct {
	env  flume.Env
	conn *net.UDPConn

	telling sync.Mutex
	dropped int64         // by the system, as last told
	left    chan struct{} // closed when the port may be another's

	mu      sync.Mutex
	queue   []flume.Event
	waiting int // bytes in queue
	news    chan struct{}
	space   chan struct{}
}

func (s *udpServer) open(env flume.Env, host string, port int) error {
	s.env = env
	address := net.JoinHostPort(host, strconv.Itoa(port))
	conn, err := net.ListenPacket("udp", address)
	if err != nil {
		return listenError(err, address, port, "port")
	}
	s.conn = conn.(*net.UDPConn)
	s.conn.SetReadBuffer(udpBuffer) // as much of it as the system gives
	s.news, s.space = make(chan struct{}, 1), make(chan struct{}, 1)
	s.telling.Lock()
	s.dropped, s.left = udpDrops(s.conn.LocalAddr()), make(chan struct{})
	s.telling.Unlock()
	env.Logf("listens on %s", s.conn.LocalAddr())
	return nil
}

func (s *udpServer) close() error {
	if s.conn == nil {
		return nil
	}
	if err := s.conn.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
		return err
	}
	return nil
}

// run receives until ctx ends, and then lets the port go while what it has
// received waits for space; make appends the events of a datagram, whose bytes are
// theirs.
func (s *udpServer) run(ctx context.Context, out *Output, c *counters,
	make func(events []flume.Event, datagram []byte, from netip.AddrPort) []flume.Event) error {
	received, gaveUp := newSignal(), newSignal()
	var failed error
	go func() {
		failed = errors.Join(s.receive(ctx, gaveUp, make), s.leave())
		received.set()
	}()
	tick := time.NewTicker(5 * time.Second)
	defer tick.Stop()
	for done := false; !done; {
		select {
		case <-s.news:
		case <-tick.C:
			s.tellDrops()
		case <-received.done:
			done = true
		}
		if err := s.flush(out, c); err != nil {
			gaveUp.set()
			err = errors.Join(err, s.leave())
			<-received.done
			_ = s.flush(out, c) // it counts what has no place either
			return err
		}
	}
	return failed
}

// signal is an event that happens once.
type signal struct{ done chan struct{} }

func newSignal() signal { return signal{make(chan struct{})} }
func (s signal) set()   { close(s.done) }

// flush puts what has been received.
func (s *udpServer) flush(out *Output, c *counters) error {
	for {
		s.mu.Lock()
		events := s.queue
		s.queue, s.waiting = nil, 0
		s.mu.Unlock()
		notify(s.space)
		if len(events) == 0 {
			return nil
		}
		if err := c.put(out, events); err != nil {
			return err
		}
	}
}

func notify(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// leave closes the port, once the system has told what it dropped there.
func (s *udpServer) leave() error {
	s.tellDrops()
	s.telling.Lock()
	defer s.telling.Unlock()
	err := s.close()
	if !s.hasLeft() {
		close(s.left)
	}
	return err
}

// hasLeft reports whether the port is closed; telling is held.
func (s *udpServer) hasLeft() bool {
	select {
	case <-s.left:
		return true
	default:
		return false
	}
}

// leaves is closed when a source that was told to end has let its port go; what
// it has received may wait for space on.
func (s *udpServer) leaves() <-chan struct{} {
	s.telling.Lock()
	defer s.telling.Unlock()
	return s.left
}

// receive reads datagrams, and waits while too many of them have no space. When
// ctx ends it takes what the system still has, as much as its buffer holds.
func (s *udpServer) receive(ctx context.Context, gaveUp signal, make func([]flume.Event, []byte, netip.AddrPort) []flume.Event) error {
	const drain = 20 * time.Millisecond
	stop := context.AfterFunc(ctx, func() { s.conn.SetReadDeadline(time.Now().Add(drain)) })
	defer stop()
	var until time.Time // when draining ends
	buf := new([1 << 16]byte)
	for {
		n, from, err := s.conn.ReadFromUDPAddrPort(buf[:])
		// A read whose time is over does not look at what is there: the process may
		// have been held up for longer. So the next ones get their own.
		for again := 0; errors.Is(err, os.ErrDeadlineExceeded) && again < 2; again++ {
			s.conn.SetReadDeadline(time.Now().Add(drain))
			n, from, err = s.conn.ReadFromUDPAddrPort(buf[:])
		}
		switch {
		case errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, net.ErrClosed):
			return nil
		case err != nil && ctx.Err() == nil:
			return fmt.Errorf("receive: %w", err)
		case err != nil:
			return nil
		}
		if ctx.Err() != nil {
			if until.IsZero() {
				until = time.Now().Add(time.Second)
			}
			if time.Now().After(until) {
				return nil
			}
		}
		s.mu.Lock()
		before := len(s.queue)
		s.queue = make(s.queue, bytes.Clone(buf[:n]), from)
		s.waiting += n + (len(s.queue)-before)*udpEventCost
		s.mu.Unlock()
		notify(s.news)
		if !s.awaitSpace(ctx, gaveUp) {
			return nil
		}
	}
}

// awaitSpace waits while too much is in the queue; false means that nothing more
// has a place there. When ctx has ended, nothing is waited for.
func (s *udpServer) awaitSpace(ctx context.Context, gaveUp signal) bool {
	for {
		s.mu.Lock()
		waiting := s.waiting
		s.mu.Unlock()
		switch {
		case waiting <= udpWaiting:
			return true
		case ctx.Err() != nil:
			return waiting <= udpWaiting+udpBuffer
		}
		select {
		case <-s.space:
		case <-ctx.Done():
		case <-gaveUp.done:
			return false
		}
	}
}

// tellDrops tells of datagrams that the system had no space for.
func (s *udpServer) tellDrops() {
	s.telling.Lock()
	defer s.telling.Unlock()
	if s.hasLeft() {
		return
	}
	now := udpDrops(s.conn.LocalAddr())
	if n := now - s.dropped; n > 0 {
		s.dropped = now
		s.env.Counter("DatagramDropCount").Add(n)
		s.env.Logf("%s lost: they came faster than the channels take events and the system's buffer holds", plural(int(n), "datagram"))
	}
}

// udpDrops reads how many datagrams to an address the system has dropped, where
// it tells.
func udpDrops(address net.Addr) int64 {
	local, err := netip.ParseAddrPort(address.String())
	if err != nil {
		return 0
	}
	var n int64
	for _, name := range []string{"/proc/net/udp", "/proc/net/udp6"} {
		data, err := os.ReadFile(name)
		if err != nil {
			continue
		}
		n += parseDrops(string(data), local)
	}
	return n
}

// parseDrops adds up the last column of the rows of a port. Rows of the port at
// other addresses are told apart for IPv4 alone.
func parseDrops(table string, local netip.AddrPort) (n int64) {
	port := fmt.Sprintf(":%04X", local.Port())
	address := ""
	if a := local.Addr().Unmap(); a.Is4() {
		b := a.As4()
		address = fmt.Sprintf("%02X%02X%02X%02X", b[3], b[2], b[1], b[0])
	}
	for row := range strings.Lines(table) {
		fields := strings.Fields(row)
		if len(fields) < 13 || !strings.HasSuffix(fields[1], port) {
			continue
		}
		if host := strings.TrimSuffix(fields[1], port); len(host) == 8 && address != "" && host != address {
			continue
		}
		if drops, err := strconv.ParseInt(fields[len(fields)-1], 10, 64); err == nil {
			n += drops
		}
	}
	return n
}

// NetcatUDP listens on a UDP port; every line of a datagram is an event.
type NetcatUDP struct {
	bind   string
	port   int
	header string

	counters counters
	server   udpServer
}

// NewNetcatUDP describes and makes a netcatudp source.
func NewNetcatUDP(p *flume.Properties) Source {
	s := &NetcatUDP{}
	p.Host(&s.bind, "bind", "the address to listen on").Require()
	p.Port(&s.port, "port", "the port to listen on; 0 = any free one").Require()
	p.String(&s.header, "remoteAddress", "", "a header for the client's address, as /127.0.0.1:5000").Formerly("remoteAddressHeader")
	return s
}

// Guarantee tells what the source promises.
func (s *NetcatUDP) Guarantee() string { return udpGuarantee }

// Open listens.
func (s *NetcatUDP) Open(env flume.Env) error {
	s.counters = newCounters(env)
	return s.server.open(env, s.bind, s.port)
}

// Addr is the address that Open listens on.
func (s *NetcatUDP) Addr() net.Addr { return s.server.conn.LocalAddr() }

// Holds is the port.
func (s *NetcatUDP) Holds() []flume.Holding { return []flume.Holding{flume.HoldPort("udp", s.port)} }

// Left is closed when the source has been told to end and the port is free.
func (s *NetcatUDP) Left() <-chan struct{} { return s.server.leaves() }

// Close closes the port.
func (s *NetcatUDP) Close() error { return s.server.close() }

// Run receives until ctx ends. A datagram without a byte is an event without a
// body, as in Flume; unlike there, what follows its first line is not lost.
func (s *NetcatUDP) Run(ctx context.Context, out *Output) error {
	return s.server.run(ctx, out, &s.counters, func(events []flume.Event, datagram []byte, from netip.AddrPort) []flume.Event {
		var h flume.Headers
		if s.header != "" {
			h = flume.Headers{{Key: s.header, Value: "/" + netip.AddrPortFrom(from.Addr().Unmap(), from.Port()).String()}}
		}
		if n := len(datagram); n > 0 && datagram[n-1] == '\n' {
			datagram = datagram[:n-1]
		}
		for line := range bytes.SplitSeq(datagram, []byte{'\n'}) {
			events = append(events, flume.Event{Headers: h.Clone(), Body: line})
		}
		return events
	})
}
