package sink

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync/atomic"
	"time"

	"github.com/logpipe/logpipe/pkg/fault"
	"github.com/logpipe/logpipe/pkg/flume"
)

// Flume's sink runner pauses one second more after each failure in a row, up
// to five.
const (
	backoffStep = time.Second
	backoffMost = 5 * time.Second
)

// Member is a sink of a runner with what it has done.
type Member struct {
	Name string
	Sink Sink
	Env  flume.Env
	Dead *DeadLetters // where events go that can never be delivered

	delivered, dead atomic.Int64
}

// Delivered is the number of events that the sink has taken over.
func (m *Member) Delivered() int64 { return m.delivered.Load() }

// DeadLetters is the number of events that the sink could never deliver.
func (m *Member) DeadLetters() int64 { return m.dead.Load() }

// Runner moves events from one channel into a sink, or into one of the sinks
// of a group.
type Runner struct {
	channel   flume.Channel
	members   []*Member
	processor Processor
	most      int            // events in a transaction
	borrows   bool           // no sink keeps anything of an event
	more      flume.TryTaker // of the sinks that gather; nil elsewhere
	open      []flume.Transaction
	gathered  []flume.Event
	logf      func(string, ...any)
	stopped   chan struct{}
	failing   atomic.Int64 // failures in a row
}

// Gatherer is a sink for which many events take little more than a few, such as
// one that waits for a disk. Where more than a batch is in the channel, it gets
// several at once; each of them stays a transaction.
type Gatherer interface {
	// Gathers reports whether that is so.
	Gathers() bool
}

// What a sink that gathers gets at once.
const (
	mostEvents = 3000
	mostBytes  = 1 << 20
)

// NewRunner returns the runner of opened sinks; processor, which is bound to
// them, may be nil for one.
func NewRunner(c flume.Channel, members []*Member, p Processor, logf func(format string, args ...any)) *Runner {
	r := &Runner{channel: c, members: members, processor: p, logf: logf, stopped: make(chan struct{})}
	if p == nil {
		r.processor = single{}
	}
	r.borrows = true
	gathers := true
	for _, m := range members {
		b, ok := m.Sink.(flume.Borrower)
		r.borrows = r.borrows && ok && b.Borrows()
		g, ok := m.Sink.(Gatherer)
		gathers = gathers && ok && g.Gathers()
		most := defaultBatch
		if b, ok := m.Sink.(flume.Batcher); ok {
			_, most = b.Batch()
		}
		if r.most == 0 || most < r.most {
			r.most = most
		}
	}
	if gathers {
		r.more, _ = c.(flume.TryTaker)
	}
	return r
}

// Failing is the number of failures since the last delivery.
func (r *Runner) Failing() int64 { return r.failing.Load() }

// Stop lets Run return after the transaction that is open. It is called once.
func (r *Runner) Stop() { close(r.stopped) }

// Stopped reports whether Stop was called.
func (r *Runner) Stopped() bool {
	select {
	case <-r.stopped:
		return true
	default:
		return false
	}
}

// Run delivers until the channel is drained, until Stop, or until ctx ends; none
// is an error. An open batch goes back into the channel when ctx ends.
func (r *Runner) Run(ctx context.Context) error {
	taking, stop := context.WithCancel(ctx)
	defer stop()
	go func() {
		select {
		case <-r.stopped:
			stop()
		case <-taking.Done():
		}
	}()
	for failures := 0; ; {
		err := r.step(ctx, taking)
		var fatal *flume.FatalError
		switch {
		case err == nil:
			if failures > 0 {
				r.logf("delivers again")
			}
			failures = 0
			r.failing.Store(0)
			continue
		case errors.Is(err, io.EOF) || taking.Err() != nil:
			return nil
		case errors.As(err, &fatal):
			return err
		}
		failures++
		r.failing.Store(int64(failures))
		pause := min(time.Duration(failures)*backoffStep, backoffMost)
		if failures&(failures-1) == 0 { // the first, second, fourth, eighth …
			r.logf("cannot deliver (attempt %d), tries again in %v: %s", failures, pause, fault.Line(err))
		}
		if !flume.Pause(taking, pause) {
			return nil
		}
	}
}

