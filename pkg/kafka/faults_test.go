package kafka

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/logpipe/logpipe/pkg/fault"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// A faulty is a cluster in memory whose answers and connections a test can break.
type faulty struct {
	*kfake.Cluster
	cfg  Config
	deaf atomic.Int64 // how many answers to Produce are lost with their connection

	mu   sync.Mutex
	sent []attempt
}

// attempt is a batch that came in a Produce request.
type attempt struct {
	partition int32
	id        int64
	epoch     int16
	sequence  int32
	count     int32
}

// newFaulty starts a cluster with the topic x.
func newFaulty(t *testing.T, nodes, partitions int) *faulty {
	t.Helper()
	f := &faulty{}
	c, err := kfake.NewCluster(kfake.NumBrokers(nodes), kfake.SeedTopics(int32(partitions), "x"), kfake.ListenFn(f.listen))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	f.Cluster, f.cfg = c, Config{Brokers: c.ListenAddrs(), Wait: contactWait}
	c.ControlKey(int16(kmsg.Produce), func(r kmsg.Request) (kmsg.Response, error, bool) {
		c.KeepControl()
		f.note(r.(*kmsg.ProduceRequest))
		return nil, nil, false
	})
	return f
}

func (f *faulty) note(r *kmsg.ProduceRequest) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, topic := range r.Topics {
		for _, p := range topic.Partitions {
			var b kmsg.RecordBatch
			if err := b.ReadFrom(p.Records); err == nil {
				f.sent = append(f.sent, attempt{p.Partition, b.ProducerID, b.ProducerEpoch, b.FirstSequence, b.NumRecords})
			}
		}
	}
}

func (f *faulty) attempts() []attempt {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.sent)
}

func (f *faulty) listen(network, addr string) (net.Listener, error) {
	l, err := net.Listen(network, addr)
	return &deafListener{l, f}, err
}

type deafListener struct {
	net.Listener
	f *faulty
}

func (l *deafListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &deafConn{Conn: c, f: l.f}, nil
}

// deafConn is a connection that breaks after a Produce request was worked off.
type deafConn struct {
	net.Conn
	f        *faulty
	produces atomic.Bool
	body     bool // the next bytes begin a request
}

func (c *deafConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if c.body && n >= 2 {
		c.produces.Store(p[0] == 0 && p[1] == byte(kmsg.Produce))
	}
	c.body = n == 4 && len(p) == 4 // the length of a request
	return n, err
}

func (c *deafConn) Write(p []byte) (int, error) {
	if c.produces.Load() && c.f.deaf.Add(-1) >= 0 {
		c.Conn.Close()
		return 0, net.ErrClosed
	}
	return c.Conn.Write(p)
}

// fails makes the next count Produce requests for a partition fail.
func (f *faulty) fails(err *kerr.Error, count int, partitions ...int32) *kfake.FaultHandle {
	return f.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Topic: "x", Partitions: partitions, Err: err, Count: count})
}

func (f *faulty) producer(t *testing.T, pc ProducerConfig) *Producer {
	t.Helper()
	p, err := NewProducer(soon(t), f.cfg, pc)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close() })
	return p
}

// load sends n numbered records to the partitions in turn, in small batches.
func (f *faulty) load(t *testing.T, p *Producer, n, partitions int) {
	t.Helper()
	for i := range n {
		r := Record{Topic: "x", Partition: int32(i % partitions), Value: fmt.Appendf(nil, "r%d %s", i, strings.Repeat("x", 200))}
		if err := p.Send(soon(t), r); err != nil {
			t.Fatal(err)
		}
	}
}

// store is load, and has the brokers acknowledge the records.
func (f *faulty) store(t *testing.T, p *Producer, n, partitions int) {
	t.Helper()
	f.load(t, p, n, partitions)
	if err := p.Flush(soon(t)); err != nil {
		t.Fatal(err)
	}
}

// whole holds that the topic has each of the n records once, in order.
func (f *faulty) whole(t *testing.T, n, partitions int) {
	t.Helper()
	got := readAll(t, consumer(t, f.cfg, ConsumerConfig{Topics: []string{"x"}, From: Beginning, ExitAtEnd: true}))
	next := make([]int, partitions)
	for _, r := range got {
		want := next[r.Partition]*partitions + int(r.Partition)
		if !strings.HasPrefix(string(r.Value), fmt.Sprintf("r%d ", want)) {
			t.Fatalf("partition %d offset %d: %.12q, want r%d", r.Partition, r.Offset, r.Value, want)
		}
		next[r.Partition]++
	}
	if len(got) != n {
		t.Errorf("%d records, want %d", len(got), n)
	}
}

