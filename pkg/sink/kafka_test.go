package sink

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/logpipe/logpipe/pkg/broker"
	"github.com/logpipe/logpipe/pkg/flume"
	"github.com/logpipe/logpipe/pkg/kafka"
)

// remembering is a producer that keeps what it is given.
type remembering struct{ got []kafka.Record }

func (p *remembering) SendFor(_ context.Context, r kafka.Record, _ *kafka.Receipt) error {
	p.got = append(p.got, r)
	return nil
}
func (p *remembering) Flush(context.Context) error { return nil }
func (p *remembering) Close() error                { return nil }

// kafkaSink opens a sink that sends to a producer of the test.
func kafkaSink(t *testing.T, settings ...string) (*Kafka, *remembering, *flume.Counters) {
	t.Helper()
	s := configure(t, NewKafka, append(settings, "kafka.bootstrap.servers=h:9092")...).(*Kafka)
	if problems := s.Check(); len(problems) > 0 {
		t.Fatal(problems)
	}
	p, counters := &remembering{}, &flume.Counters{}
	s.connect = func(context.Context) (producer, error) { return p, nil }
	if err := s.Open(flume.Env{Counters: counters, Logf: t.Logf}); err != nil {
		t.Fatal(err)
	}
	return s, p, counters
}

// What an event and the properties make of a record.
func TestKafkaSinkRecords(t *testing.T) {
	headers := func(pairs ...string) flume.Headers {
		var h flume.Headers
		for i := 0; i < len(pairs); i += 2 {
			h.Set(pairs[i], pairs[i+1])
		}
		return h
	}
	day := time.UnixMilli(1795219969760).Format("2006.01.02-15")
	host, _ := os.Hostname()
	tests := []struct {
		settings string
		headers  flume.Headers
		want     string // topic, partition, key, value, time, headers
	}{
		{"", nil, "default-flume-topic -1  b 0 []"},
		{"kafka.topic=t", headers("key", "k", "topic", "other"), "other -1 k b 0 []"},
		{"topic=t allowTopicOverride=false", headers("topic", "other"), "t -1  b 0 []"},
		{"topicHeader=to", headers("to", "there"), "there -1  b 0 []"},
		{"topic=logs.%{app}.x", headers("app", "web"), "logs.web.x -1  b 0 []"},
		{"topic=%{app}", headers("app", "web"), "web -1  b 0 []"},
		{"topic=logs.%{app}", nil, "logs. -1  b 0 []"},
		{"topic=logs-%Y.%m.%d-%H", headers("timestamp", "1795219969760"), "logs-" + day + " -1  b 0 []"},
		{"topic=logs-%Y.%m.%d-%H", headers("topic", "other"), "other -1  b 0 []"},
		{"topic=from-%[localhost]", nil, "from-" + host + " -1  b 0 []"},
		{"topic=at-%t", headers("timestamp", "1795219969760"), "at-1795219969760 -1  b 0 []"},
		{"defaultPartitionId=2", nil, "default-flume-topic 2  b 0 []"},
		{"defaultPartitionId=2 partitionIdHeader=p", headers("p", "5"), "default-flume-topic 5  b 0 []"},
		{"timestampHeader=ts", headers("ts", "1795219969760"), "default-flume-topic -1  b 1795219969760 []"},
		{"timestampHeader=ts", headers("ts", "today"), "default-flume-topic -1  b 0 []"},
		{"header.host=x-host header.none=y", headers("host", "web-1"), "default-flume-topic -1  b 0 [x-host=web-1]"},
		{"useFlumeEventFormat=true", headers("h", "v"), "default-flume-topic -1  \x02\x02h\x02v\x00\x02b 0 []"},
	}
	for _, test := range tests {
		s, p, _ := kafkaSink(t, strings.Fields(test.settings)...)
		if err := s.Write(t.Context(), []flume.Event{{Headers: test.headers, Body: []byte("b")}}); err != nil {
			t.Fatalf("%s: %v", test.settings, err)
		}
		r := p.got[0]
		var list []string
		for _, h := range r.Headers {
			list = append(list, h.Key+"="+string(h.Value))
		}
		ms := int64(0)
		if !r.Time.IsZero() {
			ms = r.Time.UnixMilli()
		}
		if got := fmt.Sprintf("%s %d %s %s %d %v", r.Topic, r.Partition, r.Key, r.Value, ms, list); got != test.want {
			t.Errorf("%s: %q, want %q", test.settings, got, test.want)
		}
	}
}