// step is one transaction, or several that are delivered together. io.EOF is the
// end of the channel alone.
func (r *Runner) step(ctx, taking context.Context) error {
	tx, err := r.channel.Take(taking, r.most)
	if err != nil {
		return err
	}
	r.open = append(r.open[:0], tx)
	events := tx.Events()
	if r.more != nil {
		events = r.gather(events)
	}
	err = r.deliver(ctx, events)
	clear(r.gathered)
	if err == nil {
		return r.commit()
	}
	if errors.Is(err, io.EOF) {
		err = errors.New(err.Error())
	}
	for _, tx := range slices.Backward(r.open) {
		err = errors.Join(err, tx.Rollback())
	}
	return err
}

// gather takes what else is there, as further transactions, and returns the
// events of all of them.
func (r *Runner) gather(events []flume.Event) []flume.Event {
	r.gathered = append(r.gathered[:0], events...)
	for bytes := size(events); len(r.gathered) < mostEvents && bytes < mostBytes; {
		tx := r.more.TryTake(r.most)
		if tx == nil {
			break
		}
		r.open = append(r.open, tx)
		r.gathered = append(r.gathered, tx.Events()...)
		bytes += size(tx.Events())
	}
	return r.gathered
}

// size is the bytes of all bodies.
func size(events []flume.Event) (bytes int) {
	for i := range events {
		bytes += len(events[i].Body)
	}
	return bytes
}

// commit ends the transactions, whose events are delivered.
func (r *Runner) commit() error {
	var all error
	for _, tx := range r.open {
		err := tx.Commit()
		if t, ok := tx.(flume.Recycler); ok && r.borrows && err == nil {
			t.Recycle()
		}
		all = errors.Join(all, err)
	}
	clear(r.open)
	return all
}

// deliver gives a batch to the first sink that takes it.
func (r *Runner) deliver(ctx context.Context, batch []flume.Event) error {
	order := r.processor.Order(time.Now())
	if len(order) == 0 {
		return errors.New("all sinks of the group failed and rest")
	}
	var all error
	for n, i := range order {
		m := r.members[i]
		err := r.write(ctx, m, batch)
		var fatal *flume.FatalError
		if errors.As(err, &fatal) || err != nil && ctx.Err() != nil {
			return err
		}
		r.processor.Tried(i, err != nil, time.Now())
		if err == nil {
			return nil
		}
		if len(r.members) > 1 {
			err = fmt.Errorf("sink %s: %w", m.Name, err)
			if n+1 < len(order) {
				r.logf("%v; the batch goes to sink %s", err, r.members[order[n+1]].Name)
			}
		}
		all = errors.Join(all, err)
	}
	return all
}

// write gives a batch to one sink and keeps what it rejects.
func (r *Runner) write(ctx context.Context, m *Member, batch []flume.Event) error {
	n := len(batch)
	err := m.Sink.Write(ctx, batch)
	var rejected *RejectedError
	if !errors.As(err, &rejected) {
		if err == nil {
			m.delivered.Add(int64(n))
		}
		return err
	}
	if m.Dead == nil {
		return err
	}
	// The others of the batch are delivered: only the keeping is repeated.
	for {
		keepErr := m.Dead.Write(batch, rejected.Events)
		if keepErr == nil {
			break
		}
		r.logf("%v; tries again in %v", keepErr, backoffMost)
		if !flume.Pause(ctx, backoffMost) {
			return errors.Join(err, keepErr)
		}
	}
	bad := int64(len(rejected.Events))
	m.dead.Add(bad)
	m.Env.Counter("EventDeadLetterCount").Add(bad)
	m.delivered.Add(int64(n) - bad)
	r.logf("%v; kept in %s", err, m.Dead.Path())
	return nil
}
