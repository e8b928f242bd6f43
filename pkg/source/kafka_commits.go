package source

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/logpipe/logpipe/pkg/fault"
	"github.com/logpipe/logpipe/pkg/kafka"
)

// kafkaCommitAgain is the pause before what could not be committed is tried again.
const kafkaCommitAgain = 100 * time.Millisecond

// kafkaCommits commits in the background what is stored: while one commit is on
// its way, further ones of the same partition become one. No more than a batch of
// records is stored and not committed: so many come again after a crash.
type kafkaCommits struct {
	s        *Kafka
	consumer *kafka.Consumer
	news     chan struct{}
	freed    chan struct{} // there is room
	done     chan struct{}

	mu      sync.Mutex
	pending map[kafkaPlace]kafkaStored
	open    int // records that are stored and not committed
	ended   bool
}

type kafkaPlace struct {
	topic     string
	partition int32
}

// kafkaStored is what was stored of a partition and not committed.
type kafkaStored struct {
	last    kafka.Batch
	records int
}

func newKafkaCommits(s *Kafka, consumer *kafka.Consumer) *kafkaCommits {
	return &kafkaCommits{s: s, consumer: consumer, pending: map[kafkaPlace]kafkaStored{},
		news: make(chan struct{}, 1), freed: make(chan struct{}, 1), done: make(chan struct{})}
}

// room waits until n records may be stored; false says that ctx has ended.
func (c *kafkaCommits) room(ctx context.Context, n int) bool {
	for {
		c.mu.Lock()
		open := c.open
		c.mu.Unlock()
		if open == 0 || open+n <= c.s.batch {
			return true
		}
		select {
		case <-c.freed:
		case <-ctx.Done():
			return false
		}
	}
}

// add notes that records are stored.
func (c *kafkaCommits) add(b kafka.Batch) {
	c.consumer.Done(b)
	c.mu.Lock()
	place := kafkaPlace{b.Topic, b.Partition}
	c.pending[place] = kafkaStored{b, c.pending[place].records + len(b.Records)}
	c.open += len(b.Records)
	c.mu.Unlock()
	notify(c.news)
}

// end commits the rest.
func (c *kafkaCommits) end() {
	c.mu.Lock()
	c.ended = true
	c.mu.Unlock()
	notify(c.news)
	<-c.done
}

// take returns what is to commit, and whether that is the rest.
func (c *kafkaCommits) take() (stored map[kafkaPlace]kafkaStored, ended bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	stored, c.pending = c.pending, map[kafkaPlace]kafkaStored{}
	return stored, c.ended
}

func (c *kafkaCommits) run() {
	defer close(c.done)
	told := false
	for range c.news {
		stored, ended := c.take()
		err := c.commit(stored)
		switch {
		case len(stored) == 0:
		case err == nil:
			told = false
		case !errors.Is(err, kafka.ErrRevoked) && !told:
			told = true
			c.s.counters.failed.Add(1)
			c.s.env.Logf("cannot commit, so that records come again after a restart: %v", err)
		}
		for place, now := range stored {
			c.settle(place, now, lost(err) && !ended)
		}
		if ended {
			return
		}
	}
}

// commit commits the last batch of each partition.
func (c *kafkaCommits) commit(stored map[kafkaPlace]kafkaStored) error {
	if len(stored) == 0 {
		return nil
	}
	var last []kafka.Batch
	for _, s := range stored {
		last = append(last, s.last)
	}
	begin := time.Now()
	ctx, cancel := context.WithTimeout(context.Background(), kafkaGrace)
	defer cancel()
	defer func() { c.s.commitTime.Add(time.Since(begin).Milliseconds()) }()
	return c.consumer.CommitAll(ctx, last)
}

// lost tells whether the group is not to be reached now, but may be soon.
func lost(err error) bool {
	return fault.CodeOf(err) == fault.Unreachable || errors.Is(err, context.DeadlineExceeded)
}

// settle makes room, or keeps for a further try what could not be committed.
func (c *kafkaCommits) settle(place kafkaPlace, was kafkaStored, again bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !again {
		c.open -= was.records
		notify(c.freed)
		return
	}
	newer, ok := c.pending[place]
	if ok {
		was.last = newer.last
	}
	c.pending[place] = kafkaStored{was.last, was.records + newer.records}
	time.AfterFunc(kafkaCommitAgain, func() { notify(c.news) })
}
