package kafka

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/IBM/sarama"
	"github.com/logpipe/logpipe/pkg/broker"
	"github.com/logpipe/logpipe/pkg/fault"
	"github.com/logpipe/logpipe/pkg/logpipetest"
)

func TestRecordsArriveAsSent(t *testing.T) {
	cfg, _ := cluster(t, broker.Config{})
	create(t, cfg, "all", 2)
	at := time.Date(2026, 11, 20, 10, 0, 0, int(123*time.Millisecond), time.UTC)
	sent := []Record{
		{Topic: "all", Partition: 1, Key: []byte("k"), Value: []byte("v"), Time: at, Headers: []Header{{"h", []byte("1")}, {"h", nil}, {"", []byte{0xff}}}},
		{Topic: "all", Partition: 1, Key: nil, Value: nil, Time: at},
		{Topic: "all", Partition: 1, Key: []byte{}, Value: []byte{}, Time: at},
		{Topic: "all", Partition: 1, Key: []byte{0, 0xff}, Value: bytes.Repeat([]byte{0xfe}, 100_000), Time: at},
	}
	for _, codec := range []string{"none", "gzip", "snappy", "lz4", "zstd"} {
		for _, acks := range []string{"all", "1"} {
			t.Run(codec+" "+acks, func(t *testing.T) {
				var acked []Record
				p, err := NewProducer(soon(t), cfg, ProducerConfig{Compression: codec, Acks: acks, OnAck: func(r Record, err error) {
					if err != nil {
						t.Error(err)
					}
					acked = append(acked, r)
				}})
				if err != nil {
					t.Fatal(err)
				}
				for _, r := range sent {
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
				if n, failed := p.Counts(); n != int64(len(sent)) || failed != 0 {
					t.Errorf("%d acknowledged, %d failed", n, failed)
				}
				got := readAll(t, consumer(t, cfg, ConsumerConfig{Topics: []string{"all"}, From: Last(int64(len(sent))), ExitAtEnd: true}))
				if len(got) != len(sent) {
					t.Fatalf("%d records, want %d", len(got), len(sent))
				}
				for i, r := range got {
					if !same(r, sent[i]) {
						t.Errorf("record %d: %+v, want %+v", i, r, sent[i])
					}
					if !same(acked[i], r) || acked[i].Offset != r.Offset {
						t.Errorf("acknowledged as %+v, read as %+v", acked[i], r)
					}
				}
			})
		}
	}
}

// same compares all but the offset; nil and empty differ.
func same(a, b Record) bool {
	equal := func(x, y []byte) bool { return bytes.Equal(x, y) && (x == nil) == (y == nil) }
	return a.Topic == b.Topic && a.Partition == b.Partition && a.Time.Equal(b.Time) && equal(a.Key, b.Key) && equal(a.Value, b.Value) &&
		slices.EqualFunc(a.Headers, b.Headers, func(x, y Header) bool { return x.Key == y.Key && equal(x.Value, y.Value) })
}

func TestOrderAndPartitions(t *testing.T) {
	cfg, _ := cluster(t, broker.Config{Nodes: 2})
	create(t, cfg, "many", 3)
	const n = 20_000
	produce(t, cfg, "many", 0, n)
	c := consumer(t, cfg, ConsumerConfig{Topics: []string{"many"}, From: Beginning, ExitAtEnd: true})
	last, seen := map[int32]int{}, 0
	for _, r := range readAll(t, c) {
		i := 0
		if _, err := fmt.Sscanf(string(r.Value), "r%d", &i); err != nil {
			t.Fatal(err)
		}
		if want := javaPartition(r.Key, 3); r.Partition != want {
			t.Fatalf("key %s is in partition %d, want %d", r.Key, r.Partition, want)
		}
		if before, ok := last[r.Partition]; ok && i <= before {
			t.Fatalf("partition %d: %d after %d", r.Partition, i, before)
		}
		last[r.Partition] = i
		seen++
	}
	if seen != n || len(last) != 3 {
		t.Errorf("%d records in %d partitions, want %d in 3", seen, len(last), n)
	}
}

// The values are those of org.apache.kafka.common.utils.UtilsTest.testMurmur2.
func TestMurmur2(t *testing.T) {
	for in, want := range map[string]int32{
		"21": -973932308, "foobar": -790332482, "a-little-bit-long-string": -985981536, "a-little-bit-longer-string": -1486304829,
		"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8": -58897971, "abc": 479470107,
	} {
		if got := int32(murmur2([]byte(in))); got != want {
			t.Errorf("%s: %d, want %d", in, got, want)
		}
	}
}

func TestStickyFillsPartitions(t *testing.T) {
	p := newPartitioner("")
	counts := map[int32]int{}
	runs, before := 0, int32(-1)
	for range 10_000 {
		n := p.choose(nil, 400, 4, func(int32) bool { return true })
		if n != before {
			runs++
		}
		before = n
		counts[n]++
	}
	if len(counts) != 4 || runs > 80 {
		t.Errorf("%v in %d runs, want all 4 partitions in about 60", counts, runs)
	}
	for range 1000 { // whatever was chosen before
		if n := p.choose(nil, 40_000, 4, func(n int32) bool { return n == 2 }); n != 2 {
			t.Fatalf("partition %d has no leader", n)
		}
	}
}

func TestUnknownTopic(t *testing.T) {
	cfg, _ := cluster(t, broker.Config{})
	var err, grouped error
	logpipetest.Prompt(t, time.Second, func() {
		_, err = NewConsumer(soon(t), cfg, ConsumerConfig{Topics: []string{"absent"}, From: Beginning})
		_, grouped = NewConsumer(soon(t), cfg, ConsumerConfig{Topics: []string{"absent"}, Group: "g"})
	})
	if err == nil || err.Error() != `topic "absent" does not exist` || fault.HintOf(err) != "logpipe topic create absent" || fault.CodeOf(err) != fault.Failed {
		t.Errorf("%v (hint %q, exit %d)", err, fault.HintOf(err), fault.CodeOf(err))
	}
	if !errors.Is(grouped, ErrNoTopic) {
		t.Errorf("in a group: %v", grouped)
	}
	if got, err := admin(t, cfg).ListTopics(soon(t), true); err != nil || len(got) > 0 {
		t.Errorf("consuming created %q (%v)", got, err)
	}
	produce(t, cfg, "on-demand", 0, 3) // the embedded broker creates it
	if got := readAll(t, consumer(t, cfg, ConsumerConfig{Topics: []string{"on-demand"}, From: Beginning, ExitAtEnd: true})); len(got) != 3 {
		t.Errorf("%d records", len(got))
	}
}

func TestTooLarge(t *testing.T) {
	cfg, _ := cluster(t, broker.Config{})
	p, err := NewProducer(soon(t), cfg, ProducerConfig{MaxMessageBytes: 1000})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	var large *TooLargeError
	err = p.Send(soon(t), Record{Topic: "x", Partition: -1, Value: make([]byte, 1000)})
	if !errors.As(err, &large) || large.Limit != 1000 || large.Size <= 1000 {
		t.Errorf("%v", err)
	}
	if err := p.Send(soon(t), Record{Topic: "x", Partition: -1, Value: make([]byte, 900)}); err != nil {
		t.Error(err)
	}
	if err := p.Flush(soon(t)); err != nil {
		t.Error(err)
	}
}

// What the broker refuses is told by Flush, once, with its reason.
func TestRefusedByTheBroker(t *testing.T) {
	cfg, _ := cluster(t, broker.Config{})
	p, err := NewProducer(soon(t), cfg, ProducerConfig{})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	create(t, cfg, "one", 1)
	for range 3 {
		if err := p.Send(soon(t), Record{Topic: "one", Partition: 7, Value: []byte("v")}); err != nil {
			t.Fatal(err)
		}
	}
	err = p.Flush(soon(t))
	if err == nil || !strings.HasPrefix(err.Error(), "3 records were not acknowledged: ") || !strings.Contains(err.Error(), "has no partition 7") {
		t.Errorf("%v", err)
	}
	if err := p.Flush(soon(t)); err != nil {
		t.Errorf("told twice: %v", err)
	}
	if n, failed := p.Counts(); n != 0 || failed != 3 {
		t.Errorf("%d acknowledged, %d failed", n, failed)
	}
}

func TestBackPressure(t *testing.T) {
	cfg, b := cluster(t, broker.Config{})
	p, err := NewProducer(soon(t), cfg, ProducerConfig{BufferBytes: 10_000})
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Send(soon(t), Record{Topic: "x", Partition: -1, Value: []byte("first")}); err != nil {
		t.Fatal(err)
	}
	if err := p.Flush(soon(t)); err != nil {
		t.Fatal(err)
	}
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(soon(t)) // of the first one, which always fits
	sent := 0
	for ; ; sent++ {
		err = p.Send(ctx, Record{Topic: "x", Partition: -1, Value: make([]byte, 1000)})
		cancel()
		if err != nil {
			break
		}
		ctx, cancel = context.WithTimeout(t.Context(), 300*time.Millisecond)
	}
	if !errors.Is(err, context.DeadlineExceeded) || sent == 0 || sent > 10 {
		t.Errorf("%d records taken without a broker: %v", sent, err)
	}
	if err := p.Flush(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("flush without a broker: %v", err)
	}
	begin := time.Now()
	err = p.Close()
	if took := time.Since(begin); took > time.Minute {
		t.Errorf("close took %v", took)
	}
	if want := fmt.Sprintf("%d records were not acknowledged", sent); err == nil || !strings.HasPrefix(err.Error(), want) {
		t.Errorf("close: %v, want %s", err, want)
	}
}

func TestWrongSettings(t *testing.T) {
	for _, pc := range []ProducerConfig{{Acks: "2"}, {Compression: "zip"}} {
		if _, err := NewProducer(t.Context(), Config{}, pc); fault.CodeOf(err) != fault.Usage {
			t.Errorf("%+v: %v, want a usage error", pc, err)
		}
	}
	if _, err := NewConsumer(t.Context(), Config{}, ConsumerConfig{}); fault.CodeOf(err) != fault.Usage {
		t.Errorf("no topic: %v, want a usage error", err)
	}
}

func TestWhereToStart(t *testing.T) {
	cfg, _ := cluster(t, broker.Config{})
	create(t, cfg, "x", 1)
	p, err := NewProducer(soon(t), cfg, ProducerConfig{})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	hour := time.Now().Add(-10 * time.Hour).Truncate(time.Hour)
	for i := range 10 {
		r := Record{Topic: "x", Partition: -1, Value: fmt.Appendf(nil, "r%d", i), Time: hour.Add(time.Duration(i) * time.Hour)}
		if err := p.Send(soon(t), r); err != nil {
			t.Fatal(err)
		}
		if err := p.Flush(soon(t)); err != nil { // one batch each, so that times can be found
			t.Fatal(err)
		}
	}
	for _, v := range []struct {
		from     Offset
		max      int64
		from0to9 [2]int
	}{
		{Beginning, 0, [2]int{0, 10}},
		{End, 0, [2]int{10, 10}},
		{AtOffset(4), 0, [2]int{4, 10}},
		{AtOffset(10), 0, [2]int{10, 10}},
		{Last(3), 0, [2]int{7, 10}},
		{Last(100), 0, [2]int{0, 10}},
		{AtTime(hour.Add(6 * time.Hour)), 0, [2]int{6, 10}},
		{AtTime(hour.Add(30 * time.Hour)), 0, [2]int{10, 10}},
		{Offset{kind: fromAgo, ago: 24 * time.Hour}, 0, [2]int{0, 10}},
		{Beginning, 4, [2]int{0, 4}},
		{Last(5), 2, [2]int{5, 7}},
	} {
		c := consumer(t, cfg, ConsumerConfig{Topics: []string{"x"}, From: v.from, ExitAtEnd: true, MaxRecords: v.max})
		if got, want := values(readAll(t, c)), numbered(v.from0to9[0], v.from0to9[1]); !slices.Equal(got, want) {
			t.Errorf("from %s, at most %d: %q, want %q", v.from, v.max, got, want)
		}
	}
	_, err = NewConsumer(soon(t), cfg, ConsumerConfig{Topics: []string{"x"}, From: AtOffset(11)})
	if err == nil || err.Error() != `offset 11 is past the end of topic "x": the largest offset is 10` || fault.HintOf(err) == "" {
		t.Errorf("%v", err)
	}
}

// The end is the one at the start: what comes later is not waited for and not
// shown, and without ExitAtEnd it is.
func TestFollowing(t *testing.T) {
	cfg, _ := cluster(t, broker.Config{})
	create(t, cfg, "x", 2)
	c := consumer(t, cfg, ConsumerConfig{Topics: []string{"x"}, MaxRecords: 5})
	produce(t, cfg, "x", 0, 5)
	if got := readAll(t, c); len(got) != 5 {
		t.Errorf("%d records from the end, want 5", len(got))
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	c = consumer(t, cfg, ConsumerConfig{Topics: []string{"x"}})
	if _, err := c.Read(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("%v, want the context's error", err)
	}
}

// A transaction leaves a marker behind its records, at an offset that no record
// ever has.
func TestEndBehindATransaction(t *testing.T) {
	cfg, _ := cluster(t, broker.Config{})
	create(t, cfg, "tx", 1)
	conf := baseConfig(cfg, new(atomic.Bool), &outage{log: cfg.log()})
	conf.Producer.Idempotent, conf.Net.MaxOpenRequests, conf.Producer.RequiredAcks = true, 1, sarama.WaitForAll
	conf.Producer.Transaction.ID = "t"
	conf.Producer.Return.Successes = true
	p, err := sarama.NewSyncProducer(cfg.Brokers, conf)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	if err := p.BeginTxn(); err != nil {
		t.Fatal(err)
	}
	if _, _, err := p.SendMessage(&sarama.ProducerMessage{Topic: "tx", Value: sarama.StringEncoder("r0")}); err != nil {
		t.Fatal(err)
	}
	if err := p.CommitTxn(); err != nil {
		t.Fatal(err)
	}
	for _, group := range []string{"", "g"} {
		for _, from := range []Offset{Beginning, AtOffset(1)} {
			c := consumer(t, cfg, ConsumerConfig{Topics: []string{"tx"}, Group: group, From: from, ExitAtEnd: true})
			if got := values(readAll(t, c)); len(got) > 1 || len(got) == 0 && from == Beginning {
				t.Errorf("group %q from %s: %q", group, from, got)
			}
			c.Close()
		}
	}
}

func TestDeletedTopicEndsReading(t *testing.T) {
	cfg, _ := cluster(t, broker.Config{})
	create(t, cfg, "x", 1)
	c := consumer(t, cfg, ConsumerConfig{Topics: []string{"x"}})
	if err := admin(t, cfg).DeleteTopics(soon(t), "x"); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Read(soon(t)); !errors.Is(err, ErrNoTopic) {
		t.Errorf("%v, want an unknown topic", err)
	}
}

// A slow reader holds back what is read ahead, and gets all of it.
func TestSlowReader(t *testing.T) {
	cfg, _ := cluster(t, broker.Config{})
	create(t, cfg, "x", 1)
	const n = 30_000
	produce(t, cfg, "x", 0, n)
	c := consumer(t, cfg, ConsumerConfig{Topics: []string{"x"}, From: Beginning, ExitAtEnd: true, FetchBytes: 64 << 10})
	var got atomic.Int64
	for {
		b, err := c.Read(soon(t))
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range b.Records {
			if want := fmt.Sprintf("r%d", got.Add(1)-1); string(r.Value) != want {
				t.Fatalf("%s, want %s", r.Value, want)
			}
		}
	}
	if got.Load() != n {
		t.Errorf("%d records, want %d", got.Load(), n)
	}
}
