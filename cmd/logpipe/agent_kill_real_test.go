//go:build unix

package main

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/logpipe/logpipe/pkg/kafka"
	"github.com/logpipe/logpipe/pkg/logpipetest"
)

const sinkAgent = `
	sources = r1
	channels = c1
	sinks = k1
	sources.r1.type = spooldir
	sources.r1.spoolDir = $DIR/spool
	sources.r1.pollDelay = 10
	sources.r1.batchSize = 100
	sources.r1.channels = c1
	sources.r1.interceptors = id
	sources.r1.interceptors.id.type = org.apache.flume.sink.solr.morphline.UUIDInterceptor$Builder
	sources.r1.interceptors.id.headerName = key
	channels.c1.type = file
	channels.c1.checkpointDir = $DIR/a-checkpoint
	channels.c1.dataDirs = $DIR/a-data
	sinks.k1.type = org.apache.flume.sink.kafka.KafkaSink
	sinks.k1.kafka.bootstrap.servers = $BROKERS
	sinks.k1.kafka.topic = out
	sinks.k1.kafka.producer.acks = all
	sinks.k1.flumeBatchSize = 100
	sinks.k1.channel = c1`

const sourceAgent = `
	sources = r1
	channels = c1
	sinks = k1
	sources.r1.type = org.apache.flume.source.kafka.KafkaSource
	sources.r1.kafka.bootstrap.servers = $BROKERS
	sources.r1.kafka.topics = out
	sources.r1.kafka.consumer.group.id = b
	sources.r1.kafka.consumer.group.instance.id = b
	sources.r1.kafka.consumer.auto.offset.reset = earliest
	sources.r1.batchSize = 100
	sources.r1.channels = c1
	sources.r1.interceptors = id
	sources.r1.interceptors.id.type = org.apache.flume.sink.solr.morphline.UUIDInterceptor$Builder
	sources.r1.interceptors.id.headerName = read
	channels.c1.type = file
	channels.c1.checkpointDir = $DIR/b-checkpoint
	channels.c1.dataDirs = $DIR/b-data
	sinks.k1.type = file_roll
	sinks.k1.sink.directory = $DIR/out
	sinks.k1.sink.serializer = header_and_text
	sinks.k1.sink.rollInterval = 0
	sinks.k1.sink.batchSize = 100
	sinks.k1.channel = c1`

// TestRealAgentAndLeadersKilled sends files through an agent's Kafka sink to three
// brokers of Apache Kafka and through another agent's Kafka source into a folder.
// The leader of one partition after the other is killed under way, and so are both
// agents. Every line arrives; what comes again is a batch for each kill at most.
func TestRealAgentAndLeadersKilled(t *testing.T) {
	const batch, leaders, both = 100, 3, 1
	k := logpipetest.StartKafka(t, 3)
	records := collect(t, k.Bootstrap(), "out", 3)
	f := newFleet(t)
	spool := makeFolder(t, f.dir, "spool")
	out := makeFolder(t, f.dir, "out")
	a := f.agent("a", strings.ReplaceAll(sinkAgent, "$BROKERS", k.Bootstrap()))
	b := f.agent("b", strings.ReplaceAll(sourceAgent, "$BROKERS", k.Bootstrap()))
	stop, fed := make(chan struct{}), make(chan []string, 1)
	go func() { fed <- feedSpool(t, f.dir, spool, 200*time.Millisecond, stop) }()
	grow := func(n int) {
		t.Helper()
		at := len(records.copies().events) + n
		f.await(func() (bool, string) {
			n := len(records.copies().events)
			return n >= at, fmt.Sprintf("%d of %d lines arrived", n, at)
		})
	}
	admin, err := kafka.NewAdmin(t.Context(), kafka.Config{Brokers: k.Brokers()})
	if err != nil {
		t.Fatal(err)
	}
	defer admin.Close()
	for round := range leaders {
		grow(500)
		node := 0
		f.await(func() (bool, string) { // an election may go on
			topics, err := admin.DescribeTopics(t.Context(), "out")
			if err != nil {
				t.Fatal(err)
			}
			node = int(topics[0].Partitions[round].Leader)
			return node > 0, fmt.Sprintf("partition %d has no leader", round)
		})
		k.KillNode(t, node)
		begun := time.Now()
		grow(1000)
		t.Logf("1000 lines after the leader of partition %d was killed, node %d: %.1f s", round, node, time.Since(begun).Seconds())
		k.StartNode(t, node)
	}
	t.Logf("leaders killed, and the agents not: %d records came again", count(records.copies())-len(records.copies().events))
	f.killRandomly(a, b)
	for round := range both { // a leader and the agents at once
		grow(500)
		k.KillNode(t, round+1)
		time.Sleep(rand.N(time.Second))
		f.killAndStart(a)
		f.killAndStart(b)
		grow(500)
		k.StartNode(t, round+1)
	}
	close(stop)
	want := <-fed
	for _, arrived := range []func() copies{records.copies, func() copies { return readCopies(t, out) }} {
		f.await(func() (bool, string) {
			n, examples := arrived().missing(want)
			return n == 0, fmt.Sprintf("%d of %d lines are missing, such as %q", n, len(want), examples)
		})
	}
	f.stop(a)
	f.stop(b)

	sent, stored := records.copies(), readCopies(t, out)
	t.Logf("%d lines, %d kills of leaders, %d and %d of agents", len(want), leaders+both, len(a.kills), len(b.kills))
	bounded := func(what string, n, kills int) {
		t.Helper()
		t.Logf("%s: %d, at most %d", what, n, kills*batch)
		if n > kills*batch {
			t.Errorf("%s: %d, want a batch of %d for each of %d kills at most", what, n, batch, kills)
		}
	}
	bounded("sent again by the sink", sent.again("key"), len(a.kills)+leaders+both)
	bounded("read again from the files", sent.more(), len(a.kills))
	written := stored.again("read")
	bounded("written again from the channel", written, len(b.kills))
	bounded("read again by the group's consumer", count(stored)-count(sent)-written, len(b.kills)+leaders+both)
}

// count is how many events there are, with those that came again.
func count(c copies) (n int) {
	for _, all := range c.events {
		n += len(all)
	}
	return n
}
