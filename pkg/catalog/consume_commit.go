package catalog

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/logpipe/logpipe/pkg/fault"
	"github.com/logpipe/logpipe/pkg/kafka"
	"github.com/logpipe/logpipe/pkg/stream"
)

// The pauses of committing.
const (
	commitEvery    = time.Second
	commitAtEnd    = 5 * time.Second  // for the last commit
	commitPatience = 30 * time.Second // for the others
)

// commits tells the group what was written.
type commits struct {
	consumer *kafka.Consumer
	env      *stream.Env
	wake     chan struct{} // something is to be committed
	end      chan struct{}
	work     sync.WaitGroup
	failed   context.Context // ends when a commit has failed for good
	fail     context.CancelCauseFunc
	held     atomic.Bool // nothing is committed

	mu      sync.Mutex
	pending map[place]kafka.Batch // the last one written of each partition
}

type place struct {
	topic     string
	partition int32
}

func newCommits(c *kafka.Consumer, env *stream.Env) *commits {
	m := &commits{consumer: c, env: env, wake: make(chan struct{}, 1), end: make(chan struct{}), pending: map[place]kafka.Batch{}}
	m.failed, m.fail = context.WithCancelCause(context.Background())
	m.work.Go(m.run)
	return m
}

// done notes that a batch was written.
func (m *commits) done(b kafka.Batch) {
	m.mu.Lock()
	m.pending[place{b.Topic, b.Partition}] = b
	m.mu.Unlock()
	m.awake()
}

func (m *commits) awake() {
	select {
	case m.wake <- struct{}{}:
	default:
	}
}

func (m *commits) run() {
	pause := time.NewTicker(commitEvery)
	defer pause.Stop()
	for {
		select {
		case <-m.wake:
		case <-m.end:
			return
		}
		select {
		case <-pause.C:
		case <-m.end:
			return
		}
		err := m.commit(commitPatience)
		if fault.CodeOf(err) == fault.Unreachable { // kept for when the cluster is back
			m.env.Log.Debug("not committed", "reason", err)
			m.awake()
			continue
		}
		if err != nil {
			m.fail(err)
			return
		}
	}
}

// commit commits what is pending, and keeps what it could not. A partition that
// went to another member is read again by that one.
func (m *commits) commit(patience time.Duration) error {
	if m.held.Load() {
		return nil
	}
	m.mu.Lock()
	pending := m.pending
	m.pending = map[place]kafka.Batch{}
	m.mu.Unlock()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	for p, b := range pending {
		err := m.consumer.Commit(ctx, b)
		if errors.Is(err, kafka.ErrRevoked) {
			m.env.Log.Debug("not committed", "topic", p.topic, "partition", p.partition, "offset", b.Next(), "reason", err)
			err = nil
		}
		if err != nil {
			m.keep(pending)
			return fmt.Errorf("topic %q partition %d: commit offset %d: %w", p.topic, p.partition, b.Next(), err)
		}
		delete(pending, p)
	}
	return nil
}

// keep takes back what was not committed, where nothing newer has come.
func (m *commits) keep(pending map[place]kafka.Batch) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for p, b := range pending {
		if _, newer := m.pending[p]; !newer {
			m.pending[p] = b
		}
	}
}

// close makes the last commit.
func (m *commits) close() error {
	close(m.end)
	m.work.Wait()
	if m.failed.Err() != nil {
		return nil // it has ended the run
	}
	return m.commit(commitAtEnd)
}