// An event that has no topic is kept aside with what to do, and the others of
// its batch are sent.
func TestKafkaSinkTopicOfNone(t *testing.T) {
	for settings, want := range map[string]string{
		"topic=logs-%Y":  "the event has no header timestamp, which the times in the topic logs-%Y need: add a timestamp interceptor to the source",
		"topic=%{app}":   `"" cannot be the name of a topic`,
		"topic=x-%{dir}": `"x-a/b" cannot be the name of a topic`,
	} {
		s, p, _ := kafkaSink(t, strings.Fields(settings)...)
		bad := flume.Headers{{Key: "dir", Value: "a/b"}}
		good := flume.Headers{{Key: "timestamp", Value: "0"}, {Key: "app", Value: "a"}, {Key: "dir", Value: "d"}}
		err := s.Write(t.Context(), []flume.Event{{Headers: bad}, {Headers: good}})
		var rejected *RejectedError
		if !errors.As(err, &rejected) || len(rejected.Events) != 1 || rejected.Events[0].Index != 0 || !strings.Contains(err.Error(), want) || len(p.got) != 1 {
			t.Errorf("%s: %v; %d sent", settings, err, len(p.got))
		}
	}
}

// Old and new names mean the same, and the names of Java's producer reach ours.
func TestKafkaSinkNames(t *testing.T) {
	p := &flume.Properties{}
	s := NewKafka(p).(*Kafka)
	for name, value := range map[string]string{"brokerList": "a:1, b:2", "topic": "t", "batchSize": "5", "requiredAcks": "-1",
		"kafka.producer.compression.type": "lz4", "kafka.producer.linger.ms": "5", "kafka.producer.max.request.size": "5000",
		"kafka.producer.client.id": "me", "kafka.producer.batch.size": "16384", "kafka.producer.ssl.truststore.location": "/x",
		"key.serializer.class": "x", "serializer.class": "y"} {
		q, _ := p.Lookup(name)
		if q == nil {
			t.Fatalf("no property %s", name)
		}
		if err := q.Assign(name, value); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if ignored := []string{"kafka.producer.batch.size", "key.serializer.class", "serializer.class"}; slices.Contains(ignored, name) != (q.Ignored != "") {
			t.Errorf("%s is ignored: %q", name, q.Ignored)
		}
	}
	how, cfg := s.producing.Producer(), s.producing.Config(s.brokers, nil)
	if how.Acks != "-1" || how.Compression != "lz4" || how.Linger != 5*time.Millisecond || how.MaxMessageBytes != 5000 ||
		cfg.ClientID != "me" || !slices.Equal(cfg.Brokers, []string{"a:1", "b:2"}) || s.topic.text != "t" || s.batch != 5 {
		t.Errorf("%+v %+v %s %d", how, cfg, s.topic.text, s.batch)
	}
	for _, name := range []string{"metadata.broker.list", "kafka.producer.acs", "kafka.zookeeper"} {
		if q, _ := p.Lookup(name); q != nil {
			t.Errorf("%s is a property", name)
		}
	}
	plugin := configure(t, NewPluginKafka, "metadata.broker.list=a:1", "custom.topic.name=t", "request.required.acks=1", "partition.key=k").(*Kafka)
	r, err := plugin.record(&flume.Event{Body: []byte("b")})
	if err != nil || r.Topic != "t" || string(r.Key) != "k" || len(plugin.Check()) > 0 || !strings.Contains(plugin.Guarantee(), "acks 1") {
		t.Errorf("the plugin's record: %+v %v; %v", r, err, plugin.Check())
	}
}

