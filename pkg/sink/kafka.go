package sink

import (
	"context"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/logpipe/logpipe/pkg/flume"
	"github.com/logpipe/logpipe/pkg/flumerpc"
	"github.com/logpipe/logpipe/pkg/kafka"
	"github.com/logpipe/logpipe/pkg/sink/counts"
	"github.com/logpipe/logpipe/pkg/sink/escape"
)

// producer is what the Kafka sink needs of pkg/kafka.
type producer interface {
	SendFor(context.Context, kafka.Record, *kafka.Receipt) error
	Flush(context.Context) error
	Close() error
}

// Kafka sends each event to a topic: the body is the record's value, the header
// `key` its key.
type Kafka struct {
	brokers         string
	topic           topicName
	batch           int
	override        bool
	topicHeader     string
	partitionHeader string
	partition       int
	timeHeader      string
	avro            bool
	headers         map[string]string // event header -> record header
	producing       kafka.JavaProducer

	plugin   bool   // the older plugin, whose own properties are these:
	acks     string // which brokers answer
	fixedKey string // the key of every record
	limit    int    // largest record in bytes; 0 = the producer's default

	env      flume.Env
	counts   counts.Sink
	timer    *atomic.Int64 // ms of sending
	rolled   *atomic.Int64 // batches that went back into the channel
	timeless *atomic.Int64 // events whose header holds no time
	connect  func(context.Context) (producer, error)
	conn     producer                       // nil until the first write
	sending  atomic.Pointer[kafka.Producer] // conn, for Trouble
	failed   bool                           // the last batch went back into its channel
}

// NewKafka describes and makes Flume's Kafka sink.
func NewKafka(p *flume.Properties) Sink {
	s := &Kafka{}
	s.connect = s.dial
	s.begin(flume.Env{})
	p.String(&s.brokers, "kafka.bootstrap.servers", "", "host:port of brokers, with commas").
		Require().Formerly("brokerList")
	p.String(&s.topic.text, "kafka.topic", "default-flume-topic", "where records go; %{h} is the header h, %Y-%m-%d its day").Formerly("topic")
	p.Int(&s.batch, "flumeBatchSize", 100, 1, "most events in one transaction").In("events").Formerly("batchSize")
	s.producing.Describe(p, "kafka.producer.", "1").Formerly("requiredAcks")
	p.Bool(&s.override, "allowTopicOverride", true, "a header names the topic")
	p.String(&s.topicHeader, "topicHeader", "topic", "the header that names the topic")
	p.String(&s.partitionHeader, "partitionIdHeader", "", "the header that holds the partition")
	p.Int(&s.partition, "defaultPartitionId", -1, -1, "the partition of all events; -1 = by key")
	p.String(&s.timeHeader, "timestampHeader", "", "the header that holds the record's time in ms")
	p.Bool(&s.avro, "useFlumeEventFormat", false, "values are Flume's Avro events")
	p.Family(&s.headers, "header.", "the record header that the event header of this name becomes")
	const codec = "bodies are sent as they are"
	var unused string
	p.String(&unused, "key.serializer.class", "", "of an older Flume").Without(codec)
	p.String(&unused, "serializer.class", "", "of an older Flume").Without(codec)
	return s
}

// NewPluginKafka describes and makes the Kafka sink of the plugin that people
// used before Flume had one of its own.
func NewPluginKafka(p *flume.Properties) Sink {
	s := &Kafka{plugin: true, partition: -1, batch: defaultBatch}
	s.connect = s.dial
	s.begin(flume.Env{})
	const codec, sync = "bodies are sent as they are", "a batch is sent at once and waited for"
	var unused string
	p.String(&s.brokers, "metadata.broker.list", "", "host:port of brokers, with commas").Require()
	p.String(&s.topic.text, "custom.topic.name", "", "where records go").Require()
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
	list, topic := "kafka.bootstrap.servers", "kafka.topic"
	if s.plugin {
		list, topic = "metadata.broker.list", "custom.topic.name"
	} else {
		all = s.producing.Check("kafka.producer.")
	}
	all = append(all, kafka.CheckBrokers(list, s.brokers)...)
	all = append(all, s.topic.check(topic)...)
	if s.partition > math.MaxInt32 {
		report("defaultPartitionId", "write the number of a partition", "no topic has a partition %d", s.partition)
	}
	return all
}

