package agent

import (
	"testing"

	"github.com/logpipe/logpipe/pkg/broker"
)

// One agent puts into a Kafka channel and has no sink, another takes out of it
// and has no source.
func TestKafkaChannelBetweenAgents(t *testing.T) {
	b, err := broker.Start(t.Context(), broker.Config{Listen: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	channel := "a1.channels = c1\na1.channels.c1.type = org.apache.flume.channel.kafka.KafkaChannel\n" +
		"a1.channels.c1.kafka.bootstrap.servers = " + b.Addr()[0] + "\na1.channels.c1.kafka.topic = between\n"
	first := startAgent(t, channel+"a1.sources = r1\na1.sources.r1.type = seq\na1.sources.r1.totalEvents = 1000\n"+
		"a1.sources.r1.batchSize = 100\na1.sources.r1.channels = c1\na1.sources.r1.interceptors = i1\na1.sources.r1.interceptors.i1.type = static\n", nil)
	first.stderr.await(t, "counted to 1000")
	first.end(t)
	first.stderr.await(t, "1000 received, 0 delivered")
	second := startAgent(t, channel+"a1.sinks = k1\na1.sinks.k1.type = logger\na1.sinks.k1.channel = c1\n", nil)
	second.stdout.await(t, `headers:\{key=value\} body: 39 39 39 `)
	second.end(t)
	second.stderr.await(t, "0 received, 1000 delivered, 0 left")
}
