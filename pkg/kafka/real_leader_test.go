package kafka

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/logpipe/logpipe/pkg/logpipetest"
)

// TestRealLeadersKilled kills the leader of a partition with SIGKILL again and
// again while records go at acks all, to a topic with three replicas: nothing is
// lost, nothing is there twice, and each partition is in order.
func TestRealLeadersKilled(t *testing.T) {
	real := logpipetest.StartKafka(t, 3)
	cfg := Config{Brokers: real.Brokers()}
	const partitions, kills = 6, 3
	const each = 20_000
	if err := admin(t, cfg).CreateTopic(t.Context(), "x", partitions, 3, map[string]string{"min.insync.replicas": "1"}); err != nil {
		t.Fatal(err)
	}
	p, err := NewProducer(t.Context(), cfg, ProducerConfig{Compression: "lz4"})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	sent := 0
	send := func(until func() bool) {
		for ; !until(); sent++ {
			r := Record{Topic: "x", Partition: int32(sent % partitions), Value: fmt.Appendf(nil, "r%d %s", sent, strings.Repeat("x", 200))}
			if err := p.Send(t.Context(), r); err != nil {
				t.Fatal(err)
			}
		}
	}
	acked := func() int64 { n, _ := p.Counts(); return n }
	for round := range kills {
		send(func() bool { return acked() > int64(round+1)*each })
		// A leader whose followers are behind cannot be spared by any client.
		send(func() bool { return inSync(t, cfg, "x", 3) })
		node := leaderOf(t, cfg, "x", int32(round))
		t.Logf("killed the leader of partition %d, node %d, after %d acknowledgements", round, node, acked())
		real.KillNode(t, node)
		at := acked()
		begun := time.Now()
		send(func() bool { return acked() > at+each }) // goes on under another leader
		t.Logf("%d acknowledgements later: %.1f s", each, time.Since(begun).Seconds())
		real.StartNode(t, node)
	}
	if err := p.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	next, total := make([]int, partitions), 0
	c := consumer(t, cfg, ConsumerConfig{Topics: []string{"x"}, From: Beginning, ExitAtEnd: true})
	for _, r := range readAll(t, c) {
		want := fmt.Sprintf("r%d ", next[r.Partition]*partitions+int(r.Partition))
		if !strings.HasPrefix(string(r.Value), want) {
			t.Fatalf("partition %d offset %d: %.12q, want %s", r.Partition, r.Offset, r.Value, want)
		}
		next[r.Partition]++
		total++
	}
	if total != sent || acked() != int64(sent) {
		t.Errorf("%d records sent, %d acknowledged, %d read", sent, acked(), total)
	}
}

// inSync tells, now and then, whether all replicas are in sync.
func inSync(t *testing.T, cfg Config, topic string, replicas int) bool {
	t.Helper()
	if rand.IntN(2000) > 0 {
		return false
	}
	topics, err := admin(t, cfg).DescribeTopics(t.Context(), topic)
	if err != nil {
		t.Fatal(err)
	}
	return !slices.ContainsFunc(topics[0].Partitions, func(p Partition) bool { return len(p.ISR) < replicas })
}

func leaderOf(t *testing.T, cfg Config, topic string, id int32) int {
	t.Helper()
	topics, err := admin(t, cfg).DescribeTopics(t.Context(), topic)
	if err != nil {
		t.Fatal(err)
	}
	return int(topics[0].Partitions[id].Leader)
}

// TestRealProducerTransactions holds that of the records of a transaction all count or
// none, with the offsets of a group, and that a producer is fenced off by the next
// one with its id.
func TestRealProducerTransactions(t *testing.T) {
	real := logpipetest.StartKafka(t, 1)
	cfg := Config{Brokers: real.Brokers()}
	if err := admin(t, cfg).CreateTopic(t.Context(), "x", 3, 1, nil); err != nil {
		t.Fatal(err)
	}
	produceTransactions(t, cfg, real.Brokers())
}