// Survey reads the key stores.
func (s *Kafka) Survey() []flume.Problem {
	if s.plugin {
		return nil
	}
	return s.producing.Survey("kafka.producer.")
}

// Guarantee tells what the sink promises.
func (s *Kafka) Guarantee() string {
	acks := s.producing.Acks()
	if s.plugin {
		acks = s.acks
	}
	switch acks {
	case "0":
		return "at most once (acks 0): nobody answers, and what a broker does not get is lost"
	case "1":
		return "at least once unless a leader dies (acks 1): a batch is gone from its channel when the leaders have it; lost with a leader that dies before its followers have it; may come twice"
	}
	return "at least once: a batch is gone from its channel when all replicas in sync have it; it comes twice when the answer is lost"
}

func (s *Kafka) dial(ctx context.Context) (producer, error) {
	cfg, how := s.producing.Config(s.brokers, s.env.Logf), s.producing.Producer()
	if s.plugin {
		how = kafka.ProducerConfig{Acks: s.acks, MaxMessageBytes: s.limit}
	}
	p, err := kafka.NewProducer(ctx, cfg, how)
	if err != nil {
		return nil, err
	}
	s.sending.Store(p)
	return p, nil
}

// Trouble tells that the brokers do not answer, before the producer gives up.
func (s *Kafka) Trouble() string {
	if p := s.sending.Load(); p != nil {
		return p.Trouble()
	}
	return ""
}

// Open remembers the environment; the first write connects.
func (s *Kafka) Open(env flume.Env) error {
	s.begin(env)
	return s.topic.prepare(sync.OnceValue(escape.ThisHost))
}

func (s *Kafka) begin(env flume.Env) {
	s.env = env
	if env.Logf == nil {
		s.env.Logf = func(string, ...any) {}
	}
	s.counts = counts.New(env)
	s.timer, s.timeless = env.Counter("KafkaEventSendTimer"), env.Counter("TimestampHeaderFail")
	s.rolled = env.Counter("RollbackCount")
}

// Close ends the connection.
func (s *Kafka) Close() error {
	if s.conn == nil {
		return nil
	}
	err := s.conn.Close()
	s.conn = nil
	s.sending.Store(nil)
	s.counts.Closed.Add(1)
	if s.failed {
		return nil // what the producer gives up now is counted by the channel
	}
	return err
}

// record makes a Kafka record of an event.
func (s *Kafka) record(e *flume.Event) (kafka.Record, error) {
	r := kafka.Record{Partition: int32(s.partition), Value: e.Body}
	switch {
	case s.avro:
		r.Value = flumerpc.AppendEvent(nil, e)
	case r.Value == nil:
		r.Value = []byte{} // an empty body, not a tombstone
	}
	if s.fixedKey != "" {
		r.Key = []byte(s.fixedKey)
	}
	if key, ok := e.Headers.Get("key"); ok {
		r.Key = []byte(key)
	}
	var err error
	if r.Topic, err = s.topicOf(e); err != nil {
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
	r.Time = s.timeOf(e)
	for _, header := range slices.Sorted(maps.Keys(s.headers)) {
		if value, ok := e.Headers.Get(header); ok {
			r.Headers = append(r.Headers, kafka.Header{Key: s.headers[header], Value: []byte(value)})
		}
	}
	return r, nil
}

// topicOf is the topic that an event goes to.
func (s *Kafka) topicOf(e *flume.Event) (topic string, err error) {
	topic, ok := e.Headers.Get(s.topicHeader)
	if !ok || !s.override || topic == "" {
		if topic, err = s.topic.of(e.Headers); err != nil {
			return topic, err
		}
	}
	return topic, checkTopic(topic)
}

// timeOf is the time of an event; none is that of sending.
func (s *Kafka) timeOf(e *flume.Event) (t time.Time) {
	if s.timeHeader == "" {
		return t
	}
	text, ok := e.Headers.Get(s.timeHeader)
	if !ok {
		return t
	}
	ms, err := strconv.ParseInt(text, 10, 64)
	if err == nil {
		return time.UnixMilli(ms)
	}
	if n := s.timeless.Add(1); n&(n-1) == 0 { // Flume sends it too
		s.env.Logf("header %s is not a time in ms: %q; the record gets the time of sending (%d so far)", s.timeHeader, text, n)
	}
	return t
}
