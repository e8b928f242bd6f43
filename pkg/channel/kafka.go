package channel

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/logpipe/logpipe/pkg/fault"
	"github.com/logpipe/logpipe/pkg/flume"
	"github.com/logpipe/logpipe/pkg/flumerpc"
	"github.com/logpipe/logpipe/pkg/kafka"
)

// keyHeader is the header that is a record's key.
const keyHeader = "key"

// Kafka is Flume's Kafka channel: events wait in a topic. A put returns when the
// brokers have them; a take is a member of a consumer group that commits its
// offsets when the take does. Whoever else writes to the topic or reads it is at
// the other end of the channel, so that an agent needs no source or no sink.
type Kafka struct {
	brokers         string
	topic           string
	parse           bool
	pollTimeout     time.Duration
	partition       int
	partitionHeader string
	readSmallest    *oldReset
	producing       kafka.JavaProducer
	consuming       kafka.JavaConsumer

	env    flume.Env
	counts kafkaCounts
	ctx    context.Context // ends with Close
	stop   context.CancelFunc

	connecting sync.Mutex // held while a producer is made
	mu         sync.Mutex
	producer   *kafka.Producer // nil until the first put, and after one that failed
	own        map[int32]int64 // behind the last record that was put here, by partition
	queue      kafkaQueue
}

type kafkaCounts struct {
	putAttempt, putSuccess, takeAttempt, takeSuccess, rollbacks   *atomic.Int64
	sendTimer, commitTimer, unreadable, repeated, lostPartitionID *atomic.Int64
}

// NewKafka describes and makes a Kafka channel.
func NewKafka(p *flume.Properties) flume.Channel {
	k := &Kafka{own: map[int32]int64{}}
	k.ctx, k.stop = context.WithCancel(context.Background())
	k.queue.init()
	p.String(&k.brokers, "kafka.bootstrap.servers", "", "host:port of brokers, with commas").Require().Formerly("brokerList")
	p.String(&k.topic, "kafka.topic", "flume-channel", "the topic in which events wait").Formerly("topic")
	p.Bool(&k.parse, "parseAsFlumeEvent", true, "values are Flume's Avro events; false for bodies alone")
	p.Duration(&k.pollTimeout, "kafka.pollTimeout", 500*time.Millisecond, time.Millisecond,
		"how long the end waits for events that were put and not seen yet").Formerly("pollTimeout", "timeout")
	p.Int(&k.partition, "defaultPartitionId", -1, -1, "the partition of all events; -1 = by key")
	p.String(&k.partitionHeader, "partitionIdHeader", "", "the header that holds the partition")
	k.consuming.Describe(p, "kafka.consumer.", "flume", "earliest").Formerly("groupId")
	k.readSmallest = &oldReset{to: &k.consuming}
	p.Add("readSmallestOffset", k.readSmallest, "of an older Flume: false begins at the end where the group has committed nothing")
	k.producing.Describe(p, "kafka.producer.", "all")
	var nowhere string
	for _, name := range []string{"zookeeperConnect", "migrateZookeeperOffsets"} {
		p.String(&nowhere, name, "", "of an older Flume").Without("offsets are kept in Kafka, and no longer in ZooKeeper")
	}
	for _, name := range []string{"capacity", "transactionCapacity", "keep-alive"} {
		p.String(&nowhere, name, "", "of other channels").Without("the topic holds what its retention allows")
	}
	return k
}

// oldReset is the older form of auto.offset.reset.
type oldReset struct {
	to  *kafka.JavaConsumer
	set bool
	yes bool
}

func (v *oldReset) Set(s string) (err error) {
	if v.yes, err = strconv.ParseBool(s); err != nil {
		return fmt.Errorf("want true or false, not %q", s)
	}
	v.set = true
	return nil
}
func (v *oldReset) String() string { return strconv.FormatBool(v.yes) }
func (v *oldReset) Type() string   { return "bool" }

