package jdbc

import (
	"context"

	"github.com/logpipe/logpipe/pkg/flume"
)

// Fits reports whether maximum.capacity has room for the events now.
func (c *Channel) Fits(events []flume.Event) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.fits(len(events))
}

// fits reports whether there is room; the lock is held.
func (c *Channel) fits(events int) bool {
	return c.capacity == 0 || c.queue.inside+c.reserved+events <= c.capacity
}

// AwaitRoom waits for room for the keep-alive.
func (c *Channel) AwaitRoom(ctx context.Context, events []flume.Event) error {
	n := len(events)
	if c.capacity > 0 && n > c.capacity {
		return flume.NeverFits(n, "maximum.capacity", c.capacity)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	err := c.changes.Until(ctx, &c.mu, c.keepAlive, func() bool { return c.closed || c.fits(n) })
	if err == nil && c.closed {
		return errClosed
	}
	return err
}