// Whatever answers are lost or bad, and wherever leaders go: with acks all each
// record is there once and in order.
func TestNothingLostNothingTwice(t *testing.T) {
	const n, partitions = 20_000, 3
	for name, trouble := range map[string]func(f *faulty, round int){
		"leaders move": func(f *faulty, round int) {
			for p := range int32(partitions) {
				_ = f.MoveTopicPartition("x", p, int32(round)%3)
			}
		},
		"not the leader":              func(f *faulty, round int) { f.fails(kerr.NotLeaderForPartition, 2) },
		"stored, and timed out":       func(f *faulty, round int) { f.fails(kerr.RequestTimedOut, 2) },
		"stored by too few":           func(f *faulty, round int) { f.fails(kerr.NotEnoughReplicasAfterAppend, 2, 1) },
		"stored, and the answer lost": func(f *faulty, round int) { f.deaf.Store(1) },
		"numbers lost":                func(f *faulty, round int) { f.fails(kerr.UnknownProducerID, 1, int32(round%partitions)) },
		"out of order":                func(f *faulty, round int) { f.fails(kerr.OutOfOrderSequenceNumber, 1, 0) },
		"all of it": func(f *faulty, round int) {
			_ = f.MoveTopicPartition("x", int32(round)%partitions, int32(round)%3)
			f.fails([]*kerr.Error{kerr.RequestTimedOut, kerr.NotEnoughReplicas, kerr.KafkaStorageError, kerr.CorruptMessage}[round%4], 1, int32(round%partitions))
			f.deaf.Store(int64(round % 2))
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFaulty(t, 3, partitions)
			p := f.producer(t, ProducerConfig{MaxMessageBytes: 20_000, BufferBytes: 200_000})
			for round := range 8 {
				trouble(f, round)
				for i := round * n / 8; i < (round+1)*n/8; i++ {
					r := Record{Topic: "x", Partition: int32(i % partitions), Value: fmt.Appendf(nil, "r%d %s", i, strings.Repeat("x", 200))}
					if err := p.Send(soon(t), r); err != nil {
						t.Fatal(err)
					}
				}
			}
			if err := p.Flush(soon(t)); err != nil {
				t.Fatal(err)
			}
			if acked, failed := p.Counts(); acked != n || failed != 0 {
				t.Errorf("%d acknowledged, %d failed", acked, failed)
			}
			f.whole(t, n, partitions)
		})
	}
}

// A batch goes again with the numbers that it had; where the broker has lost them
// it begins anew in the next epoch.
func TestSequences(t *testing.T) {
	f := newFaulty(t, 1, 1)
	p := f.producer(t, ProducerConfig{})
	send := func() {
		t.Helper()
		deliverTogether(t, p, []Record{{Topic: "x", Value: []byte("v")}, {Topic: "x", Value: []byte("w")}})
	}
	send()
	f.fails(kerr.NotLeaderForPartition, 1)
	send()
	f.fails(kerr.UnknownProducerID, 1)
	send()
	send()
	var got []string
	for _, a := range f.attempts() {
		got = append(got, fmt.Sprintf("%d:%d+%d", a.epoch, a.sequence, a.count))
		if a.id < 0 {
			t.Errorf("no producer id: %+v", a)
		}
	}
	if want := "0:0+2 0:2+2 0:2+2 0:4+2 1:0+2 1:2+2"; strings.Join(got, " ") != want {
		t.Errorf("epoch:sequence+count of the attempts: %v, want %s", got, want)
	}
}

// While nobody leads a partition its broker is not asked again and again.
func TestAttemptsArePaced(t *testing.T) {
	for tries := 1; ; tries++ {
		f := newFaulty(t, 1, 1)
		p := f.producer(t, ProducerConfig{Timeout: 1200 * time.Millisecond})
		f.fails(kerr.NotLeaderForPartition, -1)
		if err := p.Deliver(soon(t), []Record{{Topic: "x", Value: []byte("v")}}); fault.CodeOf(err) != fault.Unreachable {
			t.Error(err)
		}
		n := len(f.attempts())
		if n < 2 && tries < 5 { // a busy machine has stopped for a second
			continue
		}
		if n < 2 || n > 8 {
			t.Errorf("%d attempts in 1.2 s", n)
		}
		return
	}
}

