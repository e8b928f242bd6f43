package flumerpc

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/logpipe/logpipe/pkg/flume"
	"github.com/logpipe/logpipe/pkg/logpipetest"
)

// TestBothEnds sends through every protocol and stream.
func TestBothEnds(t *testing.T) {
	trust := &tls.Config{InsecureSkipVerify: true}
	for _, test := range []struct {
		name     string
		protocol Protocol
		tls      bool
		deflate  bool
	}{
		{"avro", Avro, false, false}, {"avro deflate", Avro, false, true}, {"avro TLS", Avro, true, false}, {"avro TLS deflate", Avro, true, true},
		{"compact", ThriftCompact, false, false}, {"binary", ThriftBinary, false, false}, {"compact TLS", ThriftCompact, true, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := &service{Server: &Server{Protocol: test.protocol, Deflate: test.deflate}}
			cfg := Config{Deflate: test.deflate, Level: 6}
			if test.tls {
				s.TLS, cfg.TLS = serverTLS(t), trust
			}
			c := serve(t, s).client(t, cfg)
			big := strings.Repeat("x", 3<<20)
			odd := []flume.Event{{Headers: flume.Headers{{Key: "k", Value: "1"}, {Key: "größe", Value: ""}, {Key: "k", Value: "2"}}, Body: []byte("中\x00\xff")}, {}}
			var many []flume.Event
			for i := range 1000 {
				many = append(many, flume.Event{Headers: flume.Headers{{Key: "n", Value: fmt.Sprint(i)}}, Body: []byte("body")})
			}
			want := "appendBatch(a; b) OK, appendBatch() OK, appendBatch(k=2 größe= 中\x00\xff; ) OK, appendBatch(" + big + ") OK, " + describe(Call{true, many}) + " OK"
			for _, events := range [][]flume.Event{batch("a", "b"), nil, odd, batch(big), many} {
				if err := c.Append(t.Context(), events); err != nil {
					t.Fatal(err)
				}
			}
			if got := s.got(); got != want {
				t.Errorf("got %.300q, want %.300q", got, want)
			}
			if len(s.faults) > 0 {
				t.Error(s.faults)
			}
		})
	}
}

// Releases before Flume 1.10 have the zlib stream inside of TLS.
func TestDeflateInsideTLS(t *testing.T) {
	s := serve(t, &service{Server: &Server{Deflate: true, TLS: serverTLS(t)}})
	d, err := newDeflated(tls.Client(s.dial(t), &tls.Config{InsecureSkipVerify: true}), 6)
	if err != nil {
		t.Fatal(err)
	}
	c := &Client{cfg: Config{Connect: time.Minute}, conn: d, reader: newReader(d, 0), caller: newAvroCaller()}
	if err := c.Append(t.Context(), batch("a")); err != nil {
		t.Fatal(err)
	}
	if got := s.got(); got != "appendBatch(a) OK" {
		t.Error(got)
	}
}

// A batch that was not stored is refused and may be sent again by the same
// connection.
func TestFailed(t *testing.T) {
	for _, p := range []Protocol{Avro, ThriftCompact, ThriftBinary} {
		answers := []Status{Failed, Unknown, OK}
		s := serve(t, &service{Server: &Server{Protocol: p}, handle: func(context.Context, Call) Status {
			next := answers[0]
			answers = answers[1:]
			return next
		}})
		c := s.client(t, Config{})
		for _, want := range []Status{Failed, Unknown} {
			var status *StatusError
			if err := c.Append(t.Context(), batch("a")); !errors.As(err, &status) || status.Status != want {
				t.Errorf("%v, want %v", err, want)
			}
		}
		if err := c.Append(t.Context(), batch("a")); err != nil {
			t.Error(err)
		}
	}
}

