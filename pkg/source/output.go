package source

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/logpipe/logpipe/pkg/fault"
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
	anywhere     bool // each channel does for every event: one that has space gets it
	batch        int  // most events in one put
	copied       func(n int) uint8
	logf         func(string, ...any)

	received atomic.Int64
	accepted atomic.Int64
	lost     atomic.Int64
	putting  atomic.Int64
	skipped  atomic.Int64
	unrouted atomic.Int64
	filtered atomic.Int64
	slow     atomic.Int64 // index of the required channel that was full the last time

	together flume.BatchPutter // where that is the only channel of all events
	faults   faults
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

	// Copied tells how Flume's source copies a map with so many headers: see
	// CopiesHeaders. nil = it does not.
	Copied func(n int) uint8

	Logf func(format string, args ...any)
}

// CopiesHeaders tells how the source of Flume makes events of headers that are
// there already, and so has them in a smaller table than other sources; nil = it
// does not.
func CopiesHeaders(s Source) func(n int) uint8 {
	switch s := s.(type) {
	case *HTTP:
		if strings.TrimSuffix(s.handler, "$Builder") == jsonHandler {
			return flume.AsListed
		}
	case *Avro, *Thrift, *SyslogTCP, *SyslogUDP, *Kafka, *NetcatUDP:
	default:
		return nil
	}
	return flume.AsCopied
}

// NewOutput returns the output of one source. Puts that wait for space give up
// when ctx ends; that is later than the source's own context, so that what a
// source has read can still be stored.
func NewOutput(ctx context.Context, cfg OutputConfig) *Output {
	o := &Output{hard: ctx, interceptors: cfg.Interceptors, required: cfg.Required, optional: cfg.Optional,
		selector: cfg.Selector, channels: cfg.Channels, copied: cfg.Copied, logf: cfg.Logf, faults: faults{logf: cfg.Logf}}
	for _, c := range slices.Concat(o.required, o.optional, o.channels) {
		if o.batch == 0 || c.MaxBatch() < o.batch {
			o.batch = c.MaxBatch()
		}
	}
	_, o.anywhere = o.selector.(*balancing)
	if o.selector == nil && len(o.required) == 1 && len(o.optional) == 0 {
		o.together, _ = o.required[0].(flume.BatchPutter)
	}
	return o
}

// MaxBatch is the most events that all channels take in one transaction.
func (o *Output) MaxBatch() int { return o.batch }

// Received is the number of events that the source handed over.
func (o *Output) Received() int64 { return o.received.Load() }

// Accepted is the number of events that all required channels have committed, or
// that go nowhere: interceptors dropped them, or the selector has no channel.
func (o *Output) Accepted() int64 { return o.accepted.Load() }

// Lost is the number of events that found no space in a required channel
// before the agent gave up.
func (o *Output) Lost() int64 { return o.lost.Load() }

// Putting is the number of events that wait now for space in a required channel.
func (o *Output) Putting() int64 { return o.putting.Load() }

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
// PutBatches at once: more than one batch only where that is faster, and where no
// put has to wait: what a source has in the channel it can note then.
func (o *Output) Ahead(size int) int {
	if o.together == nil {
		return size
	}
	if size >= mostAhead {
		return size
	}
	return max(1, min(mostAhead, o.together.Room())/size) * size
}

// PutBatches is Put with transactions of at most that size.
func (o *Output) PutBatches(events []flume.Event, size int) error {
	return o.putBatches(events, size, nil)
}

// PutTold is Put for a source that answers its client: told is called with the
// number of the next events that are stored, before the others wait for space. It
// is called for none where interceptors have left others than came.
func (o *Output) PutTold(events []flume.Event, told func(n int)) error {
	return o.putBatches(events, o.batch, told)
}

func (o *Output) putBatches(events []flume.Event, size int, told func(n int)) error {
	whole := len(events)
	events = o.intercept(events)
	a := o.begin(whole, len(events))
	if len(events) == whole {
		a.tell = told
	}
	size = min(size, o.batch)
	var err error
	for err == nil && len(events) > 0 {
		var n int
		n, err = o.putFirst(&a, events, size)
		events = events[n:]
	}
	a.end(err)
	return err
}

