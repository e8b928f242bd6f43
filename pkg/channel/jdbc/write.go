package jdbc

import (
	"errors"
	"fmt"
	"time"

	"github.com/logpipe/logpipe/pkg/database"
	"github.com/logpipe/logpipe/pkg/flume"
)

// request is a put or the delete of a take that is committed.
type request struct {
	events []flume.Event // of a put; nil for a delete
	span   span          // of a delete
	epoch  int           // of a delete
	first  int64         // id of a put's first event, once it has begun
	begun  bool          // a put that the writer has
	done   chan error    // holds one
}

// The most that shares a transaction.
const (
	groupEvents = 20_000
	groupBytes  = 8 << 20
)

// group is what shares a transaction.
type group struct {
	deletes, puts []*request
	// sent says that COMMIT was: where no answer came, it is looked up whether
	// the database did it.
	sent bool
}

// write is the only goroutine that changes the database. Requests that come while
// it works share the next transaction.
func (c *Channel) write() {
	defer close(c.ended)
	var held *group // what the end of a connection left open
	for failures := 0; ; {
		if held == nil {
			if held = c.gather(); held == nil {
				return
			}
		}
		err := c.writer.do(c.ctx, func(conn database.Conn) error { return c.apply(conn, held) })
		if err == nil {
			c.counts.unhealthy.Store(false)
			c.writing.works(c.env.Logf)
			failures, held = 0, nil
			continue
		}
		failures++
		c.counts.unhealthy.Store(true)
		if !held.sent {
			c.release(held)
			held = nil
		}
		if c.ctx.Err() != nil || c.over() || c.rest(failures, err) != nil {
			c.abandon(held)
			return
		}
	}
}

// rest is pause for the writer. Takes that are to be deleted end it where the
// database is there: they may go where puts do not, and make room for them.
func (c *Channel) rest(failures int, err error) error {
	what := "puts and takes wait"
	var told *database.ServerError
	if errors.As(err, &told) && told.Full {
		what = "puts wait"
	}
	c.writing.failed(c.env.Logf, what, err)
	timer := time.NewTimer(delay(failures))
	defer timer.Stop()
	for {
		select {
		case <-timer.C:
			return nil
		case <-c.ctx.Done():
			return errClosed
		case <-c.work: // seen by gather too, which looks first
		}
		c.mu.Lock()
		over, more := c.closed, len(c.deletes) > 0
		c.mu.Unlock()
		if over || more && !database.Lost(err) {
			return nil
		}
	}
}

// over reports whether the channel was closed.
func (c *Channel) over() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.closed
}

// gather waits for requests; nil is the end. Without a connection there is one at
// once: what is inside has to be known.
func (c *Channel) gather() *group {
	for {
		c.mu.Lock()
		g := &group{deletes: c.deletes}
		c.deletes = nil
		events, bytes := 0, 0
		for len(c.puts) > 0 && !c.closed && events < groupEvents && bytes < groupBytes {
			r := c.puts[0]
			c.puts = c.puts[1:]
			r.begun = true
			events += len(r.events)
			for i := range r.events {
				bytes += len(r.events[i].Body)
			}
			g.puts = append(g.puts, r)
		}
		ready := len(g.deletes) > 0 || len(g.puts) > 0 || !c.queue.loaded
		over := c.closed && len(g.deletes) == 0
		if over {
			c.refuse()
		}
		c.mu.Unlock()
		switch {
		case over:
			return nil
		case ready:
			return g
		}
		if !c.tidy() {
			<-c.work
		}
	}
}

// refuse answers what nobody will do; the lock is held.
func (c *Channel) refuse() {
	for _, r := range c.puts {
		c.reserved -= len(r.events)
		r.done <- errClosed
	}
	for _, r := range c.deletes {
		r.done <- fmt.Errorf("%d events were delivered and come again: %w", r.span.events, errClosed)
	}
	c.puts, c.deletes = nil, nil
	c.changes.Announce()
}

// release lets others have what was not done.
func (c *Channel) release(g *group) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, r := range g.puts {
		r.begun = false
	}
	c.puts = append(g.puts, c.puts...)
	c.deletes = append(g.deletes, c.deletes...)
}

