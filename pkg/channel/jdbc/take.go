package jdbc

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/logpipe/logpipe/pkg/database"
	"github.com/logpipe/logpipe/pkg/flume"
)

// takeBytes is the size of bodies and headers at which a take ends, so that large
// events do not fill the memory.
const takeBytes = 16 << 20

// Take reads up to max events, fewer where those are large.
func (c *Channel) Take(ctx context.Context, max int) (flume.Transaction, error) {
	max = min(max, c.batch)
	select {
	case c.token <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	defer func() { <-c.token }()
	for failures := 0; ; {
		s, again, epoch, err := c.await(ctx)
		if err != nil {
			return nil, err
		}
		var events []flume.Event
		var taken span
		var whole bool
		err = c.reader.do(ctx, func(conn database.Conn) (err error) {
			events, taken, whole, err = c.sql.read(ctx, conn, s, max)
			return err
		})
		c.mu.Lock()
		valid := epoch == c.queue.epoch
		switch {
		case !valid:
			// The channel was read anew meanwhile.
		case err != nil:
			c.queue.unpick(s, again)
		default:
			c.queue.picked(s, again, taken, whole)
			c.changes.Announce()
		}
		c.mu.Unlock()
		switch {
		case err == nil && len(events) > 0 && valid:
			c.taking.works(c.env.Logf)
			c.counts.takeAttempt.Add(int64(len(events)))
			return &transaction{c, taken, epoch, events}, nil
		case err == nil:
			continue
		case ctx.Err() != nil:
			return nil, ctx.Err()
		}
		failures++
		if err := c.pause(ctx, failures, err); err != nil {
			return nil, err
		}
	}
}

// await waits for events and begins a take of them.
func (c *Channel) await(ctx context.Context) (s span, again bool, epoch int, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for {
		switch {
		case c.closed:
			return s, false, 0, errClosed
		case c.queue.available():
			s, again = c.queue.pick()
			return s, again, c.queue.epoch, nil
		// An open take may still roll back, and a put may still be on its way: the
		// channel is not empty yet.
		case c.drained && c.queue.loaded && len(c.queue.open) == 0 && len(c.puts) == 0:
			return s, false, 0, io.EOF
		}
		if err := c.changes.Wait(ctx, &c.mu, nil); err != nil {
			return s, false, 0, err
		}
	}
}

// pause waits after failures of a take.
func (c *Channel) pause(ctx context.Context, failures int, err error) error {
	c.taking.failed(c.env.Logf, "cannot take events", err)
	timer := time.NewTimer(delay(failures))
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-c.ctx.Done():
		return errClosed
	}
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
	epoch  int
	events []flume.Event // nil once settled
}

func (t *transaction) Events() []flume.Event { return t.events }

var errSettled = errors.New("the transaction is over")

// commitLimit is how long a commit waits for a database that is gone.
const commitLimit = 10 * time.Second

// Commit deletes the events. Where the database is gone, that is done as soon as
// it is back, and the error says what comes again if the agent ends before.
func (t *transaction) Commit() error {
	if t.events == nil {
		return errSettled
	}
	c, n := t.c, len(t.events)
	t.events = nil
	r := &request{span: t.span, epoch: t.epoch, done: make(chan error, 1)}
	c.mu.Lock()
	if c.closed {
		c.mu.Unlock()
		return errClosed
	}
	limit := commitLimit
	if c.drained {
		limit = closeLimit
	}
	c.deletes = append(c.deletes, r)
	c.wake()
	c.mu.Unlock()
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case err := <-r.done:
		return err
	case <-timer.C:
		return fmt.Errorf("%d events were delivered and come again if the agent ends before the database is back", n)
	}
}

// Rollback lets the next take begin with these events.
func (t *transaction) Rollback() error {
	if t.events == nil {
		return errSettled
	}
	c := t.c
	c.mu.Lock()
	defer c.mu.Unlock()
	t.events = nil
	if t.epoch == c.queue.epoch {
		c.queue.rollback(t.span)
		c.changes.Announce()
	}
	return nil
}
