package agent

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/logpipe/logpipe/pkg/broker"
	"github.com/logpipe/logpipe/pkg/logpipetest"
)

// awaitTroubles waits until all these components are in trouble, and returns how
// long that took.
func (a *testAgent) awaitTroubles(t *testing.T, names ...string) time.Duration {
	t.Helper()
	for begin := time.Now(); ; time.Sleep(20 * time.Millisecond) {
		code, _, troubles := a.health(t)
		missing := ""
		for _, name := range names {
			if troubles[name] == "" {
				missing = name
			}
		}
		if missing == "" && code == http.StatusServiceUnavailable {
			return time.Since(begin)
		}
		if time.Since(begin) > time.Minute {
			t.Fatalf("no trouble of %s: %v; told:\n%s", missing, troubles, a.stderr)
		}
	}
}

// Kafka is lost and comes back: /health says so soon, and long before the
// producer gives a record up. What reads, notices it without a record.
func TestHealthNoticesLostKafka(t *testing.T) {
	dir := t.TempDir()
	b, err := broker.Start(t.Context(), broker.Config{Listen: logpipetest.OwnAddress(t), Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { b.Close() }()
	addr := b.Addr()[0]
	const class = "org.apache.flume."
	a := startAgent(t, conf(netcat, "type = "+class+"sink.kafka.KafkaSink\nkafka.topic = t\nkafka.bootstrap.servers = "+addr,
		"sources = r1 r2", "channels = c1 c2 c3", "sinks = k1 k2 k3", "sources.r1.channels = c1 c2",
		"channels.c2.type = "+class+"channel.kafka.KafkaChannel", "channels.c2.kafka.bootstrap.servers = "+addr,
		"sinks.k2.type = logger", "sinks.k2.channel = c2",
		"sources.r2.type = "+class+"source.kafka.KafkaSource", "sources.r2.kafka.topics = t", "sources.r2.kafka.bootstrap.servers = "+addr,
		"sources.r2.kafka.consumer.auto.offset.reset = earliest", "sources.r2.batchSize = 10", "sources.r2.channels = c3",
		"channels.c3.type = memory", "sinks.k3.type = logger", "sinks.k3.maxBytesToLog = 3", "sinks.k3.channel = c3"),
		func(o *Options) { lenient(o); o.Grace = time.Second })
	c := a.dial(t)
	if _, err := c.Write([]byte("first\n")); err != nil {
		t.Fatal(err)
	}
	a.stdout.await(t, ` first }`) // through the channel
	a.stdout.await(t, ` fir }`)   // through the sink, the topic and the source
	a.awaitUp(t)
	b.Close()
	if took := a.awaitTroubles(t, "SOURCE.r2", "CHANNEL.c2"); took > 45*time.Second {
		t.Errorf("noticed by those that read after %v", took)
	}
	if _, err := c.Write([]byte("second\n")); err != nil {
		t.Fatal(err)
	}
	took := a.awaitTroubles(t, "SINK.k1")
	t.Logf("noticed by the sink after %v", took)
	if took > 45*time.Second { // 1 s, and the load of the machine
		t.Errorf("noticed by the sink after %v", took)
	}
	if _, _, troubles := a.health(t); !strings.Contains(troubles["SINK.k1"], "brokers") {
		t.Errorf("%v", troubles)
	}
	if b, err = broker.Start(t.Context(), broker.Config{Listen: addr, Dir: dir}); err != nil {
		t.Fatal(err)
	}
	a.stdout.await(t, ` second }`)
	a.stdout.await(t, ` sec }`)
	a.awaitUp(t)
	a.end(t)
}
