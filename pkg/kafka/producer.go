package kafka

import (
	"context"
	"errors"
	"fmt"
	"math"
	"sync"
	"sync/atomic"
	"time"

	"github.com/IBM/sarama"
	"github.com/logpipe/logpipe/pkg/codec"
	"github.com/logpipe/logpipe/pkg/fault"
	"github.com/logpipe/logpipe/pkg/option"
)

// ProducerConfig says how records are sent.
type ProducerConfig struct {
	Acks            string        // "all" (also "-1" and ""), "1" = the leader alone, "0" = nobody answers
	Compression     string        // none (also ""), gzip, snappy, lz4, zstd
	Level           int           // of the compression; 0 = the codec's usual one
	Partitioner     string        // one of Partitioners; "" = PartitionJava
	MayRepeat       bool          // gives up idempotence: a retry may then write a record twice. Acks 0 imply it
	MaxMessageBytes int           // largest record and batch; 0 = 1,000,000, below what brokers take by default
	Timeout         time.Duration // how long a record is tried before it is given up; 0 = DefaultTimeout
	Linger          time.Duration // how long to wait for more records to fill a request; 0 = send when the last one is answered
	Elsewhere       bool          // a record for a partition that its topic does not have goes where its key belongs, and fails otherwise
	BufferBytes     int64         // records sent and not acknowledged, before Send waits; 0 = 4 MiB

	// TransactionalID, where set, makes the records visible together: Begin and
	// End stand around them. Whoever else used the id before is fenced off.
	TransactionalID    string
	TransactionTimeout time.Duration // after which the cluster aborts what stands open; 0 = one minute

	// OnAck, where set, is told about every record: acknowledged (with its
	// partition, offset and time) or, with an error, given up. The calls come
	// one after the other and must not wait for Send.
	OnAck func(Record, error)
}

// DefaultRecordLimit is the size of the largest record where nobody has said it: a
// little below what brokers take.
const DefaultRecordLimit = 1_000_000

// DefaultTimeout is the one of Kafka's own producer (delivery.timeout.ms).
const DefaultTimeout = 2 * time.Minute

const (
	defaultBufferBytes = 4 << 20
	memoryOverhead     = 256 // of a record that is kept for OnAck
)

// TooLargeError is a record that no broker would take; it was not sent.
type TooLargeError struct{ Size, Limit int }

func (e *TooLargeError) Error() string {
	return fmt.Sprintf("the record is too large: %d bytes, the limit is %d", e.Size, e.Limit)
}

var errProducerClosed = errors.New("the producer is closed")

// Producer sends records. Its methods may be called from several goroutines;
// records that one goroutine sends to a partition stay in order.
//
// Records are encoded into the batch of their partition as they come. Each
// broker has two connections that share the partitions which it leads, as it
// works off the requests of one connection one by one. A goroutine of each takes
// what its partitions have and sends it in one request, up to five of them
// before the first answer. A batch that fails waits until all others of its partition in flight are answered;
// then they go again in order, with the numbers that they had, so that the
// broker finds out what it has already.
type Producer struct {
	cfg        ProducerConfig
	conn       *conn
	acks       sarama.RequiredAcks
	codec      codec.Kind
	idempotent bool
	inFlight   int // batches of one partition

	ctx     context.Context // ends with Close
	cancel  context.CancelFunc
	workers sync.WaitGroup
	began   atomic.Int64  // when the coordinator heard of the transaction, ns since 1970; 0 = it has not
	stale   chan struct{} // metadata are wanted
	telling sync.Mutex    // held around OnAck and what receipts are told

	mu       sync.Mutex
	topics   map[string]*topic
	links    map[way]*link
	identity identity     // of partitions that have none
	txn      *transaction // nil without a transactional id
	order    uint64       // batches that were numbered so far
	spare    buffers
	sent     int64 // records for which nobody waits
	open     int64 // records without an answer
	bytes    int64 // their size in memory
	acked    int64
	failed   int64
	moved    int64            // went to another partition than theirs
	reasons  map[string]int64 // of failures since the last Flush
	first    error            // the first of them
	changed  chan struct{}    // closed when open shrinks and somebody waits; nil = nobody does
	moving   time.Time        // when the last answer came, or the first record without one was sent
	lost     error            // why all was given up; nil = it was not
	closed   bool
	halted   bool // nothing new is sent: who sends waits
}