// The largest event that a broker takes by default gets there: Kafka's own producer
// sends up to 1 MiB.
func TestKafkaSinkLargest(t *testing.T) {
	b, err := broker.Start(t.Context(), broker.Config{Listen: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	s := configure(t, NewKafka, "kafka.bootstrap.servers="+b.Addr()[0], "kafka.topic=t")
	if err := s.Open(flume.Env{Counters: &flume.Counters{}, Logf: t.Logf}); err != nil {
		t.Fatal(err)
	}
	if err := s.Write(t.Context(), []flume.Event{{Body: make([]byte, 1<<20-100)}}); err != nil {
		t.Errorf("an event of nearly 1 MiB: %v", err)
	}
	var rejected *RejectedError
	if err := s.Write(t.Context(), []flume.Event{{Body: make([]byte, 1<<20)}}); !errors.As(err, &rejected) {
		t.Errorf("an event of 1 MiB: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

func TestKafkaSinkCounters(t *testing.T) {
	s, _, counters := kafkaSink(t, "flumeBatchSize=2")
	for _, n := range []int{2, 1} {
		if err := s.Write(t.Context(), make([]flume.Event, n)); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]int64{"ConnectionCreatedCount": 1, "ConnectionClosedCount": 1, "BatchCompleteCount": 1, "BatchUnderflowCount": 1,
		"EventDrainAttemptCount": 3, "EventDrainSuccessCount": 3, "EventWriteFail": 0} {
		if got := counters.Values()[name]; got != want {
			t.Errorf("%s %d, want %d", name, got, want)
		}
	}
}

// A batch that fails goes back into its channel; one with an event that nobody ever
// takes does not.
func TestKafkaSinkRollbacks(t *testing.T) {
	s, p, counters := kafkaSink(t, "topic=%{app}")
	good := []flume.Event{{Headers: flume.Headers{{Key: "app", Value: "a"}}}}
	s.connect = func(context.Context) (producer, error) { return nil, errors.New("no broker") }
	for range 2 {
		if err := s.Write(t.Context(), good); err == nil {
			t.Error("it is delivered to nobody")
		}
	}
	s.connect = func(context.Context) (producer, error) { return p, nil }
	if err := s.Write(t.Context(), good); err != nil {
		t.Fatal(err)
	}
	var rejected *RejectedError
	if err := s.Write(t.Context(), make([]flume.Event, 1)); !errors.As(err, &rejected) {
		t.Fatal(err)
	}
	if got := counters.Values()["RollbackCount"]; got != 2 {
		t.Errorf("RollbackCount %d, want 2", got)
	}
}

func TestKafkaSinkMistakes(t *testing.T) {
	for settings, want := range map[string]string{
		"brokerList=h:x":                   `port "x"`,
		"brokerList=h:1,i":                 "i has no port, and Flume does not start with that",
		"brokerList=,":                     "no broker in ,",
		"brokerList=h:1 topic=a:b":         "cannot be the name of a topic",
		"brokerList=h:1 topic=logs/%{app}": `logs/%{app} becomes a name such as this: "logs/x" cannot`,
		"brokerList=h:1 topic=logs-%D":     "logs-%D becomes a name such as this",
		"brokerList=h:1 topic=logs-%Q":     `there is no escape "%Q"`,
		"brokerList=h:1 kafka.producer.security.protocol=SASL_SSL":                                     "Kerberos (GSSAPI) is not spoken",
		"brokerList=h:1 kafka.producer.security.protocol=SASL_SSL kafka.producer.sasl.mechanism=PLAIN": "there is no sasl.jaas.config",
		"brokerList=h:1 defaultPartitionId=3000000000":                                                 "no topic has a partition",
	} {
		s := configure(t, NewKafka, strings.Fields(settings)...).(*Kafka)
		if problems := s.Check(); len(problems) != 1 || !strings.Contains(problems[0].Message, want) || problems[0].Fix == "" {
			t.Errorf("%s: %v", settings, problems)
		}
	}
}
