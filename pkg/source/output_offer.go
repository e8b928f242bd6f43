package source

import "github.com/logpipe/logpipe/pkg/flume"

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
	err := others.putBatch(first)
	o.skipped.Add(others.skipped.Load())
	for events = events[n:]; err == nil && len(events) > 0; events = events[n:] {
		n = min(len(events), o.batch)
		err = o.putBatch(events[:n])
	}
	if err != nil {
		o.lost.Add(int64(len(events)))
	}
	return err
}
