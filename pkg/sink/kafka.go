package sink

import (
	"context"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/logpipe/logpipe/pkg/flume"
	"github.com/logpipe/logpipe/pkg/kafka"
)

// producer is what the Kafka sink needs of pkg/kafka.
type producer interface {
	Send(context.Context, kafka.Record) error
	Flush(context.Context) error
	Close() error
}

// Kafka sends each event to a topic: the body is the record's value, the header
// `key` its key.
type Kafka struct {
	brokers         string
	topic           string
	batch           int
	acks            string
	override        bool
	topicHeader     string
	partitionHeader string
	partition       int
	timeHeader      string
	avro            bool
	headers         map[string]string // event header -> record header
	settings        map[string]string // kafka.producer.*

	fixedKey string // of the older plugin: the key of every record
	limit    int    // largest record in bytes; 0 = the producer's default

	env     flume.Env
	connect func(context.Context) (producer, error)
	conn    producer // nil until the first write
	failed  bool     // the last batch went back into its channel
}

// NewKafka describes and makes Flume's Kafka sink.
func NewKafka(p *flume.Properties) Sink {
	s := &Kafka{}
	s.connect = s.dial
	p.String(&s.brokers, "kafka.bootstrap.servers", "", "host:port of brokers, with commas").
		Require().Formerly("brokerList")
	p.String(&s.topic, "kafka.topic", "default-flume-topic", "where records go; %{h} is the header h").Formerly("topic")
	p.Int(&s.batch, "flumeBatchSize", 100, 1, "most events in one transaction").In("events").Formerly("batchSize")
	p.Choice(&s.acks, "kafka.producer.acks", "1", []string{"all", "-1", "1", "0"}, "which brokers answer").
		Formerly("requiredAcks")
	p.Bool(&s.override, "allowTopicOverride", true, "a header names the topic")
	p.String(&s.topicHeader, "topicHeader", "topic", "the header that names the topic")
	p.String(&s.partitionHeader, "partitionIdHeader", "", "the header that holds the partition")
	p.Int(&s.partition, "defaultPartitionId", -1, -1, "the partition of all events; -1 = by key")
	p.String(&s.timeHeader, "timestampHeader", "", "the header that holds the record's time in ms")
	p.Bool(&s.avro, "useFlumeEventFormat", false, "values are Flume's Avro events")
	p.Family(&s.headers, "header.", "the record header that the event header of this name becomes")
	p.Family(&s.settings, "kafka.producer.", "settings of Kafka's producer")
	const codec = "bodies are sent as they are"
	var unused string
	p.String(&unused, "key.serializer.class", "", "of an older Flume").Without(codec)
	p.String(&unused, "serializer.class", "", "of an older Flume").Without(codec)
	return s
}

// NewPluginKafka describes and makes the Kafka sink of the plugin that people
// used before Flume had one of its own.
func NewPluginKafka(p *flume.Properties) Sink {
	s := &Kafka{partition: -1, batch: defaultBatch}
	s.connect = s.dial
	const codec, sync = "bodies are sent as they are", "a batch is sent at once and waited for"
	var unused string
	p.String(&s.brokers, "metadata.broker.list", "", "host:port of brokers, with commas").Require()
	p.String(&s.topic, "custom.topic.name", "", "where records go").Require()
	p.String(&s.fixedKey, "partition.key", "", "the key of every record").Formerly("custom.partition.key")
	p.Add("partitioner.class", &pluginPartitioner{to: &s.partition}, "a name that ends in SinglePartition sends all to partition 0")
	p.Choice(&s.acks, "request.required.acks", "0", []string{"0", "1", "-1", "all"}, "which brokers answer")
	p.Int(&s.limit, "max.message.size", 0, 0, "largest record").In("bytes")
	p.String(&unused, "serializer.class", "", "Java class").Without(codec)
	p.String(&unused, "key.serializer.class", "", "Java class").Without(codec)
	p.String(&unused, "custom.encoding", "UTF-8", "encoding of bodies").Without(codec)
	p.String(&unused, "producer.type", "sync", "sync or async").Without(sync)
	return s
}

// pluginPartitioner reads the Java class that chose the partition.
type pluginPartitioner struct {
	to   *int
	name string
}

func (v *pluginPartitioner) Set(class string) error {
	v.name = class
	if strings.HasSuffix(class, "SinglePartition") {
		*v.to = 0
	}
	return nil
}
func (v *pluginPartitioner) String() string { return v.name }
func (v *pluginPartitioner) Type() string   { return "string" }

// Batch is the flumeBatchSize.
func (s *Kafka) Batch() (string, int) { return "flumeBatchSize", s.batch }

