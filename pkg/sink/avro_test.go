package sink

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/logpipe/logpipe/pkg/flume"
	"github.com/logpipe/logpipe/pkg/flumerpc"
	"github.com/logpipe/logpipe/pkg/keystore"
	"github.com/logpipe/logpipe/pkg/logpipetest"
)

// peer is a source that a test runs.
type peer struct {
	server *flumerpc.Server
	port   int
	stop   func()

	mu      sync.Mutex
	calls   []string
	batches []int
	open    atomic.Int64 // connections so far
	answer  flumerpc.Status
}

func startPeer(t *testing.T, s *flumerpc.Server, port int) *peer {
	t.Helper()
	return startPeerOn(t, s, logpipetest.ListenAt(t, fmt.Sprintf("127.0.0.1:%d", port)))
}

func startPeerOn(t *testing.T, s *flumerpc.Server, l net.Listener) *peer {
	t.Helper()
	p := &peer{server: s, port: l.Addr().(*net.TCPAddr).Port}
	s.Handle = func(_ context.Context, call flumerpc.Call) flumerpc.Status {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.batches = append(p.batches, len(call.Events))
		for _, e := range call.Events {
			p.calls = append(p.calls, string(e.Body))
		}
		return p.answer
	}
	s.Fault = func(net.Addr, error) {}
	s.Connections = func(change int) {
		p.open.Add(int64(max(0, change)))
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Serve(ctx, ctx, l) }()
	p.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(p.stop)
	return p
}

func (p *peer) got() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return strings.Join(p.calls, " ")
}

func numbered(n int) []flume.Event {
	var events []flume.Event
	for i := range n {
		events = append(events, flume.Event{Body: []byte(fmt.Sprint(i))})
	}
	return events
}

