package kafka

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/IBM/sarama"
	"github.com/logpipe/logpipe/pkg/fault"
	"github.com/logpipe/logpipe/pkg/option"
)

// ProducerConfig says how records are sent.
type ProducerConfig struct {
	Acks            string        // "all" (also "-1" and ""), "1" = the leader alone, "0" = nobody answers
	Compression     string        // none (also ""), gzip, snappy, lz4, zstd
	MayRepeat       bool          // gives up idempotence: a retry may then write a record twice. Acks other than all imply it
	MaxMessageBytes int           // largest record and batch; 0 = 1,000,000, below what brokers take by default
	Timeout         time.Duration // how long retries go on without any acknowledgement before what is open is given up; 0 = DefaultTimeout
	Linger          time.Duration // how long to wait for more records to fill a request; 0 = send when the last one is answered
	Elsewhere       bool          // a record for a partition that its topic does not have goes where its key belongs, and fails otherwise
	BufferBytes     int64         // records sent and not acknowledged, before Send waits; 0 = 32 MiB

	// OnAck, where set, is told about every record: acknowledged (with its
	// partition, offset and time) or, with an error, given up. The calls come
	// one after the other from one goroutine and must not wait for Send.
	OnAck func(Record, error)
}

// DefaultTimeout is the one of Kafka's own producer (delivery.timeout.ms).
const DefaultTimeout = 2 * time.Minute

// What a record costs on top of its bytes: in the log at most, and in memory.
const (
	recordOverhead = 36
	headerOverhead = 10
	memoryOverhead = 512
)

// Size is how many bytes the record takes in the log at most.
func (r Record) Size() int {
	size := recordOverhead + len(r.Key) + len(r.Value)
	for _, h := range r.Headers {
		size += len(h.Key) + len(h.Value) + headerOverhead
	}
	return size
}

// TooLargeError is a record that no broker would take; it was not sent.
type TooLargeError struct{ Size, Limit int }

func (e *TooLargeError) Error() string {
	return fmt.Sprintf("the record is too large: %d bytes, the limit is %d", e.Size, e.Limit)
}

// Producer sends records. Its methods may be called from several goroutines;
// records that one goroutine sends to a partition stay in order.
type Producer struct {
	cfg    ProducerConfig
	conn   *conn
	async  sarama.AsyncProducer
	worker sync.WaitGroup // reads the answers

	mu      sync.Mutex
	known   map[string]bool // topics that exist
	open    int64           // records without an answer
	bytes   int64           // their size in memory
	acked   int64
	failed  int64
	moved   int64            // went to another partition than theirs
	reasons map[string]int64 // of failures since the last Flush
	first   error            // the first of them
	changed chan struct{}    // closed when open shrinks and somebody waits; nil = nobody does
	moving  time.Time        // when the last answer came, or the first record without one was sent
	lost    error            // why all was given up; nil = it was not
	closed  bool
}

// sending is a record on its way.
type sending struct {
	record Record
	size   int
	memory int64
	to     *delivery // who waits for this record; nil = Flush
}

// NewProducer connects to a cluster.
func NewProducer(ctx context.Context, cfg Config, pc ProducerConfig) (*Producer, error) {
	set, err := pc.settings()
	if err != nil {
		return nil, err
	}
	if pc.MaxMessageBytes <= 0 {
		pc.MaxMessageBytes = 1_000_000
	}
	if pc.BufferBytes <= 0 {
		pc.BufferBytes = 32 << 20
	}
	if pc.Timeout <= 0 {
		pc.Timeout = DefaultTimeout
	}
	c, err := connect(ctx, cfg, func(s *sarama.Config) {
		set(s)
		s.Producer.MaxMessageBytes = pc.MaxMessageBytes
		s.Producer.Retry.Max = retriesIn(pc.Timeout)
	})
	if err != nil {
		return nil, err
	}
	async, err := sarama.NewAsyncProducerFromClient(c.client)
	if err != nil {
		return nil, errors.Join(explain(err, ""), c.close())
	}
	c.outage.how = "trying again for " + option.FormatDuration(pc.Timeout)
	p := &Producer{cfg: pc, conn: c, async: async, known: map[string]bool{}, reasons: map[string]int64{}}
	p.worker.Go(p.collect)
	return p, nil
}

