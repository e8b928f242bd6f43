//go:build unix

package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// franzClient is a client of franz-go, for three minutes at most.
func (b onBroker) franzClient(opts ...kgo.Opt) (*kgo.Client, context.Context) {
	b.t.Helper()
	c, err := kgo.NewClient(append(opts, kgo.SeedBrokers(strings.Split(b.brokers, ",")...))...)
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(c.Close)
	ctx, cancel := context.WithTimeout(b.t.Context(), 3*time.Minute)
	b.t.Cleanup(cancel)
	return c, ctx
}

// records are what each client has to bring over whole.
func franzRecords(topic string, n int) []*kgo.Record {
	list := make([]*kgo.Record, n)
	for i := range list {
		list[i] = &kgo.Record{Topic: topic, Partition: int32(i % 3), Key: fmt.Append(nil, "k", i), Value: fmt.Append(nil, "größe \x00\xff ", i),
			Headers: []kgo.RecordHeader{{Key: "h", Value: []byte{0, byte(i)}}, {Key: "h"}}, Timestamp: time.UnixMilli(1_700_000_000_000 + int64(i))}
		if i%10 == 0 {
			list[i].Value = nil
		}
	}
	return list
}

// shown is all of a record that has to arrive.
func shown(r *kgo.Record) string {
	return fmt.Sprintf("%d/%d %q %q %v %q %d", r.Partition, r.Offset, r.Key, r.Value, r.Value == nil, r.Headers, r.Timestamp.UnixMilli())
}

// readFranz reads n records.
func (b onBroker) readFranz(ctx context.Context, c *kgo.Client, n int) []*kgo.Record {
	b.t.Helper()
	var all []*kgo.Record
	for len(all) < n {
		f := c.PollFetches(ctx)
		if err := f.Err(); err != nil {
			b.t.Fatalf("after %d of %d records: %v", len(all), n, err)
		}
		all = append(all, f.Records()...)
	}
	return all
}