// A batch that is larger than the broker takes is split; a record that is too
// large by itself fails alone.
func TestSplit(t *testing.T) {
	f := newFaulty(t, 1, 1)
	a := admin(t, f.cfg)
	if err := a.CreateTopic(soon(t), "small", 1, 1, map[string]string{"max.message.bytes": "1000"}); err != nil {
		t.Fatal(err)
	}
	p := f.producer(t, ProducerConfig{Linger: 20 * time.Millisecond})
	var batch []Record
	for i := range 100 {
		size := 100
		if i == 50 {
			size = 2000
		}
		batch = append(batch, Record{Topic: "small", Value: fmt.Appendf(nil, "%d %s", i, strings.Repeat("x", size)), Headers: []Header{{"h", nil}}})
	}
	err := p.Deliver(soon(t), batch)
	if err == nil || !IsRefused(err) || !strings.HasPrefix(err.Error(), "1 record was not acknowledged: ") {
		t.Errorf("the record that is too large: %v", err)
	}
	if err := p.Deliver(soon(t), batch[:1]); err != nil {
		t.Error(err)
	}
	got := readAll(t, consumer(t, f.cfg, ConsumerConfig{Topics: []string{"small"}, From: Beginning, ExitAtEnd: true}))
	batch = append(append(slices.Clone(batch[:50]), batch[51:]...), batch[0])
	if len(got) != len(batch) {
		t.Fatalf("%d records, want %d", len(got), len(batch))
	}
	for i, r := range got {
		if string(r.Value) != string(batch[i].Value) || len(r.Headers) != 1 {
			t.Errorf("record %d: %.10q, want %.10q", i, r.Value, batch[i].Value)
		}
	}
}

// A partition that takes nothing is given up after the timeout; the others go on.
func TestOnePartitionGivenUp(t *testing.T) {
	t.Parallel()
	f := newFaulty(t, 1, 2)
	f.fails(kerr.NotLeaderForPartition, -1, 1)
	p := f.producer(t, ProducerConfig{Timeout: longTimeout})
	ctx, cancel := context.WithCancel(soon(t))
	defer cancel()
	for range 3 {
		if err := p.Send(ctx, Record{Topic: "x", Partition: 1, Value: []byte("v")}); err != nil {
			t.Fatal(err)
		}
	}
	flushed := make(chan error, 1)
	go func() { flushed <- p.Flush(ctx) }()
	for {
		if err := p.Deliver(ctx, []Record{{Topic: "x", Partition: 0, Value: []byte("v")}}); err != nil {
			t.Fatal(err)
		}
		select {
		case err := <-flushed:
			if fault.CodeOf(err) != fault.Unreachable || !strings.HasPrefix(err.Error(), "3 records were not acknowledged: ") ||
				!strings.Contains(err.Error(), `topic "x" partition 1: no acknowledgement for 10s`) {
				t.Errorf("%v", err)
			}
			return
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// What a broker refuses for good is told with what the broker says; what comes
// behind it is delivered.
func TestRefusedBatch(t *testing.T) {
	f := newFaulty(t, 1, 1)
	f.fails(kerr.InvalidRecord, 1)
	p := f.producer(t, ProducerConfig{})
	if err := p.Deliver(soon(t), []Record{{Topic: "x", Value: []byte("bad")}}); !IsRefused(err) {
		t.Errorf("%v", err)
	}
	f.load(t, p, 100, 1)
	if err := p.Flush(soon(t)); err != nil {
		t.Error(err)
	}
	f.whole(t, 100, 1)
}

// A topic that is deleted ends what waits for it with its name.
func TestTopicDeleted(t *testing.T) {
	f := newFaulty(t, 1, 1)
	p := f.producer(t, ProducerConfig{})
	if err := p.Deliver(soon(t), []Record{{Topic: "x", Value: []byte("v")}}); err != nil {
		t.Fatal(err)
	}
	if err := admin(t, f.cfg).DeleteTopics(soon(t), "x"); err != nil {
		t.Fatal(err)
	}
	if err := p.Deliver(soon(t), []Record{{Topic: "x", Value: []byte("v")}}); !errors.Is(err, ErrNoTopic) {
		t.Errorf("%v", err)
	}
}

// To a leader that has not acknowledged anything yet one batch goes alone: it takes
// any number for a producer's first.
func TestFirstBatchGoesAlone(t *testing.T) {
	p := &Producer{idempotent: true, inFlight: requestsInFlight, identity: identity{id: 1}}
	part := &partition{topic: &topic{name: "x"}, leader: 2, knownBy: noLeader, identity: nobody}
	part.queue = []*batch{{to: part, count: 3}, {to: part, count: 4}, {to: part, count: 5}}
	take := func() *batch {
		b, _ := p.next(part, true, time.Now())
		if b != nil {
			p.take(part, b)
		}
		return b
	}
	first := take()
	if first == nil || first.sequence != 0 {
		t.Fatalf("first: %+v", first)
	}
	if b := take(); b != nil {
		t.Errorf("sequence %d goes before the first is acknowledged", b.sequence)
	}
	part.landed(first)
	part.knownBy = 2
	for _, want := range []int32{3, 7} {
		if b := take(); b == nil || b.sequence != want {
			t.Errorf("behind it: %+v, want sequence %d", b, want)
		}
	}
	part.queue = []*batch{{to: part, count: 1}}
	part.leader = 1 // another one
	if b := take(); b != nil {
		t.Error("a new leader gets a batch behind others")
	}
}
