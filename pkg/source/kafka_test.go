package source

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/logpipe/logpipe/pkg/broker"
	"github.com/logpipe/logpipe/pkg/flume"
	"github.com/logpipe/logpipe/pkg/flumerpc"
	"github.com/logpipe/logpipe/pkg/folder"
	"github.com/logpipe/logpipe/pkg/kafka"
	"github.com/logpipe/logpipe/pkg/logpipetest"
)

// kafkaTest is a broker with topics.
type kafkaTest struct {
	t    *testing.T
	addr string
}

func newKafkaTest(t *testing.T, topics ...string) *kafkaTest {
	t.Helper()
	// No retention takes records with old times away, however long a test takes.
	b, err := broker.Start(context.WithoutCancel(t.Context()), broker.Config{Listen: "127.0.0.1:0", Cleanup: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.Close() })
	k := &kafkaTest{t, b.Addr()[0]}
	for _, topic := range topics {
		k.create(topic)
	}
	return k
}

func (k *kafkaTest) create(topic string) {
	k.t.Helper()
	admin, err := kafka.NewAdmin(k.t.Context(), kafka.Config{Brokers: []string{k.addr}, Wait: time.Minute})
	if err != nil {
		k.t.Fatal(err)
	}
	defer admin.Close()
	if err := admin.CreateTopic(k.t.Context(), topic, 2, 1, nil); err != nil {
		k.t.Fatal(err)
	}
}

func (k *kafkaTest) send(records ...kafka.Record) {
	k.t.Helper()
	p, err := kafka.NewProducer(k.t.Context(), kafka.Config{Brokers: []string{k.addr}, Wait: time.Minute}, kafka.ProducerConfig{Acks: "all"})
	if err != nil {
		k.t.Fatal(err)
	}
	for _, r := range records {
		if err := p.Send(k.t.Context(), r); err != nil {
			k.t.Fatal(err)
		}
	}
	if err := errors.Join(p.Flush(k.t.Context()), p.Close()); err != nil {
		k.t.Fatal(err)
	}
}

func (k *kafkaTest) source(settings ...string) Source {
	k.t.Helper()
	return configure(k.t, NewKafka, append([]string{"kafka.bootstrap.servers=" + k.addr, "kafka.consumer.auto.offset.reset=earliest"}, settings...)...)
}

func TestKafka(t *testing.T) {
	k := newKafkaTest(t, "logs")
	at := time.UnixMilli(1795168800123)
	k.send(
		kafka.Record{Topic: "logs", Partition: 0, Value: []byte("one"), Time: at},
		kafka.Record{Topic: "logs", Partition: 0, Key: []byte("k"), Value: []byte("two"), Time: at, Headers: []kafka.Header{{Key: "trace", Value: []byte("7")}}},
		kafka.Record{Topic: "logs", Partition: 0, Time: at},
	)
	s := k.source("kafka.topics=logs", "header.id=trace", "kafka.consumer.group.id=g")
	r := start(t, s)
	wantBodies(t, r.takeEvents(t, 3),
		"offset=0 partition=0 timestamp=1795168800123 topic=logs|one",
		"id=7 key=k offset=1 partition=0 timestamp=1795168800123 topic=logs|two",
		"offset=2 partition=0 timestamp=1795168800123 topic=logs|")
	r.stop()
	wantBodies(t, r.rest(t))
	// The next run goes on behind what was committed.
	k.send(kafka.Record{Topic: "logs", Partition: 1, Value: []byte("three"), Time: at})
	r = start(t, k.source("kafka.topics=logs", "groupId=g", "setTopicHeader=false", "kafka.flumeBatchSize=5"))
	wantBodies(t, r.takeEvents(t, 1), "offset=0 partition=1 timestamp=1795168800123|three")
	r.stop()
	wantBodies(t, r.rest(t))
}

func TestKafkaFlumeEvents(t *testing.T) {
	k := newKafkaTest(t, "logs")
	e := flume.Event{Headers: flume.Headers{{Key: "topic", Value: "own"}, {Key: "h", Value: "v"}}, Body: []byte("one")}
	at := time.UnixMilli(5)
	k.send(kafka.Record{Topic: "logs", Partition: 0, Value: flumerpc.AppendEvent(nil, &e), Time: at},
		kafka.Record{Topic: "logs", Partition: 0, Value: []byte("no event"), Time: at},
		kafka.Record{Topic: "logs", Partition: 0, Value: flumerpc.AppendEvent(nil, &flume.Event{Body: []byte("two")}), Time: at})
	var counts flume.Counters
	r := startCounted(t, k.source("topic=logs", "useFlumeEventFormat=true"), &counts)
	wantBodies(t, r.takeEvents(t, 2), "h=v offset=0 partition=0 timestamp=5 topic=own|one", "offset=2 partition=0 timestamp=5 topic=logs|two")
	r.stop()
	wantBodies(t, r.rest(t))
	if n := counts.Values()["EventReadFail"]; n != 1 || !strings.Contains(r.diary.String(), "record 1 of topic logs, partition 0") {
		t.Errorf("counted %d; told %s", n, &r.diary)
	}
}

