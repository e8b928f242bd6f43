package source

import (
	"context"
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/logpipe/logpipe/pkg/flume"
	"github.com/logpipe/logpipe/pkg/flumerpc"
	"github.com/logpipe/logpipe/pkg/keystore"
)

// rpc is what the avro and the thrift source have in common: a server whose
// answer tells the sender that all channels have its events.
type rpc struct {
	bind    string
	port    int
	threads int
	tls     keystore.Server
	server  *flumerpc.Server

	env      flume.Env
	listener net.Listener
	counters counters
	// The calls of append, and all connections.
	appends, acceptedAppends *atomic.Int64
	connections              *atomic.Int64
	faults                   faults
}

func (s *rpc) describe(p *flume.Properties) {
	p.Host(&s.bind, "bind", "the address to listen on").Require()
	p.Port(&s.port, "port", "the port to listen on; 0 = any free one").Require()
	p.Int(&s.threads, "threads", 0, 0, "most batches that are stored at once; 0 = any number")
	s.tls.Describe(p)
}

// Check finds what is missing for TLS.
func (s *rpc) Check() []flume.Problem { return s.tls.Check() }

// Survey reads the key store.
func (s *rpc) Survey() []flume.Problem { return s.tls.Survey() }

// Guarantee tells what the answers mean.
func (s *rpc) Guarantee() string {
	return "at least once: a sender gets OK once all channels have its batch, and sends again what was not answered: nothing is lost, a batch may come twice"
}

// Open reads the key and listens.
func (s *rpc) Open(env flume.Env) error {
	config, err := s.tls.Config()
	if err != nil {
		return err
	}
	s.server.TLS, s.server.Threads = config, s.threads
	if s.listener, err = listenTCP(s.bind, s.port, "port"); err != nil {
		return err
	}
	s.env, s.counters = env, newCounters(env)
	s.appends, s.acceptedAppends = env.Counter("AppendReceivedCount"), env.Counter("AppendAcceptedCount")
	s.connections = env.Counter("OpenConnectionCount")
	s.faults = faults{logf: env.Logf}
	env.Logf("listens on %s", s.listener.Addr())
	return nil
}

// Holds is the port.
func (s *rpc) Holds() []flume.Holding { return []flume.Holding{flume.HoldPort("tcp", s.port)} }

// Close closes the port.
func (s *rpc) Close() error {
	if s.listener == nil {
		return nil
	}
	if err := s.listener.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
		return err
	}
	return nil
}

func (s *rpc) run(ctx context.Context, out *Output) error {
	s.server.Handle = func(ctx context.Context, call flumerpc.Call) flumerpc.Status { return s.store(ctx, out, call) }
	s.server.Connections = func(change int) { s.connections.Add(int64(change)) }
	s.server.Fault = func(peer net.Addr, err error) {
		s.counters.readFail.Add(1)
		s.faults.tell("%s: %v", peer, err)
	}
	return s.server.Serve(ctx, out.Context(), s.listener)
}

// store puts the events of a call into the channels.
func (s *rpc) store(ctx context.Context, out *Output, call flumerpc.Call) flumerpc.Status {
	n := int64(len(call.Events))
	received, accepted := s.appends, s.acceptedAppends
	if call.Batch {
		received, accepted = s.counters.receivedBatches, s.counters.acceptedBatches
	}
	received.Add(1)
	s.counters.received.Add(n)
	stored, err := out.OfferUntil(ctx, call.Events)
	s.counters.accepted.Add(int64(stored))
	if err != nil {
		s.counters.writeFail.Add(1)
		s.faults.tell("a batch of %d was refused, its sender sends it again: %v", n, err)
		return flumerpc.Failed
	}
	accepted.Add(1)
	return flumerpc.OK
}

// faultPause is how often faults of peers are told.
const faultPause = 10 * time.Second

// faults tells of what peers do wrong, but not of each when there are many.
type faults struct {
	logf func(string, ...any)

	mu    sync.Mutex
	next  time.Time
	quiet int // those that were not told
}

func (f *faults) tell(format string, args ...any) {
	f.mu.Lock()
	defer f.mu.Unlock()
	now := time.Now()
	if now.Before(f.next) {
		f.quiet++
		return
	}
	f.next = now.Add(faultPause)
	if f.quiet > 0 {
		format += " (and %d more since the last time)"
		args = append(args, f.quiet)
		f.quiet = 0
	}
	f.logf(format, args...)
}
