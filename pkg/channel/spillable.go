package channel

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/logpipe/logpipe/pkg/channel/file"
	"github.com/logpipe/logpipe/pkg/flume"
)

// Spillable is Flume's spillable memory channel: events wait in memory, and on
// disk when there is no room for them in memory for a while. One run takes them in
// the order in which they were put. What is in memory is lost with a kill; at an
// orderly end it goes to disk, and comes at the next start behind what has been
// there, though it may be older.
//
// One whose overflowCapacity has become 0 delivers what is left on disk, and puts
// nothing there but what it has in memory at an orderly end before that is done.
type Spillable struct {
	memory   *Memory
	overflow *file.Channel
	env      flume.Env

	memoryCapacity   int
	overflowCapacity int
	timeout          time.Duration // without room in memory before disk is used
	threshold        int           // percent of memory to be free before it is used again
	ignoredSize      int

	mu       sync.Mutex
	runs     []run // what can be taken, in order
	next     uint64
	open     int  // takes that are not settled
	spilling bool // puts go to disk
	opened   bool
	draining bool // the part on disk is open although overflowCapacity is 0
	writing  int  // puts to disk that have not returned
	drained  bool
	closed   bool // neither puts nor takes any more
	left     bool // the part on disk is closed too
	waiting  int
	changed  chan struct{} // closed and replaced when space or events appear

	putAttempt, putSuccess, takeAttempt, takeSuccess counter
}

type counter interface{ Add(int64) int64 }

// run is a number of events that follow each other in the same place.
type run struct {
	at   uint64 // number of the first event, in the order of all puts
	n    int
	disk bool
}

// NewSpillable describes and makes a spillable memory channel.
func NewSpillable(p *flume.Properties) flume.Channel {
	s := &Spillable{memory: &Memory{}, changed: make(chan struct{})}
	p.Int(&s.memoryCapacity, "memoryCapacity", 10000, 0, "most events in memory; 0 = all go to disk").In("events")
	p.Int(&s.overflowCapacity, "overflowCapacity", 100_000_000, 0, "most events on disk; 0 = none").In("events")
	p.Duration(&s.timeout, "overflowTimeout", 3*time.Second, time.Second, "how long a put waits for room in memory before it goes to disk")
	p.Int(&s.threshold, "overflowDeactivationThreshold", 5, 0, "share of memory that has to be free before it is used again").In("percent")
	p.Int(&s.memory.byteCapacity, "byteCapacity", 0, 0, "most bytes of all bodies in memory; 0 = no limit").In("bytes").OrNever()
	p.Int(&s.memory.byteReserve, "byteCapacityBufferPercentage", 20, 0, "share of byteCapacity kept for headers").In("percent")
	p.Int(&s.ignoredSize, "avgEventSize", 500, 1, "size of an event").In("bytes").Without("bytes are counted, not estimated")
	s.overflow = file.NewOverflow(p)
	return s
}

// Check finds what cannot work.
func (s *Spillable) Check() []flume.Problem {
	s.overflow.SetCapacity(s.overflowCapacity)
	s.memory.capacity, s.memory.batch = s.memoryCapacity, s.MaxBatch()
	var all []flume.Problem
	problem := func(property, fix, format string, args ...any) {
		all = append(all, flume.Problem{Property: property, Message: fmt.Sprintf(format, args...), Fix: fix})
	}
	if s.threshold > 100 {
		problem("overflowDeactivationThreshold", "set it to at most 100",
			"overflowDeactivationThreshold %d: memory is never that empty", s.threshold)
	}
	if most := max(s.memoryCapacity, s.overflowCapacity); s.MaxBatch() > most {
		problem("transactionCapacity", fmt.Sprintf("set it to at most %d", most),
			"transactionCapacity %d is above memoryCapacity %d and overflowCapacity %d", s.MaxBatch(), s.memoryCapacity, s.overflowCapacity)
	}
	for _, p := range s.memory.Check() {
		if p.Property != "capacity" { // a batch that is too large for memory goes to disk
			all = append(all, p)
		}
	}
	if s.overflowCapacity > 0 {
		for _, p := range s.overflow.Check() {
			if p.Property != "capacity" {
				all = append(all, p)
			}
		}
	}
	return all
}