// Topics of a pattern may come later; so may all of them, and the broker.
func TestKafkaPattern(t *testing.T) {
	k := newKafkaTest(t, "other")
	r := start(t, k.source(`kafka.topics.regex=log\..*`, "kafka.consumer.metadata.max.age.ms=50"))
	(&tailTest{t: t}).awaitThat(func() bool { return strings.Contains(r.diary.String(), "no topic matches") }, r.diary.String)
	for i := range 2 {
		topic := fmt.Sprintf("log.%d", i)
		k.create(topic)
		k.send(kafka.Record{Topic: topic, Partition: 0, Value: []byte(topic)})
		wantBodies(t, r.take(t, 1), topic)
	}
	r.stop()
	wantBodies(t, r.rest(t))
}

// What does not fit into the channel is not committed.
func TestKafkaWaitsForSpace(t *testing.T) {
	k := newKafkaTest(t, "logs")
	var all []kafka.Record
	for i := range 50 {
		all = append(all, kafka.Record{Topic: "logs", Partition: 0, Value: fmt.Append(nil, i)})
	}
	k.send(all...)
	r := start(t, k.source("kafka.topics=logs", "batchSize=10"), "capacity=20", "transactionCapacity=10", "keep-alive=0")
	first := r.take(t, 5)
	(&tailTest{t: t}).awaitThat(func() bool { return r.channel.Size() == 15 }, r.diary.String)
	r.stop()
	// A put that waits needs space before the source can end.
	first = append(first, r.take(t, 15)...)
	first = append(first, r.rest(t)...)
	r = start(t, k.source("kafka.topics=logs"))
	rest := r.take(t, 50-len(first))
	for i, body := range append(first, rest...) {
		if body != fmt.Sprint(i) {
			t.Fatalf("event %d is %q", i, body)
		}
	}
}

func TestKafkaCheck(t *testing.T) {
	for _, test := range []struct{ setting, want string }{
		{"kafka.topics=a,b", ""}, {"kafka.topics.regex=a.*", ""}, {"batchSize=1", "no topic to read"}, {"kafka.topics.regex=(", "a ( is not closed"},
		{"kafka.topics=a\nzookeeperConnect=zk:2181\nkafka.consumer.auto.offset.reset=earliest", "the beginning of a"},
		{"kafka.topics=a\nkafka.topics.regex=b\nzookeeperConnect=zk:2181", "zookeeperConnect has no effect here"},
		{"kafka.topics=a\nmigrateZookeeperOffsets=true", ""},
	} {
		var got []string
		for _, p := range configure(t, NewKafka, append(strings.Split(test.setting, "\n"), "kafka.bootstrap.servers=x:1")...).(flume.Checker).Check() {
			got = append(got, p.Message)
		}
		if all := strings.Join(got, "; "); (all == "") != (test.want == "") || !strings.Contains(all, test.want) {
			t.Errorf("%s: %q", test.setting, all)
		}
	}
}

// Kill -9 while records come: none is lost.
func TestKafkaKilled(t *testing.T) {
	logpipetest.Kill{Kills: 8, Alive: 400 * time.Millisecond, Twice: -1,
		Run: func(ctx context.Context, folder string, c flume.Channel) error {
			var addr []byte
			for addr == nil && ctx.Err() == nil { // the parent writes it
				addr, _ = os.ReadFile(filepath.Join(folder, "addr"))
				pause(ctx, time.Millisecond)
			}
			return runInto(ctx, configure(t, NewKafka, "kafka.bootstrap.servers="+string(addr), "kafka.topics=logs", "batchSize=20",
				"kafka.consumer.auto.offset.reset=earliest", "kafka.consumer.group.instance.id=one"), c)
		},
		Feed: func(t *testing.T, dir string) (want []string) {
			k := newKafkaTest(t, "logs")
			if err := folder.Replace(filepath.Join(dir, "addr"), []byte(k.addr), false); err != nil {
				t.Error(err)
			}
			for i := range 60 {
				var records []kafka.Record
				for n := range 100 {
					body := fmt.Sprintf("%d record %d", i, n)
					want = append(want, body)
					records = append(records, kafka.Record{Topic: "logs", Partition: int32(n % 2), Value: []byte(body)})
				}
				k.send(records...)
				time.Sleep(30 * time.Millisecond)
			}
			return slices.Clip(want)
		}}.Test(t)
}