// TestStrangers holds what happens to what is no proper request.
func TestStrangers(t *testing.T) {
	big := "\x00\x00\x00\x01\x00\x00\x00\x01\x7f\xff\xff\xff"
	for _, test := range []struct {
		name     string
		protocol Protocol
		deflate  bool
		send     string
		told     string // "" = nothing
		answer   bool   // and the connection goes on
	}{
		{"nothing", Avro, false, "", "", false},
		{"HTTP", Avro, false, "GET / HTTP/1.1\r\n\r\n", "buffers; does the peer speak Avro", false},
		{"2 GB", Avro, false, big, "more than 256 MiB", false},
		{"half a frame", Avro, false, "\x00\x00\x00\x01\x00\x00\x00\x01\x00\x00\x00\x50abc", "ended inside a message", false},
		{"half a head", Avro, false, "\x00\x00\x00", "ended inside a message", false},
		{"an empty message", Avro, false, "\x00\x00\x00\x01\x00\x00\x00\x00", "handshake ends too early", true},
		{"no parameters", Avro, false, frame(hello() + "\x00\x16appendBatch"), "parameters end too early", true},
		{"too many events", Avro, false, frame(hello() + "\x00\x16appendBatch\xfe\xff\xff\xff\xff\xff\xff\xff\xff\x01"), "parameters end too early", true},
		{"bytes behind", Avro, false, frame(hello() + "\x00\x16appendBatch\x00junk"), "4 bytes behind", true},
		{"no zlib", Avro, true, frame(hello() + "\x00\x16appendBatch\x00"), "is the peer's compression-type deflate?", false},
		{"2 GB", ThriftCompact, false, "\x7f\xff\xff\xff", "more than 256 MiB", false},
		{"binary to compact", ThriftCompact, false, string(newThriftCaller(false).request(nil)), "compact or binary", false},
		{"compact to binary", ThriftBinary, false, string(newThriftCaller(true).request(nil)), "compact or binary", false},
		{"half a frame", ThriftBinary, false, "\x00\x00\x00\x10abc", "ended inside a message", false},
		{"no arguments", ThriftCompact, false, "\x00\x00\x00\x0b\x82\x21\x01\x06append\x00", "hold no event", false},
		{"another method", ThriftCompact, false, "\x00\x00\x00\x09\x82\x21\x01\x04nope\x00", `no method "nope"`, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := serve(t, &service{Server: &Server{Protocol: test.protocol, Deflate: test.deflate}})
			conn := s.dial(t)
			io.WriteString(conn, test.send)
			conn.CloseWrite()
			answer, err := io.ReadAll(conn)
			if err != nil && !strings.Contains(err.Error(), "reset") {
				t.Fatal(err)
			}
			if test.answer != (len(answer) > 0) {
				t.Errorf("answer %q", answer)
			}
			s.told(t, test.told)
			if test.told == "" && len(s.faults) > 0 || s.got() != "" {
				t.Errorf("told %q, called %q", s.faults, s.got())
			}
		})
	}
}

// hello is the handshake of a client that the server knows.
func hello() string { return avroHash + "\x00" + avroHash + "\x00" }

// frame is an Avro message in one buffer.
func frame(body string) string {
	return string([]byte{0, 0, 0, 7, 0, 0, 0, 1, 0, 0, byte(len(body) >> 8), byte(len(body))}) + body
}

// Requests that do not wait for their answers are handled in order.
func TestPipelined(t *testing.T) {
	s := serve(t, &service{Server: &Server{}})
	conn := s.dial(t)
	a := newAvroCaller()
	var all []byte
	const n = 50
	for i := range n {
		all = append(all, a.request(batch(fmt.Sprint(i)))...)
		a.greeted = true
	}
	if _, err := conn.Write(all); err != nil {
		t.Fatal(err)
	}
	r := newReader(conn, 0)
	a.greeted = false
	var want []string
	for i := range n {
		a.serial = uint32(i + 1)
		if status, _, err := a.response(r); status != OK || err != nil {
			t.Fatalf("answer %d: %v %v", i, status, err)
		}
		want = append(want, fmt.Sprintf("appendBatch(%d) OK", i))
	}
	if got := s.got(); got != strings.Join(want, ", ") {
		t.Errorf("calls %s", got)
	}
}

// A message that begins has to go on; a connection without one may be silent.
func TestSlow(t *testing.T) {
	for _, p := range []Protocol{Avro, ThriftBinary} {
		s := serve(t, &service{Server: &Server{Protocol: p, Patience: 100 * time.Millisecond}})
		silent, slow := s.client(t, Config{}), s.dial(t)
		begun := time.Now()
		slow.Write([]byte{0, 0, 9, 9, 0, 0, 0, 1, 0})
		go func() {
			for range 100 { // a byte now and then does not help
				time.Sleep(10 * time.Millisecond)
				if _, err := slow.Write([]byte{0}); err != nil {
					return
				}
			}
		}()
		if _, err := io.ReadAll(slow); err != nil && !strings.Contains(err.Error(), "reset") {
			t.Fatal(err)
		}
		if d := time.Since(begun); d < 100*time.Millisecond || d > 30*time.Second {
			t.Errorf("%v", d)
		}
		s.told(t, "did not come within 100ms")
		if err := silent.Append(t.Context(), batch("a")); err != nil {
			t.Error(err)
		}
	}
}

