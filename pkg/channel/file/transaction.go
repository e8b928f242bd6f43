package file

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/logpipe/logpipe/pkg/flume"
)

// fullError says why a put found no space; for sources it is flume.ErrFull.
type fullError struct{ why error }

func (e *fullError) Error() string        { return "no space on disk: " + e.why.Error() }
func (e *fullError) Is(target error) bool { return target == flume.ErrFull }

// spaceRetry is how often a put that waits for space on disk looks again.
const spaceRetry = 100 * time.Millisecond

// putBytes is the most that the record of a batch may have.
const putBytes = 1 << 30

// keptBuffer is the largest buffer that is kept for the next put.
const keptBuffer = 4 << 20

// putBuffers hold records while they are written. Their users share nothing
// else.
var putBuffers = sync.Pool{New: func() any { return new([]byte) }}

// Put stores the batch and returns when it is on disk.
func (c *Channel) Put(ctx context.Context, batch []flume.Event) error {
	c.counts.putAttempt.Add(int64(len(batch)))
	if len(batch) == 0 {
		return nil
	}
	if len(batch) > c.batch {
		return fmt.Errorf("a batch of %d events exceeds transactionCapacity %d", len(batch), c.batch)
	}
	var timeout <-chan time.Time
	if c.keepAlive > 0 {
		timer := time.NewTimer(c.keepAlive)
		defer timer.Stop()
		timeout = timer.C
	}
	if err := c.reserve(ctx, len(batch), timeout); err != nil {
		return err
	}
	err := c.store(ctx, batch, timeout)
	c.mu.Lock()
	c.reserved -= len(batch)
	c.announce()
	c.mu.Unlock()
	switch {
	case err == nil:
		c.counts.putSuccess.Add(int64(len(batch)))
		flume.Release(batch) // they are on disk now
	case !errors.Is(err, flume.ErrFull):
		c.counts.putError.Add(1)
	}
	return err
}

// reserve waits for room for n events.
func (c *Channel) reserve(ctx context.Context, n int, timeout <-chan time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	for {
		switch {
		case c.closed:
			return errClosed
		case c.inside+c.reserved+n <= c.capacity:
			c.reserved += n
			return nil
		case timeout == nil:
			return flume.ErrFull
		}
		if err := c.wait(ctx, timeout); err != nil {
			return err
		}
	}
}

// store writes the batch, once there is space on disk, and syncs it.
func (c *Channel) store(ctx context.Context, batch []flume.Event, timeout <-chan time.Time) error {
	buffer := putBuffers.Get().(*[]byte)
	defer func() {
		if cap(*buffer) <= keptBuffer {
			putBuffers.Put(buffer)
		}
	}()
	var head [recordHeader]byte
	*buffer = appendEvents(append((*buffer)[:0], head[:]...), batch)
	if len(*buffer) > putBytes {
		return fmt.Errorf("a batch of %d bytes is more than the %d that a file channel stores at once", len(*buffer), putBytes)
	}
	for {
		m, err := c.journal.appendPut(*buffer, len(batch))
		var full *noSpaceError
		if err == nil {
			c.tellSpace(nil)
			return c.journal.sync(m.written)
		}
		if !errors.As(err, &full) {
			return err
		}
		c.tellSpace(full)
		if err := c.waitForSpace(ctx, timeout, full); err != nil {
			return err
		}
	}
}

// tellSpace says once that there is no space, and once that there is again.
func (c *Channel) tellSpace(full *noSpaceError) {
	c.mu.Lock()
	changed := c.short != (full != nil)
	c.short = full != nil
	c.mu.Unlock()
	switch {
	case !changed:
	case full != nil:
		c.logf("puts wait, nothing is lost: %v; free some space, or lower minimumRequiredSpace", full)
	default:
		c.logf("there is space again, puts go on")
	}
}

func (c *Channel) waitForSpace(ctx context.Context, timeout <-chan time.Time, full *noSpaceError) error {
	select {
	case c.kicked <- struct{}{}: // what is taken may be deleted at once
	default:
	}
	if timeout == nil {
		return &fullError{full}
	}
	retry := time.NewTimer(spaceRetry)
	defer retry.Stop()
	select {
	case <-retry.C:
		return nil
	case <-timeout:
		return &fullError{full}
	case <-c.stop:
		return errClosed
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Take reads up to max events, fewer where those are large.
func (c *Channel) Take(ctx context.Context, max int) (flume.Transaction, error) {
	max = min(max, c.batch)
	select {
	case c.token <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	defer func() { <-c.token }()
	for {
		s, end, err := c.await(ctx, max)
		if err != nil {
			return nil, err
		}
		c.counts.takeAttempt.Add(int64(s.to - s.from))
		events, first, err := c.reader.read(make([]flume.Event, 0, s.to-s.from), s.at, s.from, s.to, max, end)
		c.mu.Lock()
		taken := c.picked(s, len(events), first, c.reader.here())
		c.mu.Unlock()
		if err == nil {
			return &transaction{c, taken, events}, nil
		}
		if err := c.cannotRead(err); err != nil {
			return nil, err
		}
	}
}

// await waits for events and begins a take of them.
func (c *Channel) await(ctx context.Context, max int) (s span, end mark, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for {
		switch {
		case c.closed:
			return s, end, errClosed
		case c.available():
			return c.pick(max), c.synced, nil
		case c.overflow:
			return s, end, ErrEmpty
		// An open take may still roll back: the channel is not empty yet.
		case c.drained && len(c.open) == 0:
			return s, end, io.EOF
		}
		if err := c.wait(ctx, nil); err != nil {
			return s, end, err
		}
	}
}

// cannotRead leaves events out where the properties say so.
func (c *Channel) cannotRead(err error) error {
	var gap *gapError
	if !errors.As(err, &gap) || c.corruption != "skip" {
		c.counts.takeError.Add(1)
		return err
	}
	c.mu.Lock()
	lost := c.lose(gap)
	c.announce()
	c.mu.Unlock()
	c.counts.lost.Add(int64(lost))
	if lost > 0 {
		c.logf("%d events are lost: %v", lost, gap.err)
	}
	return nil
}

// Drain wakes the takers that wait for an event that will not come.
func (c *Channel) Drain() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.drained = true
	c.announce()
}

type transaction struct {
	c      *Channel
	span   span
	events []flume.Event // nil once settled
}

func (t *transaction) Events() []flume.Event { return t.events }

var errSettled = errors.New("the transaction is over")

// Commit logs the take.
func (t *transaction) Commit() error {
	if t.events == nil {
		return errSettled
	}
	c, n := t.c, len(t.events)
	err := c.journal.appendTake(t.span.from, t.span.to, func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.end(t.span)
		c.inside -= n
		c.announce()
	})
	t.events = nil
	if errors.Is(err, errClosed) {
		return err
	}
	if err != nil { // tried again by the next put and by keepHouse, which tells
		c.counts.takeError.Add(1)
	}
	c.counts.takeSuccess.Add(int64(n))
	return nil
}

// Rollback lets the next take begin with these events.
func (t *transaction) Rollback() error {
	if t.events == nil {
		return errSettled
	}
	c := t.c
	c.mu.Lock()
	defer c.mu.Unlock()
	c.end(t.span)
	c.restore(t.span)
	t.events = nil
	c.announce()
	return nil
}