func (pc ProducerConfig) settings() (func(*sarama.Config), error) {
	acks, ok := map[string]sarama.RequiredAcks{
		"": sarama.WaitForAll, "all": sarama.WaitForAll, "-1": sarama.WaitForAll, "1": sarama.WaitForLocal, "0": sarama.NoResponse,
	}[pc.Acks]
	if !ok {
		return nil, fault.Usagef("acks %q: want all, 1 or 0", pc.Acks)
	}
	codec, ok := map[string]sarama.CompressionCodec{
		"": sarama.CompressionNone, "none": sarama.CompressionNone, "gzip": sarama.CompressionGZIP,
		"snappy": sarama.CompressionSnappy, "lz4": sarama.CompressionLZ4, "zstd": sarama.CompressionZSTD,
	}[pc.Compression]
	if !ok {
		return nil, fault.Usagef("compression %q: want none, gzip, snappy, lz4 or zstd", pc.Compression)
	}
	return func(s *sarama.Config) {
		s.Producer.RequiredAcks = acks
		s.Producer.Compression = codec
		s.Producer.Idempotent = acks == sarama.WaitForAll && !pc.MayRepeat
		s.Producer.Partitioner = newPartitioner(pc.Elsewhere)
		s.Producer.Return.Successes = true
		s.Producer.Return.Errors = true
		// One request at a time keeps the order when a request is repeated. No
		// number of messages is set: without a frequency the library would
		// never send the rest.
		s.Net.MaxOpenRequests = 1
		s.Producer.Flush.Frequency = pc.Linger
		if pc.Linger > 0 {
			s.Producer.Flush.Bytes = 1 << 20
		}
	}, nil
}

// Send hands a record over and returns; it waits where too much is on its way.
// An error says that this record was not sent: *TooLargeError, an unknown topic
// (ErrNoTopic), or the end of ctx. What happens later is told by OnAck, Flush
// and the counters.
func (p *Producer) Send(ctx context.Context, r Record) error { return p.send(ctx, r, nil) }

func (p *Producer) send(ctx context.Context, r Record, to *delivery) error {
	size := r.Size()
	if size > p.cfg.MaxMessageBytes {
		return &TooLargeError{size, p.cfg.MaxMessageBytes}
	}
	if err := p.ready(ctx, r.Topic); err != nil {
		return err
	}
	s := &sending{record: r, size: size, memory: int64(size + memoryOverhead), to: to}
	if err := p.admit(ctx, s.memory); err != nil {
		return err
	}
	to.begin()
	select {
	case p.async.Input() <- s.message():
		return nil
	case <-ctx.Done():
		p.settle(s.memory, nil)
		to.end(nil)
		return ctx.Err()
	}
}

func (s *sending) message() *sarama.ProducerMessage {
	r := &s.record
	m := &sarama.ProducerMessage{Topic: r.Topic, Timestamp: r.Time, Metadata: s}
	if r.Key != nil {
		m.Key = sarama.ByteEncoder(r.Key)
	}
	if r.Value != nil {
		m.Value = sarama.ByteEncoder(r.Value)
	}
	for _, h := range r.Headers {
		m.Headers = append(m.Headers, sarama.RecordHeader{Key: []byte(h.Key), Value: h.Value})
	}
	return m
}

// ready makes sure that a topic exists, once. The broker may create it.
func (p *Producer) ready(ctx context.Context, topic string) error {
	p.mu.Lock()
	known, closed, lost := p.known[topic], p.closed, p.lost
	p.mu.Unlock()
	switch {
	case closed:
		return errors.New("the producer is closed")
	case lost != nil:
		return lost
	case known:
		return nil
	}
	patient, cancel := context.WithTimeout(ctx, p.cfg.Timeout)
	defer cancel()
	for {
		_, err := p.conn.topic(patient, topic, true)
		if err == nil {
			break
		}
		if ctx.Err() == nil && patient.Err() != nil {
			return p.giveUp()
		}
		if fault.CodeOf(err) != fault.Unreachable || ctx.Err() != nil {
			return err
		}
	}
	p.mu.Lock()
	p.known[topic] = true
	p.mu.Unlock()
	return nil
}

