package agent

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
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

// An event that is too large for its Kafka channel is kept in the file that the
// channel names, and the source goes on; without the property the source waits,
// and the message names it.
func TestKafkaChannelKeepsLargeEvents(t *testing.T) {
	b, err := broker.Start(t.Context(), broker.Config{Listen: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	dead := filepath.Join(t.TempDir(), "dead.ndjson")
	text := strings.Replace(conf(netcat+"\nmax-line-length = 5000\nack-every-event = false", "type = logger",
		"channels.c1.kafka.bootstrap.servers = "+b.Addr()[0], "channels.c1.kafka.producer.max.request.size = 1000"),
		"c1.type = memory", "c1.type = org.apache.flume.channel.kafka.KafkaChannel", 1)
	a := startAgent(t, text+"a1.channels.c1.deadLetter = "+dead+"\n", nil)
	lines := "first\n" + strings.Repeat("x", 3000) + "\nlast\n"
	if _, err := a.dial(t).Write([]byte(lines)); err != nil {
		t.Fatal(err)
	}
	a.stdout.await(t, " last }")
	a.stderr.await(t, `channel c1: an event cannot be stored: topic "flume-channel": .*too large: \d+ bytes, the limit is 1000; kept in `+dead)
	a.end(t)
	a.stderr.await(t, "channel c1: 1 event could not be stored, kept in "+dead)
	a.stderr.await(t, "a1 stopped: 3 received, 2 delivered, 0 left, 1 kept as undeliverable")
	var letter struct{ Agent, Channel, Reason, Body string }
	data, err := os.ReadFile(dead)
	if err != nil || json.Unmarshal(data, &letter) != nil || letter.Agent != "a1" || letter.Channel != "c1" || letter.Body != strings.Repeat("x", 3000) {
		t.Errorf("%v %+v", err, letter)
	}

	a = startAgent(t, text, nil)
	if _, err := a.dial(t).Write([]byte(lines)); err != nil {
		t.Fatal(err)
	}
	a.stderr.await(t, "too large: .*, or let deadLetter = FILE keep such events")
	a.end(t)
}
