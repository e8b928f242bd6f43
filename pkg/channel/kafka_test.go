package channel

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/logpipe/logpipe/pkg/broker"
	"github.com/logpipe/logpipe/pkg/flume"
	"github.com/logpipe/logpipe/pkg/kafka"
)

// kafkaCluster starts an embedded broker and returns its address.
func kafkaCluster(t *testing.T) (string, *broker.Broker) {
	t.Helper()
	b, err := broker.Start(t.Context(), broker.Config{Listen: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.Close() })
	return b.Addr()[0], b
}

// openKafka opens a channel with these lines of a property file.
func openKafka(t *testing.T, addr string, lines ...string) (*Kafka, *flume.Counters) {
	t.Helper()
	p := &flume.Properties{}
	k := NewKafka(p).(*Kafka)
	for _, line := range append([]string{"kafka.bootstrap.servers=" + addr}, lines...) {
		name, value, _ := strings.Cut(line, "=")
		q, _ := p.Lookup(name)
		if q == nil {
			t.Fatalf("no property %s", name)
		}
		if err := q.Assign(name, value); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
	}
	if problems := k.Check(); len(problems) > 0 {
		t.Fatalf("check: %v", problems)
	}
	counters := &flume.Counters{}
	if err := k.Open(flume.Env{Name: "c1", Logf: t.Logf, Counters: counters}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := k.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return k, counters
}

func kafkaContext(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	t.Cleanup(cancel)
	return ctx
}

func numberedEvents(from, to int) []flume.Event {
	var all []flume.Event
	for i := from; i < to; i++ {
		all = append(all, flume.Event{Headers: flume.Headers{{Key: "n", Value: fmt.Sprint(i)}}, Body: fmt.Appendf(nil, "e%d", i)})
	}
	return all
}

func putKafka(t *testing.T, k *Kafka, events ...flume.Event) {
	t.Helper()
	if err := k.Put(kafkaContext(t), events); err != nil {
		t.Fatal(err)
	}
}

// takeKafka takes until it has n events, and returns the takes.
func takeKafka(t *testing.T, k *Kafka, n int) (all []flume.Event, open []flume.Transaction) {
	t.Helper()
	for len(all) < n {
		tx, err := k.Take(kafkaContext(t), n-len(all))
		if err != nil {
			t.Fatalf("take after %d of %d: %v", len(all), n, err)
		}
		all, open = append(all, tx.Events()...), append(open, tx)
	}
	return all, open
}

func commitAll(t *testing.T, open []flume.Transaction) {
	t.Helper()
	for _, tx := range open {
		if err := tx.Commit(); err != nil {
			t.Fatal(err)
		}
	}
}

func bodiesOf(events []flume.Event) string {
	var all []string
	for _, e := range events {
		all = append(all, string(e.Body))
	}
	return strings.Join(all, " ")
}

func TestKafkaTransactions(t *testing.T) {
	addr, _ := kafkaCluster(t)
	k, counters := openKafka(t, addr)
	putKafka(t, k, numberedEvents(0, 10)...)
	events, first := takeKafka(t, k, 4)
	if got := bodiesOf(events); got != "e0 e1 e2 e3" || events[3].Headers[0] != (flume.Header{Key: "n", Value: "3"}) {
		t.Fatalf("took %s, headers of the last %v", got, events[3].Headers)
	}
	events, second := takeKafka(t, k, 3)
	for _, tx := range first {
		if err := tx.Rollback(); err != nil {
			t.Fatal(err)
		}
	}
	again, third := takeKafka(t, k, 6)
	if got := bodiesOf(events) + "|" + bodiesOf(again); got != "e4 e5 e6|e0 e1 e2 e3 e7 e8" {
		t.Fatalf("took %s", got)
	}
	commitAll(t, second)
	commitAll(t, third)
	k.Drain()
	last, open := takeKafka(t, k, 1)
	commitAll(t, open)
	if _, err := k.Take(kafkaContext(t), 1); err != io.EOF || bodiesOf(last) != "e9" || k.Size() != 0 {
		t.Fatalf("at the end: %v, took %s, size %d", err, bodiesOf(last), k.Size())
	}
	for name, want := range map[string]int64{"EventPutAttemptCount": 10, "EventPutSuccessCount": 10, "EventTakeSuccessCount": 10, "ChannelSize": 0} {
		if got := counters.Values()[name]; got != want {
			t.Errorf("%s %d, want %d", name, got, want)
		}
	}
}

// What was taken and not committed comes again in the next life, and what was
// committed does not, also where a take behind it was committed first.
func TestKafkaCommitsAreInOrder(t *testing.T) {
	addr, _ := kafkaCluster(t)
	k, _ := openKafka(t, addr)
	putKafka(t, k, numberedEvents(0, 9)...)
	_, a := takeKafka(t, k, 3)
	_, b := takeKafka(t, k, 3)
	_, c := takeKafka(t, k, 2)
	commitAll(t, a)
	commitAll(t, c) // b is open before it
	_ = b
	if err := k.Close(); err != nil {
		t.Fatal(err)
	}
	k, _ = openKafka(t, addr)
	events, open := takeKafka(t, k, 6)
	commitAll(t, open)
	if got := bodiesOf(events); got != "e3 e4 e5 e6 e7 e8" {
		t.Fatalf("the next life took %s", got)
	}
	if err := k.Close(); err != nil {
		t.Fatal(err)
	}
	k, _ = openKafka(t, addr)
	putKafka(t, k, flume.Event{Body: []byte("new")})
	events, open = takeKafka(t, k, 1)
	commitAll(t, open)
	if got := bodiesOf(events); got != "new" {
		t.Fatalf("the third life took %s", got)
	}
}

// The values are Avro events whose bytes pkg/flumerpc tests.
// Keys and partitions come from headers.
func TestKafkaRecords(t *testing.T) {
	addr, _ := kafkaCluster(t)
	admin, err := kafka.NewAdmin(t.Context(), kafka.Config{Brokers: []string{addr}})
	if err != nil {
		t.Fatal(err)
	}
	defer admin.Close()
	if err := admin.CreateTopic(t.Context(), "t", 3, 1, nil); err != nil {
		t.Fatal(err)
	}
	avro, counters := openKafka(t, addr, "kafka.topic=t", "defaultPartitionId=1", "partitionIdHeader=p")
	with := func(key, value string) flume.Event {
		return flume.Event{Headers: flume.Headers{{Key: key, Value: value}}, Body: []byte("b")}
	}
	putKafka(t, avro, with("p", "2"), with("key", "k"), with("p", "x"), with("p", "7"))
	plain, _ := openKafka(t, addr, "kafka.topic=t", "parseAsFlumeEvent=false", "defaultPartitionId=0")
	putKafka(t, plain, with("x", "y"), flume.Event{})
	c, err := kafka.NewConsumer(t.Context(), kafka.Config{Brokers: []string{addr}},
		kafka.ConsumerConfig{Topics: []string{"t"}, From: kafka.Beginning, ExitAtEnd: true})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	var got []string
	for {
		b, err := c.Read(kafkaContext(t))
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range b.Records {
			if r.Partition > 2 || strings.Contains(hex.EncodeToString(r.Value), "37") {
				continue // wherever the one without a partition is
			}
			got = append(got, fmt.Sprintf("%d %s %x", r.Partition, r.Key, r.Value))
		}
	}
	slices.Sort(got)
	want := []string{"0  ", "0  62", "1  0202700278000262", "1 k 02066b6579026b000262", "2  0202700232000262"}
	if !slices.Equal(got, want) {
		t.Errorf("records\n%q, want\n%q", got, want)
	}
	if n := counters.Values()["PartitionHeaderFail"]; n != 1 {
		t.Errorf("%d headers were no partition", n)
	}
}

// Values of other programs are passed on, whatever parseAsFlumeEvent says.
func TestKafkaForeignValues(t *testing.T) {
	for _, parse := range []string{"true", "false"} {
		addr, _ := kafkaCluster(t)
		p, err := kafka.NewProducer(t.Context(), kafka.Config{Brokers: []string{addr}}, kafka.ProducerConfig{})
		if err != nil {
			t.Fatal(err)
		}
		defer p.Close()
		for _, value := range []string{"plain text", "", `{"a":1}`} {
			if err := p.Send(t.Context(), kafka.Record{Topic: "flume-channel", Partition: -1, Key: []byte("k"), Value: []byte(value)}); err != nil {
				t.Fatal(err)
			}
		}
		if err := p.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		k, counters := openKafka(t, addr, "parseAsFlumeEvent="+parse)
		events, open := takeKafka(t, k, 3)
		commitAll(t, open)
		if got := bodiesOf(events); got != `plain text  {"a":1}` || events[2].Headers[0] != (flume.Header{Key: "key", Value: "k"}) {
			t.Errorf("took %q, headers %v", got, events[2].Headers)
		}
		if n := counters.Values()["EventReadFail"]; parse == "true" && n != 3 || parse == "false" && n != 0 {
			t.Errorf("parse %s: %d unreadable", parse, n)
		}
	}
}

// Each event comes once, those of one source in order, whatever several sinks
// and sources do at once.
func TestKafkaConcurrent(t *testing.T) {
	addr, _ := kafkaCluster(t)
	k, _ := openKafka(t, addr)
	const sources, each = 3, 400
	var puts, takes sync.WaitGroup
	for s := range sources {
		puts.Go(func() {
			for i := 0; i < each; i += 20 {
				var batch []flume.Event
				for j := range 20 {
					batch = append(batch, flume.Event{Body: fmt.Appendf(nil, "%d %04d", s, i+j)})
				}
				if err := k.Put(kafkaContext(t), batch); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	var mu sync.Mutex
	seen := map[string]int{}
	for r := range 3 {
		takes.Go(func() {
			for n := 0; ; n++ {
				tx, err := k.Take(kafkaContext(t), 7)
				if errors.Is(err, io.EOF) {
					return
				}
				if err != nil {
					t.Error(err)
					return
				}
				if n%5 == r {
					tx.Rollback()
					continue
				}
				mu.Lock()
				for _, e := range tx.Events() {
					seen[string(e.Body)]++
				}
				mu.Unlock()
				if err := tx.Commit(); err != nil {
					t.Error(err)
				}
			}
		})
	}
	puts.Wait()
	k.Drain()
	takes.Wait()
	if len(seen) != sources*each {
		t.Fatalf("%d different events, want %d", len(seen), sources*each)
	}
	for body, n := range seen {
		if n != 1 {
			t.Fatalf("%s came %d times", body, n)
		}
	}
	if k.Size() != 0 {
		t.Errorf("size %d at the end", k.Size())
	}
	if err := k.Close(); err != nil {
		t.Fatal(err)
	}
	next, _ := openKafka(t, addr)
	putKafka(t, next, flume.Event{Body: []byte("new")})
	if events, _ := takeKafka(t, next, 1); bodiesOf(events) != "new" {
		t.Errorf("not all was committed: %s comes again", bodiesOf(events))
	}
}

// A put and a take wait for brokers that are gone.
func TestKafkaWaitsForItsBrokers(t *testing.T) {
	addr, b := kafkaCluster(t)
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	k, _ := openKafka(t, addr, "kafka.producer.delivery.timeout.ms=1000")
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	if err := k.Put(ctx, numberedEvents(0, 1)); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a put without brokers: %v", err)
	}
	if _, err := k.Take(ctx, 1); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a take without brokers: %v", err)
	}
	done := make(chan error, 1)
	go func() { done <- k.Put(kafkaContext(t), numberedEvents(0, 3)) }()
	again, err := broker.Start(t.Context(), broker.Config{Listen: addr})
	if err != nil {
		t.Skip("the port is no longer free: ", err)
	}
	defer again.Close()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	events, open := takeKafka(t, k, 3)
	commitAll(t, open)
	if got := bodiesOf(events); got != "e0 e1 e2" {
		t.Errorf("took %s", got)
	}
}

// A put of an event that no broker takes stores nothing of its batch.
func TestKafkaLargeEvent(t *testing.T) {
	addr, _ := kafkaCluster(t)
	k, _ := openKafka(t, addr, "kafka.producer.max.request.size=2000")
	batch := append(numberedEvents(0, 2), flume.Event{Body: make([]byte, 2000)})
	var large *kafka.TooLargeError
	if err := k.Put(kafkaContext(t), batch); !errors.As(err, &large) {
		t.Fatalf("put: %v", err)
	}
	putKafka(t, k, numberedEvents(5, 6)...)
	if events, _ := takeKafka(t, k, 1); bodiesOf(events) != "e5" {
		t.Errorf("took %s", bodiesOf(events))
	}
}

// A member that leaves gives its partitions to the other, which delivers what
// was not committed.
func TestKafkaRebalance(t *testing.T) {
	addr, _ := kafkaCluster(t)
	one, _ := openKafka(t, addr)
	putKafka(t, one, numberedEvents(0, 6)...)
	events, open := takeKafka(t, one, 2)
	commitAll(t, open)
	takeKafka(t, one, 2) // and never settles it
	two, _ := openKafka(t, addr)
	result := make(chan []flume.Event)
	go func() {
		more, open := takeKafka(t, two, 4)
		commitAll(t, open)
		result <- more
	}()
	if err := one.Close(); err != nil {
		t.Fatal(err)
	}
	if got := bodiesOf(events) + "|" + bodiesOf(<-result); got != "e0 e1|e2 e3 e4 e5" {
		t.Errorf("took %s", got)
	}
}

func TestKafkaOldNames(t *testing.T) {
	addr, _ := kafkaCluster(t)
	p := &flume.Properties{}
	k := NewKafka(p).(*Kafka)
	for name, value := range map[string]string{"brokerList": addr, "topic": "old", "groupId": "g", "readSmallestOffset": "false",
		"zookeeperConnect": "z:2181", "kafka.producer.batch.size": "16384", "kafka.consumer.max.poll.records": "10", "capacity": "10000"} {
		q, _ := p.Lookup(name)
		if q == nil {
			t.Fatalf("no property %s", name)
		}
		if err := q.Assign(name, value); err != nil {
			t.Fatal(err)
		}
	}
	if q, _ := p.Lookup("kafka.producer.batch.sizes"); q != nil {
		t.Error("an unknown setting is known")
	}
	if err := k.Open(flume.Env{}); err != nil {
		t.Fatal(err)
	}
	defer k.Close()
	cfg := k.consuming.Consumer(k.topic)
	if cfg.From != kafka.End || cfg.Group != "g" || k.topic != "old" || k.brokers != addr {
		t.Errorf("%+v", cfg)
	}
}
