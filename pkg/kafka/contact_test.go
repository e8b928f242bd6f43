package kafka

import (
	"encoding/binary"
	"io"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/logpipe/logpipe/pkg/broker"
	"github.com/logpipe/logpipe/pkg/fault"
	"github.com/logpipe/logpipe/pkg/logpipetest"
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

// versions is the answer of a server of Kafka that understands the requests of keys,
// to who asks which these are.
func versions(keys ...uint16) string {
	b := binary.BigEndian.AppendUint32(nil, uint32(4+2+4+6*len(keys)))
	b = binary.BigEndian.AppendUint32(b, probeCorrelation)
	b = append(b, 0, 0)
	b = binary.BigEndian.AppendUint32(b, uint32(len(keys)))
	for _, key := range keys {
		b = binary.BigEndian.AppendUint16(b, key)
		b = append(b, 0, 0, 0, 9)
	}
	return string(b)
}

// What the port of a controller of KRaft understands: Fetch, SaslHandshake,
// ApiVersions, CreateTopics, Vote, DescribeCluster.
func controller(t *testing.T) string { return server(t, versions(1, 17, 18, 19, 52, 60), false) }

func TestNoContact(t *testing.T) {
	closed := logpipetest.Closed(t)
	http := server(t, "HTTP/1.1 400 Bad Request\r\n\r\n", false)
	tls := server(t, "\x15\x03\x01\x00\x02\x02\x46", false)
	shut := server(t, "", false)
	mute := server(t, "", true)
	quorum, half := controller(t), server(t, versions(0, 1, 18), false)
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
		{"controller", []string{quorum}, "broker " + quorum + ": is a controller of Kafka (KRaft), not a broker", "-b HOST:PORT names the brokers' port"},
		{"without metadata", []string{half}, "broker " + half + ": does not tell clients about the cluster", "-b"},
		{"several", []string{closed, http}, "none of the 2 brokers answers: ", ""},
	} {
		t.Run(v.name, func(t *testing.T) {
			limit := time.Second
			if v.name == "mute" { // nearly all of that is for its answer; more where the end is noticed late
				limit = 2 * firstContact
			}
			var err error
			logpipetest.Prompt(t, limit, func() { _, err = NewAdmin(t.Context(), Config{Brokers: v.brokers}) })
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
		})
	}
}

func TestOneOfSeveralAnswers(t *testing.T) {
	cfg, _ := cluster(t, broker.Config{})
	cfg.Brokers = append([]string{logpipetest.Closed(t)}, cfg.Brokers...)
	create(t, cfg, "x", 1)
}

// A controller among the brokers, once it is known as one, is not asked for what only
// brokers know.
func TestControllerAmongBrokers(t *testing.T) {
	cfg, _ := cluster(t, broker.Config{})
	cfg.Brokers = append([]string{controller(t)}, cfg.Brokers...)
	a, err := NewAdmin(soon(t), cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	known := []*contactError{{addr: cfg.Brokers[0], final: true}, {addr: cfg.Brokers[1]}}
	if left := without(cfg.Brokers, known); !slices.Equal(left, cfg.Brokers[1:]) {
		t.Errorf("asked: %q", left)
	}
	if groups, err := a.ListGroups(soon(t)); err != nil || len(groups) > 0 {
		t.Errorf("%v, %v", groups, err)
	}
}

func TestWaitForContact(t *testing.T) {
	addr := logpipetest.Closed(t)
	begin := time.Now()
	_, err := NewAdmin(t.Context(), Config{Brokers: []string{addr}, Wait: 1200 * time.Millisecond})
	if took := time.Since(begin); err == nil || took < 1200*time.Millisecond || took > time.Minute {
		t.Errorf("%v after %v, want an error after 1.2 s", err, took)
	}
	if hint := fault.HintOf(err); strings.Contains(hint, "--wait") {
		t.Errorf("hint %q names a flag that was given", hint)
	}

	connected := make(chan error, 1)
	go func() {
		a, err := NewAdmin(soon(t), Config{Brokers: []string{addr}, Wait: time.Minute})
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

// TestFirstContactGoes holds that a client goes on with the other brokers that it was
// told of where the one that has answered first is gone before it has named them.
func TestFirstContactGoes(t *testing.T) {
	cfg, b := cluster(t, broker.Config{Nodes: 3})
	create(t, cfg, "x", 1)
	for survivor := range int32(3) {
		c, err := connect(soon(t), cfg, nil)
		if err != nil {
			t.Fatal(err)
		}
		var stopped []int32
		for id := range int32(3) {
			if id != survivor {
				stopped = append(stopped, id)
				if _, err := b.StopNode(id); err != nil {
					t.Fatal(err)
				}
			}
		}
		if err := c.client.RefreshMetadata("x"); err != nil {
			t.Errorf("with node %d alone: %v", survivor, err)
		}
		if err := c.close(); err != nil {
			t.Error(err)
		}
		for _, id := range stopped {
			if _, err := b.StartNode(id); err != nil {
				t.Fatal(err)
			}
		}
	}
}
