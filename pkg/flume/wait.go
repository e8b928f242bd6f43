package flume

import (
	"context"
	"sync"
	"time"
)

// Changes lets goroutines wait for a change of what a lock guards, such as space
// in a channel. The zero value is ready; its methods need the lock.
type Changes struct {
	next chan struct{} // closed at the next change; nil = nobody waits
}

// Wait gives up the lock until the next change. It returns ErrFull when timeout
// fires and the context's error when that ends.
func (c *Changes) Wait(ctx context.Context, lock sync.Locker, timeout <-chan time.Time) error {
	if c.next == nil {
		c.next = make(chan struct{})
	}
	changed := c.next
	lock.Unlock()
	defer lock.Lock()
	select {
	case <-changed:
		return nil
	case <-timeout:
		return ErrFull
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Until waits for as long as patience lasts for changes after which ready is true,
// which is called with the lock; then it returns ErrFull.
func (c *Changes) Until(ctx context.Context, lock sync.Locker, patience time.Duration, ready func() bool) error {
	if ready() {
		return nil
	}
	if patience == 0 {
		return ErrFull
	}
	timer := time.NewTimer(patience)
	defer timer.Stop()
	for !ready() {
		if err := c.Wait(ctx, lock, timer.C); err != nil {
			return err
		}
	}
	return nil
}

// Announce wakes everyone who waits.
func (c *Changes) Announce() {
	if c.next != nil {
		close(c.next)
		c.next = nil
	}
}

// Pause waits for a time; false means that ctx has ended before.
func Pause(ctx context.Context, length time.Duration) bool {
	timer := time.NewTimer(length)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
