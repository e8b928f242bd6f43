package channel

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"time"

	"github.com/logpipe/logpipe/pkg/flume"
	"github.com/logpipe/logpipe/pkg/kafka"
)

// aheadRecords is how many records are fetched before they are taken.
const aheadRecords = 8192

// joinLimit is how long the end waits for what was put here where nothing has
// come so far: a group takes its time to let a member in.
const joinLimit = 5 * time.Second

// closeLimit is how long the last commit may take.
const closeLimit = 3 * time.Second

// Size is how many events are known to be inside: those that were fetched and
// not committed, and those behind them when the topic was last asked.
func (k *Kafka) Size() int {
	q := &k.queue
	q.mu.Lock()
	defer q.mu.Unlock()
	n := q.queued + q.open
	for _, p := range q.parts {
		n += int(p.end - p.reached)
	}
	return n
}

// Take moves out what was fetched, and waits for the first event.
func (k *Kafka) Take(ctx context.Context, max int) (flume.Transaction, error) {
	q := &k.queue
	begin := time.Now()
	k.counts.takeAttempt.Add(1)
	defer func() { k.counts.getTimer.Add(time.Since(begin).Milliseconds()) }()
	q.mu.Lock()
	defer q.mu.Unlock()
	if !q.started {
		q.started = true
		q.reading.Go(k.read)
	}
	for {
		if list := q.pop(max); len(list) > 0 {
			q.announce() // there is room to fetch more
			return k.begin(list), nil
		}
		var idle <-chan time.Time
		if q.drained && q.open == 0 {
			left := joinLimit
			if q.joined {
				left = k.pollTimeout
			}
			left -= time.Since(q.quiet)
			if left <= 0 || k.seen() {
				return nil, io.EOF
			}
			timer := time.NewTimer(left)
			defer timer.Stop()
			idle = timer.C
		}
		changed := q.changed
		q.mu.Unlock()
		var err error
		select {
		case <-changed:
		case <-idle:
		case <-ctx.Done():
			err = ctx.Err()
		case <-k.ctx.Done():
			err = errors.New("the channel is closed")
		}
		q.mu.Lock()
		if err != nil {
			return nil, err
		}
	}
}

// Drain says that no more puts will come. Other agents may put for ever, so that
// the channel is empty when all has been taken that was put here, or when nothing
// has come for a while: another member of the group has it then.
func (k *Kafka) Drain() {
	q := &k.queue
	q.mu.Lock()
	defer q.mu.Unlock()
	q.drained, q.quiet = true, time.Now()
	q.announce()
}

// seen reports whether all that was put here has been fetched; the queue's lock
// is held.
func (k *Kafka) seen() bool {
	k.mu.Lock()
	own := maps.Clone(k.own)
	k.mu.Unlock()
	for id, end := range own {
		if p := k.queue.parts[id]; p == nil || p.reached < end {
			return false
		}
	}
	return true
}

// A topic that is not there is made by the first put: it is looked for often, and
// missed aloud only after a while.
const (
	topicPause = 250 * time.Millisecond
	topicTries = 20
)

// read fetches until the channel is closed.
func (k *Kafka) read() {
	for failures, missing := 0, 0; k.ctx.Err() == nil; {
		c, err := kafka.NewConsumer(k.ctx, k.consuming.Config(k.brokers, k.env.Logf), k.consuming.Consumer(k.topic))
		if err == nil {
			if failures > 0 {
				k.env.Logf("events are taken again")
			}
			failures, missing = 0, 0
			k.works(cannotTake)
			err = k.readFrom(c)
		}
		if k.ctx.Err() != nil {
			return
		}
		if missing++; errors.Is(err, kafka.ErrNoTopic) && missing <= topicTries {
			if k.sleep(k.ctx, topicPause) != nil {
				return
			}
			continue
		}
		failures++
		if k.pause(k.ctx, failures, cannotTake, err) != nil {
			return
		}
	}
}

// readFrom fetches until the consumer fails. The channel's end leaves the
// consumer to close, which commits first.
func (k *Kafka) readFrom(c *kafka.Consumer) error {
	q := &k.queue
	q.mu.Lock()
	q.consumer, q.joined = c, false
	q.mu.Unlock()
	for {
		b, err := c.Read(k.ctx)
		if err != nil {
			if k.ctx.Err() != nil {
				return err
			}
			q.mu.Lock()
			q.consumer = nil
			q.mu.Unlock()
			return errors.Join(err, c.Close())
		}
		q.mu.Lock()
		for q.queued >= aheadRecords && k.ctx.Err() == nil {
			changed := q.changed
			q.mu.Unlock()
			select {
			case <-changed:
			case <-k.ctx.Done():
			}
			q.mu.Lock()
		}
		q.add(c, b)
		q.mu.Unlock()
	}
}

