package channel

import (
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/logpipe/logpipe/pkg/flume"
	"github.com/logpipe/logpipe/pkg/kafka"
)

// The values are Avro events whose bytes pkg/flumerpc tests.
// Keys and partitions come from headers.
func TestKafkaRecords(t *testing.T) {
	addr, _ := kafkaCluster(t)
	admin, err := kafka.NewAdmin(t.Context(), kafka.Config{Brokers: []string{addr}, Wait: time.Minute})
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
	c, err := kafka.NewConsumer(t.Context(), kafka.Config{Brokers: []string{addr}, Wait: time.Minute},
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
		p, err := kafka.NewProducer(t.Context(), kafka.Config{Brokers: []string{addr}, Wait: time.Minute}, kafka.ProducerConfig{})
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
