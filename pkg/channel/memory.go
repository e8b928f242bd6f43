package channel

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/logpipe/logpipe/pkg/flume"
)

// Memory is Flume's memory channel: a bounded queue. An event takes its space
// until the take that moved it is committed, so that a rollback always fits.
type Memory struct {
	capacity     int
	batch        int
	keepAlive    time.Duration
	byteCapacity int
	byteReserve  int // percent of byteCapacity that is kept for headers

	mu                                     sync.Mutex
	ring                                   []flume.Event // a power of two long; grows up to the capacity
	head                                   int           // index of the oldest event
	queued                                 int           // events in the ring
	open                                   int           // events in takes that are not settled
	bytes                                  int           // body bytes, those in open takes included; 0 without a limit
	drained                                bool          // no more puts will come
	putAttempts, puts, takeAttempts, takes atomic.Int64  // events, as Flume counts them

	spare []*memoryTake // to be used again

	changes flume.Changes // of space and events
}

// NewMemory describes and makes a memory channel.
func NewMemory(p *flume.Properties) flume.Channel {
	m := &Memory{}
	p.Int(&m.capacity, "capacity", 100, 1, "most events inside").In("events")
	p.Int(&m.batch, "transactionCapacity", 100, 1, "most events that one put or take may move").In("events")
	p.Duration(&m.keepAlive, "keep-alive", 3*time.Second, time.Second, "how long a put waits for space")
	p.Int(&m.byteCapacity, "byteCapacity", 0, 0, "most bytes of all bodies; 0 = no limit").In("bytes").OrNever()
	p.Int(&m.byteReserve, "byteCapacityBufferPercentage", 20, 0, "share of byteCapacity kept for headers").In("percent")
	return m
}

// Check refuses a transaction that could never fit.
func (m *Memory) Check() []flume.Problem {
	var all []flume.Problem
	if m.batch > m.capacity {
		all = append(all, flume.Problem{
			Property: "capacity",
			Message:  fmt.Sprintf("capacity %d is below transactionCapacity %d", m.capacity, m.batch),
			Fix:      fmt.Sprintf("set capacity to at least %d or transactionCapacity to at most %d", m.batch, m.capacity),
		})
	}
	if m.byteReserve >= 100 {
		all = append(all, flume.Problem{
			Property: "byteCapacityBufferPercentage",
			Message:  fmt.Sprintf("byteCapacityBufferPercentage %d leaves no room for bodies", m.byteReserve),
			Fix:      "set it below 100",
		})
	}
	if m.capacity >= manyEvents && m.byteCapacity == 0 {
		all = append(all, flume.Problem{
			Property: "capacity", Note: true,
			Message: fmt.Sprintf("it holds up to %d events of any size; without byteCapacity, which Flume sets to 80 %% of Java's heap, nothing bounds their bytes", m.capacity),
			Fix:     "set byteCapacity to the memory that bodies may take",
		})
	}
	return all
}

// manyEvents is a capacity with which events of a usual size take a large part of
// a machine's memory.
const manyEvents = 1_000_000

// Open shows the counters.
func (m *Memory) Open(env flume.Env) error {
	for name, n := range map[string]*atomic.Int64{"EventPutAttemptCount": &m.putAttempts, "EventPutSuccessCount": &m.puts,
		"EventTakeAttemptCount": &m.takeAttempts, "EventTakeSuccessCount": &m.takes} {
		env.Gauge(name, n.Load)
	}
	return nil
}

// Close has nothing to do.
func (m *Memory) Close() error { return nil }

// Durable says that what is inside is lost with the process.
func (m *Memory) Durable() bool { return false }

// MaxBatch is the transactionCapacity.
func (m *Memory) MaxBatch() int { return m.batch }

// Size is the number of events inside.
func (m *Memory) Size() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.queued + m.open
}

// waitingEvents is the number of events that no take has.
func (m *Memory) waitingEvents() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.queued
}

// Put stores the batch when it fits as a whole. One with more bytes than
// byteCapacity allows, which Flume never takes, goes in when it is alone.
func (m *Memory) Put(ctx context.Context, batch []flume.Event) error {
	_, err := m.PutAll(ctx, batch, len(batch))
	return err
}

// PutAll stores batch after batch, those for which there is space at once.
func (m *Memory) PutAll(ctx context.Context, events []flume.Event, size int) (stored int, err error) {
	if size > m.batch {
		return 0, fmt.Errorf("a batch of %d events exceeds transactionCapacity %d", size, m.batch)
	}
	queued := 0
	m.mu.Lock()
	for stored < len(events) && err == nil {
		batch := events[stored:min(stored+size, len(events))]
		m.putAttempts.Add(int64(len(batch)))
		if err = m.put(ctx, batch, stored == 0); err == nil {
			stored += len(batch)
		}
	}
	if stored > 0 && errors.Is(err, flume.ErrFull) {
		err = nil
	}
	queued = m.queued
	if stored > 0 {
		m.changes.Announce()
	}
	m.mu.Unlock()
	if queued > manyQueued {
		runtime.Gosched()
	}
	return stored, err
}

// manyQueued is how many events may wait before a put lets another goroutine go
// first, which mostly is the taker that it has woken. Without that a fast source
// fills the channel before its sink runs at all, and the memory is that of a full
// channel.
const manyQueued = 1000

// Room is how many events would find space now; where bytes are counted, that is
// not known.
func (m *Memory) Room() int {
	if m.byteCapacity > 0 {
		return 0
	}
	return m.capacity - m.Size()
}