// Check refuses what would make the sink talk to the cluster in another way
// than the file says.
func (s *Kafka) Check() []flume.Problem {
	var all []flume.Problem
	report := func(property, fix, format string, args ...any) {
		all = append(all, flume.Problem{Property: property, Message: fmt.Sprintf(format, args...), Fix: fix})
	}
	if s.brokers != "" && len(s.addresses()) == 0 {
		report("kafka.bootstrap.servers", "write host:port", "no broker in %q", s.brokers)
	}
	if !strings.Contains(s.topic, "%{") && s.topic != "" {
		if err := checkTopic(s.topic); err != nil {
			report("kafka.topic", "choose another name", "%v", err)
		}
	}
	if s.partition > math.MaxInt32 {
		report("defaultPartitionId", "write the number of a partition", "no topic has a partition %d", s.partition)
	}
	if s.avro {
		report("useFlumeEventFormat", "set it to false", "useFlumeEventFormat is not supported yet")
	}
	if protocol := s.settings["security.protocol"]; protocol != "" && !strings.EqualFold(protocol, "PLAINTEXT") {
		report("kafka.producer.security.protocol", "use a PLAINTEXT listener", "security protocol %s is not supported yet", protocol)
	}
	switch c := s.settings["compression.type"]; c {
	case "", "none", "gzip", "snappy", "lz4", "zstd":
	default:
		report("kafka.producer.compression.type", "write one of none, gzip, snappy, lz4, zstd", "unknown compression %q", c)
	}
	for _, name := range []string{"linger.ms", "max.request.size"} {
		if text, set := s.settings[name]; set {
			if n, err := strconv.Atoi(text); err != nil || n < 0 {
				report("kafka.producer."+name, "write a whole number", "want a whole number, not %q", text)
			}
		}
	}
	return all
}

// addresses are the brokers.
func (s *Kafka) addresses() []string {
	return strings.FieldsFunc(s.brokers, func(r rune) bool { return r == ',' || r == ' ' || r == '\t' })
}

func (s *Kafka) dial(ctx context.Context) (producer, error) {
	linger, _ := strconv.Atoi(s.settings["linger.ms"])
	limit := s.limit
	if n, err := strconv.Atoi(s.settings["max.request.size"]); err == nil {
		limit = n
	}
	return kafka.NewProducer(ctx,
		kafka.Config{Brokers: s.addresses(), ClientID: s.settings["client.id"]},
		kafka.ProducerConfig{
			Acks: s.acks, Compression: s.settings["compression.type"], MaxMessageBytes: limit,
			Linger: time.Duration(linger) * time.Millisecond,
		})
}

// Open remembers the environment; the first write connects.
func (s *Kafka) Open(env flume.Env) error {
	s.env = env
	return nil
}

// Close ends the connection.
func (s *Kafka) Close() error {
	if s.conn == nil {
		return nil
	}
	err := s.conn.Close()
	s.conn = nil
	if s.failed {
		return nil // what the producer gives up now is counted by the channel
	}
	return err
}

// record makes a Kafka record of an event.
func (s *Kafka) record(e *flume.Event) (kafka.Record, error) {
	r := kafka.Record{Topic: expandHeaders(s.topic, e.Headers), Partition: int32(s.partition), Value: e.Body}
	if r.Value == nil {
		r.Value = []byte{} // an empty body, not a tombstone
	}
	if s.fixedKey != "" {
		r.Key = []byte(s.fixedKey)
	}
	if key, ok := e.Headers.Get("key"); ok {
		r.Key = []byte(key)
	}
	if topic, ok := e.Headers.Get(s.topicHeader); ok && s.override && topic != "" {
		r.Topic = topic
	}
	if err := checkTopic(r.Topic); err != nil {
		return r, err
	}
	if s.partitionHeader != "" {
		if text, ok := e.Headers.Get(s.partitionHeader); ok {
			n, err := strconv.ParseInt(text, 10, 32)
			if err != nil || n < 0 {
				return r, fmt.Errorf("header %s is not a partition: %q", s.partitionHeader, text)
			}
			r.Partition = int32(n)
		}
	}
	if s.timeHeader != "" {
		if text, ok := e.Headers.Get(s.timeHeader); ok {
			ms, err := strconv.ParseInt(text, 10, 64)
			if err != nil {
				return r, fmt.Errorf("header %s is not a time in ms: %q", s.timeHeader, text)
			}
			r.Time = time.UnixMilli(ms)
		}
	}
	for _, header := range slices.Sorted(maps.Keys(s.headers)) {
		if value, ok := e.Headers.Get(header); ok {
			r.Headers = append(r.Headers, kafka.Header{Key: s.headers[header], Value: []byte(value)})
		}
	}
	return r, nil
}

// expandHeaders replaces %{name} by the header of that name, or by nothing.
func expandHeaders(text string, headers flume.Headers) string {
	if !strings.Contains(text, "%{") {
		return text
	}
	var b strings.Builder
	for {
		before, rest, found := strings.Cut(text, "%{")
		b.WriteString(before)
		if !found {
			return b.String()
		}
		name, after, closed := strings.Cut(rest, "}")
		if !closed {
			b.WriteString("%{" + rest)
			return b.String()
		}
		value, _ := headers.Get(name)
		b.WriteString(value)
		text = after
	}
}
