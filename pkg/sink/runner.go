package sink

import (
	"context"
	"errors"
	"fmt"
	"io"
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
	trouble         outcome
	keeper          Keeper // the sink, where it keeps events in its channel
}

// Trouble says why the last batch that the sink got failed; "" = it took it, or
// got none yet.
func (m *Member) Trouble() string { return m.trouble.text() }

// outcome is how the last attempt ended; others may ask while one runs.
type outcome struct{ failure atomic.Pointer[string] }

// note keeps how an attempt ended.
func (o *outcome) note(err error) {
	if err == nil {
		o.failure.Store(nil)
		return
	}
	why := err.Error()
	o.failure.Store(&why)
}

// text says why the attempt failed, or "".
func (o *outcome) text() string {
	if why := o.failure.Load(); why != nil {
		return *why
	}
	return ""
}

// Delivered is the number of events that the sink has taken over.
func (m *Member) Delivered() int64 {
	if m.keeper != nil {
		return m.delivered.Load() - m.keeper.Pending()
	}
	return m.delivered.Load()
}

// DeadLetters is the number of events that the sink could never deliver.
func (m *Member) DeadLetters() int64 { return m.dead.Load() }

// Runner moves events from one channel into a sink, or into one of the sinks
// of a group.
type Runner struct {
	channel   flume.Channel
	members   []*Member
	processor Processor
	most      int              // events in a transaction
	borrows   bool             // no sink keeps anything of an event
	many      flume.BatchTaker // of the sinks that gather; nil elsewhere
	witness   flume.Witness    // of the open transaction of several batches; nil elsewhere
	keeper    Keeper           // the only sink, where it keeps events in the channel; nil elsewhere
	logf      func(string, ...any)
	stopped   chan struct{}
	failing   atomic.Int64 // failures in a row
	trouble   outcome
}

// Gatherer is a sink for which many events take little more than a few, such as
// one that waits for a disk. Where more than a batch is in a channel that is a
// flume.BatchTaker, it gets several at once.
type Gatherer interface {
	// Gathers reports whether that is so.
	Gathers() bool
	// WriteBatches is Write of several batches. It calls delivered behind each of
	// them with the number of events that are where a kill leaves them, and with 0
	// before it takes them back.
	WriteBatches(ctx context.Context, events []flume.Event, delivered func(n int) error) error
}

// What a sink that gathers gets at once.
const (
	mostEvents = 8000
	mostBytes  = 4 << 20
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
		r.many, _ = c.(flume.BatchTaker)
	}
	r.keep()
	return r
}

// Trouble says why the last attempt failed; "" = the runner delivers.
func (r *Runner) Trouble() string { return r.trouble.text() }

// Stop lets Run return after the transaction that is open. It is called once.
func (r *Runner) Stop() { close(r.stopped) }

// Stopping is closed by Stop.
func (r *Runner) Stopping() <-chan struct{} { return r.stopped }

// Run delivers until the channel is drained, until Stop, or until ctx ends; none
// is an error. An open batch goes back into the channel when ctx ends.
func (r *Runner) Run(ctx context.Context) error {
	err := r.run(ctx)
	if r.keeper != nil {
		err = r.settle(ctx, err)
	}
	return err
}

func (r *Runner) run(ctx context.Context) error {
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
			r.trouble.note(nil)
			continue
		case errors.Is(err, io.EOF) || taking.Err() != nil:
			return nil
		case errors.As(err, &fatal):
			return err
		}
		failures++
		r.failing.Store(int64(failures))
		r.trouble.note(err)
		pause := min(time.Duration(failures)*backoffStep, backoffMost)
		if failures&(failures-1) == 0 { // the first, second, fourth, eighth …
			r.logf("cannot deliver (attempt %d), tries again in %v: %s", failures, pause, fault.Line(err))
		}
		if !flume.Pause(taking, pause) {
			return nil
		}
	}
}

// step is one transaction. io.EOF is the end of the channel alone.
func (r *Runner) step(ctx, taking context.Context) error {
	tx, err := r.take(taking)
	if err != nil {
		return err
	}
	r.witness = nil
	if r.many != nil {
		r.witness, _ = tx.(flume.Witness)
	}
	if err = r.deliver(ctx, tx.Events()); err != nil {
		if errors.Is(err, io.EOF) {
			err = errors.New(err.Error())
		}
		return errors.Join(err, tx.Rollback())
	}
	if r.keeper != nil {
		return r.keeper.Keep(ctx, tx)
	}
	err = tx.Commit()
	if t, ok := tx.(flume.Recycler); ok && r.borrows && err == nil {
		t.Recycle()
	}
	return err
}

// take begins a transaction of a batch, or of more for sinks that gather.
func (r *Runner) take(ctx context.Context) (flume.Transaction, error) {
	if r.many != nil {
		return r.many.TakeAll(ctx, r.most, mostEvents, mostBytes)
	}
	return r.channel.Take(ctx, r.most)
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
		m.trouble.note(err)
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

// hand gives a batch to one sink.
func (r *Runner) hand(ctx context.Context, s Sink, batch []flume.Event) error {
	if g, ok := s.(Gatherer); ok && r.witness != nil {
		return g.WriteBatches(ctx, batch, r.witness.Delivered)
	}
	return s.Write(ctx, batch)
}

// write gives a batch to one sink and keeps what it rejects.
func (r *Runner) write(ctx context.Context, m *Member, batch []flume.Event) error {
	n := len(batch)
	err := r.hand(ctx, m.Sink, batch)
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
