package kafka

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/IBM/sarama"
	"github.com/logpipe/logpipe/pkg/fault"
)

const (
	// mostPartitions is how many the topic for the test gets at most; else it is one
	// for each broker.
	mostPartitions = 64
	// keptFor is how long records of the test stay where the topic cannot be deleted.
	keptFor = "3600000" // ms
)

// trip is a record that goes to the cluster and back.
type trip struct {
	d          *diagnosis
	cfg        Config
	admin      *Admin
	id         string
	topic      string
	own        bool // the topic is there for the test alone
	partitions int
	leaders    []int32 // of the partitions
	sent       time.Time
	acked      []Record
}

// records writes and reads a record for each broker of the cluster, or one where
// the topic is somebody's.
func (d *diagnosis) records(ctx context.Context, reached []*walk) {
	var addrs []string
	for _, w := range reached {
		addrs = append(addrs, w.addr)
	}
	cfg := d.cfg
	cfg.Brokers, cfg.Wait = addrs, 0
	t := &trip{d: d, cfg: cfg, id: strings.ToLower(rand.Text()[:8]), topic: d.Topic, own: d.Topic == "", partitions: len(reached[0].meta.Brokers)}
	if t.own {
		t.topic = "logpipe-test-" + t.id
	}
	defer t.close()
	steps := []func(context.Context, *Step) error{t.open, t.produce, t.consume}
	switch {
	case d.ReadOnly && t.own:
		for _, name := range recordSteps {
			d.Tell(Step{Name: name, Result: Off, Saw: "--read-only"})
		}
		return
	case d.ReadOnly:
		steps = []func(context.Context, *Step) error{t.open, readOnly, t.consumeLast}
	}
	for i, do := range steps {
		if d.step(ctx, Step{Name: recordSteps[i]}, do) {
			continue
		}
		if ctx.Err() == nil {
			d.skip("", recordSteps[i+1:len(steps)]...)
		}
		break
	}
	t.remove(ctx)
}

func readOnly(_ context.Context, s *Step) error {
	s.Result, s.Saw = Off, "--read-only"
	return nil
}

func (t *trip) close() {
	if t.admin != nil {
		t.admin.Close()
	}
}

// open finds the topic, or makes one.
func (t *trip) open(ctx context.Context, s *Step) error {
	var err error
	if t.admin, err = NewAdmin(ctx, t.cfg); err != nil {
		return err
	}
	if t.own {
		if err := t.create(ctx); err != nil {
			return err
		}
	}
	meta, err := t.admin.conn.topic(ctx, t.topic, false)
	if err != nil {
		return err
	}
	t.partitions = len(meta.Partitions)
	for _, p := range meta.Partitions {
		t.leaders = append(t.leaders, p.Leader)
	}
	s.Saw = fmt.Sprintf("%s with %s", t.topic, plural(t.partitions, "partition"))
	if t.own {
		s.Saw = "made " + s.Saw
	}
	s.Facts = map[string]any{"topic": t.topic, "partitions": t.partitions, "made": t.own}
	return nil
}

// create makes a topic with a partition for each broker, as safe as the cluster
// makes topics by itself.
func (t *trip) create(ctx context.Context) error {
	keep := keptFor
	detail := &sarama.TopicDetail{NumPartitions: int32(min(t.partitions, mostPartitions)), ReplicationFactor: -1,
		ConfigEntries: map[string]*string{"retention.ms": &keep}}
	create := func() (struct{}, error) {
		return changed(ctx, t.admin, func(c sarama.ClusterAdmin) error { return c.CreateTopic(t.topic, detail, false) })
	}
	_, err := await(ctx, create)
	if errors.Is(err, sarama.ErrInvalidReplicationFactor) { // a broker before 2.4
		detail.ReplicationFactor = int16(min(t.partitions, 3))
		_, err = await(ctx, create)
	}
	switch {
	case err == nil:
		t.admin.awaitTopic(ctx, t.topic, int(detail.NumPartitions))
		return nil
	case isCode(err): // it was not made
		t.own = false
	}
	err = explain(err, t.topic)
	return fault.Hint(err, "--topic NAME takes a topic that is there, --read-only writes nothing")
}

// produce sends the records, as `logpipe produce` does.
func (t *trip) produce(ctx context.Context, s *Step) error {
	err := t.send(ctx, s, false)
	if !errors.Is(err, sarama.ErrClusterAuthorizationFailed) {
		return err
	}
	// Brokers before 2.8 have a rule for writing without repetitions.
	if again := t.send(ctx, s, true); again != nil {
		return again
	}
	s.Saw += "; but not authorized to write without repetitions (IdempotentWrite on the cluster), as produce does unless it is told --acks 1"
	return nil
}

