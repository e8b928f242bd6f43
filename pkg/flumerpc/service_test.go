package flumerpc

import (
	"context"
	"crypto/tls"
	"net"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/logpipe/logpipe/pkg/flume"
	"github.com/logpipe/logpipe/pkg/keystore"
)

// service is a server that a test runs.
type service struct {
	*Server
	addr   string
	stop   func()
	giveUp func()
	ended  chan error

	mu     sync.Mutex
	calls  []string
	faults []string
	open   int
	handle func(context.Context, Call) Status // nil = OK
}

func serve(t *testing.T, s *service) *service {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.addr, s.ended = l.Addr().String(), make(chan error, 1)
	s.Handle = func(ctx context.Context, call Call) Status {
		status := OK
		if s.handle != nil {
			status = s.handle(ctx, call)
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		s.calls = append(s.calls, describe(call)+" "+status.String())
		return status
	}
	s.Fault = func(_ net.Addr, err error) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.faults = append(s.faults, err.Error())
	}
	s.Connections = func(change int) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.open += change
	}
	ctx, stop := context.WithCancel(t.Context())
	hard, giveUp := context.WithCancel(context.Background())
	s.stop, s.giveUp = stop, giveUp
	go func() { s.ended <- s.Serve(ctx, hard, l) }()
	t.Cleanup(func() {
		stop()
		giveUp()
		if err := <-s.ended; err != nil {
			t.Error(err)
		}
	})
	return s
}

// told waits until a fault has the words.
func (s *service) told(t *testing.T, words string) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(time.Millisecond) {
		s.mu.Lock()
		text := strings.Join(s.faults, "\n")
		s.mu.Unlock()
		if strings.Contains(text, words) {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("told %q, want %q", text, words)
		}
	}
}

func (s *service) got() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return strings.Join(s.calls, ", ")
}

func (s *service) dial(t *testing.T) *net.TCPConn {
	t.Helper()
	conn, err := net.Dial("tcp", s.addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(time.Minute))
	return conn.(*net.TCPConn)
}

func (s *service) client(t *testing.T, cfg Config) *Client {
	t.Helper()
	cfg.Address, cfg.Protocol = s.addr, s.Protocol
	if cfg.Connect == 0 {
		cfg.Connect = time.Minute
	}
	if cfg.Request == 0 {
		cfg.Request = time.Minute
	}
	c, err := Dial(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func serverTLS(t *testing.T) *tls.Config {
	t.Helper()
	key, err := keystore.ReadKey(filepath.Join("..", "..", "testdata", "keystore", "server.jks"), "changeit")
	if err != nil {
		t.Fatal(err)
	}
	return &tls.Config{Certificates: []tls.Certificate{key}}
}

func batch(bodies ...string) []flume.Event {
	var events []flume.Event
	for _, body := range bodies {
		events = append(events, flume.Event{Body: []byte(body)})
	}
	return events
}