// Check finds what could not work.
func (k *Kafka) Check() []flume.Problem {
	all := kafka.CheckBrokers("kafka.bootstrap.servers", k.brokers)
	all = append(all, k.producing.Check("kafka.producer.")...)
	all = append(all, k.consuming.Check("kafka.consumer.")...)
	if k.partition > math.MaxInt32 {
		all = append(all, flume.Problem{Property: "defaultPartitionId", Message: fmt.Sprintf("no topic has a partition %d", k.partition),
			Fix: "write the number of a partition"})
	}
	return all
}

// Guarantee tells what the channel promises.
func (k *Kafka) Guarantee() string {
	if k.producing.Acks() == "all" || k.producing.Acks() == "-1" {
		return "acknowledged by all replicas in sync before a put returns; survives kill -9; a take that was open then comes again"
	}
	return "acks " + k.producing.Acks() + ": what a broker loses in its own end is lost; a take that was open at a kill -9 comes again"
}

// Durable says that what is inside stays there when the agent ends.
func (k *Kafka) Durable() bool { return true }

// MaxBatch is no limit.
func (k *Kafka) MaxBatch() int { return math.MaxInt32 }

// Open connects to nothing: the first put and the first take do, and do it again
// when the cluster was gone.
func (k *Kafka) Open(env flume.Env) error {
	k.env = env
	if env.Logf == nil {
		k.env.Logf = func(string, ...any) {}
	}
	if k.readSmallest.set {
		k.consuming.BeginAtEnd(!k.readSmallest.yes)
	}
	k.counts = kafkaCounts{
		putAttempt: env.Counter("EventPutAttemptCount"), putSuccess: env.Counter("EventPutSuccessCount"),
		takeAttempt: env.Counter("EventTakeAttemptCount"), takeSuccess: env.Counter("EventTakeSuccessCount"),
		rollbacks: env.Counter("RollbackCounter"),
		sendTimer: env.Counter("KafkaEventSendTimer"), commitTimer: env.Counter("KafkaCommitTimer"),
		unreadable: env.Counter("EventReadFail"), repeated: env.Counter("EventRepeatedCount"),
		lostPartitionID: env.Counter("PartitionHeaderFail"),
	}
	env.Gauge("ChannelSize", func() int64 { return int64(k.Size()) })
	return nil
}

// Close commits what was delivered and leaves the group. Events that were taken
// and not committed stay in the topic.
func (k *Kafka) Close() error {
	k.stop()
	err := k.queue.close()
	k.mu.Lock()
	p := k.producer
	k.producer = nil
	k.mu.Unlock()
	if p != nil {
		err = errors.Join(err, p.Close())
	}
	return err
}

// Put sends the batch and waits for the brokers' answers, and for the brokers
// where they are gone. What was sent when they went may then be there twice.
func (k *Kafka) Put(ctx context.Context, batch []flume.Event) error {
	if len(batch) == 0 {
		return nil
	}
	k.counts.putAttempt.Add(int64(len(batch)))
	records, limit := make([]kafka.Record, len(batch)), k.producing.Producer().MaxMessageBytes
	for i := range batch {
		r := k.record(&batch[i])
		if r.Size() > limit {
			return fault.Hint(fmt.Errorf("topic %q: event %d of %d: %w", k.topic, i+1, len(batch), &kafka.TooLargeError{Size: r.Size(), Limit: limit}),
				"raise kafka.producer.max.request.size, and the topic's max.message.bytes with it")
		}
		records[i] = r
	}
	begin := time.Now()
	for failures := 0; ; {
		err := k.send(ctx, records)
		if err == nil {
			k.counts.putSuccess.Add(int64(len(batch)))
			k.counts.sendTimer.Add(time.Since(begin).Milliseconds())
			if failures > 0 {
				k.env.Logf("events are put again")
			}
			return nil
		}
		var large *kafka.TooLargeError
		if errors.As(err, &large) || fault.CodeOf(err) == fault.Usage {
			return err
		}
		if ctx.Err() != nil {
			return err
		}
		failures++
		if err := k.pause(ctx, failures, "cannot put events", err); err != nil {
			return err
		}
	}
}

