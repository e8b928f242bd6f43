package sink

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/logpipe/logpipe/pkg/flume"
	"github.com/logpipe/logpipe/pkg/flumerpc"
	"github.com/logpipe/logpipe/pkg/logpipetest"
)

// limited is a listener whose connections end, as Flume's do, where a frame of
// Thrift is announced that is above its limit.
type limited struct {
	net.Listener
	most   int64        // as many such frames end all connections; 0 = none does
	closed atomic.Int64 // connections that ended so
}

func (l *limited) Accept() (net.Conn, error) {
	for {
		conn, err := l.Listener.Accept()
		if err != nil || l.most == 0 || l.closed.Load() < l.most {
			return &limitedConn{Conn: conn, from: l}, err
		}
		conn.Close()
	}
}

type limitedConn struct {
	net.Conn
	from *limited
	head []byte // of the frame that begins
	left int    // bytes of the frame that have not come
}

func (c *limitedConn) Read(b []byte) (int, error) {
	if c.left == 0 {
		c.head = c.head[:0]
	}
	if len(c.head) < 4 {
		n, err := c.Conn.Read(b[:min(len(b), 4-len(c.head))])
		if c.head = append(c.head, b[:n]...); len(c.head) < 4 || err != nil {
			return n, err
		}
		if c.left = int(binary.BigEndian.Uint32(c.head)); c.left > flumerpc.ThriftLimit {
			c.from.closed.Add(1)
			c.Close()
			return 0, io.EOF
		}
		return n, nil
	}
	n, err := c.Conn.Read(b[:min(len(b), c.left)])
	c.left -= n
	return n, err
}

func startLimited(t *testing.T, protocol flumerpc.Protocol, most int64) (*peer, *limited) {
	t.Helper()
	l := &limited{Listener: logpipetest.ListenAt(t, "127.0.0.1:0"), most: most}
	return startPeerOn(t, &flumerpc.Server{Protocol: protocol}, l), l
}

// large are events with bodies of so many bytes.
func large(sizes ...int) (events []flume.Event) {
	for _, n := range sizes {
		events = append(events, flume.Event{Body: make([]byte, n)})
	}
	return events
}

// openLarge opens a thrift sink that gives a busy machine time.
func openLarge(t *testing.T, p *peer, counters *flume.Counters, settings ...string) Sink {
	return openRPC(t, NewThrift, p.port, counters, append(settings, "connect-timeout=600000", "request-timeout=600000")...)
}

// What is too much for one request of a thrift source goes in several.
func TestThriftLargeBatch(t *testing.T) {
	for name, protocol := range map[string]flumerpc.Protocol{"compact": flumerpc.ThriftCompact, "binary": flumerpc.ThriftBinary} {
		p, l := startLimited(t, protocol, 0)
		s := openLarge(t, p, nil, "protocol="+name, "batch-size=10")
		if err := s.Write(t.Context(), large(1, 8_191_000, 1, 8_193_100, 1)); err != nil {
			t.Fatal(err)
		}
		if want := []int{3, 2}; !slices.Equal(p.batches, want) || l.closed.Load() != 0 || p.open.Load() != 1 {
			t.Errorf("%s: requests of %v events, want %v; %d connections, of which %d were closed", name, p.batches, want, p.open.Load(), l.closed.Load())
		}
	}
}

// An event that the source never takes is rejected when the others of its batch
// are delivered; one that takes more has it.
func TestThriftLargeEvent(t *testing.T) {
	for _, test := range []struct {
		settings []string
		sizes    []int
		rejected []int
	}{
		{nil, []int{1, 17_000_000, 2}, []int{1}},
		{nil, []int{17_000_000}, []int{0}},
		{[]string{"connections=2", "batch-size=2"}, []int{1, 2, 17_000_000, 3}, []int{2}},
	} {
		p, l := startLimited(t, flumerpc.ThriftCompact, 0)
		var counters flume.Counters
		s := openLarge(t, p, &counters, test.settings...)
		err := s.Write(t.Context(), large(test.sizes...))
		var rejected *RejectedError
		if !errors.As(err, &rejected) {
			t.Fatalf("%v: %v", test.sizes, err)
		}
		var indexes []int
		for _, r := range rejected.Events {
			indexes = append(indexes, r.Index)
			if text := r.Err.Error(); !strings.Contains(text, "a request of 17000040 bytes") || !strings.Contains(text, "reads 16384000 at most") {
				t.Error(text)
			}
		}
		events := 0
		for _, n := range p.batches {
			events += n
		}
		all := len(test.sizes)
		if !slices.Equal(indexes, test.rejected) || events != all-1 || l.closed.Load() == 0 {
			t.Errorf("%v: rejected %v, delivered %d events; %d connections were closed", test.sizes, indexes, events, l.closed.Load())
		}
		for name, n := range map[string]int{"EventDrainAttemptCount": all, "EventDrainSuccessCount": all - 1, "EventWriteFail": 0} {
			if got := counters.Values()[name]; got != int64(n) {
				t.Errorf("%s = %d, want %d", name, got, n)
			}
		}
	}
	p := startPeer(t, &flumerpc.Server{Protocol: flumerpc.ThriftCompact}, 0)
	s := openLarge(t, p, nil)
	if err := s.Write(t.Context(), large(1, 17_000_000, 1)); err != nil || !slices.Equal(p.batches, []int{1, 1, 1}) {
		t.Errorf("of a source that takes it: %v, requests of %v events", err, p.batches)
	}
}