// close commits what is done and leaves the group.
func (q *kafkaQueue) close() error {
	q.reading.Wait()
	q.mu.Lock()
	c := q.consumer
	q.consumer = nil
	var last []*stretch
	for _, p := range q.parts {
		if s := p.committable(); s != nil && s.from == c {
			last = append(last, s)
		}
	}
	q.mu.Unlock()
	if c == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), closeLimit)
	defer cancel()
	var err error
	for _, s := range last {
		if commitErr := c.Commit(ctx, s.batch); !errors.Is(commitErr, kafka.ErrRevoked) {
			err = errors.Join(err, commitErr)
		}
	}
	return errors.Join(err, c.Close())
}

// begin makes a take of what was popped.
func (k *Kafka) begin(list []*stretch) *kafkaTake {
	t := &kafkaTake{k: k, list: list}
	for _, s := range list {
		for i := range s.batch.Records {
			t.events = append(t.events, k.event(&s.batch.Records[i]))
		}
	}
	return t
}

type kafkaTake struct {
	k      *Kafka
	list   []*stretch
	events []flume.Event // nil once settled
}

func (t *kafkaTake) Events() []flume.Event { return t.events }

// Commit commits offsets, as far as nothing before them is open. Where it fails
// the next commit of the partition makes up for it: the events have left the channel
// all the same.
func (t *kafkaTake) Commit() error {
	k, q, n := t.k, &t.k.queue, len(t.events)
	begin := time.Now()
	q.mu.Lock()
	for _, s := range t.list {
		s.done = true
	}
	q.open -= n
	q.announce()
	q.mu.Unlock()
	k.counts.takeSuccess.Add(int64(n))
	t.events = nil
	// One commit at a time: two of one partition must not overtake each other.
	q.committing.Lock()
	defer q.committing.Unlock()
	ctx, cancel := k.commitContext()
	defer cancel()
	var err error
	for _, s := range t.list {
		err = errors.Join(err, k.commit(ctx, s))
	}
	k.counts.commitTimer.Add(time.Since(begin).Milliseconds())
	if err != nil {
		return fmt.Errorf("%d events were delivered and come again if the agent ends now: %w", n, err)
	}
	return nil
}

// commitContext is not that of the sink: what was delivered is to be committed
// also when the agent gives up. At the end a cluster that is gone is not waited for.
func (k *Kafka) commitContext() (context.Context, context.CancelFunc) {
	k.queue.mu.Lock()
	defer k.queue.mu.Unlock()
	if k.queue.drained {
		return context.WithTimeout(k.ctx, closeLimit)
	}
	return context.WithCancel(k.ctx)
}

// commit commits what is done in the partition of s.
func (k *Kafka) commit(ctx context.Context, s *stretch) error {
	q := &k.queue
	q.mu.Lock()
	p := q.parts[s.batch.Partition]
	again := p == nil || p.from != s.from || s.batch.Revoked()
	var last *stretch
	if !again {
		last = p.committable()
	}
	q.mu.Unlock()
	if again {
		k.repeats(s)
		return nil
	}
	if last == nil {
		return nil // committed with another one, or it waits for one before it
	}
	err := s.from.Commit(ctx, last.batch)
	switch {
	case err == nil:
		return nil
	case errors.Is(err, kafka.ErrRevoked):
		k.repeats(s)
		return nil
	}
	q.mu.Lock()
	if q.parts[s.batch.Partition] == p {
		p.uncommitted = slices.Insert(p.uncommitted, 0, last)
	}
	q.mu.Unlock()
	return err
}

// repeats tells that a stretch was delivered and comes again.
func (k *Kafka) repeats(s *stretch) {
	n := int64(len(s.batch.Records))
	total := k.counts.repeated.Add(n)
	k.env.Logf("partition %d went to another member of group before %d events could be committed: they come twice (%d so far)", s.batch.Partition, n, total)
}

func (t *kafkaTake) Rollback() error {
	q := &t.k.queue
	t.k.counts.rollbacks.Add(1)
	q.mu.Lock()
	defer q.mu.Unlock()
	q.back(t.list)
	t.events = nil
	return nil
}
