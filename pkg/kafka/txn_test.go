package kafka

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/logpipe/logpipe/pkg/fault"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

// committedValues reads what transactions have committed to the topic x, with
// another client than ours.
func committedValues(t *testing.T, brokers []string, n int) []string {
	t.Helper()
	c, err := kgo.NewClient(kgo.SeedBrokers(brokers...), kgo.ConsumeTopics("x"), kgo.FetchIsolationLevel(kgo.ReadCommitted()),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	var got []string
	for len(got) < n {
		f := c.PollFetches(soon(t))
		if err := f.Err(); err != nil {
			t.Fatalf("after %q: %v", got, err)
		}
		f.EachRecord(func(r *kgo.Record) { got = append(got, string(r.Value)) })
	}
	slices.Sort(got)
	return got
}

func TestProducerTransactions(t *testing.T) {
	f := newFaulty(t, 3, 3)
	produceTransactions(t, f.cfg, f.cfg.Brokers)
}

func produceTransactions(t *testing.T, cfg Config, brokers []string) {
	open := func() *Producer {
		p, err := NewProducer(soon(t), cfg, ProducerConfig{TransactionalID: "tx"})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { p.Close() })
		return p
	}
	p := open()
	send := func(p *Producer, from, to int) error {
		for i := from; i < to; i++ {
			if err := p.Send(soon(t), Record{Topic: "x", Partition: int32(i % 3), Value: fmt.Appendf(nil, "%03d", i)}); err != nil {
				return err
			}
		}
		return nil
	}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := send(p, 0, 1); err == nil {
		t.Error("a record was sent before Begin")
	}
	for round := range 4 { // every other one counts
		must(p.Begin(soon(t)))
		must(send(p, round*10, round*10+10))
		must(p.CommitOffsets(soon(t), Offsets{Group: "g", Generation: -1, Next: []NextOffset{{"x", 0, int64(round + 1), "epoch 7"}}}))
		must(p.End(soon(t), round%2 == 0))
	}
	var want []string
	for i := range 10 {
		want = append(want, fmt.Sprintf("%03d", i), fmt.Sprintf("%03d", 20+i))
	}
	slices.Sort(want)
	if got := committedValues(t, brokers, 20); !slices.Equal(got, want) {
		t.Errorf("committed %q, want %q", got, want)
	}
	offsets, err := p.conn.committed(soon(t), "g", []part{{"x", 0}})
	if err != nil || offsets[part{"x", 0}] != 3 {
		t.Errorf("the group's offsets: %v, %v; want 3", offsets, err)
	}

	// An empty one, then one that is left open by a process that dies: the next
	// producer aborts it, and the dead one's is fenced off should it come back.
	must(p.Begin(soon(t)))
	must(p.End(soon(t), true))
	must(p.Begin(soon(t)))
	must(send(p, 40, 43))
	must(p.Flush(soon(t)))
	second := open()
	must(second.Begin(soon(t)))
	must(send(second, 50, 53))
	must(second.End(soon(t), true))
	// Send may have heard of it already, in other words: kfake forgets a partition
	// with the transaction that it was part of, and answers a batch for it with
	// INVALID_TXN_STATE where Kafka sees the old epoch. The end tells why in any case.
	err = send(p, 43, 46)
	err = errors.Join(err, p.End(soon(t), true))
	if !errors.Is(err, ErrFenced) || fault.HintOf(err) == "" {
		t.Errorf("the first producer: %v (hint %q)", err, fault.HintOf(err))
	}
	want = append(want, "050", "051", "052")
	if got := committedValues(t, brokers, 23); !slices.Equal(got, want) {
		t.Errorf("committed %q, want %q", got, want)
	}
}

// A record that is refused aborts the transaction whatever End is told; the next
// one begins anew.
func TestTransactionBroken(t *testing.T) {
	f := newFaulty(t, 1, 3)
	p := f.producer(t, ProducerConfig{TransactionalID: "tx"})
	put := func(value string) error {
		return p.Send(soon(t), Record{Topic: "x", Partition: 1, Value: []byte(value)})
	}
	if err := errors.Join(p.Begin(soon(t)), put("a")); err != nil {
		t.Fatal(err)
	}
	if err := p.End(soon(t), true); err != nil {
		t.Fatal(err)
	}
	f.fails(kerr.InvalidRecord, 1)
	if err := errors.Join(p.Begin(soon(t)), put("b")); err != nil {
		t.Fatal(err)
	}
	if err := p.End(soon(t), true); !IsRefused(err) {
		t.Errorf("a transaction with a refused record: %v", err)
	}
	f.fails(kerr.NotLeaderForPartition, 1)
	f.deaf.Store(1)
	if err := errors.Join(p.Begin(soon(t)), put("c"), p.End(soon(t), true)); err != nil {
		t.Fatal(err)
	}
	if got := committedValues(t, f.cfg.Brokers, 2); !slices.Equal(got, []string{"a", "c"}) {
		t.Errorf("committed %q", got)
	}
}