// admit waits until there is room for a record.
func (p *Producer) admit(ctx context.Context, memory int64) error {
	for {
		p.mu.Lock()
		if p.open == 0 || p.bytes+memory <= p.cfg.BufferBytes {
			if p.open == 0 {
				p.moving = time.Now()
			}
			p.open++
			p.bytes += memory
			p.mu.Unlock()
			return nil
		}
		wake := p.wake()
		p.mu.Unlock()
		if err := p.await(ctx, wake); err != nil {
			return err
		}
	}
}

// wake returns a channel that is closed at the next answer. p.mu is held.
func (p *Producer) wake() <-chan struct{} {
	if p.changed == nil {
		p.changed = make(chan struct{})
	}
	return p.changed
}

// settle takes a record off the books and counts with count, if any.
func (p *Producer) settle(memory int64, count func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.open--
	p.bytes -= memory
	p.moving = time.Now()
	if count != nil {
		count()
	}
	// Senders wait for room: waking them for each record would cost more than
	// sending it.
	if p.changed != nil && (p.open == 0 || p.bytes <= p.cfg.BufferBytes/2) {
		close(p.changed)
		p.changed = nil
	}
}

// collect reads the answers until the library has closed both channels.
func (p *Producer) collect() {
	acks, failures := p.async.Successes(), p.async.Errors()
	for acks != nil || failures != nil {
		select {
		case m, ok := <-acks:
			if !ok {
				acks = nil
				continue
			}
			p.answered(m, nil)
		case f, ok := <-failures:
			if !ok {
				failures = nil
				continue
			}
			p.answered(f.Msg, explain(f.Err, f.Msg.Topic))
		}
	}
}

func (p *Producer) answered(m *sarama.ProducerMessage, err error) {
	s, ok := m.Metadata.(*sending)
	if !ok {
		return
	}
	if err == nil {
		p.conn.outage.worked()
	} else if lost := p.givenUp(); lost != nil {
		err = lost
	}
	r := s.record
	r.Partition, r.Offset = m.Partition, m.Offset
	if !m.Timestamp.IsZero() {
		r.Time = m.Timestamp
	}
	if err != nil || p.cfg.Acks == "0" {
		r.Offset = -1
	}
	if p.cfg.OnAck != nil {
		p.cfg.OnAck(r, err)
	}
	p.settle(s.memory, func() {
		if err == nil {
			p.acked++
			if s.record.Partition >= 0 && r.Partition != s.record.Partition {
				p.moved++
			}
			return
		}
		p.failed++
		if s.to != nil {
			return
		}
		p.reasons[err.Error()]++
		if p.first == nil {
			p.first = err
		}
	})
	s.to.end(err)
}

// Counts tells how many records were acknowledged and how many were given up.
func (p *Producer) Counts() (acknowledged, failed int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.acked, p.failed
}

// Moved tells how many of the acknowledged records went to another partition than
// theirs, because their topic does not have it.
func (p *Producer) Moved() int64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.moved
}

// Flush waits until every record has its answer. Its error tells how many
// records were given up since the last Flush, and why.
func (p *Producer) Flush(ctx context.Context) error {
	for {
		p.mu.Lock()
		if p.open == 0 {
			err := p.failures()
			p.mu.Unlock()
			return err
		}
		wake := p.wake()
		p.mu.Unlock()
		if err := p.await(ctx, wake); err != nil {
			p.mu.Lock()
			defer p.mu.Unlock()
			return errors.Join(fmt.Errorf("%s not acknowledged: %w", records(p.open), err), p.failures())
		}
	}
}

// Close ends the producer. It does not wait for records without an answer,
// which Flush does: they are given up, and its error counts them.
func (p *Producer) Close() error {
	p.mu.Lock()
	if p.closed {
		p.mu.Unlock()
		return nil
	}
	p.closed = true
	busy := p.open > 0
	p.mu.Unlock()
	if busy {
		// A closed client answers the library's retries at once.
		if err := p.conn.close(); err != nil {
			p.conn.cfg.log().Debug("close client", "error", err)
		}
	}
	p.async.AsyncClose()
	p.worker.Wait()
	p.mu.Lock()
	err := p.failures()
	p.mu.Unlock()
	return errors.Join(err, p.conn.close())
}
