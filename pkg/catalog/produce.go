package catalog

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync/atomic"

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
		Long: "Each line becomes the value of a record; an empty line is a record with an empty value. A line goes out " +
			"as soon as it is there. Where a topic does not exist the cluster may create it.\n\n" +
			"Records are taken for sent when the brokers have acknowledged them: with --acks all the leader and the " +
			"replicas in sync, without repetitions. While no broker answers it tries again, for --timeout at most; then " +
			"produce ends with 4 and says how many records were not acknowledged.\n\n" +
			"With --key-field the lines are JSON objects, and the field's value is the key: records with the same " +
			"key go to the same partition, the one that Kafka's own clients choose. A record without the field has " +
			"no key.\n\n" +
			"With -J the lines are what consume -J prints: key, headers, timestamp and value are those of the record " +
			"that was read, and its partition too where the topic has it. Other lines are refused.",
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
	kafka  Kafka
	topics []string
	key    string
	wraps  bool // lines are envelopes
	files  []string
	field  *record.Field // of the key, or nil
	o      kafka.ProducerConfig
}

func (b *produceBuilder) Options(s *option.Set) {
	acks, codecs := []string{"all", "1", "0"}, []string{"none", "gzip", "snappy", "lz4", "zstd"}
	b.kafka.Options(s)
	s.String(&b.key, "key-field", "", "the value of this `field` is the record's key").Field = true
	s.Bool(&b.wraps, "envelope,J", "lines are what consume -J prints: value, key, headers, timestamp and partition")
	s.Choice(&b.o.Acks, "acks", "all", append(acks, "-1"), "which brokers have to acknowledge a record").Words = acks
	s.Choice(&b.o.Compression, "compression", "none", codecs, "how batches of records are compressed")
	s.Duration(&b.o.Timeout, "timeout", kafka.DefaultTimeout, "how `long` to try again without an acknowledgement before records are given up")
	s.Choice(&b.o.Acks, "request-required-acks", "all", append(acks, "-1"), "the same as --acks").Hidden = true
	s.Choice(&b.o.Compression, "compression-codec", "none", codecs, "the same as --compression").Hidden = true
	topicFlag(s, &b.topics)
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
	if b.o.Timeout <= 0 {
		return nil, fault.Usagef("produce: --timeout: want a duration longer than nothing, not %s", option.FormatDuration(b.o.Timeout))
	}
	if b.key != "" && b.wraps {
		return nil, fault.Usagef("produce: --key-field and --envelope contradict each other: an envelope has a key")
	}
	b.o.Elsewhere = b.wraps
	if b.key != "" {
		var err error
		if b.field, err = record.NewField(b.key); err != nil {
			return nil, fault.Usagef("produce: --key-field: %w", err)
		}
	}
	return &produceSink{produceBuilder: b}, nil
}

// produceSink opens a topic for sending. It is also the last stage before it,
// which refuses records that are too large while their line is known.
type produceSink struct {
	*produceBuilder
	limit    atomic.Int64 // bytes of a record
	tooLarge atomic.Int64 // records refused
	taken    atomic.Int64 // records that have come so far
}

func (s *produceSink) Name() string { return "produce" }

// Input is any line, or objects where their fields count.
func (s *produceSink) Input() stream.Input {
	if s.field != nil || s.wraps {
		return stream.Objects
	}
	return stream.Lines
}

// recordOverhead is what a record costs beside its key and value, as the
// producer counts it.
const recordOverhead = 36

// Parallel refuses records that are too large, and what is no envelope where it
// has to be one.
func (s *produceSink) Parallel(*stream.Env) (stream.Operator, error) {
	if s.wraps {
		return counted{s.checkEnvelope, &s.taken}, nil
	}
	var scratch []byte
	field := s.field
	if field != nil {
		field = field.Clone() // each worker has its own
	}
	return counted{func(r *record.Record) (bool, error) {
		limit, rough := int(s.limit.Load()), len(r.Line)
		for i := range r.Edits {
			rough += int(r.Edits[i].Span.End - r.Edits[i].Span.Off)
		}
		if rough < limit/8 { // escapes make bytes sixfold at most
			return true, nil
		}
		scratch = r.AppendJSON(scratch[:0])
		size := recordOverhead + len(scratch)
		if field != nil {
			size += len(keyOf(nil, r.Get(field)))
		}
		if size <= limit {
			return true, nil
		}
		s.tooLarge.Add(1)
		return false, &kafka.TooLargeError{Size: size, Limit: limit}
	}, &s.taken}, nil
}

// counted is a Map that counts what it lets through.
type counted struct {
	stream.Map
	n *atomic.Int64
}

func (c counted) Process(b *stream.Batch, emit stream.Emit) error {
	return c.Map.Process(b, func(b *stream.Batch) error {
		c.n.Add(int64(len(b.Records)))
		return emit(b)
	})
}

func (s *produceSink) checkEnvelope(r *record.Record) (bool, error) {
	var out kafka.Record
	if err := readEnvelope(&out, r); err != nil {
		return false, err
	}
	if size, limit := out.Size(), int(s.limit.Load()); size > limit {
		s.tooLarge.Add(1)
		return false, &kafka.TooLargeError{Size: size, Limit: limit}
	}
	return true, nil
}

func (s *produceSink) Open(ctx context.Context, env *stream.Env) (stream.Sink, error) {
	cfg, o := s.kafka.Config(env.Log), s.o
	limit, err := recordLimit(ctx, cfg, s.topics[0])
	if err != nil {
		return nil, err
	}
	s.limit.Store(int64(limit))
	o.MaxMessageBytes = limit
	p, err := kafka.NewProducer(ctx, cfg, o)
	if err != nil {
		return nil, err
	}
	return &produced{sink: s, producer: p, topic: s.topics[0], scanner: record.NewScanner(),
		markEnd: markEnd{config: cfg, log: env.Log}}, nil
}

