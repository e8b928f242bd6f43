package kafka

import (
	"context"
	"errors"
	"fmt"
	"io"
	"testing"
	"time"

	"github.com/logpipe/logpipe/pkg/broker"
	"github.com/logpipe/logpipe/pkg/logpipetest"
)

// contactWait is how long tests try a broker that is there: a busy machine may hold
// up its first answer for longer than a command waits.
const contactWait = time.Minute

// cluster starts an embedded broker and returns the way to it. Its port is its own
// while it is down, too, and records with old times stay however long a test takes.
func cluster(t *testing.T, cfg broker.Config) (Config, *broker.Broker) {
	t.Helper()
	if cfg.Listen == "" {
		cfg.Listen = logpipetest.OwnAddress(t)
	} else {
		logpipetest.Gone(t, cfg.Listen) // who listened there before
	}
	if cfg.Cleanup == 0 {
		cfg.Cleanup = time.Hour
	}
	b, err := broker.Start(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := b.Close(); err != nil {
			t.Errorf("close broker: %v", err)
		}
	})
	return Config{Brokers: b.Addr(), Wait: contactWait}, b
}

func soon(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	t.Cleanup(cancel)
	return ctx
}

// awaits waits until done tells so.
func awaits(t *testing.T, what string, done func() bool) {
	t.Helper()
	for ctx := soon(t); !done(); {
		if pause(ctx, time.Millisecond) != nil {
			t.Fatal(what, " is awaited in vain")
		}
	}
}

// timely does once what must not be held up: where it fails and has lasted for about as
// long as the product itself waits, the machine has paused, and it is done again.
func timely(t *testing.T, limit time.Duration, once func() error) {
	t.Helper()
	for try := 1; ; try++ {
		begun := time.Now()
		err := once()
		if err == nil {
			return
		}
		if time.Since(begun) < limit/2 || try == 5 {
			t.Error(err)
			return
		}
	}
}

func create(t *testing.T, cfg Config, topic string, partitions int32) {
	t.Helper()
	a, err := NewAdmin(soon(t), cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	if err := a.CreateTopic(soon(t), topic, partitions, 1, nil); err != nil {
		t.Fatal(err)
	}
}

// produce sends values r<from> to r<to-1>, each with its number as the key.
func produce(t *testing.T, cfg Config, topic string, from, to int) {
	t.Helper()
	p, err := NewProducer(soon(t), cfg, ProducerConfig{})
	if err != nil {
		t.Fatal(err)
	}
	for i := from; i < to; i++ {
		r := Record{Topic: topic, Partition: -1, Key: fmt.Append(nil, i), Value: fmt.Appendf(nil, "r%d", i)}
		if err := p.Send(soon(t), r); err != nil {
			t.Fatal(err)
		}
	}
	if err := p.Flush(soon(t)); err != nil {
		t.Fatal(err)
	}
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
}

func consumer(t *testing.T, cfg Config, cc ConsumerConfig) *Consumer {
	t.Helper()
	c, err := NewConsumer(soon(t), cfg, cc)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Errorf("close consumer: %v", err)
		}
	})
	return c
}

// readAll reads to io.EOF.
func readAll(t *testing.T, c *Consumer) []Record {
	t.Helper()
	var all []Record
	for ctx := soon(t); ; {
		b, err := c.Read(ctx)
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			t.Fatalf("after %d records: %v", len(all), err)
		}
		for _, r := range b.Records {
			if r.Topic != b.Topic || r.Partition != b.Partition {
				t.Fatalf("a record of %s/%d in a batch of %s/%d", r.Topic, r.Partition, b.Topic, b.Partition)
			}
		}
		all = append(all, b.Records...)
	}
}

func values(records []Record) []string {
	var v []string
	for _, r := range records {
		v = append(v, string(r.Value))
	}
	return v
}

func numbered(from, to int) []string {
	var v []string
	for i := from; i < to; i++ {
		v = append(v, fmt.Sprintf("r%d", i))
	}
	return v
}

// longTimeout is one of a producer that a busy machine does not reach where all goes well.
const longTimeout = 10 * time.Second

// deliverTogether delivers records of a topic as one batch, however long the machine
// stops between two of them.
func deliverTogether(t *testing.T, p *Producer, list []Record) {
	t.Helper()
	linger := func(d time.Duration) {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.cfg.Linger = d
		if topic := p.topics[list[0].Topic]; topic != nil {
			for _, part := range topic.parts {
				p.signal(part)
			}
		}
	}
	linger(time.Hour)
	done := make(chan error, 1)
	receipt := NewReceipt(func(err error) { done <- err }, nil)
	for _, r := range list {
		if err := p.SendFor(soon(t), r, receipt); err != nil {
			t.Fatal(err)
		}
	}
	receipt.Close()
	linger(0)
	select {
	case err := <-done:
		if err != nil {
			t.Fatal(err)
		}
	case <-soon(t).Done():
		t.Fatal("no answer comes")
	}
}
