package source

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/logpipe/logpipe/pkg/flume"
)

// Output takes the events of one source through its interceptors into its
// channels (Flume's channel processor with the replicating selector). It may
// be used by several goroutines.
type Output struct {
	hard         context.Context // ends when the agent gives up on putting
	interceptors []Interceptor
	required     []flume.Channel
	optional     []flume.Channel
	batch        int // most events in one put
	logf         func(string, ...any)

	received atomic.Int64
	lost     atomic.Int64
	skipped  atomic.Int64
	slow     atomic.Int64 // index of the required channel that was full the last time
}

// OutputConfig says where the events of a source go.
type OutputConfig struct {
	Interceptors []Interceptor
	Required     []flume.Channel // every event reaches each of them
	Optional     []flume.Channel // events that do not fit are left out here
	Logf         func(format string, args ...any)
}

// NewOutput returns the output of one source. Puts that wait for space give up
// when ctx ends; that is later than the source's own context, so that what a
// source has read can still be stored.
func NewOutput(ctx context.Context, cfg OutputConfig) *Output {
	o := &Output{hard: ctx, interceptors: cfg.Interceptors, required: cfg.Required, optional: cfg.Optional,
		logf: cfg.Logf}
	for _, c := range append(append([]flume.Channel(nil), o.required...), o.optional...) {
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

// Put stores the events in every required channel and waits for space as long
// as that takes; the slice may be used again afterwards, the bodies not. An
// error means that the agent is going away or that a channel is broken.
func (o *Output) Put(events []flume.Event) error {
	o.received.Add(int64(len(events)))
	for _, i := range o.interceptors {
		events = i.Intercept(events)
	}
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

// Context ends when the agent gives up on putting.
func (o *Output) Context() context.Context { return o.hard }

// putBatch gives each channel headers of its own, since a sink may change them
// as soon as the channel has the event; the last one gets the originals.
func (o *Output) putBatch(ctx context.Context, batch []flume.Event) error {
	last := len(o.required) + len(o.optional) - 1
	own := func(i int) []flume.Event {
		if i == last {
			return batch
		}
		return cloneHeaders(batch)
	}
	for i, c := range o.required {
		if err := o.insist(ctx, c, own(i)); err != nil {
			return err
		}
	}
	for i, c := range o.optional {
		if c.Put(ctx, own(len(o.required)+i)) != nil {
			o.skipped.Add(int64(len(batch)))
		}
	}
	return nil
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

func cloneHeaders(batch []flume.Event) []flume.Event {
	copies := make([]flume.Event, len(batch))
	for i, e := range batch {
		copies[i] = flume.Event{Headers: e.Headers.Clone(), Body: e.Body}
	}
	return copies
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