// identity is what a broker knows an idempotent producer by.
type identity struct {
	id    int64
	epoch int16
}

var nobody = identity{-1, -1}

// NewProducer connects to a cluster.
func NewProducer(ctx context.Context, cfg Config, pc ProducerConfig) (*Producer, error) {
	p, err := pc.producer()
	if err != nil {
		return nil, err
	}
	if p.conn, err = connect(ctx, cfg, nil); err != nil {
		return nil, err
	}
	p.conn.outage.how = "trying again for " + option.FormatDuration(p.cfg.Timeout)
	p.ctx, p.cancel = context.WithCancel(context.Background())
	if p.idempotent {
		if err := p.identify(ctx); err != nil {
			p.cancel()
			return nil, errors.Join(err, p.conn.close())
		}
	}
	p.workers.Go(p.keepMetadata)
	p.workers.Go(p.watchTime)
	return p, nil
}

// Check finds settings that nothing can follow; its errors are of usage.
func (pc ProducerConfig) Check() error {
	_, err := pc.producer()
	return err
}

// producer checks the settings and fills those that are missing.
func (pc ProducerConfig) producer() (*Producer, error) {
	acks, ok := map[string]sarama.RequiredAcks{
		"": sarama.WaitForAll, "all": sarama.WaitForAll, "-1": sarama.WaitForAll, "1": sarama.WaitForLocal, "0": sarama.NoResponse,
	}[pc.Acks]
	if !ok {
		return nil, fault.Usagef("acks %q: want all, 1 or 0", pc.Acks)
	}
	if pc.Compression == "" {
		pc.Compression = codec.None.String()
	}
	kind, ok := codec.Parse(pc.Compression)
	if !ok {
		return nil, fault.Usagef("compression %q: want none, gzip, snappy, lz4 or zstd", pc.Compression)
	}
	if packer, err := codec.NewPacker(kind, pc.Level); err != nil {
		return nil, fault.Usagef("compression: %w", err)
	} else {
		packer.Close()
	}
	if pc.TransactionalID != "" && (acks != sarama.WaitForAll || pc.MayRepeat) {
		return nil, fault.Usagef("a transaction needs acks all and no repetitions")
	}
	if pc.MaxMessageBytes <= 0 {
		pc.MaxMessageBytes = DefaultRecordLimit
	}
	if pc.BufferBytes <= 0 {
		pc.BufferBytes = defaultBufferBytes
	}
	if pc.Timeout <= 0 {
		pc.Timeout = DefaultTimeout
	}
	if pc.TransactionTimeout <= 0 {
		pc.TransactionTimeout = time.Minute
	}
	p := &Producer{cfg: pc, acks: acks, codec: kind, identity: nobody, inFlight: 1,
		idempotent: acks != sarama.NoResponse && !pc.MayRepeat,
		topics:     map[string]*topic{}, links: map[way]*link{}, reasons: map[string]int64{}, stale: make(chan struct{}, 1)}
	if p.idempotent {
		p.inFlight = requestsInFlight // the numbers keep the order
	}
	if pc.TransactionalID != "" {
		p.txn = newTransaction()
	}
	return p, nil
}

// Send hands a record over and returns; it waits where too much is on its way.
// An error says that this record was not sent: *TooLargeError, an unknown topic
// (ErrNoTopic), or the end of ctx. What happens later is told by OnAck, Flush
// and the counters.
func (p *Producer) Send(ctx context.Context, r Record) error { return p.send(ctx, &r, nil) }

