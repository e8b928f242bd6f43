package source

import (
	"context"
	"slices"

	"github.com/logpipe/logpipe/pkg/flume"
)

// Offer is Put for a source that can tell its client to come again: where a
// channel has no space within its keep-alive the error is flume.ErrFull. Before
// anything is stored each required channel has to have space for all that it gets,
// so that a client that comes again repeats nothing. Only where another source
// takes that space first one channel has what another one refuses, as in Flume.
// It returns how many events all required channels have; what none has does not
// count as received.
func (o *Output) Offer(events []flume.Event) (stored int, err error) {
	whole := len(events)
	events = o.intercept(events)
	if len(events) > 0 {
		d := o.distribute(events)
		if r, err := o.offerAll(o.hard, d); err != nil {
			o.keep(r)
			return min(r.all, whole), err
		}
		o.putOptional(o.hard, d)
	}
	o.keep(reached{len(events), len(events)})
	o.settle(whole, len(events))
	return whole, nil
}

// keep counts events that are stored, also where others of their request are not.
func (o *Output) keep(r reached) {
	o.received.Add(int64(r.some))
	o.accepted.Add(int64(r.all))
}

// settle counts the rest of a request that is stored as a whole: what interceptors
// have left out, or made of it.
func (o *Output) settle(whole, kept int) {
	o.keep(reached{whole - kept, whole - kept})
	o.filtered.Add(int64(whole - kept))
}

// offerAll puts the required shares once there is space for all of them. It tells
// what is stored where that is not all.
func (o *Output) offerAll(ctx context.Context, d distribution) (reached, error) {
	shares := d.required
	if o.anywhere {
		rest, err := o.putAnywhere(ctx, inPieces(shares, o.batch))
		n := count(shares) - count(rest)
		return reached{n, n}, err
	}
	if err := awaitRoom(ctx, shares); err != nil {
		return reached{}, err
	}
	// What has failed the last time, or does not tell its room, goes first: while
	// that fails the others get nothing.
	slices.SortStableFunc(shares, func(a, b share) int { return o.doubt(b) - o.doubt(a) })
	put := make([]int, len(shares))
	for i, s := range shares {
		for piece := range slices.Chunk(s.events, s.channel.MaxBatch()) {
			if err := s.channel.Put(ctx, piece); err != nil {
				o.slow.Store(int64(s.index))
				return d.reached(o.selector != nil, put), err
			}
			put[i] += len(piece)
		}
	}
	return reached{}, nil
}

// doubt is larger where a put is less sure to find space.
func (o *Output) doubt(s share) int {
	if _, tells := s.channel.(flume.Roomy); !tells {
		return 2
	}
	if int64(s.index) == o.slow.Load() {
		return 1
	}
	return 0
}

// awaitRoom waits until each channel has space for its share. A single put looks
// for that by itself.
func awaitRoom(ctx context.Context, shares []share) error {
	if len(shares) == 1 && len(shares[0].events) <= shares[0].channel.MaxBatch() {
		return nil
	}
	for _, s := range shares {
		if r, ok := s.channel.(flume.Roomy); ok {
			if err := r.AwaitRoom(ctx, s.events); err != nil {
				return err
			}
		}
	}
	return nil
}

// OfferUntil is Put for a source whose peer keeps its events until it is
// answered: it gives up when ctx ends, and the events are not lost then. It waits
// first until all channels have space, and then for the one that was full the last
// time: until then nothing is stored in the others, where a peer that comes again
// would leave it twice. It returns how many events all required channels have, also
// where it gives up the others; what none has does not count as received.
func (o *Output) OfferUntil(ctx context.Context, events []flume.Event) (stored int, err error) {
	whole := len(events)
	events = o.intercept(events)
	kept := len(events)
	for len(events) > 0 {
		n := min(len(events), o.batch)
		if r, err := o.offerBatch(ctx, events[:n]); err != nil {
			o.keep(r)
			return min(stored+r.all, whole), err
		}
		o.keep(reached{n, n})
		stored += n
		events = events[n:]
	}
	o.settle(whole, kept)
	return whole, nil
}

// offerBatch is one transaction of each channel.
func (o *Output) offerBatch(ctx context.Context, batch []flume.Event) (reached, error) {
	d := o.distribute(batch)
	if !o.anywhere && len(d.required) > 1 {
		told := false
		if err := o.repeat(ctx, &told, func() error { return awaitRoom(ctx, d.required) }); err != nil {
			return reached{}, err
		}
	}
	first := slices.IndexFunc(d.required, func(s share) bool { return int64(s.index) == o.slow.Load() })
	r, err := o.putShares(ctx, d, max(0, first))
	if err == nil {
		o.putOptional(ctx, d)
	}
	return r, err
}