// abandon is the end without the database.
func (c *Channel) abandon(held *group) {
	if held != nil {
		c.release(held)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed = true
	c.refuse()
}

// apply does a group, each of its requests once. An error leaves in it what is
// not done.
func (c *Channel) apply(conn database.Conn, g *group) error {
	c.discard(g)
	if g.sent {
		done, err := c.happened(conn, g)
		if err != nil {
			return err
		}
		if g.sent = false; done {
			c.finish(g)
			return nil
		}
	}
	err := c.commit(conn, g)
	if err == nil || database.Lost(err) || len(g.deletes)+len(g.puts) <= 1 {
		return c.refused(g, err)
	}
	return c.applySingly(conn, g)
}

// applySingly does what can be done of a group of which something is refused:
// the deletes first, which make room, then the puts one by one.
func (c *Channel) applySingly(conn database.Conn, g *group) error {
	for len(g.deletes)+len(g.puts) > 0 {
		one, rest := &group{deletes: g.deletes}, g.puts
		if len(g.deletes) == 0 {
			one.puts, rest = g.puts[:1:1], g.puts[1:]
		}
		if err := c.refused(one, c.commit(conn, one)); err != nil {
			if g.sent = one.sent; g.sent { // the others are free
				c.release(&group{puts: rest})
				g.puts = one.puts
			}
			return err
		}
		g.deletes, g.puts = nil, rest
	}
	return nil
}

// refused answers a put that the database will never take.
func (c *Channel) refused(g *group, err error) error {
	var told *database.ServerError
	if len(g.puts) != 1 || len(g.deletes) > 0 || database.Lost(err) || !errors.As(err, &told) || !told.Large {
		return err
	}
	c.answer(g.puts, fmt.Errorf("an event is larger than the database takes: %w", err))
	g.puts = nil
	return nil
}

// discard leaves out takes of an epoch that is over: their ids mean nothing now.
func (c *Channel) discard(g *group) {
	c.mu.Lock()
	defer c.mu.Unlock()
	kept := g.deletes[:0:0]
	for _, r := range g.deletes {
		if r.epoch == c.queue.epoch {
			kept = append(kept, r)
			continue
		}
		r.done <- fmt.Errorf("%d events were delivered and may come again: another agent had the channel meanwhile", r.span.events)
	}
	g.deletes = kept
	if g.sent && c.queue.epoch != g.epoch() {
		g.sent = false // looked up it cannot be: they may be there twice
	}
}

// epoch is that of the requests of a group.
func (g *group) epoch() int {
	for _, r := range g.puts {
		return r.epoch
	}
	for _, r := range g.deletes {
		return r.epoch
	}
	return 0
}

// happened looks up a commit that was not answered: all of it was done or
// nothing. Deletes alone are repeated, which changes nothing.
func (c *Channel) happened(conn database.Conn, g *group) (bool, error) {
	if len(g.puts) == 0 {
		return false, nil
	}
	return c.sql.has(c.ctx, conn, g.puts[0].first)
}

// commit is one transaction.
func (c *Channel) commit(conn database.Conn, g *group) error {
	if len(g.deletes)+len(g.puts) == 0 {
		return nil
	}
	if err := c.checkSpace(conn, g); err != nil {
		return err
	}
	c.number(g)
	if err := c.change(conn, g); err != nil {
		if database.Lost(err) {
			return err
		}
		_, back := conn.Exec(c.ctx, "ROLLBACK")
		if back != nil && !database.Lost(back) {
			return &stuckError{err}
		}
		g.sent = false
		return err
	}
	c.finish(g)
	return nil
}

// number gives ids to the events of puts.
func (c *Channel) number(g *group) {
	c.mu.Lock()
	defer c.mu.Unlock()
	next := c.queue.synced
	for _, r := range g.puts {
		r.first, r.epoch = next, c.queue.epoch
		next += int64(len(r.events))
	}
}

func (c *Channel) change(conn database.Conn, g *group) error {
	if err := c.sql.begin(c.ctx, conn, len(g.puts) > 0); err != nil {
		return err
	}
	for _, r := range g.deletes {
		if err := c.sql.remove(c.ctx, conn, r.span); err != nil {
			return err
		}
	}
	if len(g.puts) > 0 {
		var events []flume.Event
		for _, r := range g.puts {
			events = append(events, r.events...)
		}
		if err := c.sql.add(c.ctx, conn, g.puts[0].first, events); err != nil {
			return err
		}
	}
	g.sent = true
	_, err := conn.Exec(c.ctx, "COMMIT")
	return err
}

// finish answers what the database has done.
func (c *Channel) finish(g *group) {
	n := 0
	for _, r := range g.puts {
		n += len(r.events)
	}
	c.mu.Lock()
	c.queue.grown(n)
	c.counts.putSuccess.Add(int64(n))
	for _, r := range g.deletes {
		c.removed += r.span.events
		c.counts.takeSuccess.Add(int64(r.span.events))
		c.queue.commit(r.span)
		r.done <- nil
	}
	c.mu.Unlock()
	c.answer(g.puts, nil)
	g.sent = false
}

// answer ends puts.
func (c *Channel) answer(puts []*request, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, r := range puts {
		c.reserved -= len(r.events)
		r.done <- err
	}
	c.changes.Announce()
}