// Folders are the folders that the channel locks.
func (s *Spillable) Folders() []string {
	if s.overflowCapacity == 0 {
		return nil // what is left there of another time is no other channel's
	}
	return s.overflow.Folders()
}

// Survey looks at the folders of the part on disk.
func (s *Spillable) Survey() []flume.Problem {
	if s.overflowCapacity == 0 {
		return nil
	}
	return s.overflow.Survey()
}

// Holds are the folders of the part on disk.
func (s *Spillable) Holds() []flume.Holding {
	if !s.Durable() {
		return nil
	}
	return s.overflow.Holds()
}

// Guarantee tells what the channel promises.
func (s *Spillable) Guarantee() string {
	return fmt.Sprintf("at most once where it waits in memory: up to %d events are lost with a kill; what overflows to disk survives it, and comes first at the next start", s.memoryCapacity)
}

// Open opens the part on disk; what it has from earlier runs comes first.
func (s *Spillable) Open(env flume.Env) error {
	s.env = env
	s.memory.capacity, s.memory.batch, s.memory.keepAlive = s.memoryCapacity, s.MaxBatch(), 0
	s.overflow.SetCapacity(max(s.overflowCapacity, 1))
	s.putAttempt, s.putSuccess = env.Counter("EventPutAttemptCount"), env.Counter("EventPutSuccessCount")
	s.takeAttempt, s.takeSuccess = env.Counter("EventTakeAttemptCount"), env.Counter("EventTakeSuccessCount")
	capacity := int64(s.memoryCapacity) + int64(s.overflowCapacity)
	env.Gauge("ChannelCapacity", func() int64 { return capacity })
	env.Gauge("ChannelSize", func() int64 { return int64(s.Size()) })
	env.Gauge("ChannelFillPercentage", func() int64 { return int64(s.Size()) * 100 / max(capacity, 1) })
	n, err := s.openOverflow()
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.opened, s.draining = true, n > 0 && s.overflowCapacity == 0
	if n > 0 {
		s.add(n, true)
	}
	return nil
}

// openOverflow opens the part on disk, where there is one, and returns how many
// events are there.
func (s *Spillable) openOverflow() (int, error) {
	s.overflow.Called(s.env)
	if !s.Durable() {
		return 0, nil
	}
	below := s.env
	below.Counters = nil // the events are counted here
	if err := s.overflow.Open(below); err != nil {
		return 0, err
	}
	n := s.overflow.Size()
	if n == 0 && s.overflowCapacity == 0 {
		return 0, s.overflow.Disown()
	}
	return n, nil
}

// MaxBatch is the transactionCapacity.
func (s *Spillable) MaxBatch() int { return s.overflow.MaxBatch() }

// Trouble is that of the part on disk.
func (s *Spillable) Trouble() string { return s.overflow.Trouble() }

// Size is the number of events inside.
func (s *Spillable) Size() int { return s.memory.Size() + s.overflow.Size() }

// Volatile is the number of events in memory, which are lost without an orderly
// end.
func (s *Spillable) Volatile() int { return s.memory.Size() }

// Put stores the batch in memory, or on disk when memory has no room for it.
func (s *Spillable) Put(ctx context.Context, batch []flume.Event) error {
	s.putAttempt.Add(int64(len(batch)))
	if len(batch) == 0 {
		return nil
	}
	if len(batch) > s.MaxBatch() {
		return fmt.Errorf("a batch of %d events exceeds transactionCapacity %d", len(batch), s.MaxBatch())
	}
	var timeout <-chan time.Time
	if s.timeout > 0 {
		timer := time.NewTimer(s.timeout)
		defer timer.Stop()
		timeout = timer.C
	}
	err := s.put(ctx, batch, timeout)
	if err == nil {
		s.putSuccess.Add(int64(len(batch)))
	}
	return err
}

