package catalog

import (
	"bytes"
	"context"
	"fmt"
	"math"
	"strings"
	"sync/atomic"
	"time"

	"github.com/logpipe/logpipe/pkg/fault"
	"github.com/logpipe/logpipe/pkg/kafka"
	"github.com/logpipe/logpipe/pkg/op"
	"github.com/logpipe/logpipe/pkg/option"
	"github.com/logpipe/logpipe/pkg/record"
	"github.com/logpipe/logpipe/pkg/stream"
)

// produceCommand describes the sink that sends records to a topic.
func produceCommand() Command {
	return Command{
		Name: "produce", Group: Move,
		Usage: "produce <TOPIC> [FILE…]",
		Short: "send records to a Kafka topic",
		Long: "Each line becomes the value of a record, byte by byte (the carriage return of a line end of Windows too); " +
			"an empty line is a record with an empty value. A line goes out as soon as it is there. Where a topic does not exist the cluster may create it.\n\n" +
			"Records are taken for sent when the brokers have acknowledged them: with --acks all the leader and the " +
			"replicas in sync, in order and without repetitions in each partition. While no broker answers it tries " +
			"again, for --delivery-timeout at most; then produce ends with 4 and says how many records were not " +
			"acknowledged, and why.\n\n" +
			"With --key-field the lines are JSON objects, and the field's value is the key; --key-delimiter takes what " +
			"stands before it in the line. Records with the same key go to the same partition, the one that Kafka's own " +
			"clients choose; --partitioner chooses as others do: hash as sarama (FNV-1a), crc32 as kcat, sticky and " +
			"round-robin whatever the key is. Records without a key stay in a partition until 64 KiB have gone there.\n\n" +
			"With -J the lines are what consume -J prints: key, headers, timestamp and value are those of the record " +
			"that was read, and its partition too where the topic has it. What kcat -J and rpk print is taken too. " +
			"Other lines are refused.\n\n" +
			"A record that is larger than the topic takes is not sent, and is named by its line. --on-too-large says " +
			"what follows: fail sends the others and ends with 1, skip does without it, file=F keeps the line in F; it holds " +
			"for a line of any length, of which produce reads 16 MiB at most. Other lines " +
			"that are refused, here or by the broker (no key where the topic is compacted, a time that it does not " +
			"take), are told, and the others are sent; produce ends with 1 then, unless --on-error says what becomes of them.",
		Examples: []op.Example{{
			Note:    "a broker for this one line",
			Command: `logpipe broker -- sh -c 'echo hello | logpipe produce greetings; logpipe consume greetings -o beginning -e'`,
			Output:  "hello\n",
		}, {
			Note: "records of a page stay in order: they are in one partition",
			Command: `logpipe broker -- sh -c '
  logpipe topic create -q clicks --partitions 3
  logpipe gen behavior -n 1000 --json | logpipe produce clicks --key-field page
  logpipe consume clicks -o beginning -e -J | logpipe aggregate --by key "distinct(partition)"' |
  logpipe aggregate pages=count 'most=max(distinct_partition)'`,
			Output: "{\"pages\":97,\"most\":1}\n",
		}},
		Sink:  func() SinkBuilder { return new(produceBuilder) },
		Typed: true,
	}
}

type produceBuilder struct {
	kafka      Kafka
	source     string // the file of --source-config
	topics     []string
	key        string
	delimiter  string
	fixed      string // key of every record
	timeName   string
	headers    []string
	partition  int
	tombstones bool
	wraps      bool // lines are envelopes
	rate       float64
	onLarge    onTooLarge
	files      []string
	field      *record.Field // of the key, or nil
	timeField  *record.Field // of the time, or nil
	like       kafka.Record  // what all records have
	o          kafka.ProducerConfig
}

