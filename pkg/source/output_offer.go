package source

import (
	"context"

	"github.com/logpipe/logpipe/pkg/flume"
)

// Offer is Put for a source that can tell its client to come again: where the
// first channel has no space within its keep-alive, nothing is stored and the
// error is flume.ErrFull. Once something of the events is stored, the rest is
// waited for, so that a client that comes again repeats nothing.
func (o *Output) Offer(events []flume.Event) error {
	if len(o.required) == 0 {
		return o.Put(events)
	}
	whole := len(events)
	for _, i := range o.interceptors {
		events = i.Intercept(events)
	}
	if len(events) == 0 {
		o.received.Add(int64(whole))
		return nil
	}
	n := min(len(events), o.batch)
	first := events[:n]
	others := &Output{hard: o.hard, required: o.required[1:], optional: o.optional, batch: o.batch, logf: o.logf}
	own := first
	if len(others.required)+len(others.optional) > 0 {
		own = cloneHeaders(first)
	}
	if err := o.required[0].Put(o.hard, own); err != nil {
		return err
	}
	o.received.Add(int64(whole))
	err := others.putBatch(o.hard, first)
	o.skipped.Add(others.skipped.Load())
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
	for _, i := range o.interceptors {
		events = i.Intercept(events)
	}
	for len(events) > 0 {
		n := min(len(events), o.batch)
		if err := o.offerBatch(ctx, events[:n]); err != nil {
			return err
		}
		events = events[n:]
	}
	o.received.Add(int64(whole))
	return nil
}

// offerBatch is one transaction of each channel.
func (o *Output) offerBatch(ctx context.Context, batch []flume.Event) error {
	others := len(o.required) + len(o.optional) - 1
	own := func() []flume.Event {
		if others--; others < 0 {
			return batch
		}
		return cloneHeaders(batch)
	}
	first := int(o.slow.Load())
	for i := range o.required {
		at := (first + i) % len(o.required)
		if err := o.insist(ctx, o.required[at], own()); err != nil {
			o.slow.Store(int64(at))
			return err
		}
	}
	for _, c := range o.optional {
		if c.Put(ctx, own()) != nil {
			o.skipped.Add(int64(len(batch)))
		}
	}
	return nil
}
