package source

import (
	"slices"

	"github.com/logpipe/logpipe/pkg/flume"
)

// share is what one channel gets of a batch.
type share struct {
	channel flume.Channel
	index   int // of the channel among those of its kind
	events  []flume.Event
}

// distribution says where the events of a batch go.
type distribution struct {
	required, optional []share
	unrouted           int  // events that go nowhere
	several            bool // some events go to several required channels, but not all of them
}

// reached is what became of the events of a distribution that could not be stored as
// a whole.
type reached struct {
	some int // events that one of their required channels has, at least
	all  int // events that all of their required channels have
}

// reached counts the events of which so many got into the channel of each required
// share. Where events go to several channels, and each to others, some has one as
// often as it is stored.
func (d *distribution) reached(routed bool, put []int) (r reached) {
	switch {
	case len(put) == 0:
	case !routed:
		return reached{slices.Max(put), slices.Min(put)}
	}
	for _, n := range put {
		r.some += n
	}
	if !d.several {
		r.all = r.some
	}
	return r
}

// count is how many events shares have.
func count(shares []share) (n int) {
	for _, s := range shares {
		n += len(s.events)
	}
	return n
}

// distribute finds the channels of each event. It gives each channel headers of
// its own, since a sink may change them as soon as the channel has the event.
func (o *Output) distribute(batch []flume.Event) distribution {
	if o.selector != nil {
		return o.route(batch)
	}
	others := len(o.required) + len(o.optional) - 1
	if others > 0 {
		flume.Keep(batch)
	}
	own := func() []flume.Event {
		if others--; others < 0 {
			return batch // the last one gets the originals
		}
		return cloneHeaders(batch)
	}
	var d distribution
	for i, c := range o.required {
		d.required = append(d.required, share{c, i, own()})
	}
	for i, c := range o.optional {
		d.optional = append(d.optional, share{c, i, own()})
	}
	return d
}

// route asks the selector about each event.
func (o *Output) route(batch []flume.Event) (d distribution) {
	required, optional := make([][]flume.Event, len(o.channels)), make([][]flume.Event, len(o.channels))
	for i := range batch {
		must, may := o.selector.Route(&batch[i])
		if len(must)+len(may) > 1 {
			flume.Keep(batch[i : i+1])
		}
		d.several = d.several || len(must) > 1
		given := false
		give := func(to [][]flume.Event, channels []int) {
			for _, c := range channels {
				event := batch[i]
				if given {
					event.Headers = event.Headers.Clone()
				}
				to[c], given = append(to[c], event), true
			}
		}
		give(required, must)
		give(optional, may)
		if len(must)+len(may) == 0 {
			d.unrouted++
		}
	}
	shares := func(events [][]flume.Event) (list []share) {
		for i, e := range events {
			if len(e) > 0 {
				list = append(list, share{o.channels[i], i, e})
			}
		}
		return list
	}
	d.required, d.optional = shares(required), shares(optional)
	return d
}

func cloneHeaders(batch []flume.Event) []flume.Event {
	copies := make([]flume.Event, len(batch))
	for i, e := range batch {
		copies[i] = flume.Event{Headers: e.Headers.Clone(), Body: e.Body, Copied: e.Copied}
	}
	return copies
}
