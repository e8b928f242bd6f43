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
	migration       kafka.Migration

	env    flume.Env
	counts kafkaCounts
	ctx    context.Context // ends with Close
	stop   context.CancelFunc

	connecting sync.Mutex // held while a producer is made
	mu         sync.Mutex
	producer   *kafka.Producer   // nil until the first put, and after one that failed
	failing    map[string]string // why puts or takes fail, by what fails
	own        map[int32]int64   // behind the last record that was put here, by partition
	queue      kafkaQueue
}

type kafkaCounts struct {
	putAttempt, putSuccess, takeAttempt, takeSuccess, rollbacks *atomic.Int64
	sendTimer, getTimer, commitTimer                            *atomic.Int64
	unreadable, repeated, lostPartitionID                       *atomic.Int64
}

// NewKafka describes and makes a Kafka channel.
func NewKafka(p *flume.Properties) flume.Channel {
	k := &Kafka{own: map[int32]int64{}, failing: map[string]string{}}
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
	flume.DescribeDeadLetter(p)
	var nowhere string
	k.migration.Describe(p)
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
	k.takeOldReset()
	consumer := k.consuming.Consumer(k.topic)
	all = append(all, k.migration.Check(consumer.Group, consumer.Topics, consumer.From)...)
	if k.partition > math.MaxInt32 {
		all = append(all, flume.Problem{Property: "defaultPartitionId", Message: fmt.Sprintf("no topic has a partition %d", k.partition),
			Fix: "write the number of a partition"})
	}
	return all
}

// takeOldReset takes over the older way to say where a new group begins.
func (k *Kafka) takeOldReset() {
	if k.readSmallest.set {
		k.consuming.BeginAtEnd(!k.readSmallest.yes)
	}
}

// Survey reads the key stores.
func (k *Kafka) Survey() []flume.Problem {
	return append(k.producing.Survey("kafka.producer."), k.consuming.Survey("kafka.consumer.")...)
}

// Guarantee tells what the channel promises.
func (k *Kafka) Guarantee() string {
	if k.producing.Acks() == "all" || k.producing.Acks() == "-1" {
		return "at least once: acknowledged by all replicas in sync before a put returns; survives kill -9; a take that was open then comes again"
	}
	return "at least once unless a broker dies (acks " + k.producing.Acks() + "): what it loses in its own end is lost; a take that was open at a kill -9 comes again"
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
	k.takeOldReset()
	k.counts = kafkaCounts{
		putAttempt: env.Counter("EventPutAttemptCount"), putSuccess: env.Counter("EventPutSuccessCount"),
		takeAttempt: env.Counter("EventTakeAttemptCount"), takeSuccess: env.Counter("EventTakeSuccessCount"),
		rollbacks: env.Counter("RollbackCount"),
		sendTimer: env.Counter("KafkaEventSendTimer"), getTimer: env.Counter("KafkaEventGetTimer"), commitTimer: env.Counter("KafkaCommitTimer"),
		unreadable: env.Counter("EventReadFail"), repeated: env.Counter("EventRepeatedCount"),
		lostPartitionID: env.Counter("PartitionHeaderFail"),
	}
	env.Gauge("RollbackCounter", k.counts.rollbacks.Load) // as Flume's guide calls it; its /metrics has the other name
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
