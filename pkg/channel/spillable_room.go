package channel

import (
	"context"
	"fmt"
	"time"

	"github.com/logpipe/logpipe/pkg/flume"
)

// Fits reports whether memory or disk has room for the events now.
func (s *Spillable) Fits(events []flume.Event) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	free := s.memoryCapacity - s.memory.Size()
	if !s.spilling || free*100 >= s.threshold*s.memoryCapacity {
		if s.memory.Fits(events) {
			return true
		}
	}
	return s.overflowCapacity > 0 && s.overflow.Fits(events)
}

// AwaitRoom waits for room, for the time after which puts go to disk and then for
// room there.
func (s *Spillable) AwaitRoom(ctx context.Context, events []flume.Event) error {
	if n := len(events); n > max(s.memoryCapacity, s.overflowCapacity) {
		return fmt.Errorf("%d events at once are more than memoryCapacity %d and overflowCapacity %d: send fewer at once, or raise it", n, s.memoryCapacity, s.overflowCapacity)
	}
	timer := time.NewTimer(s.timeout)
	defer timer.Stop()
	s.wait(1)
	defer s.wait(-1)
	for {
		s.mu.Lock()
		closed, changed := s.closed, s.changed
		s.mu.Unlock()
		switch {
		case closed:
			return errClosed
		case s.Fits(events):
			return nil
		}
		select {
		case <-changed:
		case <-timer.C:
			if s.overflowCapacity < len(events) {
				return flume.ErrFull
			}
			return s.overflow.AwaitRoom(ctx, events)
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// wait counts who wants to hear of changes.
func (s *Spillable) wait(change int) {
	s.mu.Lock()
	s.waiting += change
	s.mu.Unlock()
}
