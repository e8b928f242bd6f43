package flumerpc

import (
	"fmt"
	"strings"
	"testing"

	"github.com/logpipe/logpipe/pkg/flume"
)

// The size of an event is that of what is written of it, and of a request no less
// than that.
func TestThriftSize(t *testing.T) {
	long := strings.Repeat("x", 300)
	headers := flume.Headers{}
	for i := range 200 {
		headers = append(headers, flume.Header{Key: fmt.Sprint(i), Value: long[:i]})
	}
	for _, e := range []flume.Event{
		{},
		{Body: []byte("b")},
		{Body: []byte(long[:127])},
		{Body: []byte(long[:128])},
		{Body: make([]byte, 1<<14-1)},
		{Body: make([]byte, 1<<14)},
		{Body: make([]byte, 1<<21), Headers: headers[:1]},
		{Headers: headers[:127]},
		{Headers: headers},
		{Body: []byte(long), Headers: flume.Headers{{Key: long, Value: ""}, {Key: "", Value: long}}},
	} {
		for _, p := range []Protocol{ThriftCompact, ThriftBinary} {
			w := thriftWriter{compact: p == ThriftCompact}
			w.event(&e)
			if got := thriftSize(&e, w.compact); got != len(w.b) {
				t.Errorf("protocol %d, %d headers, body of %d: size %d, but %d bytes are written", p, len(e.Headers), len(e.Body), got, len(w.b))
			}
			for _, serial := range []uint32{0, 1<<32 - 2} {
				caller := thriftCaller{w: w, serial: serial}
				if n, most := len(caller.request([]flume.Event{e}))-4, p.RequestSize(&e); n > most || n < most-thriftEnvelope {
					t.Errorf("protocol %d: a request of %d bytes, the size is %d", p, n, most)
				}
			}
		}
	}
}

// Requests are cut where one more event could be too much.
func TestThriftFit(t *testing.T) {
	many := func(n, size int) (all []flume.Event) {
		body := make([]byte, size)
		for range n {
			all = append(all, flume.Event{Body: body})
		}
		return all
	}
	for _, p := range []Protocol{ThriftCompact, ThriftBinary} {
		for _, test := range []struct{ events, size, want int }{
			{0, 0, 0}, {100, 10, 100}, {61, 1_000_000, 16}, {61, 1 << 20, 15}, {3, 8_191_900, 2}, {3, 8_192_000, 1},
			{2, ThriftLimit - 100, 1}, {2, ThriftLimit, 0}, {2, 20_000_000, 0},
		} {
			events := many(test.events, test.size)
			n := p.Fit(events)
			if n != test.want {
				t.Errorf("protocol %d: %d of %d events of %d bytes go into a request, want %d", p, n, test.events, test.size, test.want)
			}
			caller := newThriftCaller(p == ThriftCompact)
			if got := len(caller.request(events[:n])) - 4; got > ThriftLimit {
				t.Errorf("protocol %d: a request of %d bytes", p, got)
			}
		}
	}
	if n := Avro.Fit(many(3, ThriftLimit)); n != 3 {
		t.Errorf("%d of 3 events go into an Avro request", n)
	}
}
