package flumerpc

import (
	"bytes"
	"io"
	"reflect"
	"testing"

	"github.com/logpipe/logpipe/pkg/flume"
)

// check takes what a decoder accepted: it must survive the encoders.
func check(t *testing.T, call Call) Status {
	for _, e := range call.Events {
		_ = string(e.Body)
		for i, h := range e.Headers {
			for _, other := range e.Headers[:i] {
				if h.Key == other.Key {
					t.Errorf("header %q twice", h.Key)
				}
			}
		}
	}
	want := cloned(call.Events)
	for _, compact := range []bool{false, true} {
		frame := newThriftCaller(compact).request(want)
		got := decode(t, newThriftSession(compact), frame)
		if !same(got, want) {
			t.Errorf("Thrift (compact %v): %v became %v", compact, want, got)
		}
	}
	if got := decode(t, new(avroSession), newAvroCaller().request(want)); !same(got, want) {
		t.Errorf("Avro: %v became %v", want, got)
	}
	return OK
}

func same(a, b []flume.Event) bool { return len(a) == 0 && len(b) == 0 || reflect.DeepEqual(a, b) }

func cloned(events []flume.Event) []flume.Event {
	var list []flume.Event
	for _, e := range events {
		list = append(list, flume.Event{Headers: e.Headers.Clone(), Body: append([]byte{}, e.Body...)})
	}
	return list
}

func decode(t *testing.T, s session, sent []byte) (events []flume.Event) {
	_, faults, err := replay(s, bytes.Clone(sent), func(c Call) Status { events = cloned(c.Events); return OK })
	if len(faults) > 0 || err != io.EOF {
		t.Errorf("%v %v", faults, err)
	}
	return events
}

// FuzzAvroServer reads what clients may send: frames, handshakes, calls.
func FuzzAvroServer(f *testing.F) {
	f.Add(newAvroCaller().request(batch("a", "b")))
	f.Add([]byte(frame(hello() + "\x00\x0cappend\x02\x02k\x02v\x00\x02x")))
	f.Add([]byte(frame(hello() + "\x00\x16appendBatch\x01\x0a\x00\x02x\x00\x02y\x00")))
	f.Add([]byte(frame("0123456789abcdef\x02\x04{}" + avroHash + "\x02\x00\x00\x08nope")))
	f.Add([]byte("GET / HTTP/1.1\r\n\r\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		replay(new(avroSession), data, func(c Call) Status { return check(t, c) })
	})
}

// FuzzThriftServer reads frames of both protocols.
func FuzzThriftServer(f *testing.F) {
	f.Add(true, newThriftCaller(true).request([]flume.Event{{Headers: flume.Headers{{Key: "k", Value: "v"}}, Body: []byte("x")}}))
	f.Add(false, newThriftCaller(false).request([]flume.Event{{Headers: flume.Headers{{Key: "k", Value: "v"}}, Body: []byte("x")}}))
	f.Add(true, []byte("\x00\x00\x00\x2e\x82\x21\x01\x06append\x1c\x1b\x01\x88\x01k\x01v\x18\x01x\x00\x00"))
	f.Add(true, []byte("\x00\x00\x00\x12\x82\x21\x01\x06append\x1d\x01\x1b\x01\x88\x01k\x00\x00"))
	f.Add(false, []byte("\x00\x00\x00\x20\x00\x00\x00\x06append\x01\x00\x00\x00\x01\x0c\x00\x01\x0b\x00\x02\x00\x00\x00\x01x\x00\x00"))
	f.Fuzz(func(t *testing.T, compact bool, data []byte) {
		replay(newThriftSession(compact), data, func(c Call) Status { return check(t, c) })
	})
}

// FuzzResponses reads what servers may answer.
func FuzzResponses(f *testing.F) {
	f.Add([]byte("\x00\x00\x00\x01\x00\x00\x00\x03\x00\x00\x00\x04\x00\x00\x00\x00\x00\x00\x00\x01\x00\x00\x00\x00\x02\x00\x00"))
	f.Add([]byte("\x00\x00\x00\x0e\x82\x41\x01\x06append\x05\x00\x00\x00"))
	f.Add([]byte("\x00\x00\x00\x1c\x80\x01\x00\x03\x00\x00\x00\x01x\x00\x00\x00\x01\x0b\x00\x01\x00\x00\x00\x01y\x00"))
	f.Fuzz(func(_ *testing.T, data []byte) {
		for _, c := range []caller{newAvroCaller(), newThriftCaller(true), newThriftCaller(false)} {
			c.request(nil)
			c.response(newReader(still{bytes.NewReader(data)}, 0))
		}
	})
}

// FuzzInflate reads what may come on a connection that is compressed.
func FuzzInflate(f *testing.F) {
	f.Add([]byte("\x78\x9c\x03\x00\x00\x00\x00\x01"))
	f.Fuzz(func(_ *testing.T, data []byte) {
		d, err := newDeflated(&memory{Reader: bytes.NewReader(data)}, zlibLevel)
		if err != nil {
			return
		}
		io.Copy(io.Discard, io.LimitReader(d, 1<<20))
	})
}
