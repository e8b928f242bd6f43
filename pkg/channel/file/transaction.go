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
	_, err := c.PutAll(ctx, batch, len(batch))
	return err
}

// mostTogether is how many batches share a sync.
const mostTogether = 16

// PutAll stores batch after batch, those for which there is space at once, and
// returns when they are on disk. Each batch is a record of its own; the syncs are shared.
func (c *Channel) PutAll(ctx context.Context, events []flume.Event, size int) (stored int, err error) {
	c.counts.putAttempt.Add(int64(len(events)))
	if size > c.batch {
		return 0, fmt.Errorf("a batch of %d events exceeds transactionCapacity %d", size, c.batch)
	}
	var timeout <-chan time.Time
	if c.keepAlive > 0 {
		timer := time.NewTimer(c.keepAlive)
		defer timer.Stop()
		timeout = timer.C
	}
	for stored < len(events) && err == nil {
		var n int
		n, err = c.putSome(ctx, events[stored:], size, timeout)
		stored += n
		timeout = nil // see flume.BatchPutter
	}
	if stored > 0 && errors.Is(err, flume.ErrFull) {
		err = nil
	}
	c.counts.putSuccess.Add(int64(stored))
	if err != nil && !errors.Is(err, flume.ErrFull) {
		c.counts.putError.Add(1)
	}
	flume.Release(events[:stored]) // they are on disk now
	return stored, err
}

// Room is how many events would find space now.
func (c *Channel) Room() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.capacity - c.inside - c.reserved
}

// putSome stores the first batch, for which it waits, and those behind it that
// find room at once.
func (c *Channel) putSome(ctx context.Context, events []flume.Event, size int, timeout <-chan time.Time) (stored int, err error) {
	var written [mostTogether]int64
	batches, reserved := 0, 0
	for ; batches < mostTogether && reserved < len(events); batches++ {
		batch := events[reserved:min(reserved+size, len(events))]
		if err = c.reserve(ctx, len(batch), timeout); err != nil {
			break
		}
		reserved += len(batch)
		if written[batches], err = c.write(ctx, batch, timeout); err != nil {
			break
		}
		timeout = nil // what is written makes room only when it is on disk
	}
	if batches > 0 && errors.Is(err, flume.ErrFull) {
		err = nil // of a batch that is tried again
	}
	for i := range batches {
		if syncErr := c.journal.sync(written[i]); syncErr != nil {
			err = syncErr
			break
		}
		stored = min(stored+size, len(events))
	}
	c.mu.Lock()
	c.reserved -= reserved
	c.changes.Announce()
	c.mu.Unlock()
	return stored, err
}

// reserve waits for room for n events.
func (c *Channel) reserve(ctx context.Context, n int, timeout <-chan time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	for {
		switch {
		case c.closed:
			return errClosed
		case c.fits(n):
			c.reserved, c.lacking = c.reserved+n, 0
			return nil
		}
		c.lacks(n)
		if timeout == nil {
			return flume.ErrFull
		}
		if err := c.changes.Wait(ctx, &c.mu, timeout); err != nil {
			return err
		}
	}
}

// write appends the batch to the log, once there is space on disk, and returns
// what sync has to be told.
func (c *Channel) write(ctx context.Context, batch []flume.Event, timeout <-chan time.Time) (written int64, err error) {
	buffer := putBuffers.Get().(*[]byte)
	defer func() {
		if cap(*buffer) <= keptBuffer {
			putBuffers.Put(buffer)
		}
	}()
	var head [recordHeader]byte
	*buffer = appendEvents(append((*buffer)[:0], head[:]...), batch)
	if len(*buffer) > putBytes {
		return 0, fmt.Errorf("a batch of %d bytes is more than the %d that a file channel stores at once", len(*buffer), putBytes)
	}
	for {
		m, err := c.journal.appendPut(*buffer, len(batch))
		var full *noSpaceError
		if err == nil {
			c.tellSpace(nil)
			return m.written, nil
		}
		if !errors.As(err, &full) {
			return 0, err
		}
		c.tellSpace(full)
		if err := c.waitForSpace(ctx, timeout, full); err != nil {
			return 0, err
		}
	}
}

