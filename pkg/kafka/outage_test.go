package kafka

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/IBM/sarama"
	"github.com/logpipe/logpipe/pkg/broker"
	"github.com/logpipe/logpipe/pkg/fault"
)

// warnings is a log whose warnings a test awaits. Those that come while it is full
// are dropped: who logs must not wait for the test, which may be waiting for that one.
type warnings chan string

func (w warnings) Enabled(_ context.Context, l slog.Level) bool { return l >= slog.LevelWarn }
func (w warnings) WithAttrs([]slog.Attr) slog.Handler           { return w }
func (w warnings) WithGroup(string) slog.Handler                { return w }
func (w warnings) Handle(_ context.Context, r slog.Record) error {
	select {
	case w <- r.Message:
	default:
	}
	return nil
}

// await returns the next warning, which has to contain text.
func (w warnings) await(t *testing.T, text string) {
	t.Helper()
	select {
	case got := <-w:
		if !strings.Contains(got, text) {
			t.Fatalf("%q, want %q in it", got, text)
		}
	case <-time.After(2 * time.Minute):
		t.Fatalf("nobody says %q", text)
	}
}

func (w warnings) none(t *testing.T) {
	t.Helper()
	select {
	case got := <-w:
		t.Errorf("said again: %q", got)
	default:
	}
}

// TestOutageIsTold holds that readers, members of groups and producers say once
// that the broker is gone and once that it is back, and that they go on.
func TestOutageIsTold(t *testing.T) {
	reader := func(group string) func(*testing.T, Config) func() error {
		return func(t *testing.T, cfg Config) func() error {
			c := consumer(t, cfg, ConsumerConfig{Topics: []string{"x"}, Group: group, From: Beginning})
			read := func() error {
				_, err := c.Read(soon(t))
				return err
			}
			if err := read(); err != nil {
				t.Fatal(err)
			}
			return read
		}
	}
	sender := func(before int) func(*testing.T, Config) func() error {
		return func(t *testing.T, cfg Config) func() error {
			p, err := NewProducer(soon(t), cfg, ProducerConfig{})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { p.Close() })
			send := func() error {
				if err := p.Send(soon(t), Record{Topic: "x", Partition: -1, Value: []byte("v")}); err != nil {
					return err
				}
				return p.Flush(soon(t))
			}
			for range before {
				if err := send(); err != nil {
					t.Fatal(err)
				}
			}
			return send
		}
	}
	for name, start := range map[string]func(*testing.T, Config) func() error{
		"alone": reader(""), "group": reader("g"), "producer": sender(1), "producer without a record": sender(0),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir, said := t.TempDir(), make(warnings, 10)
			cfg, b := cluster(t, broker.Config{Dir: dir})
			create(t, cfg, "x", 1)
			produce(t, cfg, "x", 0, 1)
			cfg.Logger = slog.New(said)
			again := start(t, cfg)
			if err := b.Close(); err != nil {
				t.Fatal(err)
			}
			done := make(chan error, 1)
			go func() { done <- again() }()
			said.await(t, "no broker answers ("+b.Addr()[0]+": connection refused) since ")
			cluster(t, broker.Config{Dir: dir, Listen: b.Addr()[0]})
			said.await(t, "the brokers answer again, after ")
			cfg.Logger = nil
			produce(t, cfg, "x", 1, 2)
			if err := <-done; err != nil {
				t.Error(err)
			}
			said.none(t)
		})
	}
}

// TestGiveUp holds that a producer gives up after its timeout, with the number of
// records.
func TestGiveUp(t *testing.T) {
	for _, first := range []int{0, 1} {
		t.Run(fmt.Sprint(first, " sent before"), func(t *testing.T) {
			t.Parallel()
			cfg, b := cluster(t, broker.Config{})
			create(t, cfg, "x", 1)
			p, err := NewProducer(soon(t), cfg, ProducerConfig{Timeout: longTimeout})
			if err != nil {
				t.Fatal(err)
			}
			send := func() error { return p.Send(soon(t), Record{Topic: "x", Partition: -1, Value: []byte("v")}) }
			for range first {
				if err := send(); err != nil {
					t.Fatal(err)
				}
			}
			if err := p.Flush(soon(t)); err != nil {
				t.Fatal(err)
			}
			if err := b.Close(); err != nil {
				t.Fatal(err)
			}
			begun := time.Now()
			for range 3 {
				if err = send(); err != nil {
					break
				}
			}
			want := "no broker has acknowledged anything since"
			if first > 0 {
				if err != nil {
					t.Fatal(err)
				}
				err = p.Flush(soon(t))
				want = "3 records were not acknowledged: " + want
			}
			if fault.CodeOf(err) != fault.Unreachable || !strings.Contains(fault.HintOf(err), "--delivery-timeout") ||
				!strings.HasPrefix(fmt.Sprint(err), want) || time.Since(begun) > time.Minute {
				t.Errorf("after %v: %v", time.Since(begun), err)
			}
			if err := send(); fault.CodeOf(err) != fault.Unreachable {
				t.Errorf("a record after the end: %v", err)
			}
			if err := p.Close(); err != nil {
				t.Error(err)
			}
		})
	}
}

// What cannot be done is no outage where the brokers answer, or not for a while.
func TestOutageWithoutCause(t *testing.T) {
	cfg, _ := cluster(t, broker.Config{})
	way, err := cfg.Security.open()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name string
		why  error
		ago  time.Duration
		want string
	}{
		{"a topic that is gone", sarama.ErrUnknownTopicOrPartition, 2 * time.Second, ""},
		{"not known", nil, 2 * time.Second, ""},
		{"not known for long", nil, time.Minute, "the brokers answer, but cannot do what is asked of them since "},
		{"a connection", io.EOF, 2 * time.Second, "a broker of the cluster is not to be reached "},
	} {
		t.Run(c.name, func(t *testing.T) {
			said := &heard{}
			o := &outage{log: tellTo(said.say), brokers: cfg.Brokers, way: way}
			o.failed(c.why)
			o.since = o.since.Add(-c.ago)
			o.tell(o.since)
			if text := said.String(); !strings.HasPrefix(text, c.want) || c.want == "" && text != "" {
				t.Errorf("told %q, want %q", text, c.want)
			}
		})
	}
}

// A topic that is deleted while others are read on is told of, and no outage.
func TestDeletedTopicIsNoOutage(t *testing.T) {
	t.Parallel()
	cfg, _ := cluster(t, broker.Config{})
	said := &heard{}
	for _, topic := range []string{"x", "y"} {
		create(t, cfg, topic, 1)
		produce(t, cfg, topic, 0, 1)
	}
	quiet := cfg
	cfg.Logger = tellTo(said.say)
	c := consumer(t, cfg, ConsumerConfig{Patterns: []string{"^[xy]$"}, Group: "g", From: Beginning, Rescan: time.Hour})
	readValues(t, c, 2)
	if err := admin(t, quiet).DeleteTopics(soon(t), "x"); err != nil {
		t.Fatal(err)
	}
	for begun := time.Now(); time.Since(begun) < 3*tellAfter; { // for as long as it would take to tell
		produce(t, quiet, "y", 1, 2)
		readValues(t, c, 1)
	}
	if text := said.String(); text != `topic "x" was deleted; the other topics are read on` {
		t.Errorf("told %q", text)
	}
}
