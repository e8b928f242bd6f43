package kafka

import (
	"context"
	"errors"
	"fmt"
	"io"
	"testing"
	"time"

	"github.com/logpipe/logpipe/pkg/broker"
)

// cluster starts an embedded broker and returns the way to it.
func cluster(t *testing.T, cfg broker.Config) (Config, *broker.Broker) {
	t.Helper()
	if cfg.Listen == "" {
		cfg.Listen = "127.0.0.1:0"
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
	return Config{Brokers: b.Addr()}, b
}

func soon(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	t.Cleanup(cancel)
	return ctx
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
