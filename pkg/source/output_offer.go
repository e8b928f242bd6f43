package source

import (
	"context"
	"slices"

	"github.com/logpipe/logpipe/pkg/flume"
)

// Offer is Put for a source that can tell its client to come again: where the
// first channel has no space within its keep-alive, nothing is stored and the
// error is flume.ErrFull. Once something of the events is stored, the rest is
// waited for, so that a client that comes again repeats nothing.
func (o *Output) Offer(events []flume.Event) error {
	whole := len(events)
	events = o.intercept(events)
	kept := len(events)
	if kept == 0 {
		o.count(whole, 0)
		return nil
	}
	n := min(len(events), o.batch)
	d := o.distribute(events[:n])
	if len(d.required) > 0 {
		first := d.required[0]
		if err := first.channel.Put(o.hard, first.events); err != nil {
			return err
		}
		d.required = d.required[1:]
	}
	o.count(whole, kept)
	var err error
	for _, s := range d.required {
		if err = o.insist(o.hard, s.channel, s.events); err != nil {
			break
		}
	}
	if err == nil {
		o.putOptional(o.hard, d)
	}
	for events = events[n:]; err == nil && len(events) > 0; events = events[n:] {
		n = min(len(events), o.batch)
		err = o.putBatch(o.hard, events[:n])
	}
	if err != nil {
		o.lost.Add(int64(len(events)))
	}
	return err
}

// OfferUntil is Put for a source whose peer keeps its events until it is
// answered: it gives up when ctx ends, and the events are not lost then. It waits
// first for the channel that was full the last time: while that is so nothing is
// stored in the others, where a peer that comes again would leave it twice.
func (o *Output) OfferUntil(ctx context.Context, events []flume.Event) error {
	whole := len(events)
	events = o.intercept(events)
	kept := len(events)
	for len(events) > 0 {
		n := min(len(events), o.batch)
		if err := o.offerBatch(ctx, events[:n]); err != nil {
			return err
		}
		events = events[n:]
	}
	o.count(whole, kept)
	return nil
}

// offerBatch is one transaction of each channel.
func (o *Output) offerBatch(ctx context.Context, batch []flume.Event) error {
	d := o.distribute(batch)
	first := max(0, slices.IndexFunc(d.required, func(s share) bool { return int64(s.index) == o.slow.Load() }))
	for i := range d.required {
		s := d.required[(first+i)%len(d.required)]
		if err := o.insist(ctx, s.channel, s.events); err != nil {
			o.slow.Store(int64(s.index))
			return err
		}
	}
	o.putOptional(ctx, d)
	return nil
}