// While a channel is full a call waits: not longer than a sender does, and not
// for a sender that is gone.
func TestWaiting(t *testing.T) {
	wait := func(ctx context.Context, _ Call) Status {
		<-ctx.Done()
		return Failed
	}
	t.Run("due", func(t *testing.T) {
		s := serve(t, &service{Server: &Server{Wait: 50 * time.Millisecond}, handle: wait})
		c := s.client(t, Config{})
		for range 2 {
			var status *StatusError
			if err := c.Append(t.Context(), batch("a")); !errors.As(err, &status) {
				t.Fatal(err)
			}
		}
		s.mu.Lock()
		s.handle = nil
		s.mu.Unlock()
		if err := c.Append(t.Context(), batch("b")); err != nil {
			t.Fatal(err)
		}
	})
	t.Run("gone", func(t *testing.T) {
		s := serve(t, &service{Server: &Server{Wait: time.Hour}, handle: wait})
		conn := s.dial(t)
		conn.Write(newAvroCaller().request(batch("a")))
		time.Sleep(2 * suspicion)
		conn.Close()
		for deadline := time.Now().Add(time.Minute); s.got() != "appendBatch(a) FAILED"; time.Sleep(time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatalf("calls %q", s.got())
			}
		}
	})
	t.Run("more behind it", func(t *testing.T) {
		slow := func(context.Context, Call) Status { time.Sleep(3 * suspicion / 2); return OK }
		s := serve(t, &service{Server: &Server{}, handle: slow})
		conn := s.dial(t)
		a := newAvroCaller()
		first := bytes.Clone(a.request(batch("a")))
		a.greeted = true
		conn.Write(first)
		time.Sleep(suspicion / 2)
		conn.Write(a.request(batch("b")))
		r := newReader(conn, 0)
		a.greeted = false
		for i := range 2 {
			a.serial = uint32(i + 1)
			if _, _, err := a.response(r); err != nil {
				t.Fatal(err)
			}
		}
		if s.got() != "appendBatch(a) OK, appendBatch(b) OK" {
			t.Errorf("calls %q", s.got())
		}
	})
}

// At the end what has come whole is still stored and answered.
func TestStop(t *testing.T) {
	entered, release := make(chan bool), make(chan bool)
	s := serve(t, &service{Server: &Server{}, handle: func(context.Context, Call) Status {
		entered <- true
		<-release
		return OK
	}})
	idle, c := s.client(t, Config{}), s.client(t, Config{})
	answered := make(chan error)
	go func() { answered <- c.Append(t.Context(), batch("a")) }()
	<-entered
	s.stop()
	close(release)
	if err := <-answered; err != nil {
		t.Error(err)
	}
	err := <-s.ended
	s.ended <- err
	if err != nil || s.open != 0 {
		t.Errorf("%v, %d connections", err, s.open)
	}
	if err := idle.Append(t.Context(), batch("b")); err == nil {
		t.Error("a request was answered after the end")
	}
}

func TestAdmitAndThreads(t *testing.T) {
	var refuse, meet sync.Once
	busy, most := 0, 0
	var mu sync.Mutex
	two := make(chan struct{}) // closed when two calls are at once
	s := serve(t, &service{Server: &Server{Threads: 2, Admit: func(net.Addr) bool {
		admit := true
		refuse.Do(func() { admit = false })
		return admit
	}}, handle: func(context.Context, Call) Status {
		mu.Lock()
		busy++
		if most = max(most, busy); most == 2 {
			meet.Do(func() { close(two) })
		}
		mu.Unlock()
		select {
		case <-two:
			time.Sleep(10 * time.Millisecond) // for a third one
		case <-time.After(time.Minute):
		}
		mu.Lock()
		busy--
		mu.Unlock()
		return OK
	}})
	if b, err := io.ReadAll(s.dial(t)); len(b) > 0 || err != nil {
		t.Errorf("%q %v", b, err)
	}
	s.told(t, "refused by ipFilterRules")
	var all sync.WaitGroup
	for range 6 {
		c := s.client(t, Config{})
		all.Go(func() {
			if err := c.Append(t.Context(), batch("a")); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if most != 2 {
		t.Errorf("%d calls at once", most)
	}
}

// TestClientErrors holds what a sink is told.
func TestClientErrors(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	cfg := Config{Address: l.Addr().String(), Connect: time.Minute, Request: 100 * time.Millisecond}
	c, err := Dial(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	c.cfg.Connect = 100 * time.Millisecond // for the answer to the first batch, too
	if err := c.Append(t.Context(), batch("a")); err == nil || !strings.Contains(err.Error(), "no answer within 100ms") {
		t.Error(err)
	}
	if c, err = Dial(t.Context(), cfg); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := c.Append(ctx, batch("a")); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	cfg.TLS, cfg.Connect = &tls.Config{InsecureSkipVerify: true}, 100*time.Millisecond
	if _, err := Dial(t.Context(), cfg); err == nil || !strings.Contains(err.Error(), "no connection within 100ms") {
		t.Error(err)
	}
	l.Close()
	cfg.Connect = time.Minute
	if _, err := Dial(t.Context(), cfg); err == nil || !strings.Contains(err.Error(), "refused") {
		t.Error(err)
	}
	s := serve(t, &service{Server: &Server{Deflate: true}})
	if err := s.client(t, Config{}).Append(t.Context(), batch("a")); err == nil || !strings.Contains(err.Error(), "without an answer") {
		t.Error(err)
	}
}

// Where the server has ended, its port is free for the next one.
func TestServerEndsWithoutItsPort(t *testing.T) {
	l := logpipetest.NewSlowListener(100 * time.Millisecond)
	ctx, stop := context.WithCancel(t.Context())
	stop()
	if err := new(Server).Serve(ctx, t.Context(), l); err != nil || !l.Free.Load() {
		t.Errorf("%v; the port is free: %t", err, l.Free.Load())
	}
}
