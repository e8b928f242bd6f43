package sink

import (
	"context"
	"errors"
	"fmt"

	"github.com/logpipe/logpipe/pkg/fault"
	"github.com/logpipe/logpipe/pkg/flume"
)

// Keeper is a sink that may hold what it makes of events for long, such as the rows
// of open windows. Where it is the only one that takes from a channel that is a
// flume.Retaining, it can leave the events there until that is delivered: a kill
// brings them again then.
type Keeper interface {
	Sink
	// Keeps reports whether the sink does so.
	Keeps() bool
	// KeepIn names the channel, before the first Write.
	KeepIn(c flume.Retaining)
	// Keep takes over a transaction whose events Write has taken.
	Keep(ctx context.Context, tx flume.Transaction) error
	// Settle delivers what the sink holds, for as long as ctx lasts, and commits its
	// events; those of which not all is delivered go back into the channel. No Write
	// follows.
	Settle(ctx context.Context) error
	// Pending is how many events Write has taken of which something is held.
	Pending() int64
}

// keep finds out whether the sink keeps events in its channel.
func (r *Runner) keep() {
	if len(r.members) != 1 || r.many != nil {
		return
	}
	m := r.members[0]
	k, ok := m.Sink.(Keeper)
	c, retains := r.channel.(flume.Retaining)
	if ok && retains && k.Keeps() {
		k.KeepIn(c)
		r.keeper, m.keeper = k, k
	}
}

// settle ends what the sink holds; why is the error with which the runner ends. What
// cannot be delivered now is in the channel, so that there is nothing to fail for.
func (r *Runner) settle(ctx context.Context, why error) error {
	err := r.keeper.Settle(ctx)
	var fatal *flume.FatalError
	switch {
	case err == nil || why != nil: // it has been told already
		return why
	case errors.As(err, &fatal):
		return fmt.Errorf("what was held at the end: %w", err)
	}
	r.logf("what it held at the end is not delivered, and its events stay in the channel: %s", fault.Line(err))
	return nil
}