// putFirst puts the first batch, or all of them where they go together, and
// returns how many events are stored.
func (o *Output) putFirst(a *account, events []flume.Event, size int) (stored int, err error) {
	if o.together == nil {
		n := min(len(events), size)
		if stored, err = o.putBatch(o.hard, events[:n]); err != nil {
			a.count(stored) // whichever those are
			return 0, err
		}
		a.stored(n)
		return n, nil
	}
	err = o.repeat(o.hard, &a.told, func() error {
		n, err := o.together.PutAll(o.hard, events[stored:], size)
		a.stored(n)
		stored += n
		return err
	})
	return stored, err
}

func (o *Output) intercept(events []flume.Event) []flume.Event {
	whole := len(events)
	if o.copied != nil {
		for i := range events {
			events[i].Copied = o.copied(len(events[i].Headers))
		}
	}
	for _, i := range o.interceptors {
		events = i.Intercept(events)
	}
	switch {
	case len(events) > whole:
		flume.Keep(events) // some may be made of others
	case len(events) < whole/4:
		flume.Compact(events)
	}
	return events
}

// putBatch puts a batch into its channels, one transaction each, and returns how
// many of its events all required ones have.
func (o *Output) putBatch(ctx context.Context, batch []flume.Event) (stored int, err error) {
	if o.selector == nil && len(o.required) == 1 && len(o.optional) == 0 {
		if err := o.insist(ctx, o.required[0], batch); err != nil {
			return 0, err
		}
		return len(batch), nil
	}
	d := o.distribute(batch)
	r, err := o.putShares(ctx, d, 0)
	if err != nil {
		return r.all, err
	}
	o.putOptional(ctx, d)
	return len(batch), nil
}

// putShares puts what each required channel gets of a batch, from the first one on
// that is named. It tells what is stored where that is not all.
func (o *Output) putShares(ctx context.Context, d distribution, first int) (reached, error) {
	if o.anywhere {
		n, err := o.insistAnywhere(ctx, d.required)
		return reached{n, n}, err
	}
	put := make([]int, len(d.required))
	for i := range d.required {
		at := (first + i) % len(d.required)
		s := d.required[at]
		if err := o.insist(ctx, s.channel, s.events); err != nil {
			o.slow.Store(int64(s.index))
			return d.reached(o.selector != nil, put), err
		}
		put[at] = len(s.events)
	}
	return reached{}, nil
}

// putOptional puts what may be left out, once the required channels have theirs.
func (o *Output) putOptional(ctx context.Context, d distribution) {
	for _, s := range inPieces(d.optional, o.batch) {
		if s.channel.Put(ctx, s.events) != nil {
			o.skipped.Add(int64(len(s.events)))
		}
	}
	if d.unrouted > 0 && o.unrouted.Add(int64(d.unrouted)) == int64(d.unrouted) {
		o.logf("an event goes to no channel: no mapping of the selector fits it, and there is no default; such events are counted")
	}
}

// tellRefused tells why what a peer has sent is not stored, for a source that has
// no other way to say so. The end of the agent is no news.
func (o *Output) tellRefused(peer net.Addr, err error) {
	if o.hard.Err() == nil {
		o.faults.tell("%s: events are not stored, the connection ends: %s", peer, fault.Line(err))
	}
}

// insist repeats a put while the channel is full. Each channel is waited for
// on its own, so that a full one gives no duplicates in the others.
func (o *Output) insist(ctx context.Context, c flume.Channel, batch []flume.Event) error {
	told := false
	return o.repeat(ctx, &told, func() error { return c.Put(ctx, batch) })
}

// repeat calls put until it finds space. That it waits is said where told is not
// set yet.
func (o *Output) repeat(ctx context.Context, told *bool, put func() error) error {
	for {
		start := time.Now()
		err := put()
		if err == nil || !errors.Is(err, flume.ErrFull) {
			return err
		}
		if !*told {
			*told = true
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
