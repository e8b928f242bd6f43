package catalog

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/logpipe/logpipe/pkg/fault"
	"github.com/logpipe/logpipe/pkg/kafka"
	"github.com/logpipe/logpipe/pkg/stream"
)

// The pauses of committing.
const (
	commitEvery    = 100 * time.Millisecond
	commitAtEnd    = 15 * time.Second // for the last commit: longer than a broker is dead until its cluster knows
	commitHoldsUp  = 5 * time.Second  // reading, at most
	commitPatience = 30 * time.Second // for the others
)

// mostUncommitted is how many records may be written that are not committed before
// the next are: a reader that is killed reads no more than these, and a batch that is
// being written, again.
const mostUncommitted = 2048

// commits tells the group what was written.
type commits struct {
	consumer *kafka.Consumer
	env      *stream.Env
	wake     chan struct{} // something is to be committed
	urgent   chan struct{} // and is waited for
	end      chan struct{}
	work     sync.WaitGroup
	failed   context.Context // ends when a commit has failed for good
	fail     context.CancelCauseFunc

	mu      sync.Mutex
	pending map[place]kafka.Batch // the last one written of each partition
	open    int                   // records written that are not committed
	stored  chan struct{}         // closed by the next commit
}

type place struct {
	topic     string
	partition int32
}

func newCommits(c *kafka.Consumer, env *stream.Env) *commits {
	m := &commits{consumer: c, env: env, wake: make(chan struct{}, 1), urgent: make(chan struct{}, 1), stored: make(chan struct{}), end: make(chan struct{}), pending: map[place]kafka.Batch{}}
	m.failed, m.fail = context.WithCancelCause(context.Background())
	m.work.Go(m.run)
	return m
}

// done notes that a batch was written.
func (m *commits) done(b kafka.Batch) {
	m.consumer.Done(b)
	m.mu.Lock()
	m.pending[place{b.Topic, b.Partition}] = b.Last()
	m.open += len(b.Records)
	m.mu.Unlock()
	signal(m.wake)
}

// bounded waits while too much is written that is not committed, but no longer than
// commitHoldsUp: a group whose coordinator is away holds nothing up.
func (m *commits) bounded() {
	patience := time.NewTimer(commitHoldsUp)
	defer patience.Stop()
	for {
		m.mu.Lock()
		open, stored := m.open, m.stored
		m.mu.Unlock()
		if open <= mostUncommitted || m.consumer.Held() {
			return
		}
		signal(m.urgent)
		select {
		case <-stored:
		case <-m.failed.Done():
			return
		case <-patience.C:
			return
		}
	}
}

func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// run commits what was written as soon as it is, and then again after a pause.
func (m *commits) run() {
	for {
		select {
		case <-m.wake:
		case <-m.end:
			return
		}
		err := m.commit(commitPatience)
		if fault.CodeOf(err) == fault.Unreachable { // kept for when the cluster is back
			m.env.Log.Debug("not committed", "reason", err)
			signal(m.wake)
		} else if err != nil {
			m.fail(err)
			return
		}
		select {
		case <-time.After(commitEvery):
		case <-m.urgent:
		case <-m.end:
			return
		}
	}
}

// commit commits what is pending, and keeps what it could not. A partition that
// went to another member is read again by that one.
func (m *commits) commit(patience time.Duration) error {
	if m.consumer.Held() {
		return nil
	}
	m.mu.Lock()
	pending, open := m.pending, m.open
	m.pending = map[place]kafka.Batch{}
	m.mu.Unlock()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	err := m.consumer.CommitAll(ctx, slices.Collect(maps.Values(pending)))
	if errors.Is(err, kafka.ErrRevoked) {
		m.env.Log.Debug("not committed", "reason", err)
		err = nil
	}
	if err != nil {
		m.keep(pending)
		return err
	}
	m.mu.Lock()
	m.open -= open
	close(m.stored)
	m.stored = make(chan struct{})
	m.mu.Unlock()
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