// put stores the batch; the lock is held, and given up while it waits.
func (m *Memory) put(ctx context.Context, batch []flume.Event, waits bool) error {
	bytes := m.count(batch)
	var timeout <-chan time.Time // started when the first wait begins
	for !m.fits(len(batch), bytes) {
		if m.keepAlive == 0 || !waits {
			return flume.ErrFull
		}
		if timeout == nil {
			timer := time.NewTimer(m.keepAlive)
			defer timer.Stop()
			timeout = timer.C
		}
		if err := m.changes.Wait(ctx, &m.mu, timeout); err != nil {
			return err
		}
	}
	m.push(batch)
	m.bytes += bytes
	m.puts.Add(int64(len(batch)))
	return nil
}

// Take moves out what is there, up to max events, and waits only for the first.
func (m *Memory) Take(ctx context.Context, max int) (flume.Transaction, error) {
	return m.await(ctx, func() int { return min(max, m.batch, m.queued) })
}

// TakeAll is Take beyond a batch. It leaves half of the capacity to the sources,
// which may go on then while the sink waits for a disk.
func (m *Memory) TakeAll(ctx context.Context, batch, most, bytes int) (flume.Transaction, error) {
	return m.await(ctx, func() int {
		n := min(batch, m.batch, m.queued)
		end := min(max(n, min(most, m.capacity/2)), m.queued)
		for i := range end {
			if bytes -= len(m.ring[m.slot(i)].Body); i >= n && bytes < 0 {
				return i
			}
		}
		return end
	})
}

// await takes as many events as count says, when there is one.
func (m *Memory) await(ctx context.Context, count func() int) (flume.Transaction, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for m.queued == 0 {
		// An open take may still roll back: the channel is not empty yet.
		if m.drained && m.open == 0 {
			return nil, io.EOF
		}
		if err := m.changes.Wait(ctx, &m.mu, nil); err != nil {
			return nil, err
		}
	}
	return m.take(count()), nil
}

// take takes n events; the lock is held.
func (m *Memory) take(n int) *memoryTake {
	t := m.newTake(n)
	first := m.ring[m.head:min(m.head+n, len(m.ring))]
	rest := m.ring[:n-len(first)]
	copy(t.events[copy(t.events, first):], rest)
	clear(first)
	clear(rest)
	m.head = m.slot(n)
	m.queued -= n
	m.open += n
	m.takeAttempts.Add(int64(n))
	return t
}

// slot is where in the ring the event lies that is so far behind the oldest one.
func (m *Memory) slot(behind int) int { return (m.head + behind) & (len(m.ring) - 1) }

// mostSpare is how many takes are kept to be used again.
const mostSpare = 32

// newTake returns a take of n events; the lock is held.
func (m *Memory) newTake(n int) *memoryTake {
	if last := len(m.spare) - 1; last >= 0 {
		t := m.spare[last]
		m.spare = m.spare[:last]
		if n <= cap(t.past) {
			t.events, t.past = t.past[:n], nil
			return t
		}
	}
	return &memoryTake{m: m, events: make([]flume.Event, n)}
}

// Drain wakes the takers that wait for an event that will not come.
func (m *Memory) Drain() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.drained = true
	m.changes.Announce()
}

// count is the bytes of the bodies, where there is a limit.
func (m *Memory) count(events []flume.Event) (bytes int) {
	if m.byteCapacity == 0 {
		return 0
	}
	for i := range events {
		bytes += len(events[i].Body)
	}
	return bytes
}

// push appends the batch; the caller has made sure that it fits.
func (m *Memory) push(batch []flume.Event) {
	m.grow(m.queued + len(batch))
	m.store(m.slot(m.queued), batch)
	m.queued += len(batch)
}

// store copies events into the ring, from a slot on.
func (m *Memory) store(slot int, events []flume.Event) {
	n := copy(m.ring[slot:], events)
	copy(m.ring, events[n:])
}

func (m *Memory) grow(need int) {
	if need <= len(m.ring) {
		return
	}
	size := max(64, len(m.ring))
	for size < need {
		size *= 2
	}
	ring := make([]flume.Event, size)
	copy(ring[copy(ring, m.ring[m.head:]):], m.ring[:m.head])
	m.ring, m.head = ring, 0
}

type memoryTake struct {
	m      *Memory
	events []flume.Event // nil once settled
	past   []flume.Event // those that are committed
}

func (t *memoryTake) Events() []flume.Event { return t.events }

func (t *memoryTake) Commit() error {
	m := t.m
	m.mu.Lock()
	defer m.mu.Unlock()
	m.open -= len(t.events)
	m.takes.Add(int64(len(t.events)))
	m.bytes -= m.count(t.events)
	t.events, t.past = nil, t.events
	m.changes.Announce()
	return nil
}

// Recycle lets the memory of the take and of its events be used again.
func (t *memoryTake) Recycle() {
	flume.Release(t.past)
	clear(t.past)
	t.m.mu.Lock()
	defer t.m.mu.Unlock()
	if len(t.m.spare) < mostSpare {
		t.m.spare = append(t.m.spare, t)
	}
}

func (t *memoryTake) Rollback() error {
	m := t.m
	m.mu.Lock()
	defer m.mu.Unlock()
	n := len(t.events)
	m.grow(m.queued + n)
	m.head = m.slot(-n)
	m.store(m.head, t.events)
	m.queued += n
	m.open -= n
	t.events = nil
	m.changes.Announce()
	return nil
}

// Guarantee says what a kill costs.
func (m *Memory) Guarantee() string {
	return fmt.Sprintf("at most once: keeps up to %d events as long as the process lives; a kill loses what is inside", m.capacity)
}
