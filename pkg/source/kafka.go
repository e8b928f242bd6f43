package source

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/logpipe/logpipe/pkg/flume"
	"github.com/logpipe/logpipe/pkg/flumerpc"
	"github.com/logpipe/logpipe/pkg/kafka"
)

// Kafka reads topics as a member of a group; each record is an event. An offset
// is committed when the channels have stored the record before it.
type Kafka struct {
	brokers     string
	topics      string
	pattern     string
	group       string
	batch       int
	avro        bool
	setTopic    bool
	topicHeader string
	copied      map[string]string // event header -> record header
	settings    map[string]string // kafka.consumer.*
	security    kafka.JavaSecurity
	migration   kafka.Migration

	env        flume.Env
	counters   counters
	commitTime *atomic.Int64
	waits      kafkaWaits
	headers    []string // keys of copied, in order
	reading    atomic.Pointer[kafka.Consumer]
	trouble    atomic.Pointer[string] // why there is none
}

// NewKafka describes and makes Flume's Kafka source.
func NewKafka(p *flume.Properties) Source {
	s := &Kafka{}
	p.String(&s.brokers, "kafka.bootstrap.servers", "", "host:port of brokers, with commas").Require()
	p.String(&s.topics, "kafka.topics", "", "topics to read, with commas").Formerly("topic")
	p.String(&s.pattern, "kafka.topics.regex", "", "regular expression for the names of topics to read; it stands before kafka.topics")
	p.String(&s.group, "kafka.consumer.group.id", "flume", "the group to be a member of").Formerly("groupId")
	p.Int(&s.batch, "batchSize", 1000, 1, "most events in one transaction").In("events")
	p.Bool(&s.avro, "useFlumeEventFormat", false, "values are Flume's Avro events, with headers")
	p.Bool(&s.setTopic, "setTopicHeader", true, "set a header to the topic")
	p.String(&s.topicHeader, "topicHeader", "topic", "the header for the topic")
	p.Family(&s.copied, "header.", "the record header that becomes the event header of this name")
	s.security.Describe(p, "kafka.consumer.")
	p.Family(&s.settings, "kafka.consumer.", "settings of Kafka's consumer")
	var number int
	p.Int(&number, "batchDurationMillis", 1000, 0, "longest wait for a full batch").In("ms").Without("records go on as soon as they arrive")
	p.Int(&number, "kafka.flumeBatchSize", 0, 0, "as Flume's guide has it").In("events").Without("Flume does not read it either; batchSize is meant")
	backoff(p)
	s.migration.Describe(p)
	return s
}

// Batch is the batchSize.
func (s *Kafka) Batch() (string, int) { return "batchSize", s.batch }

// Guarantee tells what the source promises.
func (s *Kafka) Guarantee() string {
	return "at least once: an offset is committed when the channels have the records before it; after a kill -9 what was not committed comes again"
}

// Check finds what the source could not run with.
func (s *Kafka) Check() []flume.Problem {
	var all []flume.Problem
	report := func(property, fix, format string, args ...any) {
		all = append(all, flume.Problem{Property: property, Message: fmt.Sprintf(format, args...), Fix: fix})
	}
	all = kafka.CheckBrokers("kafka.bootstrap.servers", s.brokers)
	if s.pattern == "" && len(listOf(s.topics)) == 0 {
		report("kafka.topics", "add kafka.topics or kafka.topics.regex", "no topic to read")
	}
	if _, err := newWholePattern(s.pattern); err != nil {
		report("kafka.topics.regex", fixPattern, "%v", err)
	}
	all = append(all, s.migration.Check(s.group, s.fixedTopics(), s.start())...)
	all = append(all, s.security.Check("kafka.consumer.")...)
	all = append(all, kafka.UnknownConsumer("kafka.consumer.", s.settings)...)
	switch level := s.settings["isolation.level"]; level {
	case "", "read_uncommitted", "read_committed":
	default:
		report("kafka.consumer.isolation.level", "write read_uncommitted or read_committed", "want read_uncommitted or read_committed, not %q", level)
	}
	switch reset := s.settings["auto.offset.reset"]; reset {
	case "", "earliest", "latest":
	default:
		report("kafka.consumer.auto.offset.reset", "write earliest or latest", "want earliest or latest, not %q", reset)
	}
	for _, name := range []string{"session.timeout.ms", "max.partition.fetch.bytes", "metadata.max.age.ms"} {
		if text, set := s.settings[name]; set {
			if n, err := strconv.ParseInt(text, 10, 32); err != nil || n < 1 {
				report("kafka.consumer."+name, "write a whole number", "want a whole number, not %q", text)
			}
		}
	}
	return all
}