// tellSpace says once that there is no space, and once that there is again.
func (c *Channel) tellSpace(full *noSpaceError) {
	c.mu.Lock()
	changed := c.short != (full != nil)
	c.short = full != nil
	if c.short && len(c.retained) > 0 {
		c.changes.Announce() // see stalled
	}
	c.mu.Unlock()
	switch {
	case !changed:
	case full != nil:
		c.logf("puts wait, nothing is lost: %v; free some space, or lower minimumRequiredSpace", full)
	default:
		c.logf("there is space again, puts go on")
	}
}

// Trouble tells that there is no space for puts.
func (c *Channel) Trouble() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.short {
		return ""
	}
	return "puts wait for space on the disk"
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
	t, err := c.take(ctx, max, max, 0)
	if err != nil {
		return nil, err
	}
	return t, nil
}

// take reads a batch, and up to most events as long as they have fewer bytes.
func (c *Channel) take(ctx context.Context, batch, most, bytes int) (*transaction, error) {
	select {
	case c.token <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	defer func() { <-c.token }()
	for {
		s, end, err := c.await(ctx, most)
		if errors.Is(err, errStalled) {
			c.makeRoom()
			continue
		}
		if err != nil {
			return nil, err
		}
		t, err := c.read(s, batch, bytes, end)
		if err == nil {
			return t, nil
		}
		if err := c.cannotRead(err); err != nil {
			return nil, err
		}
	}
}

// read reads the events of a pick; the caller has the token.
func (c *Channel) read(s span, batch, bytes int, end mark) (*transaction, error) {
	t := c.newTransaction(int(s.to - s.from))
	events, first, err := c.reader.read(t.events, s.at, s.from, s.to, batch, bytes, end)
	c.counts.takeAttempt.Add(int64(max(len(events), min(batch, int(s.to-s.from)))))
	c.mu.Lock()
	t.span = c.picked(s, len(events), first, c.reader.here())
	c.mu.Unlock()
	t.events = events
	return t, err
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
		case c.stalled():
			return s, end, errStalled
		}
		if err := c.reader.letGo(); err != nil {
			return s, end, err
		}
		if err := c.changes.Wait(ctx, &c.mu, nil); err != nil {
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
	c.changes.Announce()
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
	c.changes.Announce()
}

type transaction struct {
	c      *Channel
	span   span
	events []flume.Event // nil once settled
	past   []flume.Event // those that are committed
	slot   int           // where it notes what is delivered; 0 = nowhere
}

// mostSpare is how many transactions are kept to be used again.
const mostSpare = 32

// newTransaction returns a transaction with room for n events.
func (c *Channel) newTransaction(n int) *transaction {
	c.mu.Lock()
	defer c.mu.Unlock()
	if last := len(c.spare) - 1; last >= 0 {
		t := c.spare[last]
		c.spare = c.spare[:last]
		if n <= cap(t.past) {
			t.events, t.past = t.past[:0], nil
			return t
		}
	}
	return &transaction{c: c, events: make([]flume.Event, 0, n)}
}

// Recycle lets the memory of the transaction and of its events be used again.
func (t *transaction) Recycle() {
	flume.Release(t.past)
	clear(t.past)
	t.c.mu.Lock()
	defer t.c.mu.Unlock()
	if len(t.c.spare) < mostSpare {
		t.c.spare = append(t.c.spare, t)
	}
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
		c.changes.Announce()
	})
	t.events, t.past = nil, t.events
	if errors.Is(err, errClosed) {
		return err
	}
	_ = c.delivered.end(t.slot, err == nil) // what stays noted is taken, and that is logged or will be
	t.slot = 0
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
	err := c.delivered.end(t.slot, true) // before another take gets the events
	t.slot = 0
	c.mu.Lock()
	defer c.mu.Unlock()
	c.end(t.span)
	c.restore(t.span)
	t.events = nil
	c.changes.Announce()
	return err
}