func (s *Spillable) put(ctx context.Context, batch []flume.Event, timeout <-chan time.Time) error {
	for waited := timeout == nil; ; {
		s.mu.Lock()
		s.waiting++ // before anything can change that this put has not seen
		changed := s.changed
		err := s.putMemory(ctx, batch)
		spill := s.overflowCapacity > 0 && (err == errNeverFits || err == flume.ErrFull && (waited || s.spilling))
		if spill {
			s.writing++
		}
		s.mu.Unlock()
		if spill {
			err = s.putDisk(ctx, batch)
		}
		over := err != errBusy && (waited || !errors.Is(err, flume.ErrFull))
		if !over {
			select {
			case <-changed:
			case <-timeout:
				waited = true
			case <-ctx.Done():
				err, over = ctx.Err(), true
			}
		}
		s.mu.Lock()
		s.waiting--
		s.mu.Unlock()
		if over {
			return err
		}
	}
}

var (
	// errNeverFits is a batch that memory has no room for, however empty it is.
	errNeverFits = errors.New("the batch does not fit into memory")
	// errBusy is a put that waits for others, so that events come in order.
	errBusy   = errors.New("others write to disk")
	errClosed = errors.New("the channel is closed")
)

// putMemory stores the batch in memory, or says why not; the lock is held.
func (s *Spillable) putMemory(ctx context.Context, batch []flume.Event) error {
	free := s.memoryCapacity - s.memory.Size()
	switch {
	case s.closed:
		return errClosed
	case len(batch) > s.memoryCapacity:
		return errNeverFits
	case free < len(batch) || s.spilling && free*100 < s.threshold*s.memoryCapacity:
		return flume.ErrFull
	case s.writing > 0:
		// Which of those who write comes first is not known before they
		// return. New ones wait here, so that they come to an end.
		return errBusy
	}
	err := s.memory.Put(ctx, batch)
	if err != nil && err != flume.ErrFull {
		return errNeverFits // more bytes than memory ever has
	}
	if err == nil {
		s.spilling = false
		s.add(len(batch), false)
	}
	return err
}

// putDisk stores the batch on disk. Several may do so at once, and share a sync.
func (s *Spillable) putDisk(ctx context.Context, batch []flume.Event) error {
	err := s.overflow.Put(ctx, batch)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.writing--
	if err == nil {
		s.spilling = true
		s.add(len(batch), true)
	}
	s.announce()
	return err
}

// add adds events to what can be taken; the lock is held.
func (s *Spillable) add(n int, disk bool) {
	at := s.next
	s.next += uint64(n)
	if last := len(s.runs) - 1; last >= 0 && s.runs[last].disk == disk && s.runs[last].at+uint64(s.runs[last].n) == at {
		s.runs[last].n += n
	} else {
		s.runs = append(s.runs, run{at, n, disk})
	}
	s.announce()
}

// announce wakes everyone who waits; the lock is held.
func (s *Spillable) announce() {
	if s.waiting > 0 {
		close(s.changed)
		s.changed = make(chan struct{})
	}
}

// Drain wakes the takers that wait for an event that will not come.
func (s *Spillable) Drain() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.drained = true
	s.announce()
}

// Durable reports whether what is inside survives an orderly end: there is a part
// on disk, or one is left of a time when overflowCapacity was not 0.
func (s *Spillable) Durable() bool {
	if s.overflowCapacity > 0 {
		return true
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.draining || !s.opened && s.overflow.Overflowed()
}

// Save ends the channel's work and moves what is left in memory to disk, however
// much that has already: it would be lost otherwise. Size and Volatile tell then
// what is on disk, and what did not get there; a take that is rolled back later
// is moved by Close.
func (s *Spillable) Save() error {
	s.mu.Lock()
	s.closed = true
	s.runs = nil
	s.announce()
	left := s.left
	s.mu.Unlock()
	if left || !s.Durable() || s.memory.waitingEvents() == 0 {
		return nil
	}
	s.overflow.Exceed()
	for s.memory.waitingEvents() > 0 {
		tx, err := s.memory.Take(context.Background(), s.MaxBatch())
		if err != nil {
			return err
		}
		if err := s.overflow.Put(context.Background(), tx.Events()); err != nil {
			return errors.Join(fmt.Errorf("what is in memory cannot be moved to disk: %w", err), tx.Rollback())
		}
		if err := tx.Commit(); err != nil {
			return err
		}
	}
	return nil
}

// Close saves what is left and closes the part on disk.
func (s *Spillable) Close() error {
	err := s.Save()
	s.mu.Lock()
	s.left = true
	s.mu.Unlock()
	if !s.Durable() {
		return err
	}
	return errors.Join(err, s.overflow.Close())
}
