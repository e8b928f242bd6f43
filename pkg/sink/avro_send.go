package sink

import (
	"context"
	"errors"
	"net"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/logpipe/logpipe/pkg/flume"
	"github.com/logpipe/logpipe/pkg/flumerpc"
	"github.com/logpipe/logpipe/pkg/keystore"
)

// rpcTimeout is what Flume waits for a connection and for an answer.
const rpcTimeout = 20 * time.Second

// rpc is what the avro and the thrift sink have in common: connections to one
// source, each with one batch in flight.
type rpc struct {
	host  string
	port  int
	batch int
	lanes int // connections

	portGiven *flume.Property

	reset time.Duration
	tls   keystore.Client
	cfg   flumerpc.Config

	conns                             []*lane
	created, closed, failed           *atomic.Int64
	underflow, complete               *atomic.Int64
	attempted, delivered, writeFailed *atomic.Int64
}

// lane is one connection, which stands when it was needed.
type lane struct {
	client *flumerpc.Client
	since  time.Time
}

func (s *rpc) describe(p *flume.Properties) {
	p.Host(&s.host, "hostname", "where the source is").Require()
	s.portGiven = p.Port(&s.port, "port", "its port").Require()
	p.Int(&s.batch, "batch-size", 100, 1, "most events in one request").In("events")
	p.Duration(&s.cfg.Connect, "connect-timeout", rpcTimeout, time.Millisecond, "longest wait for a connection and for its first answer")
	p.Duration(&s.cfg.Request, "request-timeout", rpcTimeout, time.Millisecond, "longest wait for an answer")
	p.Duration(&s.reset, "reset-connection-interval", 0, time.Second, "age at which a connection is made anew; 0 = never").
		Formerly("connection-reset-interval").OrNever()
	p.Int(&s.lanes, "connections", 1, 1, "how many batches are sent at once; with more than 1 they may arrive in another order")
	s.tls.Describe(p)
}

// Batch is the most that is taken at once: a batch for each connection.
func (s *rpc) Batch() (string, int) { return "batch-size", s.batch * s.lanes }

// Check finds properties that do not fit together.
func (s *rpc) Check() []flume.Problem {
	all := s.tls.Check()
	if s.portGiven.IsSet() && s.port == 0 {
		all = append(all, flume.Problem{Property: "port", Message: "no source listens on port 0", Fix: "write the port of the source"})
	}
	return all
}

// Survey reads the trust store.
func (s *rpc) Survey() []flume.Problem { return s.tls.Survey() }

// Borrows is true: a request is made of the events, and sent.
func (s *rpc) Borrows() bool { return true }

// Guarantee tells when the channel forgets.
func (s *rpc) Guarantee() string {
	return "at least once: the channel forgets a batch once the source has answered OK; one whose answer was lost is sent again, and arrives twice"
}

// open reads the trust store; the first write connects.
func (s *rpc) open(env flume.Env) (err error) {
	if s.cfg.TLS, err = s.tls.Config(s.host); err != nil {
		return err
	}
	s.cfg.Address = net.JoinHostPort(s.host, strconv.Itoa(s.port))
	for _, limit := range []*time.Duration{&s.cfg.Connect, &s.cfg.Request} {
		if *limit == 0 {
			*limit = rpcTimeout // as in Flume
		}
	}
	s.conns = nil
	for range s.lanes {
		s.conns = append(s.conns, new(lane))
	}
	s.created, s.closed, s.failed = env.Counter("ConnectionCreatedCount"), env.Counter("ConnectionClosedCount"), env.Counter("ConnectionFailedCount")
	s.underflow, s.complete = env.Counter("BatchUnderflowCount"), env.Counter("BatchCompleteCount")
	s.attempted, s.delivered = env.Counter("EventDrainAttemptCount"), env.Counter("EventDrainSuccessCount")
	s.writeFailed = env.Counter("EventWriteFail")
	return nil
}

// Close ends the connections.
func (s *rpc) Close() error {
	var all error
	for _, l := range s.conns {
		all = errors.Join(all, s.hangUp(l))
	}
	return all
}

// Write sends the events and waits until the source has all of them. Those that
// no source of Flume ever takes are rejected: *RejectedError.
func (s *rpc) Write(ctx context.Context, batch []flume.Event) error {
	if len(batch) < s.batch*s.lanes {
		s.underflow.Add(1)
	} else {
		s.complete.Add(1)
	}
	s.attempted.Add(int64(len(batch)))
	refused, err := s.spread(ctx, batch)
	if err != nil {
		s.writeFailed.Add(1)
		return err
	}
	s.delivered.Add(int64(len(batch) - len(refused)))
	if len(refused) > 0 {
		return &RejectedError{refused}
	}
	return nil
}

// spread shares what is there among the connections.
func (s *rpc) spread(ctx context.Context, batch []flume.Event) (refused []Rejection, err error) {
	if len(batch) <= s.batch || len(s.conns) == 1 {
		return s.deliver(ctx, s.conns[0], batch, 0)
	}
	share := (len(batch) + len(s.conns) - 1) / len(s.conns)
	parts, results := make([][]Rejection, len(s.conns)), make([]error, len(s.conns))
	var sending sync.WaitGroup
	for i, l := range s.conns {
		from := min(i*share, len(batch))
		part := batch[from:min(from+share, len(batch))]
		sending.Go(func() { parts[i], results[i] = s.deliver(ctx, l, part, from) })
	}
	sending.Wait()
	return slices.Concat(parts...), errors.Join(results...)
}

// send sends one request. A connection that has stood for a while may turn out
// to be dead, because the source was started anew: then another is tried at once.
func (s *rpc) send(ctx context.Context, l *lane, batch []flume.Event) error {
	if l.client != nil && s.reset > 0 && time.Since(l.since) >= s.reset {
		s.hangUp(l) // what was sent by it was answered
	}
	used := l.client != nil
	for {
		if l.client == nil {
			client, err := flumerpc.Dial(ctx, s.cfg)
			if err != nil {
				s.failed.Add(1)
				return err
			}
			s.created.Add(1)
			l.client, l.since = client, time.Now()
		}
		err := l.client.Append(ctx, batch)
		var status *flumerpc.StatusError
		if err == nil || errors.As(err, &status) {
			return err
		}
		s.hangUp(l)
		if !used || !flumerpc.Closed(err) {
			return err
		}
		used = false
	}
}

func (s *rpc) hangUp(l *lane) error {
	if l.client == nil {
		return nil
	}
	s.closed.Add(1)
	err := l.client.Close()
	l.client = nil
	return err
}
