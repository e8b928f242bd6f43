package file

import (
	"errors"
	"slices"
	"time"
)

// chunkEvents is the least of events that a retained span has before the next one
// begins. Few spans can be many events then, and where one comes back, little of the
// log before it is read again.
const chunkEvents = 1 << 16

// retain notes the events of a take that is over as those to be committed later.
func (q *queue) retain(s span, chunk int) {
	i := len(q.retained)
	for i > 0 && q.retained[i-1].from > s.from {
		i--
	}
	if i > 0 && q.retained[i-1].to == s.from && int(s.to-q.retained[i-1].from) <= chunk {
		q.retained[i-1].to = s.to
		return
	}
	q.retained = slices.Insert(q.retained, i, s)
}

// oldest is the first retained span, as far as it lies before a place and has at
// most so many events.
func (q *queue) oldest(behind uint64, most int) (s span, ok bool) {
	if len(q.retained) == 0 || q.retained[0].from >= behind {
		return s, false
	}
	s = q.retained[0]
	s.to = min(s.to, behind, s.from+uint64(most))
	return s, true
}

// settle forgets s, which is what oldest returned.
func (q *queue) settle(s span) {
	if first := &q.retained[0]; s.to < first.to {
		first.from = s.to
		return
	}
	q.retained = slices.Delete(q.retained, 0, 1)
}

// retainedEvents is how many there are.
func (q *queue) retainedEvents() (n int) {
	for _, s := range q.retained {
		n += int(s.to - s.from)
	}
	return n
}

// taken is the place behind all that is taken and not committed.
func (q *queue) taken() (behind uint64) {
	for _, list := range [][]span{q.open, q.retained} {
		for _, s := range list {
			behind = max(behind, s.to)
		}
	}
	return behind
}

// Retain lets the events stay in the channel.
func (t *transaction) Retain() (behind uint64, err error) {
	if t.events == nil {
		return 0, errSettled
	}
	c := t.c
	_ = c.delivered.end(t.slot, true) // it ends the notes where it fails
	t.slot = 0
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return 0, errClosed
	}
	c.end(t.span)
	c.retain(t.span, max(chunkEvents, c.capacity/slotSpans*2))
	t.events, t.past = nil, t.events
	c.changes.Announce()
	return t.span.to, nil
}

// CommitRetained logs the takes of what was retained in front of a place.
func (c *Channel) CommitRetained(behind uint64) error {
	_, err := c.settleRetained(behind, c.capacity)
	return err
}

// settleRetained commits the oldest of the retained events, most of them at most.
func (c *Channel) settleRetained(behind uint64, most int) (settled int, err error) {
	c.settling.Lock()
	defer c.settling.Unlock()
	for most > 0 {
		c.mu.Lock()
		s, ok := c.oldest(behind, most)
		closed := c.closed
		c.mu.Unlock()
		if closed {
			return settled, errClosed
		}
		if !ok {
			return settled, nil
		}
		n := int(s.to - s.from)
		err := c.journal.appendTake(s.from, s.to, func() {
			c.mu.Lock()
			defer c.mu.Unlock()
			c.settle(s)
			c.inside -= n
			c.changes.Announce()
		})
		if errors.Is(err, errClosed) {
			return settled, err
		}
		if err != nil { // tried again by the next put and by keepHouse, which tells
			c.counts.takeError.Add(1)
		}
		c.counts.takeSuccess.Add(int64(n))
		settled, most = settled+n, most-n
	}
	return settled, nil
}

// ReturnRetained lets the next takes begin with the retained events.
func (c *Channel) ReturnRetained() {
	c.settling.Lock()
	defer c.settling.Unlock()
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, s := range slices.Backward(c.retained) {
		c.restore(s)
	}
	c.retained = nil
	c.changes.Announce()
}

var errStalled = errors.New("a put waits for room that retained events have")

// lacks notes that a put of n events finds no room; mu is held.
func (c *Channel) lacks(n int) {
	if c.lacking != n {
		c.lacking = n
		c.changes.Announce() // the take that waits looks whether the channel is stalled
	}
}

// stalled reports whether nothing can come into the channel and nothing out of it,
// because the events inside are retained until others come; mu is held, and there is
// nothing to take.
func (c *Channel) stalled() bool {
	switch {
	case len(c.retained) == 0 || len(c.open) > 0:
		return false
	case c.short: // segments are deleted, and puts try again, a while after a commit
		return time.Since(c.yielded) > housekeeping
	}
	return c.reserved == 0 && c.lacking > 0 && !c.fits(c.lacking)
}

// makeRoom commits the oldest of the retained events: a part of them large enough
// that puts and takes need not wait for each other event by event.
func (c *Channel) makeRoom() {
	n, err := c.settleRetained(1<<64-1, max(1, c.lackingNow(), c.capacity/4))
	c.counts.unretained.Add(int64(n))
	c.mu.Lock()
	first := !c.told && n > 0
	c.told, c.yielded = c.told || n > 0, time.Now()
	short := c.short
	c.mu.Unlock()
	if short {
		select {
		case c.kicked <- struct{}{}: // what is taken may be deleted at once
		default:
		}
	}
	switch {
	case err != nil || !first:
	case short:
		c.logf("a sink holds what it makes of the events inside, and the disk has no room for more: the oldest %d are taken for good now, and a kill -9 would lose what is held of them; free some space, or let the sink hold less (shorter windows); EventUnretainedCount counts them", n)
	default:
		c.logf("a sink holds what it makes of the events inside, and there is no room for more: the oldest %d are taken for good now, and a kill -9 would lose what is held of them; raise capacity (%d), or let the sink hold less (shorter windows); EventUnretainedCount counts them", n, c.capacity)
	}
}

func (c *Channel) lackingNow() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.lacking
}