// A source that ends, or closes the connection of everybody, has not refused an
// event: it is sent again.
func TestThriftLargeEventAndSourceGone(t *testing.T) {
	for most := range int64(4) {
		p, l := startLimited(t, flumerpc.ThriftCompact, most)
		s := openLarge(t, p, nil)
		err := s.Write(t.Context(), large(17_000_000))
		var rejected *RejectedError
		if errors.As(err, &rejected) != (most == 0) || err == nil {
			t.Errorf("gone with %d of %d: %v", most, l.closed.Load(), err)
		}
	}
}

// A real Flume has all events of a batch above its limit, and all but the one that
// is above it alone, which its avro source takes.
func TestRealFlumeThriftLarge(t *testing.T) {
	tools := logpipetest.NewFlumeTools(t)
	compact, binary, avro := logpipetest.FreePort(t), logpipetest.FreePort(t), logpipetest.FreePort(t)
	folder := t.TempDir()
	conf := "a1.sources = r1 r2 r3\na1.channels = c1\na1.sinks = k1\na1.channels.c1.type = memory\na1.channels.c1.capacity = 1000\n" +
		"a1.sinks.k1.type = file_roll\na1.sinks.k1.sink.directory = " + folder + "\na1.sinks.k1.sink.rollInterval = 0\na1.sinks.k1.sink.batchSize = 1\na1.sinks.k1.channel = c1\n"
	for i, kind := range []string{"thrift", "thrift\na1.sources.r2.protocol = binary", "avro"} {
		conf += fmt.Sprintf("a1.sources.r%[1]d.type = %[2]s\na1.sources.r%[1]d.bind = 127.0.0.1\na1.sources.r%[1]d.port = %[3]d\na1.sources.r%[1]d.channels = c1\n",
			i+1, kind, []int{compact, binary, avro}[i])
	}
	tools.Start(t, conf, "Component type: SOURCE, name: r1 started")
	sizes := slices.Repeat([]int{1_000_000}, 20)
	sizes[7] = 17_000_000
	for _, test := range []struct {
		build    func(*flume.Properties) Sink
		port     int
		settings []string
		rejects  bool
	}{
		{NewThrift, compact, nil, true}, {NewThrift, binary, []string{"protocol=binary"}, true}, {NewAvro, avro, nil, false},
	} {
		await(t, test.port)
		s := openRPC(t, test.build, test.port, nil, test.settings...)
		err := s.Write(t.Context(), large(sizes...))
		var rejected *RejectedError
		if !test.rejects && err == nil {
			continue
		}
		if !errors.As(err, &rejected) || !test.rejects || len(rejected.Events) != 1 || rejected.Events[0].Index != 7 {
			t.Errorf("%T %v: %v", s, test.settings, err)
		}
	}
	const want = 3*(19*1_000_001) + 17_000_001 // with line feeds
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for got := 0; got != want; time.Sleep(50 * time.Millisecond) {
		if ctx.Err() != nil {
			t.Fatalf("Flume has %d bytes of the events, want %d", got, want)
		}
		_, files := rolled(t, folder)
		got = 0
		for _, text := range files {
			got += len(text)
		}
	}
}

// await waits until something listens.
func await(t *testing.T, port int) {
	t.Helper()
	for end := time.Now().Add(time.Minute); ; time.Sleep(50 * time.Millisecond) {
		conn, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err == nil {
			conn.Close()
			return
		}
		if time.Now().After(end) {
			t.Fatal(err)
		}
	}
}