// SendFor is Send of a record that receipt is owed for too.
func (p *Producer) SendFor(ctx context.Context, r Record, receipt *Receipt) error {
	return p.send(ctx, &r, receipt.of())
}

func (p *Producer) send(ctx context.Context, r *Record, to *delivery) error {
	ms, err := milliseconds(r.Time)
	if err != nil {
		return err
	}
	size := r.Size()
	if size > p.cfg.MaxMessageBytes {
		return &TooLargeError{size, p.cfg.MaxMessageBytes}
	}
	t, err := p.topic(ctx, r.Topic)
	if err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if err := p.admit(ctx, int64(size)); err != nil {
		return err
	}
	p.signal(p.put(t, r, size, ms, to))
	return nil
}

// SendLines sends each line as the value of a record that is otherwise as like;
// each line has its line end, which is not sent. The lines are copied. receipt
// may be nil.
func (p *Producer) SendLines(ctx context.Context, like Record, lines []byte, receipt *Receipt) error {
	ms, err := milliseconds(like.Time)
	if err != nil {
		return err
	}
	t, err := p.topic(ctx, like.Topic)
	if err != nil {
		return err
	}
	like.Value = []byte{}
	return p.putLines(ctx, t, &like, lines, like.Size(), ms, receipt.of())
}

// milliseconds is a record's time; zero is now.
func milliseconds(t time.Time) (int64, error) {
	if t.IsZero() {
		return time.Now().UnixMilli(), nil
	}
	return t.UnixMilli(), CheckTime(t)
}

// lastTime is the end of what can be counted in nanoseconds since 1970, as the
// library counts times: 2262-04-11T23:47:16.854Z.
const lastTime = math.MaxInt64 / int64(time.Millisecond)

// timeError is a time that no record can have.
type timeError struct{ text string }

func (e *timeError) Error() string { return e.text }

// CheckTime tells why a record cannot have a time.
func CheckTime(t time.Time) error {
	switch ms := t.UnixMilli(); {
	case t.Year() > 9999 || ms > lastTime:
		return &timeError{fmt.Sprintf("the record's time, %d ms after 1970, is behind %s, the last that can be sent", ms, time.UnixMilli(lastTime).UTC().Format(time.RFC3339))}
	case ms < 0:
		return &timeError{fmt.Sprintf("the record's time %s is before 1970, which Kafka does not take", t.UTC().Format(time.RFC3339))}
	}
	return nil
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
	p.mu.Lock()
	defer p.mu.Unlock()
	for p.open > 0 {
		if err := p.await(ctx); err != nil {
			return errors.Join(fmt.Errorf("%s not acknowledged: %w", records(p.open), err), p.failures())
		}
	}
	return p.failures()
}

// Failed is why records were given up since the last Flush, nil where none was.
func (p *Producer) Failed() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.first
}

// Halt takes no more records: Send and SendLines wait until Close. It waits for the
// answers to what is on its way, or the end of ctx, and returns how many records were
// acknowledged.
func (p *Producer) Halt(ctx context.Context) (acknowledged int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.halted = true
	for p.open > 0 && p.await(ctx) == nil {
	}
	return p.acked
}

// Close ends the producer. It does not wait for records without an answer,
// which Flush does: they are given up, and its error counts them. An open
// transaction is aborted.
func (p *Producer) Close() error {
	p.mu.Lock()
	if p.closed {
		p.mu.Unlock()
		return nil
	}
	p.closed = true
	if p.halted && p.changed != nil { // no answer may come that wakes those who wait
		close(p.changed)
		p.changed = nil
	}
	p.mu.Unlock()
	p.abandon(errProducerClosed)
	p.cancel()
	p.workers.Wait()
	p.mu.Lock()
	for p.open > 0 { // the library still tells of requests whose connection was cut
		_ = p.await(context.Background())
	}
	err := p.failures()
	p.mu.Unlock()
	return errors.Join(err, p.conn.close())
}