func (b *produceBuilder) Options(s *option.Set) {
	acks, codecs := []string{"all", "1", "0"}, []string{"none", "gzip", "snappy", "lz4", "zstd"}
	b.kafka.Options(s)
	s.String(&b.key, "key-field", "", "the value of this `field` is the record's key").Field = true
	s.String(&b.fixed, "key,k", "", "every record has this `text` as its key")
	s.Add("key-delimiter,K", delimiter{&b.delimiter}, "what stands before this `text` in the line is the key, what stands behind it the value; \\t is a tab")
	s.Bool(&b.wraps, "envelope,J", "lines are what consume -J prints: value, key, headers, timestamp and partition")
	s.Repeated(&b.headers, "header,H", "a `NAME=VALUE` that each record has; may be repeated")
	s.String(&b.timeName, "time-field", "", "the value of this `field` is the record's timestamp: RFC 3339, or ms since 1970").Field = true
	s.Bool(&b.tombstones, "tombstones,Z", "an empty value is a tombstone: null")
	s.Int(&b.partition, "partition,p", -1, "send all to this `number`; -1 = as the partitioner chooses")
	s.Choice(&b.o.Partitioner, "partitioner", kafka.PartitionJava, kafka.Partitioners(), "how the partition of a record is chosen")
	s.String(&b.o.TransactionalID, "tx", "", "one transaction from mark to mark of consume --marks, of records and offsets, under this `ID`: nothing comes twice")
	s.Duration(&b.o.TransactionTimeout, "transaction-timeout", time.Minute, "with --tx: how `long` a transaction may be open before the cluster takes it back: from mark to mark, where more than 1 MiB comes between them")
	s.Choice(&b.o.Acks, "acks", "all", append(acks, "-1"), "which brokers have to acknowledge a record").Words = acks
	s.Choice(&b.o.Compression, "compression,z", "none", codecs, "how batches of records are compressed")
	s.Int(&b.o.Level, "level", 0, "of the compression: gzip and lz4 1 to 9, zstd 1 to 22; 0 = the usual one")
	s.Duration(&b.o.Linger, "linger", 0, "how `long` to wait for more records to fill a batch; 0 = only for the answer to the last one")
	s.Float(&b.rate, "rate", 0, "most records per second; 0 = no limit")
	s.Add("on-too-large", &b.onLarge, "what follows where a record is larger than the topic takes: fail, skip or `file=F`")
	s.Duration(&b.o.Timeout, "delivery-timeout", kafka.DefaultTimeout, "how `long` a record is tried before it is given up")
	s.Duration(&b.o.Timeout, "timeout", kafka.DefaultTimeout, "the same as --delivery-timeout").Hidden = true
	s.Choice(&b.o.Acks, "request-required-acks", "all", append(acks, "-1"), "the same as --acks").Hidden = true
	s.Choice(&b.o.Compression, "compression-codec", "none", codecs, "the same as --compression").Hidden = true
	sourceOption(s, &b.source)
	topicFlag(s, &b.topics)
	without(s, "producer,P", "lines,l")
	foreign(s, producerFlags())
}

// Files are the input files.
func (b *produceBuilder) Files() []string { return b.files }

func (b *produceBuilder) Build(args []string) (Sink, error) {
	if len(b.topics) == 0 && len(args) > 0 {
		b.topics, args = args[:1], args[1:]
	}
	b.files = args
	if len(b.topics) != 1 {
		return nil, fault.Hint(fault.Usagef("produce: say which topic"), "logpipe topic list shows the topics")
	}
	if err := b.check(); err != nil {
		return nil, err
	}
	if err := b.o.Check(); err != nil {
		return nil, fmt.Errorf("produce: %w", err)
	}
	b.o.Elsewhere = b.wraps
	b.like = kafka.Record{Topic: b.topics[0], Partition: int32(b.partition)}
	if b.fixed != "" {
		b.like.Key = []byte(b.fixed)
	}
	for _, text := range b.headers {
		name, value, ok := strings.Cut(text, "=")
		if !ok {
			return nil, fault.Usagef("produce: --header: want NAME=VALUE, not %q", text)
		}
		b.like.Headers = append(b.like.Headers, kafka.Header{Key: name, Value: []byte(value)})
	}
	for _, f := range []struct {
		flag, name string
		to         **record.Field
	}{{"key-field", b.key, &b.field}, {"time-field", b.timeName, &b.timeField}} {
		if f.name == "" {
			continue
		}
		var err error
		if *f.to, err = record.NewField(f.name); err != nil {
			return nil, fault.Usagef("produce: --%s: %w", f.flag, err)
		}
	}
	return &produceSink{produceBuilder: b}, nil
}

