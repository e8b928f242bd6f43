package flumerpc

import (
	"bytes"
	"compress/zlib"
	"encoding/hex"
	"errors"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/logpipe/logpipe/pkg/flume"
)

// captured reads bytes that a real Flume 1.11 sent or got.
func captured(t testing.TB, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("..", "..", "..", "shared", "flume", "wire", name))
	if errors.Is(err, fs.ErrNotExist) {
		t.Skip("the bytes that were captured are not beside this repository")
	}
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// recorder is a handler that keeps what it gets.
type recorder struct {
	calls  []string
	answer Status
}

func (r *recorder) handle(call Call) Status {
	r.calls = append(r.calls, describe(call))
	return r.answer
}

// describe is a call as text: append(k=v body).
func describe(call Call) string {
	var events []string
	for _, e := range call.Events {
		var b strings.Builder
		for _, h := range e.Headers {
			b.WriteString(h.Key + "=" + h.Value + " ")
		}
		events = append(events, b.String()+string(e.Body))
	}
	name := "append"
	if call.Batch {
		name = "appendBatch"
	}
	return name + "(" + strings.Join(events, "; ") + ")"
}

// still is a connection that a test has written in advance.
type still struct{ io.Reader }

func (still) SetReadDeadline(time.Time) error { return nil }

// replay gives a session what a client sent, and returns its answers and what it
// told and what ended it.
func replay(s session, sent []byte, handle func(Call) Status) (answers []byte, faults []error, err error) {
	r := newReader(still{bytes.NewReader(sent)}, 0)
	for {
		if err := r.begin(); err != nil {
			return answers, faults, err
		}
		message, err := s.read(r)
		r.end()
		if err != nil {
			return answers, faults, err
		}
		out, fault, err := s.answer(message, handle)
		answers = append(answers, out...)
		if fault != nil {
			faults = append(faults, fault)
		}
		if err != nil {
			return answers, faults, err
		}
	}
}

// TestCapturedServer answers what real clients sent as the real Flume did, byte
// for byte.
func TestCapturedServer(t *testing.T) {
	const hello, second = "append(k1=v1 host=web-1 hello flume)", "append(second, no handshake)"
	const thriftHello = "append(host=web-1 k1=v1 hello flume)"
	const three = "appendBatch(n=1 event 1; event 2; n=3 event 3)"
	tests := []struct {
		name   string
		answer Status
		calls  []string
	}{
		{"append.0", OK, []string{hello, second}},
		{"batch3.0", OK, []string{three}},
		{"avrocli.0", OK, []string{"appendBatch(host=web-1 env=prod line one; host=web-1 env=prod line two)"}},
		{"deflate_append.0", OK, []string{hello, second}},
		{"deflate_batch3.0", OK, []string{three}},
		{"err_unknown_message", OK, nil},
		{"handshake_client_match", OK, []string{"append(x)"}},
		{"handshake_clientprotocol", OK, []string{"append(x)"}},
		{"handshake_none", OK, nil},
		{"status_failed", Failed, nil},
		{"thrift_append.0", OK, []string{thriftHello, second}},
		{"thrift_batch3.0", OK, []string{three}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			sent, want := captured(t, test.name+".c2s"), captured(t, test.name+".s2c")
			if strings.HasPrefix(test.name, "deflate") {
				sent, want = inflate(t, sent), inflate(t, want)
			}
			var s session = new(avroSession)
			if strings.HasPrefix(test.name, "thrift") {
				s = newThriftSession(true)
			}
			r := &recorder{answer: test.answer}
			got, _, err := replay(s, sent, r.handle)
			if err != io.EOF {
				t.Error(err)
			}
			if !bytes.Equal(got, want) {
				t.Errorf("answered\n%s\nand the real one\n%s", hex.Dump(got), hex.Dump(want))
			}
			if test.calls != nil && !reflect.DeepEqual(r.calls, test.calls) {
				t.Errorf("calls %q, want %q", r.calls, test.calls)
			}
		})
	}
}

