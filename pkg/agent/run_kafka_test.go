package agent

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/logpipe/logpipe/pkg/broker"
	"github.com/logpipe/logpipe/pkg/kafka"
	"github.com/logpipe/logpipe/pkg/logpipetest"
)

// consumeAll returns `key=value` of every record of a topic.
func consumeAll(t *testing.T, addr, topic string) []string {
	t.Helper()
	c, err := kafka.NewConsumer(t.Context(), kafka.Config{Brokers: []string{addr}, Wait: time.Minute},
		kafka.ConsumerConfig{Topics: []string{topic}, From: kafka.Beginning, ExitAtEnd: true})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	var all []string
	for {
		batch, err := c.Read(t.Context())
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range batch.Records {
			all = append(all, fmt.Sprintf("%s=%s", r.Key, r.Value))
		}
	}
}

// The file of the course notes: exec, memory, and the Kafka sink by its older
// property names.
func TestExecMemoryKafka(t *testing.T) {
	if _, err := os.Stat("/bin/sh"); err != nil {
		t.Skip("needs a Unix shell")
	}
	b, err := broker.Start(t.Context(), broker.Config{Listen: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	addr := b.Addr()[0]
	file := filepath.Join(t.TempDir(), "data.log")
	if err := os.WriteFile(file, []byte("first\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	a := startAgent(t, conf("type = exec\ncommand = tail -F "+file+"\nshell = /bin/sh -c",
		"type = org.apache.flume.sink.kafka.KafkaSink\nbrokerList = "+addr+"\ntopic = hello_topic\nbatchSize = 5\nrequiredAcks = 1",
		"channels.c1.capacity = 1000", "channels.c1.transactionCapacity = 100"), nil)
	// tail prints the last ten lines that it finds: wait until it has begun.
	waitFor(t, a, func() bool { return len(consumeSome(t, addr, "hello_topic")) == 1 })
	f, err := os.OpenFile(file, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	want := []string{"=first"}
	for i := range 500 {
		fmt.Fprintf(f, "line %d\n", i)
		want = append(want, fmt.Sprintf("=line %d", i))
	}
	waitFor(t, a, func() bool { return len(consumeSome(t, addr, "hello_topic")) == len(want) })
	a.end(t)
	if got := consumeAll(t, addr, "hello_topic"); strings.Join(got, "|") != strings.Join(want, "|") {
		t.Fatalf("%d records: %.200q", len(got), got)
	}
}

// consumeSome is consumeAll where the topic may not be there yet.
func consumeSome(t *testing.T, addr, topic string) []string {
	t.Helper()
	admin, err := kafka.NewAdmin(t.Context(), kafka.Config{Brokers: []string{addr}, Wait: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	defer admin.Close()
	topics, err := admin.ListTopics(t.Context(), false)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range topics {
		if name == topic {
			return consumeAll(t, addr, topic)
		}
	}
	return nil
}

func waitFor(t *testing.T, a *testAgent, done func() bool) {
	t.Helper()
	deadline := time.Now().Add(time.Minute)
	for !done() {
		if time.Now().After(deadline) {
			t.Fatalf("nothing came; told:\n%s", a.stderr)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// An agent may start before its broker: events wait in the channel.
func TestKafkaSinkWaitsForItsBroker(t *testing.T) {
	addr := logpipetest.Closed(t)
	a := startAgent(t, conf("type = seq\ntotalEvents = 250\nbatchSize = 10\ninterceptors = i1\ninterceptors.i1.type = static\ninterceptors.i1.value = k",
		"type = kafka\nkafka.bootstrap.servers = "+addr+"\nkafka.topic = numbers"), nil)
	a.stderr.await(t, `sink k1: cannot deliver \(attempt 1\), tries again in 1s: .*`+addr)
	b, err := broker.Start(t.Context(), broker.Config{Listen: addr})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	a.stderr.await(t, "sink k1: delivers again")
	a.stderr.await(t, "counted to 250")
	a.end(t)
	a.stderr.await(t, "250 received, 250 delivered, 0 left")
	got := consumeAll(t, addr, "numbers")
	if len(got) != 250 || got[0] != "k=0" {
		t.Fatalf("%d records: %.100q", len(got), got)
	}
}

// A broker that goes away while batches are on their way must not hold the
// agent beyond its grace.
func TestEndWithoutBroker(t *testing.T) {
	b, err := broker.Start(t.Context(), broker.Config{Listen: logpipetest.OwnAddress(t)})
	if err != nil {
		t.Fatal(err)
	}
	addr := b.Addr()[0]
	a := startAgent(t, conf("type = seq\nbatchSize = 100", "type = kafka\nkafka.bootstrap.servers = "+addr+"\nkafka.topic = numbers"),
		func(o *Options) { o.Grace = 100 * time.Millisecond })
	waitFor(t, a, func() bool { return len(consumeSome(t, addr, "numbers")) > 0 })
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	a.stderr.await(t, "channel is full")
	begin := time.Now()
	a.end(t)
	if d := time.Since(begin); d > 45*time.Second {
		t.Fatalf("stopping took %v; told:\n%s", d, a.stderr)
	}
	a.stderr.await(t, `channel c1: 100 events not delivered`)
}