// fixedTopics are the topics to read, unless they are those of a pattern.
func (s *Kafka) fixedTopics() []string {
	if s.pattern != "" {
		return nil
	}
	return listOf(s.topics)
}

// start is where the group begins in a partition of which it has no offset.
func (s *Kafka) start() kafka.Offset {
	if s.settings["auto.offset.reset"] == "earliest" {
		return kafka.Beginning
	}
	return kafka.End
}

// listOf cuts a list at commas and blanks.
func listOf(text string) []string {
	return strings.FieldsFunc(text, func(r rune) bool { return r == ',' || r == ' ' || r == '\t' })
}

// Survey reads the key stores.
func (s *Kafka) Survey() []flume.Problem { return s.security.Survey("kafka.consumer.") }

// Open remembers the environment; Run connects, and waits for brokers and topics
// that are not there.
func (s *Kafka) Open(env flume.Env) error {
	s.env, s.counters = env, newCounters(env)
	s.commitTime = env.Counter("KafkaCommitTimer")
	env.Gauge("KafkaEventGetTimer", func() int64 { return s.waits.spent().Milliseconds() })
	env.Gauge("KafkaEmptyCount", func() int64 { return s.waits.empty(time.Now()) })
	s.headers = slices.Sorted(maps.Keys(s.copied))
	return nil
}

// Close has nothing to do: no connection outlives Run.
func (s *Kafka) Close() error { return nil }

// Trouble tells that the brokers do not answer.
func (s *Kafka) Trouble() string {
	if c := s.reading.Load(); c != nil {
		return c.Trouble()
	}
	if why := s.trouble.Load(); why != nil {
		return "it cannot read: " + *why
	}
	return ""
}

const (
	// kafkaRetry is how long the source waits before it connects again.
	kafkaRetry = time.Second
	// kafkaGrace is how long the last commit may take.
	kafkaGrace = 5 * time.Second
	// kafkaTopicAge is how often topics are listed for a pattern, as long as
	// metadata.max.age.ms says nothing else.
	kafkaTopicAge = 30 * time.Second
)

// Run reads until ctx ends. What goes wrong with the cluster is told once and
// tried again.
func (s *Kafka) Run(ctx context.Context, out *Output) error {
	for told := ""; ctx.Err() == nil; {
		err := s.session(ctx, out, func() { told = "" })
		var put *putError
		switch {
		case errors.As(err, &put):
			return put.err
		case err == nil || ctx.Err() != nil:
			continue
		case err.Error() != told:
			told = err.Error()
			why := told
			s.trouble.Store(&why)
			s.counters.failed.Add(1)
			s.env.Logf("cannot read, tries again every %v: %v", kafkaRetry, err)
		}
		pause(ctx, kafkaRetry)
	}
	return nil
}

// session is one membership of the group. It ends without an error when the
// topics of a pattern have changed.
func (s *Kafka) session(ctx context.Context, out *Output, working func()) error {
	cfg := kafka.Config{Brokers: listOf(s.brokers), ClientID: s.settings["client.id"], Security: s.security.Security()}
	topics, err := s.findTopics(ctx, cfg)
	if err != nil {
		return err
	}
	consumer, err := kafka.NewConsumer(ctx, cfg, s.consumerConfig(topics))
	if err != nil {
		return err
	}
	s.reading.Store(consumer)
	s.trouble.Store(nil)
	defer s.reading.Store(nil)
	working()
	reading, stop := context.WithCancel(ctx)
	defer stop()
	if s.pattern != "" {
		go s.watchTopics(reading, cfg, topics, stop)
	}
	c := newKafkaCommits(s, consumer)
	go c.run()
	err = s.read(reading, consumer, c, out)
	c.end()
	if closeErr := consumer.Close(); err == nil {
		err = closeErr
	}
	return err
}

