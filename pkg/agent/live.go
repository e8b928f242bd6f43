package agent

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/logpipe/logpipe/pkg/fault"
	"github.com/logpipe/logpipe/pkg/flume"
	"github.com/logpipe/logpipe/pkg/sink"
	"github.com/logpipe/logpipe/pkg/source"
)

// liveChannel is a channel that is open.
type liveChannel struct {
	node    *channelPart
	key     string // what it was made of
	env     flume.Env
	feed    *feeder // of the events of the channel that it replaced; nil = none
	started time.Time
	state   condition
	opening context.Context    // ends when it is no longer to be opened
	giveUp  context.CancelFunc // of opening it
	settled chan struct{}      // closed when it is open or was given up
	open    atomic.Bool
	refused *refusals // nil = the channel keeps none
	leaving bool      // a reload has dropped it: see parting
}

func (c *liveChannel) channel() flume.Channel { return c.node.built }

func (c *liveChannel) tryOpen() error {
	if err := c.node.placed("channel", c.channel().Open(c.env)); err != nil {
		return err
	}
	c.open.Store(true)
	close(c.settled)
	return nil
}

// settle gives up opening, and reports whether the channel is open.
func (c *liveChannel) settle() bool {
	c.giveUp()
	<-c.settled
	return c.open.Load()
}

func (c *liveChannel) close() error {
	if !c.settle() {
		return nil
	}
	return errors.Join(closed("channel "+c.node.name, c.node.built), c.refused.close())
}

// size is the number of events inside.
func (c *liveChannel) size() int {
	if !c.open.Load() {
		return 0
	}
	return c.channel().Size()
}

// counts are the counters; those that ask the channel only where it is open.
func (c *liveChannel) counts() map[string]int64 {
	if !c.open.Load() {
		return c.env.Counters.Counts()
	}
	return c.env.Counters.Values()
}

// volatile reports whether events inside are lost with the process.
func (c *liveChannel) volatile() bool {
	d, ok := c.channel().(interface{ Durable() bool })
	return ok && !d.Durable()
}

// save moves what is left in a channel that nobody uses any more to where it
// outlives the process, and returns how many events are left. That it can tell
// what is lost, the ledger asks for it, before the channel is closed.
func (c *liveChannel) save() int {
	if s, ok := c.channel().(interface{ Save() error }); ok && c.open.Load() {
		if err := s.Save(); err != nil {
			c.env.Logf("%s", fault.Line(err))
		}
	}
	return c.size()
}

// remains says what becomes of n events.
func (c *liveChannel) remains(n int) string {
	lost, in := c.inMemory()
	lost = min(lost, n)
	var all []string
	if lost > 0 {
		all = append(all, plural(lost, "event")+" not delivered and lost with the "+in)
	}
	if lost < n {
		all = append(all, fmt.Sprintf("%s not delivered, left in the %s channel", plural(n-lost, "event"), c.node.typ.Name()))
	}
	return strings.Join(all, "; ")
}

// liveSource is a source that runs.
type liveSource struct {
	*openedSource
	key      string
	out      *source.Output
	channels []*liveChannel
	stop     context.CancelFunc // of reading
	giveUp   context.CancelFunc // of putting
	done     chan struct{}      // closed when it no longer runs
	state    condition
	failure  error // why it could not be opened at first
	lingers  bool  // a reload has replaced it, and it waits for space for what it has read
	started  time.Time
}

// close closes a source that no longer runs.
func (s *liveSource) close() error {
	s.giveUp()
	if !s.open {
		return nil
	}
	return closed("source "+s.node.name, s.node.built)
}

func (s *liveSource) ledger() ledger {
	return ledger{received: s.out.Received(), lost: s.out.Lost(), filtered: s.out.Filtered(), unrouted: s.out.Unrouted()}
}

// tell says what did not get into the channels.
func (s *liveSource) tell() {
	if n := s.out.Lost(); n > 0 {
		s.env.Logf("%s found no space", plural(int(n), "event"))
	}
	if n := s.out.Skipped(); n > 0 {
		s.env.Logf("%s left out of optional channels", plural(int(n), "event"))
	}
	if n := s.out.Unrouted(); n > 0 {
		s.env.Logf("%s without a channel, by the selector", plural(int(n), "event"))
	}
}

