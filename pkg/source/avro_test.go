package source

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/logpipe/logpipe/pkg/channel"
	"github.com/logpipe/logpipe/pkg/flume"
	"github.com/logpipe/logpipe/pkg/flumerpc"
)

// sender connects to a source.
func sender(t *testing.T, addr net.Addr, p flumerpc.Protocol) *flumerpc.Client {
	t.Helper()
	c, err := flumerpc.Dial(t.Context(), flumerpc.Config{Address: addr.String(), Protocol: p, Connect: time.Minute, Request: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func bodies(texts ...string) []flume.Event {
	var events []flume.Event
	for _, text := range texts {
		events = append(events, flume.Event{Body: []byte(text)})
	}
	return events
}

// TestRPC sends batches to each kind of source; larger ones than a transaction
// are cut.
func TestRPC(t *testing.T) {
	for _, test := range []struct {
		name     string
		build    func(*flume.Properties) Source
		protocol flumerpc.Protocol
		settings []string
	}{
		{"avro", NewAvro, flumerpc.Avro, []string{"threads=2"}},
		{"compact", NewThrift, flumerpc.ThriftCompact, nil},
		{"binary", NewThrift, flumerpc.ThriftBinary, []string{"protocol=BINARY"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := configure(t, test.build, append(test.settings, "bind=127.0.0.1", "port=0")...)
			r := start(t, s, "capacity=1000", "transactionCapacity=3")
			c := sender(t, s.(interface{ Addr() net.Addr }).Addr(), test.protocol)
			for _, batch := range [][]flume.Event{bodies("a", "b"), nil, bodies("c", "d", "e", "f", "g")} {
				if err := c.Append(t.Context(), batch); err != nil {
					t.Fatal(err)
				}
			}
			r.stop()
			if got := strings.Join(r.rest(t), " "); got != "a b c d e f g" {
				t.Errorf("got %s", got)
			}
			if n := r.out.Received(); n != 7 {
				t.Errorf("%d received", n)
			}
		})
	}
}

// A full channel refuses a batch in good time, and nothing of it is stored.
func TestRPCFullChannel(t *testing.T) {
	s := configure(t, NewAvro, "bind=127.0.0.1", "port=0").(*Avro)
	s.server.Wait = 150 * time.Millisecond
	r := start(t, s, "capacity=3", "transactionCapacity=3", "keep-alive=0")
	c := sender(t, s.Addr(), flumerpc.Avro)
	if err := c.Append(t.Context(), bodies("a", "b")); err != nil {
		t.Fatal(err)
	}
	var status *flumerpc.StatusError
	if err := c.Append(t.Context(), bodies("c", "d")); !errors.As(err, &status) || status.Status != flumerpc.Failed {
		t.Fatal(err)
	}
	if !strings.Contains(r.diary.String(), "a batch of 2 was refused") {
		t.Errorf("told %s", &r.diary)
	}
	// With space the same batch is taken while it waits; where the machine stops for
	// that long, when it comes again.
	sent := make(chan error)
	go func() {
		err := c.Append(t.Context(), bodies("c", "d"))
		for errors.As(err, &status) {
			err = c.Append(t.Context(), bodies("c", "d"))
		}
		sent <- err
	}()
	got := r.take(t, 2)
	if err := <-sent; err != nil {
		t.Fatal(err)
	}
	r.stop()
	if got = append(got, r.rest(t)...); strings.Join(got, " ") != "a b c d" {
		t.Errorf("got %v", got)
	}
	if r.out.Received() != 4 || r.out.Lost() != 0 {
		t.Errorf("%d received, %d lost", r.out.Received(), r.out.Lost())
	}
}

// A batch whose sender is gone is not stored: it comes again.
func TestRPCDeadPeer(t *testing.T) {
	s := configure(t, NewAvro, "bind=127.0.0.1", "port=0").(*Avro)
	r := start(t, s, "capacity=2", "transactionCapacity=2", "keep-alive=0")
	first := sender(t, s.Addr(), flumerpc.Avro)
	if err := first.Append(t.Context(), bodies("a", "b")); err != nil {
		t.Fatal(err)
	}
	go first.Append(t.Context(), bodies("c"))
	for !strings.Contains(r.diary.String(), "waits") {
		time.Sleep(time.Millisecond)
	}
	time.Sleep(200 * time.Millisecond) // it is watched by now
	first.Close()
	for !strings.Contains(r.diary.String(), "a batch of 1 was refused") {
		time.Sleep(time.Millisecond)
	}
	got := r.take(t, 2)
	if err := sender(t, s.Addr(), flumerpc.Avro).Append(t.Context(), bodies("c")); err != nil {
		t.Fatal(err)
	}
	r.stop()
	if got = append(got, r.rest(t)...); strings.Join(got, " ") != "a b c" {
		t.Errorf("got %v", got)
	}
}

// Where one of two channels is full, a sender that comes again leaves its batch
// once in the other.
func TestRPCOneOfTwoFull(t *testing.T) {
	quick := configure(t, channel.NewMemory, "capacity=100")
	full := configure(t, channel.NewMemory, "capacity=1", "transactionCapacity=1", "keep-alive=0")
	if err := full.Put(t.Context(), bodies("x")); err != nil {
		t.Fatal(err)
	}
	out := NewOutput(t.Context(), OutputConfig{Required: []flume.Channel{quick, full}, Logf: t.Logf})
	for range 3 {
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
		if _, err := out.OfferUntil(ctx, bodies("a")); err == nil {
			t.Fatal("it was stored")
		}
		cancel()
	}
	tx, err := full.Take(t.Context(), 1)
	if err != nil {
		t.Fatal(err)
	}
	if err := tx.Commit(); err != nil {
		t.Fatal(err)
	}
	if _, err := out.OfferUntil(t.Context(), bodies("a")); err != nil {
		t.Fatal(err)
	}
	if quick.Size() != 1 || full.Size() != 1 || out.Received() != 1 {
		t.Errorf("%d and %d events, %d received", quick.Size(), full.Size(), out.Received())
	}
}

func TestRPCCounters(t *testing.T) {
	s := configure(t, NewAvro, "bind=127.0.0.1", "port=0").(*Avro)
	var counters flume.Counters
	if err := s.Open(flume.Env{Logf: t.Logf, Counters: &counters}); err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	c := configureOutput(t)
	s.store(t.Context(), c, flumerpc.Call{Batch: true, Events: bodies("a", "b")})
	s.store(t.Context(), c, flumerpc.Call{Events: bodies("c")})
	want := map[string]int64{"AppendBatchReceivedCount": 1, "AppendBatchAcceptedCount": 1, "AppendReceivedCount": 1, "AppendAcceptedCount": 1,
		"EventReceivedCount": 3, "EventAcceptedCount": 3, "ChannelWriteFail": 0, "EventReadFail": 0, "OpenConnectionCount": 0}
	got := counters.Values()
	for name, n := range want {
		if v, ok := got[name]; v != n || !ok {
			t.Errorf("%s = %d, want %d", name, v, n)
		}
	}
}

func TestIPRules(t *testing.T) {
	for _, test := range []struct {
		rules, ip string
		want      bool
	}{
		{"allow:ip:127.*,deny:ip:*", "127.0.0.1", true},
		{"allow:ip:127.*,deny:ip:*", "10.0.0.1", false},
		{"deny:name:localhost,allow:ip:*", "127.0.0.1", false},
		{"allow:name:localhost, deny:ip:*", "::1", true},
		{"deny:ip:10.?.0.1", "10.2.0.1", false},
		{"deny:ip:10.?.0.1", "10.23.0.1", true},
		{"deny:ip:1.1.1.1", "1.1.101.1", true},
		{"deny:ip:127.0.0.1", "::ffff:127.0.0.1", false},
		{"allow:ip:10.*", "9.9.9.9", true}, // none fits
	} {
		rules, err := parseRules(test.rules)
		if err != nil {
			t.Fatal(err)
		}
		if got := rules.admit(&net.TCPAddr{IP: net.ParseIP(test.ip), Port: 1}); got != test.want {
			t.Errorf("%s for %s: %v", test.rules, test.ip, got)
		}
	}
	for _, bad := range []string{"permit:ip:*", "allow:ip", "allow:host:x", "", "allow:ip:*,"} {
		if _, err := parseRules(bad); err == nil {
			t.Errorf("%q is read", bad)
		}
	}
}

func TestRPCCheck(t *testing.T) {
	for _, test := range []struct {
		name string
		s    Source
		want string
	}{
		{"plain", configure(t, NewAvro, "bind=x", "port=1"), ""},
		{"no rules", configure(t, NewAvro, "ipFilter=true"), "ipFilter is on and there are no ipFilterRules"},
		{"bad rules", configure(t, NewAvro, "ipFilter=true", "ipFilterRules=allow"), `rule "allow" is not`},
		{"no keystore", configure(t, NewThrift, "ssl=true", "keystore-password=x"), "no keystore"},
		{"kerberos", configure(t, NewThrift, "kerberos=true"), "Kerberos is not supported"},
	} {
		var text string
		for _, p := range test.s.(flume.Checker).Check() {
			text += p.Message
		}
		if test.want == "" && text != "" || !strings.Contains(text, test.want) {
			t.Errorf("%s: %q, want %q", test.name, text, test.want)
		}
	}
}

// Many faults are told once, with their number.
func TestFaultsAreFew(t *testing.T) {
	var d diary
	f := faults{logf: d.logf}
	for i := range 5 {
		f.tell("peer %d", i)
	}
	f.next = time.Time{}
	f.tell("peer %d", 9)
	if got := d.String(); got != "peer 0\npeer 9 (and 4 more since the last time)" {
		t.Error(got)
	}
}

func configureOutput(t *testing.T) *Output {
	t.Helper()
	return NewOutput(t.Context(), OutputConfig{Required: []flume.Channel{configure(t, channel.NewMemory)}, Logf: t.Logf})
}

// FuzzIPRules reads any rules.
func FuzzIPRules(f *testing.F) {
	f.Add("allow:ip:127.*,deny:name:localhost", "10.0.0.1")
	f.Fuzz(func(_ *testing.T, text, ip string) {
		rules, err := parseRules(text)
		if err != nil {
			return
		}
		for i := range rules {
			rules[i].pattern.MatchString(ip)
		}
		_ = fmt.Sprint(rules)
	})
}
