package channel

import (
	"context"
	"fmt"

	"github.com/logpipe/logpipe/pkg/flume"
)

// Fits reports whether the events would find space now.
func (m *Memory) Fits(events []flume.Event) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.fits(len(events), m.count(events))
}

// fits reports whether there is space; the lock is held.
func (m *Memory) fits(events, bytes int) bool {
	return m.queued+m.open+events <= m.capacity &&
		(m.byteCapacity == 0 || m.bytes == 0 || m.bytes+bytes <= m.byteLimit())
}

// byteLimit is the most bytes of several batches.
func (m *Memory) byteLimit() int { return m.byteCapacity - m.byteCapacity/100*m.byteReserve }

// AwaitRoom waits for space for the keep-alive.
func (m *Memory) AwaitRoom(ctx context.Context, events []flume.Event) error {
	n, bytes := len(events), m.count(events)
	switch {
	case n > m.capacity:
		return flume.NeverFits(n, "capacity", m.capacity)
	case n > m.batch && m.byteCapacity > 0 && bytes > m.byteLimit():
		return fmt.Errorf("%d events with %d bytes at once are more than the %d of byteCapacity that bodies may take: send fewer at once, or raise it", n, bytes, m.byteLimit())
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.changes.Until(ctx, &m.mu, m.keepAlive, func() bool { return m.fits(n, bytes) })
}
