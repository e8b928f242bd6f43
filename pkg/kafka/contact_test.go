package kafka

import (
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/logpipe/logpipe/pkg/broker"
	"github.com/logpipe/logpipe/pkg/fault"
)

// server answers each connection with answer after the client's first bytes,
// and closes it; with silent it says nothing and keeps it.
func server(t *testing.T, answer string, silent bool) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				if _, err := c.Read(make([]byte, 512)); err != nil {
					return
				}
				if silent {
					io.Copy(io.Discard, c)
					return
				}
				io.WriteString(c, answer)
			}()
		}
	}()
	return l.Addr().String()
}

func freeAddr(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

func TestNoContact(t *testing.T) {
	closed := freeAddr(t)
	http := server(t, "HTTP/1.1 400 Bad Request\r\n\r\n", false)
	tls := server(t, "\x15\x03\x01\x00\x02\x02\x46", false)
	shut := server(t, "", false)
	mute := server(t, "", true)
	other := server(t, "+OK POP3 ready, and some more text\r\n", false)
	for _, v := range []struct {
		name    string
		brokers []string
		want    string
		hint    string
	}{
		{"refused", []string{closed}, "broker " + closed + ": connection refused", "--wait"},
		{"no such host", []string{"nowhere.invalid:9092"}, `no such host "nowhere.invalid"`, "-b"},
		{"http", []string{http}, "broker " + http + ": answers HTTP, so it is not a Kafka broker", "-b"},
		{"tls", []string{tls}, "broker " + tls + ": the port expects TLS", "plaintext"},
		{"shut", []string{shut}, "broker " + shut + ": closes the connection without an answer", "-b"},
		{"mute", []string{mute}, "broker " + mute + ": accepts connections and does not answer", "-b"},
		{"other", []string{other}, "broker " + other + ": its answer is not Kafka's", "-b"},
		{"several", []string{closed, http}, "none of the 2 brokers answers: ", ""},
	} {
		t.Run(v.name, func(t *testing.T) {
			begin := time.Now()
			_, err := NewAdmin(t.Context(), Config{Brokers: v.brokers})
			took := time.Since(begin)
			if err == nil {
				t.Fatal("no error")
			}
			if v.name == "no such host" && strings.Contains(err.Error(), "looked up") {
				t.Skipf("no name server here: %v", err)
			}
			if !strings.Contains(err.Error(), v.want) {
				t.Errorf("got  %s\nwant %s", err, v.want)
			}
			if hint := fault.HintOf(err); !strings.Contains(hint, v.hint) {
				t.Errorf("hint %q, want %q in it", hint, v.hint)
			}
			if fault.CodeOf(err) != fault.Unreachable {
				t.Errorf("exit code %d, want %d", fault.CodeOf(err), fault.Unreachable)
			}
			if took > time.Second {
				t.Errorf("took %v, want less than a second", took)
			}
		})
	}
}

func TestOneOfSeveralAnswers(t *testing.T) {
	cfg, _ := cluster(t, broker.Config{})
	cfg.Brokers = append([]string{freeAddr(t)}, cfg.Brokers...)
	create(t, cfg, "x", 1)
}

func TestWaitForContact(t *testing.T) {
	addr := freeAddr(t)
	begin := time.Now()
	_, err := NewAdmin(t.Context(), Config{Brokers: []string{addr}, Wait: 1200 * time.Millisecond})
	if took := time.Since(begin); err == nil || took < 1200*time.Millisecond || took > 4*time.Second {
		t.Errorf("%v after %v, want an error after 1.2 s", err, took)
	}
	if hint := fault.HintOf(err); strings.Contains(hint, "--wait") {
		t.Errorf("hint %q names a flag that was given", hint)
	}

	connected := make(chan error, 1)
	go func() {
		a, err := NewAdmin(soon(t), Config{Brokers: []string{addr}, Wait: 20 * time.Second})
		if err == nil {
			err = a.Close()
		}
		connected <- err
	}()
	cluster(t, broker.Config{Listen: addr})
	if err := <-connected; err != nil {
		t.Error(err)
	}
}

func TestBrokerAddresses(t *testing.T) {
	for _, v := range []struct {
		in   []string
		want string
	}{
		{nil, "127.0.0.1:9092"},
		{[]string{"kafka"}, "kafka:9092"},
		{[]string{"a:1", "b"}, "a:1,b:9092"},
		{[]string{"[::1]:9"}, "[::1]:9"},
		{[]string{"::1"}, ""},
		{[]string{"a:0"}, ""},
		{[]string{"a:http"}, ""},
		{[]string{":9092"}, ""},
	} {
		got, err := Config{Brokers: v.in}.brokers()
		if joined := strings.Join(got, ","); joined != v.want {
			t.Errorf("%q: %q, want %q", v.in, joined, v.want)
		}
		if v.want == "" && fault.CodeOf(err) != fault.Usage {
			t.Errorf("%q: %v, want a usage error", v.in, err)
		}
	}
}

func FuzzParseVersions(f *testing.F) {
	f.Add([]byte{0, 0, 0, 0, 0, 1, 0, 18, 0, 0, 0, 3})
	f.Add([]byte{0, 0, 0xff, 0xff, 0xff, 0xff})
	f.Fuzz(func(t *testing.T, b []byte) {
		if v, ok := parseVersions(b); ok && len(v)*6 > len(b) {
			t.Errorf("%d versions in %d bytes", len(v), len(b))
		}
	})
}