func openRPC(t *testing.T, build func(*flume.Properties) Sink, port int, counters *flume.Counters, settings ...string) Sink {
	t.Helper()
	s := configure(t, build, append([]string{"hostname=127.0.0.1", fmt.Sprintf("port=%d", port)}, settings...)...)
	if p := s.(flume.Checker).Check(); len(p) > 0 {
		t.Fatal(p)
	}
	if err := s.Open(flume.Env{Logf: t.Logf, Counters: counters}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func TestRPC(t *testing.T) {
	store := func(name string) string { return filepath.Join("..", "..", "testdata", "keystore", name) }
	key, err := keystore.ReadKey(store("server.pkcs12"), "changeit")
	if err != nil {
		t.Fatal(err)
	}
	trust := []string{"ssl=true", "truststore=" + store("trust.pkcs12"), "truststore-password=changeit", "truststore-type=PKCS12"}
	for _, test := range []struct {
		name     string
		build    func(*flume.Properties) Sink
		server   *flumerpc.Server
		tls      bool
		settings []string
	}{
		{"avro", NewAvro, &flumerpc.Server{}, false, nil},
		{"deflate", NewAvro, &flumerpc.Server{Deflate: true}, false, []string{"compression-type=deflate", "compression-level=9"}},
		{"TLS", NewAvro, &flumerpc.Server{}, true, trust},
		{"TLS deflate", NewAvro, &flumerpc.Server{Deflate: true}, true, append(trust, "compression-type=deflate")},
		{"compact", NewThrift, &flumerpc.Server{Protocol: flumerpc.ThriftCompact}, false, nil},
		{"binary", NewThrift, &flumerpc.Server{Protocol: flumerpc.ThriftBinary}, false, []string{"protocol=binary"}},
		{"thrift TLS", NewThrift, &flumerpc.Server{Protocol: flumerpc.ThriftCompact}, true, []string{"ssl=true", "trust-all-certs=true"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			server := test.server
			if test.tls {
				server.TLS = &tls.Config{Certificates: []tls.Certificate{key}}
			}
			p := startPeer(t, server, 0)
			s := openRPC(t, test.build, p.port, nil, test.settings...)
			for range 3 {
				if err := s.Write(t.Context(), numbered(3)); err != nil {
					t.Fatal(err)
				}
			}
			if p.got() != "0 1 2 0 1 2 0 1 2" || p.open.Load() != 1 {
				t.Errorf("got %s by %d connections", p.got(), p.open.Load())
			}
		})
	}
}

// Several connections share what is taken at once.
func TestRPCConnections(t *testing.T) {
	p := startPeer(t, &flumerpc.Server{}, 0)
	var counters flume.Counters
	s := openRPC(t, NewAvro, p.port, &counters, "batch-size=10", "connections=3")
	if name, n := s.(flume.Batcher).Batch(); name != "batch-size" || n != 30 {
		t.Fatalf("%s %d", name, n)
	}
	for _, n := range []int{30, 25, 7} {
		if err := s.Write(t.Context(), numbered(n)); err != nil {
			t.Fatal(err)
		}
	}
	slices.Sort(p.batches)
	if len(p.calls) != 62 || p.open.Load() != 3 || slices.Max(p.batches) != 10 {
		t.Errorf("%d events, %d connections, batches %v", len(p.calls), p.open.Load(), p.batches)
	}
	want := map[string]int64{"ConnectionCreatedCount": 3, "ConnectionClosedCount": 0, "ConnectionFailedCount": 0, "BatchCompleteCount": 1,
		"BatchUnderflowCount": 2, "EventDrainAttemptCount": 62, "EventDrainSuccessCount": 62, "EventWriteFail": 0}
	got := counters.Values()
	for name, n := range want {
		if got[name] != n {
			t.Errorf("%s = %d, want %d", name, got[name], n)
		}
	}
}

// A source that was started anew is found again at once; one that is gone gives
// an error, and so does one that refuses.
func TestRPCFailures(t *testing.T) {
	for protocol, build := range map[flumerpc.Protocol]func(*flume.Properties) Sink{flumerpc.Avro: NewAvro, flumerpc.ThriftCompact: NewThrift} {
		p := startPeer(t, &flumerpc.Server{Protocol: protocol}, logpipetest.FreePort(t))
		var counters flume.Counters
		s := openRPC(t, build, p.port, &counters)
		if err := s.Write(t.Context(), numbered(1)); err != nil {
			t.Fatal(err)
		}
		p.stop()
		q := startPeer(t, &flumerpc.Server{Protocol: protocol}, p.port)
		if err := s.Write(t.Context(), numbered(2)); err != nil {
			t.Fatal(err)
		}
		q.mu.Lock()
		q.answer = flumerpc.Failed
		q.mu.Unlock()
		var status *flumerpc.StatusError
		if err := s.Write(t.Context(), numbered(1)); !errors.As(err, &status) {
			t.Errorf("refused: %v", err)
		}
		q.stop()
		logpipetest.Gone(t, fmt.Sprintf("127.0.0.1:%d", p.port))
		if err := s.Write(t.Context(), numbered(1)); err == nil || !strings.Contains(err.Error(), "refused") {
			t.Errorf("gone: %v", err)
		}
		want := map[string]int64{"ConnectionCreatedCount": 2, "ConnectionClosedCount": 2, "ConnectionFailedCount": 1, "EventWriteFail": 2, "EventDrainSuccessCount": 3}
		for name, n := range want {
			if got := counters.Values()[name]; got != n {
				t.Errorf("%s = %d, want %d", name, got, n)
			}
		}
	}
}

// A connection gets old.
func TestRPCReset(t *testing.T) {
	for _, name := range []string{"reset-connection-interval", "connection-reset-interval"} {
		p := startPeer(t, &flumerpc.Server{Protocol: flumerpc.ThriftCompact}, 0)
		s := openRPC(t, NewThrift, p.port, nil, name+"=60")
		for i := range 3 {
			if i == 2 {
				s.(*Thrift).conns[0].since = time.Now().Add(-time.Minute)
			}
			if err := s.Write(t.Context(), numbered(1)); err != nil {
				t.Fatal(err)
			}
		}
		if p.open.Load() != 2 {
			t.Errorf("%d connections", p.open.Load())
		}
	}
}

func TestRPCCheck(t *testing.T) {
	for _, test := range []struct {
		s    Sink
		want string
	}{
		{configure(t, NewAvro, "hostname=x", "port=0"), "port 0"},
		{configure(t, NewAvro, "hostname=x", "port=1", "compression-level=10"), "above 9"},
		{configure(t, NewThrift, "hostname=x", "port=1", "kerberos=true"), "Kerberos"},
		{configure(t, NewThrift, "hostname=x", "port=1", "ssl=true", "truststore=y"), "truststore-password"},
	} {
		p := test.s.(flume.Checker).Check()
		if len(p) != 1 || !strings.Contains(p[0].Message, test.want) {
			t.Errorf("%v, want %s", p, test.want)
		}
	}
}
