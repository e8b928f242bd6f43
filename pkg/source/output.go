package source

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"github.com/logpipe/logpipe/pkg/flume"
)

// Output takes the events of one source through its interceptors into its
// channels (Flume's channel processor). It may be used by several goroutines.
type Output struct {
	hard         context.Context // ends when the agent gives up on putting
	interceptors []Interceptor
	required     []flume.Channel
	optional     []flume.Channel
	selector     Selector // nil: every event goes to all required and optional channels
	channels     []flume.Channel
	batch        int // most events in one put
	logf         func(string, ...any)

	received atomic.Int64
	lost     atomic.Int64
	skipped  atomic.Int64
	unrouted atomic.Int64
	filtered atomic.Int64
	slow     atomic.Int64 // index of the required channel that was full the last time
}

// OutputConfig says where the events of a source go.
type OutputConfig struct {
	Interceptors []Interceptor
	Required     []flume.Channel // every event reaches each of them
	Optional     []flume.Channel // events that do not fit are left out here

	// Selector, where there is one, chooses among Channels for each event;
	// Required and Optional are empty then.
	Selector Selector
	Channels []flume.Channel

	Logf func(format string, args ...any)
}

// NewOutput returns the output of one source. Puts that wait for space give up
// when ctx ends; that is later than the source's own context, so that what a
// source has read can still be stored.
func NewOutput(ctx context.Context, cfg OutputConfig) *Output {
	o := &Output{hard: ctx, interceptors: cfg.Interceptors, required: cfg.Required, optional: cfg.Optional,
		selector: cfg.Selector, channels: cfg.Channels, logf: cfg.Logf}
	for _, c := range slices.Concat(o.required, o.optional, o.channels) {
		if o.batch == 0 || c.MaxBatch() < o.batch {
			o.batch = c.MaxBatch()
		}
	}
	return o
}

// MaxBatch is the most events that all channels take in one transaction.
func (o *Output) MaxBatch() int { return o.batch }

// Received is the number of events that the source handed over.
func (o *Output) Received() int64 { return o.received.Load() }

// Lost is the number of events that found no space in a required channel
// before the agent gave up.
func (o *Output) Lost() int64 { return o.lost.Load() }

// Skipped is the number of events that were left out of an optional channel.
func (o *Output) Skipped() int64 { return o.skipped.Load() }

// Filtered is the number of events that interceptors dropped.
func (o *Output) Filtered() int64 { return o.filtered.Load() }

// Unrouted is the number of events for which the selector names no channel.
func (o *Output) Unrouted() int64 { return o.unrouted.Load() }

// Context ends when the agent gives up on putting.
func (o *Output) Context() context.Context { return o.hard }

// Put stores the events in every required channel and waits for space as long
// as that takes; the slice may be used again afterwards, the bodies not. An
// error means that the agent is going away or that a channel is broken.
func (o *Output) Put(events []flume.Event) error {
	whole := len(events)
	events = o.intercept(events)
	o.count(whole, len(events))
	for len(events) > 0 {
		n := min(len(events), o.batch)
		if err := o.putBatch(o.hard, events[:n]); err != nil {
			o.lost.Add(int64(len(events)))
			return err
		}
		events = events[n:]
	}
	return nil
}

func (o *Output) intercept(events []flume.Event) []flume.Event {
	whole := len(events)
	for _, i := range o.interceptors {
		events = i.Intercept(events)
	}
	if len(events) > whole {
		flume.Keep(events) // some may be made of others
	}
	return events
}

// count counts events that a source handed over, and what interceptors left of
// them.
func (o *Output) count(whole, kept int) {
	o.received.Add(int64(whole))
	o.filtered.Add(int64(whole - kept))
}

// putBatch puts a batch into its channels, one transaction each.
func (o *Output) putBatch(ctx context.Context, batch []flume.Event) error {
	if o.selector == nil && len(o.required) == 1 && len(o.optional) == 0 {
		return o.insist(ctx, o.required[0], batch)
	}
	d := o.distribute(batch)
	for _, s := range d.required {
		if err := o.insist(ctx, s.channel, s.events); err != nil {
			return err
		}
	}
	o.putOptional(ctx, d)
	return nil
}

// putOptional puts what may be left out, once the required channels have theirs.
func (o *Output) putOptional(ctx context.Context, d distribution) {
	for _, s := range d.optional {
		if s.channel.Put(ctx, s.events) != nil {
			o.skipped.Add(int64(len(s.events)))
		}
	}
	if d.unrouted > 0 && o.unrouted.Add(int64(d.unrouted)) == int64(d.unrouted) {
		o.logf("an event goes to no channel: no mapping of the selector fits it, and there is no default; such events are counted")
	}
}

// insist repeats a put while the channel is full. Each channel is waited for
// on its own, so that a full one gives no duplicates in the others.
func (o *Output) insist(ctx context.Context, c flume.Channel, batch []flume.Event) error {
	for told := false; ; {
		start := time.Now()
		err := c.Put(ctx, batch)
		if err == nil || !errors.Is(err, flume.ErrFull) {
			return err
		}
		if !told {
			told = true
			o.logf("waits: %v", err)
		}
		// A channel with keep-alive 0 answers at once: do not spin on it.
		if time.Since(start) < time.Millisecond {
			if err := sleep(ctx, 10*time.Millisecond); err != nil {
				return err
			}
		}
	}
}

// sleep waits for d or for the end of ctx.
func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("stopped: %w", ctx.Err())
	}
}