// defaultRecordLimit is a little below what brokers take where nobody has
// said otherwise.
const defaultRecordLimit = 1_000_000

// recordLimit asks for the topic's own limit. Not being told is no error; a topic
// that is not there and that nobody will make is one, before a record is read.
func recordLimit(ctx context.Context, cfg kafka.Config, topic string) (int, error) {
	a, err := kafka.NewAdmin(ctx, cfg)
	if err != nil {
		return 0, err
	}
	defer a.Close()
	topics, err := a.DescribeTopics(ctx, topic)
	if err != nil || len(topics) == 0 {
		if fault.CodeOf(err) == fault.Usage || errors.Is(err, kafka.ErrNoTopic) && !a.CreatesTopics(ctx) {
			return 0, err // the name
		}
		return defaultRecordLimit, nil
	}
	for _, c := range topics[0].Configs {
		if n, err := strconv.Atoi(c.Value); c.Name == "max.message.bytes" && err == nil && n > 0 {
			return n, nil
		}
	}
	return defaultRecordLimit, nil
}

// produced is an open topic.
type produced struct {
	sink     *produceSink
	producer *kafka.Producer
	topic    string
	scanner  *record.Scanner // finds keys
	rec      record.Record
	arena    record.Arena
	keyless  int64
	markEnd
}

// Write sends lines and returns when all are acknowledged: only then has the
// source of the lines the right to forget them. A signal that has ended the
// input does not end the sending of what was read.
func (p *produced) Write(ctx context.Context, lines []byte) error {
	ctx = context.WithoutCancel(ctx)
	// The lines belong to the caller again before a retry is over.
	data := append(make([]byte, 0, len(lines)+record.Padding), lines...)
	for at := 0; at < len(data); {
		end := at + bytes.IndexByte(data[at:], '\n')
		r := kafka.Record{Topic: p.topic, Partition: -1, Value: data[at:end:end]}
		if p.sink.field != nil || p.sink.wraps {
			if err := p.fill(&r, data, at); err != nil {
				return err
			}
		}
		if err := p.producer.Send(ctx, r); err != nil {
			if flushErr := p.producer.Flush(ctx); !errors.Is(flushErr, err) { // else it says the same, with their number
				err = errors.Join(err, flushErr)
			} else {
				err = flushErr
			}
			return err
		}
		at = end + 1
	}
	return p.producer.Flush(ctx)
}

// fill gives r what is in the line that begins at data[at].
func (p *produced) fill(r *kafka.Record, data []byte, at int) error {
	p.arena.Buf = p.arena.Buf[:0]
	p.rec.Reset(nil, &p.arena)
	if _, err := p.scanner.Scan(data, at, &p.rec); err != nil {
		return fmt.Errorf("the line is no JSON object: %w", err)
	}
	if p.sink.wraps {
		return readEnvelope(r, &p.rec)
	}
	if r.Key = keyOf(nil, p.rec.Get(p.sink.field)); r.Key == nil {
		p.keyless++
	}
	return nil
}

// keyOf appends a value as a key: texts as they are, all else as in JSON. A key
// that is null or absent is none: nil.
func keyOf(dst []byte, v record.Value) []byte {
	switch v.Kind {
	case record.Null:
		return nil
	case record.String:
		return append(append(make([]byte, 0, len(v.Bytes)), dst...), v.Bytes...)
	}
	return record.AppendValue(dst, v)
}

// Summary tells what was acknowledged.
func (p *produced) Summary() string {
	n, failed := p.producer.Counts()
	text := fmt.Sprintf("%s acknowledged in topic %q", countRecords(n), p.topic)
	if p.sink.o.Acks == "0" {
		text = fmt.Sprintf("%s sent to topic %q, unacknowledged", countRecords(n), p.topic)
	}
	if lost := max(p.sink.taken.Load()-n, failed); lost > 0 {
		text += fmt.Sprintf("; %s read and not acknowledged", countRecords(lost))
	}
	if p.keyless > 0 {
		text += fmt.Sprintf("; %s had no field %s and no key", countRecords(p.keyless), p.sink.field)
	}
	if moved := p.producer.Moved(); moved > 0 {
		text += fmt.Sprintf("; the topic does not have the partition of %s: their keys have chosen another", countRecords(moved))
	}
	return text
}

// Incomplete reports whether records were given up or refused, or have no key or
// another partition than theirs.
func (p *produced) Incomplete() bool {
	acked, failed := p.producer.Counts()
	return failed > 0 || p.sink.taken.Load() > acked || p.sink.tooLarge.Load() > 0 || p.keyless > 0 || p.producer.Moved() > 0
}

// Close ends the connection. Records that were too large make it fail: they are
// not in the topic.
func (p *produced) Close(context.Context) error {
	err := errors.Join(p.producer.Close(), p.finish())
	if n := p.sink.tooLarge.Load(); n > 0 {
		err = errors.Join(err, fault.Hint(fmt.Errorf("%s not sent: larger than the topic takes (%d bytes)", countRecords(n), p.sink.limit.Load()),
			"the topic's max.message.bytes sets the limit: logpipe topic create NAME --config max.message.bytes=N"))
	}
	return err
}

func countRecords(n int64) string {
	if n == 1 {
		return "1 record"
	}
	return strconv.FormatInt(n, 10) + " records"
}
