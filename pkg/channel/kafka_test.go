package channel

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/logpipe/logpipe/pkg/broker"
	"github.com/logpipe/logpipe/pkg/flume"
	"github.com/logpipe/logpipe/pkg/kafka"
	"github.com/logpipe/logpipe/pkg/logpipetest"
)

// kafkaCluster starts an embedded broker and returns its address.
func kafkaCluster(t *testing.T) (string, *broker.Broker) {
	t.Helper()
	b, err := broker.Start(t.Context(), broker.Config{Listen: logpipetest.OwnAddress(t)})
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
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
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

// What was delivered has left the channel, also where its offsets cannot be committed:
// the next commit, here that of the end, makes up for it.
func TestKafkaCountsWhatIsNotCommitted(t *testing.T) {
	addr, _ := kafkaCluster(t)
	k, counters := openKafka(t, addr)
	putKafka(t, k, numberedEvents(0, 3)...)
	_, open := takeKafka(t, k, 3)
	k.stop()
	failed := 0
	for _, tx := range open {
		if err := tx.Commit(); err != nil {
			failed++
		}
	}
	if failed == 0 {
		t.Error("all was committed by a channel that has ended")
	}
	for name, want := range map[string]int64{"EventPutSuccessCount": 3, "EventTakeSuccessCount": 3, "ChannelSize": 0} {
		if got := counters.Values()[name]; got != want {
			t.Errorf("%s %d, want %d", name, got, want)
		}
	}
	if err := k.Close(); err != nil {
		t.Fatal(err)
	}
	k, _ = openKafka(t, addr)
	putKafka(t, k, flume.Event{Body: []byte("new")})
	events, open := takeKafka(t, k, 1)
	commitAll(t, open)
	if got := bodiesOf(events); got != "new" {
		t.Errorf("the next life took %s", got)
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
		t.Fatal(err)
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
	if all := k.Check(); len(all) != 1 || !strings.Contains(all[0].Message, "group g has in ZooKeeper alone are not taken over") || !strings.HasSuffix(all[0].Message, "the end of old") {
		t.Errorf("%+v", all)
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

// What takes wait for events is counted, also where none come.
func TestKafkaGetTimer(t *testing.T) {
	k, counters := openKafka(t, logpipetest.Closed(t))
	ctx, cancel := context.WithCancel(kafkaContext(t))
	ended := make(chan error)
	go func() {
		_, err := k.Take(ctx, 1)
		ended <- err
	}()
	for counters.Values()["EventTakeAttemptCount"] == 0 {
		time.Sleep(time.Millisecond)
	}
	time.Sleep(5 * time.Millisecond) // of the wait
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	if got := counters.Values()["KafkaEventGetTimer"]; got < 5 {
		t.Errorf("KafkaEventGetTimer %d, want 5 at least", got)
	}
}