// check refuses settings that contradict each other.
func (b *produceBuilder) check() error {
	switch {
	case b.o.Timeout <= 0:
		return fault.Usagef("produce: --delivery-timeout: want a duration longer than nothing, not %s", option.FormatDuration(b.o.Timeout))
	case b.o.TransactionTimeout < time.Millisecond || b.o.TransactionTimeout > math.MaxInt32*time.Millisecond:
		return fault.Usagef("produce: --transaction-timeout: want a duration from 1ms to 24 days, not %s", option.FormatDuration(b.o.TransactionTimeout))
	case b.o.Linger < 0:
		return fault.Usagef("produce: --linger: want a duration, not %s", option.FormatDuration(b.o.Linger))
	case !(b.rate >= 0):
		return fault.Usagef("produce: --rate: want a number of records per second, not %v", b.rate)
	case b.partition < -1 || b.partition > math.MaxInt32:
		return fault.Usagef("produce: --partition: want the number of a partition, not %d", b.partition)
	case b.key != "" && b.wraps:
		return fault.Usagef("produce: --key-field and --envelope contradict each other: an envelope has a key")
	case b.delimiter != "" && (b.wraps || b.key != "" || b.timeName != ""):
		return fault.Usagef("produce: --key-delimiter and flags about objects contradict each other: with it lines are no objects")
	case b.fixed != "" && (b.key != "" || b.delimiter != "" || b.wraps):
		return fault.Usagef("produce: --key and what takes keys from lines contradict each other")
	case b.timeName != "" && b.wraps:
		return fault.Usagef("produce: --time-field and --envelope contradict each other: an envelope has a timestamp")
	case b.source != "" && b.NeedsMarks():
		return fault.Usagef("produce: --tx and --source-config contradict each other: a transaction is of one cluster")
	case b.partition >= 0 && b.wraps:
		return fault.Usagef("produce: --partition and --envelope contradict each other: an envelope has a partition")
	}
	return nil
}

// objects tells whether lines are read as JSON objects.
func (b *produceBuilder) objects() bool { return b.field != nil || b.timeField != nil || b.wraps }

// plain tells whether a line is a value and nothing else.
func (b *produceBuilder) plain() bool { return !b.objects() && b.delimiter == "" && !b.tombstones }

// keySource names where keys come from.
func (b *produceBuilder) keySource() string {
	if b.delimiter != "" {
		return fmt.Sprintf("delimiter %q", b.delimiter)
	}
	return fmt.Sprintf("field %s", b.field)
}

// cutKey makes a key and a value of a line.
func (b *produceBuilder) cutKey(r *kafka.Record, line []byte) {
	r.Value = line
	if at := bytes.Index(line, []byte(b.delimiter)); at >= 0 {
		r.Key, r.Value = line[:at:at], line[at+len(b.delimiter):]
	}
}

// fields gives r what the fields of an object say.
func (b *produceBuilder) fields(r *kafka.Record, object *record.Record) error {
	var err error
	if b.field != nil {
		if r.Key, err = keyOf(object, b.field); err != nil {
			return err
		}
	}
	if b.timeField == nil {
		return nil
	}
	if r.Time, err = timestampIn(object.Get(b.timeField)); err != nil {
		return fmt.Errorf("field %s: %w", b.timeField, err)
	}
	return nil
}

// produceSink opens a topic for sending. It is also the last stage before it,
// which refuses records that are too large while their line is known.
type produceSink struct {
	*produceBuilder
	limit    atomic.Int64 // bytes of a record
	tooLarge atomic.Int64 // records refused
	taken    atomic.Int64 // records that have come so far
	long     longLines    // those that are not read
}

func (s *produceSink) Name() string { return "produce" }

// Input is any line, or objects where their fields count.
func (s *produceSink) Input() stream.Input {
	if s.objects() {
		return stream.Objects
	}
	return stream.Lines
}

// KeepsReturns tells that a value is all that stands before the line feed.
func (s *produceSink) KeepsReturns() bool { return !s.objects() }

// Parallel refuses records that are too large, and what is no envelope where it
// has to be one.
func (s *produceSink) Parallel(env *stream.Env) (stream.Operator, error) {
	if _, err := s.Long(env); err != nil {
		return nil, err
	}
	c := produceCheck{s: s}
	if s.long.file != nil {
		c.keep = s.long.keep
	}
	if s.field != nil { // each worker has its own
		c.field = s.field.Clone()
	}
	if s.timeField != nil {
		c.timeField = s.timeField.Clone()
	}
	return &c, nil
}

func (s *produceSink) Open(ctx context.Context, env *stream.Env) (stream.Sink, error) {
	cfg, o := s.kafka.Config(env.Log), s.o
	end := markEnd{name: s.Name(), config: cfg, source: s.source, log: env.Log}
	if err := end.check(); err != nil {
		return nil, err
	}
	target, err := kafka.NewTarget(ctx, cfg, s.topics[0])
	if err == nil {
		err = target.Check(s.partition)
	}
	if err != nil {
		return nil, err
	}
	s.limit.Store(int64(target.Limit))
	o.MaxMessageBytes = target.Limit
	p, err := kafka.NewProducer(ctx, cfg, o)
	if err != nil {
		return nil, err
	}
	return &produced{sink: s, producer: p, topic: s.topics[0], scanner: record.NewScanner(), pace: newPace(s.rate),
		keeps: env.Keeps, markEnd: end}, nil
}
