package kafka

import (
	"fmt"
	"slices"
	"testing"

	"github.com/logpipe/logpipe/pkg/broker"
)

// A broker that goes away for a while after the first contact costs nothing but
// time: producer, consumer and group member go on, in order and without gaps.
func TestBrokerRestarts(t *testing.T) {
	dir := t.TempDir()
	cfg, b := cluster(t, broker.Config{Dir: dir})
	create(t, cfg, "x", 1)
	p, err := NewProducer(soon(t), cfg, ProducerConfig{})
	if err != nil {
		t.Fatal(err)
	}
	const before, during, after = 1000, 500, 500
	send := func(from, to int) {
		for i := from; i < to; i++ {
			if err := p.Send(soon(t), Record{Topic: "x", Partition: -1, Value: fmt.Appendf(nil, "r%d", i)}); err != nil {
				t.Fatal(err)
			}
		}
	}
	alone := consumer(t, cfg, ConsumerConfig{Topics: []string{"x"}, From: Beginning, MaxRecords: before + during + after})
	member := consumer(t, cfg, ConsumerConfig{Topics: []string{"x"}, Group: "g", From: Beginning})
	send(0, before)
	if err := p.Flush(soon(t)); err != nil {
		t.Fatal(err)
	}
	first, err := member.Read(soon(t))
	if err != nil {
		t.Fatal(err)
	}
	if err := member.Commit(soon(t), first); err != nil {
		t.Fatal(err)
	}

	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	send(before, before+during)
	cluster(t, broker.Config{Dir: dir, Listen: b.Addr()[0]})
	send(before+during, before+during+after)
	if err := p.Flush(soon(t)); err != nil {
		t.Fatal(err)
	}
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}

	want := numbered(0, before+during+after)
	if got := values(readAll(t, alone)); !slices.Equal(got, want) {
		t.Errorf("without a group: %d records, want %d in order", len(got), len(want))
	}
	seen := map[int64]bool{}
	for _, r := range first.Records {
		seen[r.Offset] = true
	}
	for len(seen) < len(want) {
		batch, err := member.Read(soon(t))
		if err != nil {
			t.Fatalf("group member after %d records: %v", len(seen), err)
		}
		for _, r := range batch.Records {
			seen[r.Offset] = true
		}
	}
}
