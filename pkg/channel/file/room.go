package file

import (
	"context"

	"github.com/logpipe/logpipe/pkg/flume"
)

// Fits reports whether the capacity has room for the events now. What the disk has
// is known only by a put.
func (c *Channel) Fits(events []flume.Event) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.fits(len(events))
}

// fits reports whether there is room; the lock is held.
func (c *Channel) fits(events int) bool { return c.exceeds || c.inside+c.reserved+events <= c.capacity }

// AwaitRoom waits for room for the keep-alive.
func (c *Channel) AwaitRoom(ctx context.Context, events []flume.Event) error {
	n := len(events)
	if n > c.capacity {
		return flume.NeverFits(n, "capacity", c.capacity)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	err := c.changes.Until(ctx, &c.mu, c.keepAlive, func() bool {
		ready := c.closed || c.fits(n)
		if ready {
			c.lacking = 0
		} else {
			c.lacks(n)
		}
		return ready
	})
	if err == nil && c.closed {
		return errClosed
	}
	return err
}
