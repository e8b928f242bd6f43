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
	copies       bool
	logf         func(string, ...any)

	received atomic.Int64
	lost     atomic.Int64
	skipped  atomic.Int64
	unrouted atomic.Int64
	filtered atomic.Int64
	slow     atomic.Int64 // index of the required channel that was full the last time

	together flume.BatchPutter // where that is the only channel of all events
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

	// Copies says that Flume's source makes a copy of the map with the headers:
	// see CopiesHeaders.
	Copies bool

	Logf func(format string, args ...any)
}

// CopiesHeaders reports whether the source of Flume makes events of headers that
// are there already, and so has them in a smaller table than other sources.
func CopiesHeaders(s Source) bool {
	switch s.(type) {
	case *Avro, *Thrift, *SyslogTCP, *SyslogUDP, *HTTP, *Kafka, *NetcatUDP:
		return true
	}
	return false
}

// NewOutput returns the output of one source. Puts that wait for space give up
// when ctx ends; that is later than the source's own context, so that what a
// source has read can still be stored.
func NewOutput(ctx context.Context, cfg OutputConfig) *Output {
	o := &Output{hard: ctx, interceptors: cfg.Interceptors, required: cfg.Required, optional: cfg.Optional,
		selector: cfg.Selector, channels: cfg.Channels, copies: cfg.Copies, logf: cfg.Logf}
	for _, c := range slices.Concat(o.required, o.optional, o.channels) {
		if o.batch == 0 || c.MaxBatch() < o.batch {
			o.batch = c.MaxBatch()
		}
	}
	if o.selector == nil && len(o.required) == 1 && len(o.optional) == 0 {
		o.together, _ = o.required[0].(flume.BatchPutter)
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
func (o *Output) Put(events []flume.Event) error { return o.PutBatches(events, o.batch) }

// mostAhead is how many events a source that reads files gives at once to a
// channel in which batches wait for a disk together.
const mostAhead = 1000

// Ahead is how many events a source with batches of that size should give to
// PutBatches at once: more than one batch only where that is faster.
func (o *Output) Ahead(size int) int {
	if o.together == nil {
		return size
	}
	return max(1, mostAhead/size) * size
}

// PutBatches is Put with transactions of at most that size.
func (o *Output) PutBatches(events []flume.Event, size int) error {
	whole := len(events)
	events = o.intercept(events)
	o.count(whole, len(events))
	size = min(size, o.batch)
	for len(events) > 0 {
		n, err := o.putFirst(events, size)
		events = events[n:]
		if err != nil {
			o.lost.Add(int64(len(events)))
			return err
		}
	}
	return nil
}

// putFirst puts the first batch, or all of them where they go together, and
// returns how many events are stored.
func (o *Output) putFirst(events []flume.Event, size int) (stored int, err error) {
	if o.together == nil {
		n := min(len(events), size)
		if err := o.putBatch(o.hard, events[:n]); err != nil {
			return 0, err
		}
		return n, nil
	}
	err = o.repeat(o.hard, func() error {
		n, err := o.together.PutAll(o.hard, events[stored:], size)
		stored += n
		return err
	})
	return stored, err
}

func (o *Output) intercept(events []flume.Event) []flume.Event {
	whole := len(events)
	if o.copies {
		for i := range events {
			events[i].Copied = flume.AsCopied(len(events[i].Headers))
		}
	}
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
	return o.repeat(ctx, func() error { return c.Put(ctx, batch) })
}

// repeat calls put until it finds space.
func (o *Output) repeat(ctx context.Context, put func() error) error {
	for told := false; ; {
		start := time.Now()
		err := put()
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
	if !flume.Pause(ctx, d) {
		return fmt.Errorf("stopped: %w", ctx.Err())
	}
	return nil
}