// franz sends with franz-go as it does by default, idempotent at acks all, with
// each codec, and reads it and what our copy of it is.
func (b onBroker) franz() {
	codecs := []kgo.CompressionCodec{kgo.NoCompression(), kgo.GzipCompression(), kgo.SnappyCompression(), kgo.Lz4Compression(), kgo.ZstdCompression()}
	b.create("there", "back")
	var want []string
	for _, codec := range codecs {
		c, ctx := b.franzClient(kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.ProducerBatchCompression(codec))
		records := franzRecords("there", 3000)
		if err := c.ProduceSync(ctx, records...).FirstErr(); err != nil {
			b.t.Fatal(err)
		}
		for _, r := range records {
			want = append(want, shown(r))
		}
	}
	b.run("", "logpipe consume there -o beginning -e -J | logpipe produce back -J")
	slices.Sort(want)
	for _, topic := range []string{"there", "back"} {
		c, ctx := b.franzClient(kgo.ConsumeTopics(topic), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
		var got []string
		for _, r := range b.readFranz(ctx, c, len(want)) {
			got = append(got, shown(r))
		}
		slices.Sort(got)
		if !slices.Equal(got, want) {
			b.t.Errorf("%s: read %d records, sent %d\n%.500q\n%.500q", topic, len(got), len(want), got, want)
		}
	}
}

// franzTransactions moves records from topic to topic, each batch and its offsets
// as one transaction, every third of which is given up first.
func (b onBroker) franzTransactions() {
	const n = 3000
	lines := numberedLines("v", n)
	b.create("from", "to")
	b.run(asLines(lines), "logpipe produce from --partitioner round-robin")
	s, err := kgo.NewGroupTransactSession(kgo.SeedBrokers(strings.Split(b.brokers, ",")...), kgo.TransactionalID("move"), kgo.ConsumerGroup("move"),
		kgo.ConsumeTopics("from"), kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.FetchMaxPartitionBytes(2000))
	if err != nil {
		b.t.Fatal(err)
	}
	defer s.Close()
	ctx, cancel := context.WithTimeout(b.t.Context(), 3*time.Minute)
	defer cancel()
	moved, committed, aborted := 0, 0, 0
	for moved < n {
		f := s.PollRecords(ctx, 100)
		if err := f.Err(); err != nil {
			b.t.Fatal(err)
		}
		if err := s.Begin(); err != nil {
			b.t.Fatal(err)
		}
		var copies []*kgo.Record
		f.EachRecord(func(r *kgo.Record) { copies = append(copies, &kgo.Record{Topic: "to", Value: r.Value}) })
		if err := s.ProduceSync(ctx, copies...).FirstErr(); err != nil {
			b.t.Fatal(err)
		}
		commit := kgo.TransactionEndTry((committed+aborted)%3 != 0)
		done, err := s.End(ctx, commit)
		if err != nil || done != bool(commit) {
			b.t.Fatalf("end of a transaction: %v, committed %t, want %t", err, done, commit)
		}
		if !done {
			aborted++
			continue
		}
		committed++
		moved += f.NumRecords()
	}
	b.t.Logf("%d transactions committed, %d given up", committed, aborted)
	b.sameLines("moved", b.ours("to"), lines)
	if all := strings.Count(b.run("", "logpipe consume to -o beginning -e --isolation read_uncommitted"), "\n"); all <= n {
		b.t.Errorf("%d records with those that were given up, want more than %d", all, n)
	}
	b.want("", "logpipe group describe move --json | logpipe aggregate 'sum(lag)'", "{\"sum_lag\":0}\n")
}

// franzGroup shares a topic out among two members that move their partitions one
// by one, as one comes and one goes.
func (b onBroker) franzGroup() {
	b.run("", "logpipe topic create shared --partitions 6 --replication-factor 3")
	var mu sync.Mutex
	seen := map[string]int{}
	grown := make(chan struct{}, 1)
	member := func(name string) (c *kgo.Client, got chan int) {
		got = make(chan int, 100)
		c, ctx := b.franzClient(kgo.ConsumerGroup("pair"), kgo.ConsumeTopics("shared"), kgo.InstanceID(name), kgo.Balancers(kgo.CooperativeStickyBalancer()),
			kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.HeartbeatInterval(50*time.Millisecond), kgo.SessionTimeout(12*time.Second),
			kgo.DisableAutoCommit(), kgo.BlockRebalanceOnPoll(),
			kgo.OnPartitionsAssigned(func(_ context.Context, _ *kgo.Client, p map[string][]int32) { got <- len(p["shared"]) }),
			kgo.OnPartitionsRevoked(func(ctx context.Context, c *kgo.Client, p map[string][]int32) {
				if err := c.CommitUncommittedOffsets(ctx); err != nil {
					b.t.Errorf("%s: %v", name, err)
				}
				got <- -len(p["shared"])
			}))
		go func() {
			for {
				f := c.PollFetches(ctx)
				if f.IsClientClosed() || ctx.Err() != nil {
					return
				}
				mu.Lock()
				f.EachRecord(func(r *kgo.Record) { seen[string(r.Value)]++ })
				mu.Unlock()
				c.AllowRebalance()
				select {
				case grown <- struct{}{}:
				default:
				}
			}
		}()
		return c, got
	}
	holds := func(name string, got chan int, want int) {
		b.t.Helper()
		for n := 0; n != want; {
			select {
			case more := <-got:
				n += more
			case <-time.After(2 * time.Minute):
				b.t.Fatalf("%s: its share changed by %d partitions, want %d", name, n, want)
			}
		}
	}
	var all []string
	send := func(prefix string) {
		b.t.Helper()
		lines := numberedLines(prefix, 600)
		all = append(all, lines...)
		b.run(asLines(lines), "logpipe produce shared --partitioner round-robin")
		for deadline := time.After(2 * time.Minute); ; {
			mu.Lock()
			n := len(seen)
			mu.Unlock()
			if n == len(all) {
				return
			}
			select {
			case <-grown:
			case <-deadline:
				b.t.Fatalf("%d of %d records were read", n, len(all))
			}
		}
	}
	one, oneGot := member("one")
	holds("one alone", oneGot, 6)
	send("a")
	two, twoGot := member("two")
	holds("one with two", oneGot, -3)
	holds("two", twoGot, 3)
	send("b")
	b.want("", `logpipe group describe pair --json | grep -o '"assignor":"[a-z-]*"\|"client":"kgo"'`, `"assignor":"cooperative-sticky"`+"\n"+strings.Repeat(`"client":"kgo"`+"\n", 2))
	one.LeaveGroup()
	holds("two alone", twoGot, 3)
	send("c")
	two.LeaveGroup()
	for _, line := range all {
		if seen[line] != 1 {
			b.t.Errorf("%s was read %d times", line, seen[line])
		}
	}
}
