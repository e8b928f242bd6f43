package flumerpc

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/logpipe/logpipe/pkg/flume"
	"github.com/logpipe/logpipe/pkg/logpipetest"
)

// memory is a connection to nobody.
type memory struct {
	net.Conn
	io.Reader
}

func (m *memory) Read(b []byte) (int, error) { return m.Reader.Read(b) }

// lines are events as an access log makes them: 250 bytes, with two headers.
func lines(n int) []flume.Event {
	var events []flume.Event
	for range n {
		events = append(events, flume.Event{Body: []byte(strings.Repeat("x", 250)),
			Headers: flume.Headers{{Key: "host", Value: "web-1"}, {Key: "timestamp", Value: "1795219969760"}}})
	}
	return events
}

// Nothing is allocated for an event but its headers' share of one slice: the
// memory of a message whose events were released is used again.
func TestAllocations(t *testing.T) {
	events := lines(1000)
	for name, both := range map[string]struct {
		session session
		caller  caller
	}{
		"avro": {&avroSession{greeted: true}, &avroCaller{greeted: true}}, "compact": {newThriftSession(true), newThriftCaller(true)},
		"binary": {newThriftSession(false), newThriftCaller(false)},
	} {
		message := bytes.Clone(both.caller.request(events))
		r := newReader(still{&endless{message: message}}, 0)
		n := logpipetest.Allocs(20, func() {
			both.caller.request(events)
			r.begin()
			m, err := both.session.read(r)
			if err != nil {
				t.Fatal(err)
			}
			if _, fault, err := both.session.answer(m, func(c Call) Status { flume.Release(c.Events); return OK }); fault != nil || err != nil {
				t.Fatal(fault, err)
			}
			r.end()
		})
		if n > 6 { // the race detector makes a pool lose blocks
			t.Errorf("%s: %v allocations for a message of 1000 events", name, n)
		}
	}
}

// endless repeats a message.
type endless struct {
	message []byte
	at      int
}

func (e *endless) Read(b []byte) (int, error) {
	n := copy(b, e.message[e.at:])
	e.at = (e.at + n) % len(e.message)
	return n, nil
}

// BenchmarkHop sends batches over loopback and waits for each answer: both ends
// of a hop, without their channels.
func BenchmarkHop(b *testing.B) {
	for _, p := range []struct {
		name     string
		protocol Protocol
		deflate  bool
	}{{"avro", Avro, false}, {"avroDeflate", Avro, true}, {"compact", ThriftCompact, false}, {"binary", ThriftBinary, false}} {
		for _, n := range []int{1, 100, 1000} {
			b.Run(fmt.Sprintf("%s/%d", p.name, n), func(b *testing.B) {
				l, err := net.Listen("tcp", "127.0.0.1:0")
				if err != nil {
					b.Fatal(err)
				}
				ctx, stop := context.WithCancel(b.Context())
				s := &Server{Protocol: p.protocol, Deflate: p.deflate, Handle: func(context.Context, Call) Status { return OK },
					Fault: func(_ net.Addr, err error) { b.Error(err) }, Connections: func(int) {}}
				ended := make(chan error)
				go func() { ended <- s.Serve(ctx, ctx, l) }()
				c, err := Dial(ctx, Config{Address: l.Addr().String(), Protocol: p.protocol, Deflate: p.deflate, Level: 6, Connect: time.Minute, Request: time.Minute})
				if err != nil {
					b.Fatal(err)
				}
				events := lines(n)
				b.ReportAllocs()
				for b.Loop() {
					if err := c.Append(ctx, events); err != nil {
						b.Fatal(err)
					}
				}
				b.ReportMetric(float64(b.N)*float64(n)/b.Elapsed().Seconds(), "events/s")
				c.Close()
				stop()
				<-ended
			})
		}
	}
}