func (s *Kafka) consumerConfig(topics []string) kafka.ConsumerConfig {
	number := func(name string) int64 {
		n, _ := strconv.ParseInt(s.settings[name], 10, 32) // checked before
		return n
	}
	return kafka.ConsumerConfig{Topics: topics, Group: s.group, From: s.start(), Instance: s.settings["group.instance.id"],
		FetchBytes: int32(number("max.partition.fetch.bytes")), Session: time.Duration(number("session.timeout.ms")) * time.Millisecond,
		Open: s.settings["isolation.level"] != "read_committed"}
}

// findTopics lists the topics to read.
func (s *Kafka) findTopics(ctx context.Context, cfg kafka.Config) ([]string, error) {
	if s.pattern == "" {
		return listOf(s.topics), nil
	}
	admin, err := kafka.NewAdmin(ctx, cfg)
	if err != nil {
		return nil, err
	}
	defer admin.Close()
	names, err := admin.ListTopics(ctx, false)
	if err != nil {
		return nil, err
	}
	fits, err := newWholePattern(s.pattern)
	if err != nil {
		return nil, err
	}
	fits.telling(s.env.Logf, "the topic is not read")
	names = slices.DeleteFunc(names, func(name string) bool { return !fits.matchesName(name) })
	if len(names) == 0 {
		return nil, fmt.Errorf("no topic matches %s", s.pattern)
	}
	slices.Sort(names)
	return names, nil
}

// watchTopics stops reading when other topics match the pattern than before.
func (s *Kafka) watchTopics(ctx context.Context, cfg kafka.Config, topics []string, stop func()) {
	age := kafkaTopicAge
	if n, err := strconv.Atoi(s.settings["metadata.max.age.ms"]); err == nil {
		age = time.Duration(n) * time.Millisecond
	}
	for sleep(ctx, age) == nil {
		now, err := s.findTopics(ctx, cfg)
		if err == nil && !slices.Equal(now, topics) {
			s.env.Logf("topics that match %s: %s", s.pattern, strings.Join(now, ", "))
			stop()
			return
		}
	}
}

// read puts what comes and has it committed.
func (s *Kafka) read(ctx context.Context, consumer *kafka.Consumer, commits *kafkaCommits, out *Output) error {
	size := min(s.batch, out.MaxBatch())
	for {
		s.waits.begin(time.Now())
		batch, err := consumer.Read(ctx)
		s.waits.end(time.Now())
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return err
		}
		for records := range slices.Chunk(batch.Records, size) {
			if !commits.room(ctx, len(records)) {
				return nil
			}
			if events := s.events(batch, records); len(events) > 0 {
				if err := s.counters.put(out, events); err != nil {
					return &putError{err}
				}
			}
			part := batch
			part.Records = records
			commits.add(part)
			if ctx.Err() != nil {
				return nil
			}
		}
	}
}

// events makes events of records; all headers are parts of one list.
func (s *Kafka) events(batch kafka.Batch, records []kafka.Record) []flume.Event {
	const own = 5 // timestamp, topic, partition, offset, key
	partition := strconv.Itoa(int(batch.Partition))
	list := make(flume.Headers, 0, len(records)*(own+len(s.headers)))
	events := make([]flume.Event, 0, len(records))
	for i := range records {
		r := &records[i]
		e := flume.Event{Body: r.Value}
		if s.avro {
			var err error
			if e, err = flumerpc.ReadEvent(r.Value); err != nil {
				s.counters.readFail.Add(1)
				s.env.Logf("record %d of topic %s, partition %d is left out: %v", r.Offset, batch.Topic, batch.Partition, err)
				continue
			}
		}
		first := len(list)
		list = append(list, e.Headers...)
		h := list[first:]
		set := func(key, value string) {
			if _, there := h.Get(key); !there {
				list = append(list, flume.Header{Key: key, Value: value})
				h = list[first:]
			}
		}
		set("timestamp", strconv.FormatInt(r.Time.UnixMilli(), 10))
		for _, key := range s.headers {
			for _, header := range r.Headers {
				if header.Key == s.copied[key] {
					h.Set(key, string(header.Value))
					list = append(list[:first], h...)
				}
			}
		}
		if s.setTopic {
			set(s.topicHeader, batch.Topic)
		}
		set("partition", partition)
		set("offset", strconv.FormatInt(r.Offset, 10))
		if r.Key != nil {
			h.Set("key", string(r.Key))
			list = append(list[:first], h...)
		}
		e.Headers = list[first:len(list):len(list)]
		events = append(events, e)
	}
	return events
}
