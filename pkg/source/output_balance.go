package source

import (
	"context"
	"errors"
	"slices"

	"github.com/logpipe/logpipe/pkg/flume"
)

// inPieces cuts shares that have more events than one put may.
func inPieces(shares []share, most int) []share {
	var pieces []share
	for _, s := range shares {
		for events := range slices.Chunk(s.events, most) {
			pieces = append(pieces, share{s.channel, s.index, events})
		}
	}
	return pieces
}

// insistAnywhere stores shares of a selector with which each channel does for every
// event, and waits while none has space: so one dead sink does not stop its source.
// It returns how many events are stored.
func (o *Output) insistAnywhere(ctx context.Context, shares []share) (stored int, err error) {
	told, whole := false, count(shares)
	err = o.repeat(ctx, &told, func() (err error) {
		shares, err = o.putAnywhere(ctx, shares)
		return err
	})
	return whole - count(shares), err
}

// putAnywhere stores each share in the channel that was chosen for it or, where that
// has no space, in the next one that has. It begins once there is space for all of
// them, and returns those that are not stored.
func (o *Output) putAnywhere(ctx context.Context, shares []share) (rest []share, err error) {
	placed, err := o.place(ctx, shares)
	if err != nil {
		return shares, err
	}
	for i, s := range placed {
		for piece := range slices.Chunk(s.events, o.batch) {
			if err := s.channel.Put(ctx, piece); err != nil {
				// It told of space that it has not, or somebody else has it now.
				next := (s.index + 1) % len(o.channels)
				placed[i] = share{o.channels[next], next, s.events}
				return inPieces(placed[i:], o.batch), err
			}
			s.events = s.events[len(piece):]
		}
	}
	return nil, nil
}

// place finds space for all shares, and waits for it.
func (o *Output) place(ctx context.Context, shares []share) (placed []share, err error) {
	tries := 1 // one for each event that waits, since others may be quicker
	for _, s := range shares {
		tries += len(s.events)
	}
	planned := make([][]flume.Event, len(o.channels)) // for each of them
	for range tries {
		unplaced := o.plan(planned, shares)
		if unplaced == nil {
			for i, events := range planned {
				if len(events) > 0 {
					placed = append(placed, share{o.channels[i], i, events})
				}
			}
			return placed, nil
		}
		if err := o.awaitAny(ctx, planned, unplaced); err != nil {
			return nil, err
		}
	}
	return nil, flume.ErrFull
}

// plan gives each channel what it has space for, and returns an event for which
// none has.
func (o *Output) plan(planned [][]flume.Event, shares []share) (unplaced []flume.Event) {
	clear(planned)
	for _, s := range shares {
		if unplaced = o.planShare(planned, s); unplaced != nil {
			return unplaced
		}
	}
	return nil
}

// planShare gives a share to the first channel that has space for it, from the one
// that was chosen on, and parts of it to several where none has.
func (o *Output) planShare(planned [][]flume.Event, s share) (unplaced []flume.Event) {
	for i := range o.channels {
		at := (s.index + i) % len(o.channels)
		events := joined(planned[at], s.events)
		if r, tells := o.channels[at].(flume.Roomy); !tells || r.Fits(events) {
			planned[at] = events
			return nil
		}
	}
	if len(s.events) == 1 {
		return s.events
	}
	half := len(s.events) / 2
	for _, events := range [][]flume.Event{s.events[:half], s.events[half:]} {
		if unplaced = o.planShare(planned, share{s.channel, s.index, events}); unplaced != nil {
			return unplaced
		}
	}
	return nil
}

// awaitAny waits until one of the channels has space for the events beside those
// that are planned for it. All of them tell their space: one that does not would have
// been given the events. The error is that of a channel where none gets it.
func (o *Output) awaitAny(ctx context.Context, planned [][]flume.Event, events []flume.Event) (err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	answers := make(chan error)
	for i, c := range o.channels {
		go func() { answers <- c.(flume.Roomy).AwaitRoom(ctx, joined(planned[i], events)) }()
	}
	found := false
	for range o.channels { // all of them: they look at the events
		switch answer := <-answers; {
		case answer == nil:
			found = true
			cancel()
		case err == nil || errors.Is(answer, flume.ErrFull):
			err = answer
		}
	}
	if found {
		return nil
	}
	return err
}

func joined(events, more []flume.Event) []flume.Event {
	if len(events) == 0 {
		return more
	}
	return append(slices.Clip(events), more...)
}