// pause waits longer after each failure in a row, up to five seconds, and tells
// the first, second, fourth, eighth …
func (k *Kafka) pause(ctx context.Context, failures int, what string, err error) error {
	wait := min(time.Duration(failures)*time.Second, 5*time.Second)
	if failures&(failures-1) == 0 {
		k.env.Logf("%s (attempt %d), tries again in %v: %v", what, failures, wait, err)
	}
	return k.sleep(ctx, wait)
}

func (k *Kafka) sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-k.ctx.Done():
		return errors.New("the channel is closed")
	}
}

// send delivers once.
func (k *Kafka) send(ctx context.Context, records []kafka.Record) error {
	p, err := k.connected(ctx)
	if err != nil {
		return err
	}
	if err := p.Deliver(ctx, records); err != nil {
		if ctx.Err() == nil { // it may have given up for good
			k.mu.Lock()
			if k.producer == p {
				k.producer = nil
			}
			k.mu.Unlock()
			p.Close() //nolint:errcheck // its failure is that of Deliver
		}
		return err
	}
	return nil
}

// connected returns the producer, and makes it where there is none.
func (k *Kafka) connected(ctx context.Context) (*kafka.Producer, error) {
	k.connecting.Lock()
	defer k.connecting.Unlock()
	k.mu.Lock()
	p := k.producer
	k.mu.Unlock()
	if p != nil {
		return p, nil
	}
	cfg := k.producing.Producer()
	cfg.Elsewhere = true
	cfg.OnAck = k.acked
	p, err := kafka.NewProducer(ctx, k.producing.Config(k.brokers, k.env.Logf), cfg)
	if err != nil {
		return nil, err
	}
	k.mu.Lock()
	k.producer = p
	k.mu.Unlock()
	return p, nil
}

// acked notes how far the partitions hold events that were put here.
func (k *Kafka) acked(r kafka.Record, err error) {
	if err != nil || r.Offset < 0 {
		return
	}
	k.mu.Lock()
	k.own[r.Partition] = max(k.own[r.Partition], r.Offset+1)
	k.mu.Unlock()
}

// record makes a Kafka record of an event.
func (k *Kafka) record(e *flume.Event) kafka.Record {
	r := kafka.Record{Topic: k.topic, Partition: int32(k.partition), Value: e.Body}
	if key, ok := e.Headers.Get(keyHeader); ok {
		r.Key = []byte(key)
	}
	if text, ok := e.Headers.Get(k.partitionHeader); ok && k.partitionHeader != "" {
		if n, err := strconv.ParseInt(text, 10, 32); err == nil && n >= 0 {
			r.Partition = int32(n)
		} else if n := k.counts.lostPartitionID.Add(1); n&(n-1) == 0 {
			k.env.Logf("header %s is not a partition: %q; the event goes where its key belongs (%d so far)", k.partitionHeader, text, n)
		}
	}
	if k.parse {
		size := len(e.Body) + 16
		for i := range e.Headers {
			size += len(e.Headers[i].Key) + len(e.Headers[i].Value) + 8
		}
		r.Value = flumerpc.AppendEvent(make([]byte, 0, size), e)
	} else if r.Value == nil {
		r.Value = []byte{} // an empty body, not a tombstone
	}
	return r
}

// event makes an event of a Kafka record. A value that is no Flume event, where
// that was said, becomes a body as it is: the next record could not be delivered
// before it, and to leave it out would lose it.
func (k *Kafka) event(r *kafka.Record) flume.Event {
	e := flume.Event{Body: r.Value}
	if k.parse {
		var err error
		if e, err = flumerpc.ReadEvent(r.Value); err != nil {
			e = flume.Event{Body: r.Value}
			if n := k.counts.unreadable.Add(1); n&(n-1) == 0 {
				k.env.Logf("topic %q partition %d offset %d is %v: the value is passed on as the body (%d so far); parseAsFlumeEvent = false is for topics of other programs",
					k.topic, r.Partition, r.Offset, err, n)
			}
		}
	}
	e.Copied = flume.AsCopied(len(e.Headers))
	if r.Key != nil {
		e.Headers.Set(keyHeader, string(r.Key))
	}
	return e
}