func (t *trip) send(ctx context.Context, s *Step, mayRepeat bool) error {
	var failed error
	p, err := NewProducer(ctx, t.cfg, ProducerConfig{MayRepeat: mayRepeat, Timeout: t.d.Timeout, OnAck: func(r Record, err error) {
		switch {
		case err == nil:
			t.acked = append(t.acked, r)
		case failed == nil:
			failed = err
		}
	}})
	if err != nil {
		return err
	}
	t.sent = time.Now()
	for i := range t.partitions {
		r := Record{Topic: t.topic, Partition: int32(i), Value: t.value(i)}
		if !t.own {
			r.Partition = -1
		}
		if err = p.Send(ctx, r); err != nil || !t.own {
			break
		}
	}
	if flushErr := p.Flush(ctx); err == nil {
		err = flushErr
	}
	acked := time.Since(t.sent)
	if closeErr := p.Close(); err == nil {
		err = closeErr
	}
	if failed != nil { // Flush would count it
		return failed
	}
	if err != nil {
		return err
	}
	t.acknowledged(s, acked)
	return nil
}

// acknowledged tells where the records are.
func (t *trip) acknowledged(s *Step, took time.Duration) {
	slices.SortFunc(t.acked, func(x, y Record) int { return int(x.Partition - y.Partition) })
	first := t.acked[0]
	s.Saw = fmt.Sprintf("a record at offset %[3]d of %[1]s/%[2]d, acknowledged by all replicas in sync", t.topic, first.Partition, first.Offset)
	if t.own {
		s.Saw = fmt.Sprintf("%s through %s, acknowledged by all replicas in sync", plural(len(t.acked), "record"), brokerList(t.leaders))
	}
	s.Facts = map[string]any{"topic": t.topic, "records": len(t.acked), "partition": first.Partition, "offset": first.Offset, "ack_ms": milli(took)}
}

func (t *trip) value(i int) []byte {
	return fmt.Appendf(nil, `{"logpipe":"broker test","id":%q,"partition":%d}`, t.id, i)
}

// consume reads the records that were sent.
func (t *trip) consume(ctx context.Context, s *Step) error {
	cc := ConsumerConfig{Topics: []string{t.topic}, From: Beginning, Open: true}
	if !t.own {
		cc.Partitions, cc.From = []int32{t.acked[0].Partition}, AtOffset(t.acked[0].Offset)
	}
	missing := map[string]bool{}
	for i := range t.acked {
		missing[string(t.value(i))] = true
	}
	err := t.read(ctx, cc, func(r Record) bool {
		delete(missing, string(r.Value))
		return len(missing) > 0
	})
	if err != nil {
		if len(missing) < len(t.acked) {
			err = fmt.Errorf("%d of %d records came back: %w", len(t.acked)-len(missing), len(t.acked), err)
		}
		return err
	}
	back := time.Since(t.sent)
	s.Saw = fmt.Sprintf("%s back, %s after sending", plural(len(t.acked), "record"), took(back))
	s.Facts = map[string]any{"topic": t.topic, "records": len(t.acked), "round_trip_ms": milli(back)}
	return nil
}

// consumeLast reads the last record of somebody's topic.
func (t *trip) consumeLast(ctx context.Context, s *Step) error {
	n := 0
	err := t.read(ctx, ConsumerConfig{Topics: []string{t.topic}, From: Last(1), ExitAtEnd: true, MaxRecords: 1, Open: true}, func(Record) bool {
		n++
		return false
	})
	if err == nil {
		s.Saw = "the last record was read"
		if n == 0 {
			s.Saw = "there is no record to read"
		}
		s.Facts = map[string]any{"topic": t.topic, "records": n}
	}
	return err
}

// read hands out records until that is enough, or the end.
func (t *trip) read(ctx context.Context, cc ConsumerConfig, more func(Record) bool) error {
	c, err := NewConsumer(ctx, t.cfg, cc)
	if err != nil {
		return err
	}
	defer c.Close()
	for {
		b, err := c.Read(ctx)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		for _, r := range b.Records {
			if !more(r) {
				return nil
			}
		}
	}
}

// remove deletes the topic of the test, also where somebody ended that.
func (t *trip) remove(ctx context.Context) {
	if !t.own || t.admin == nil {
		return
	}
	t.d.step(context.WithoutCancel(ctx), Step{Name: "delete"}, func(ctx context.Context, s *Step) error {
		s.Saw, s.Facts = t.topic, map[string]any{"topic": t.topic}
		err := t.admin.DeleteTopics(ctx, t.topic)
		if errors.Is(err, ErrNoTopic) { // it was not made, after all
			return nil
		}
		if err != nil {
			return fault.Hint(err, "logpipe topic delete %s; its records go within an hour", t.topic)
		}
		return nil
	})
}