// inflate unpacks one direction of a connection; the server's has no end.
func inflate(t *testing.T, data []byte) []byte {
	t.Helper()
	z, err := zlib.NewReader(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	plain, err := io.ReadAll(z)
	if err != nil && err != io.ErrUnexpectedEOF {
		t.Fatal(err)
	}
	return plain
}

// TestCapturedClient sends what real clients sent, byte for byte, and reads what
// the real Flume answered.
func TestCapturedClient(t *testing.T) {
	event := func(body string, headers ...string) flume.Event {
		e := flume.Event{Body: []byte(body)}
		for i := 0; i < len(headers); i += 2 {
			e.Headers.Set(headers[i], headers[i+1])
		}
		return e
	}
	three := []flume.Event{event("event 1", "n", "1"), event("event 2"), event("event 3", "n", "3")}
	lines := []flume.Event{event("line one", "host", "web-1", "env", "prod"), event("line two", "host", "web-1", "env", "prod")}
	for _, test := range []struct {
		name   string
		caller caller
		events []flume.Event
		status Status
	}{
		{"batch3.0", newAvroCaller(), three, OK},
		{"avrocli.0", newAvroCaller(), lines, OK},
		{"thrift_batch3.0", newThriftCaller(true), three, OK},
		{"status_failed", newAvroCaller(), nil, Failed},
	} {
		t.Run(test.name, func(t *testing.T) {
			sent, answer := captured(t, test.name+".c2s"), captured(t, test.name+".s2c")
			got := test.caller.request(test.events)
			if test.events != nil && !bytes.Equal(got, sent) {
				t.Errorf("sent\n%s\nand the real one\n%s", hex.Dump(got), hex.Dump(sent))
			}
			status, again, err := test.caller.response(newReader(still{bytes.NewReader(answer)}, 0))
			if status != test.status || again || err != nil {
				t.Errorf("read as %v %v %v, want %v", status, again, err, test.status)
			}
		})
	}
}

// A real server that does not know the client asks for its protocol.
func TestCapturedNone(t *testing.T) {
	a := newAvroCaller()
	a.request(nil)
	_, again, err := a.response(newReader(still{bytes.NewReader(captured(t, "handshake_none.s2c"))}, 0))
	if !again || err != nil {
		t.Fatalf("%v %v", again, err)
	}
	if got := a.told(nil); !bytes.Contains(got, []byte(avroProtocol)) {
		t.Fatal("the protocol was not sent")
	}
	a.serial = 1
	_, _, err = a.response(newReader(still{bytes.NewReader(captured(t, "err_unknown_message.s2c"))}, 0))
	if err == nil || !strings.Contains(err.Error(), "No such remote message: nope") {
		t.Fatal(err)
	}
}

// TestCapturedTLS begins like the captured connections: with both, the first
// thing in the zlib stream is TLS.
func TestCapturedTLS(t *testing.T) {
	if b := captured(t, "ssl_append.0.c2s"); b[0] != recordOfTLS {
		t.Errorf("TLS begins with %x", b[0])
	}
	if b := inflate(t, captured(t, "ssldefl_append.0.c2s")); b[0] != recordOfTLS {
		t.Errorf("TLS inside zlib begins with %x", b[0])
	}
	if _, _, err := replay(new(avroSession), captured(t, "ssl_append.0.c2s"), new(recorder).handle); !errors.Is(err, errMalformed) {
		t.Errorf("TLS to a plain source: %v", err)
	}
	a, b := net.Pipe()
	defer a.Close()
	d, err := newDeflated(b, zlibLevel)
	if err != nil {
		t.Fatal(err)
	}
	go a.Write(captured(t, "plain_to_deflate.0.c2s"))
	if _, err := d.Read(make([]byte, 8)); !errors.Is(err, errMalformed) {
		t.Errorf("plain to a deflating source: %v", err)
	}
}

// TestProtocolText holds the text whose hash the handshake names.
func TestProtocolText(t *testing.T) {
	if len(avroProtocol) != 1334 {
		t.Errorf("the protocol has %d bytes", len(avroProtocol))
	}
	if err := compatible([]byte(avroProtocol)); err != nil {
		t.Error(err)
	}
	if err := compatible([]byte(strings.Replace(avroProtocol, `"headers"`, `"other"`, 1))); err == nil {
		t.Error("other fields are compatible")
	}
	if err := compatible([]byte("{")); err == nil {
		t.Error("a broken protocol is compatible")
	}
}