// liveRunner is a sink or a group of sinks that runs.
type liveRunner struct {
	node    runnerNode
	key     string
	runner  *sink.Runner
	channel *liveChannel
	members []*sink.Member
	states  []condition // of the members
	opened  []bool
	giveUp  context.CancelFunc
	done    chan struct{}
	started time.Time
	behind  []<-chan struct{} // it begins when all of them are closed
	stop    func()            // after what is at hand
	leaving bool              // a reload has dropped its channel: see parting
}

func (l *liveRunner) close() error {
	var all error
	l.giveUp()
	for i, m := range l.members {
		if l.opened[i] {
			all = errors.Join(all, closed("sink "+m.Name, m.Sink))
		}
		all = errors.Join(all, m.Dead.Close())
	}
	return all
}

// open opens the sinks that are not open yet.
func (l *liveRunner) open() error {
	var all error
	for i, m := range l.members {
		if l.opened[i] {
			continue
		}
		if err := m.Sink.Open(m.Env); err != nil {
			err = l.node.members[i].placed("sink", err)
			l.states[i].fails(m.Env, err)
			all = errors.Join(all, err)
			continue
		}
		l.opened[i] = true
		l.states[i].works()
	}
	return all
}

// fails reports whether a sink cannot be opened or waits for its channel.
func (l *liveRunner) fails() bool {
	for i := range l.states {
		if l.states[i].text() != "" {
			return true
		}
	}
	return false
}

func (l *liveRunner) ledger() (sum ledger) {
	for _, m := range l.members {
		sum.delivered += m.Delivered()
		sum.dead += m.DeadLetters()
	}
	return sum
}

// troubles says of each sink why it does not work, "" = it does, and whether
// the group delivers by those that do.
func (l *liveRunner) troubles() (all []string, delivers bool) {
	group := l.runner.Trouble()
	delivers = group == ""
	for i, m := range l.members {
		why := l.states[i].or(m.Sink)
		switch {
		case l.states[i].text() != "":
			delivers = false // the runner waits for all of its sinks
		case group != "":
			why = "it cannot deliver: " + group
		case why == "" && len(l.members) > 1 && m.Trouble() != "":
			why = "it cannot deliver: " + m.Trouble()
		}
		all = append(all, why)
	}
	return all, delivers && slices.Contains(all, "")
}

// closed closes a component and says which one does not close well.
func closed(what string, c interface{ Close() error }) error {
	if err := c.Close(); err != nil {
		return fmt.Errorf("close %s: %w", what, err)
	}
	return nil
}

// fingerprint is what a part of the files says, for comparison, but for some of
// its properties.
func fingerprint(p *part, but ...string) string {
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(p.values)) {
		if !slices.Contains(but, name) {
			fmt.Fprintf(&b, "%s=%q\n", name, p.values[name].value)
		}
	}
	return b.String()
}

// fingerprints are those of the components that run, by kind.name.
func (r *running) fingerprints() map[string]string {
	all := map[string]string{}
	note := func(p *part) { all[p.kind+"."+p.name] = fingerprint(p) }
	for _, c := range r.channels {
		if !c.leaving {
			note(c.node.part)
		}
	}
	for _, s := range r.sources {
		if !s.lingers {
			note(s.node.part)
		}
	}
	for _, l := range r.runners {
		if l.leaving {
			continue
		}
		for _, n := range l.node.members {
			note(n.part)
		}
	}
	return all
}

func (n *sourceNode) key() string {
	key := fingerprint(n.part)
	for _, c := range slices.Concat(n.required, n.optional) {
		key += "channel " + c.name + "\n" + fingerprint(c.part)
	}
	return key
}

func (n runnerNode) key() string {
	key := n.name + "\n"
	if n.processor != nil {
		key += fingerprint(n.processor.part)
	}
	for _, m := range n.members {
		key += "sink " + m.name + "\n" + fingerprint(m.part)
		if k, ok := m.built.(sink.Keeper); ok && k.Keeps() {
			key += "keeps\n" // until another sink comes to its channel
		}
	}
	return key + "channel\n" + fingerprint(n.members[0].channel.part)
}
