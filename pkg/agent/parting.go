package agent

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/logpipe/logpipe/pkg/flume"
)

// parting is a channel that a reload has dropped, with its sinks: they empty it
// beside what runs now, for at most the grace.
type parting struct {
	channel  *liveChannel
	runners  []*liveRunner
	sources  []*liveSource   // that still have something for it
	atOnce   bool            // nothing has to be emptied, or can be
	wayBack  string          // to what it leaves on a disk
	patience context.Context // ends when the sinks have to give up
	giveUp   context.CancelFunc
	taken    chan struct{} // closed where a later edit has a successor for it

	done   chan struct{} // closed when its sinks have ended, and it is closed where nobody has taken it
	over   chan struct{} // closed when its sinks are closed; sinks of the same name wait for that
	closed bool          // by itself; valid after done
	sum    ledger        // valid after done where closed
}

// partsWithin is how long a reload waits for channels that it drops, to tell of
// them at once. All that is new runs already.
const partsWithin = 200 * time.Millisecond

// part lets channels that the plan does not have go, beside it.
func (a *change) part() {
	for _, c := range a.running.channels {
		if c.leaving || a.inPlan(c) {
			continue
		}
		p := &parting{channel: c, wayBack: a.wayBack(c), taken: make(chan struct{}), done: make(chan struct{}), over: make(chan struct{})}
		p.patience, p.giveUp = context.WithTimeout(a.hard, max(0, a.options.Grace))
		for _, l := range a.runners {
			if l.channel == c {
				p.runners = append(p.runners, l)
			}
		}
		for _, s := range a.sources {
			if s.lingers && slices.Contains(s.channels, c) {
				p.sources = append(p.sources, s)
			}
		}
		p.atOnce = p.idle()
		a.mu.Lock()
		c.leaving = true
		for _, l := range p.runners {
			l.leaving = true
		}
		a.partings = append(a.partings, p)
		a.mu.Unlock()
		go a.see(p)
	}
}

// idle reports whether the channel need not be drained: no sink would, or none can
// at present, and its events are safe.
func (p *parting) idle() bool {
	if len(p.sources) > 0 {
		return false
	}
	inMemory, _ := p.channel.inMemory()
	for _, l := range p.runners {
		works := l.runner.Trouble() == "" && !l.fails()
		if works || inMemory > 0 || p.channel.volatile() {
			return false
		}
	}
	return true
}

// see sees a parting to its end.
func (r *running) see(p *parting) {
	defer func() {
		close(p.done)
		select {
		case r.parted <- struct{}{}:
		default: // it was told of others and has not looked yet
		}
	}()
	p.drain()
	select {
	case <-p.taken:
		return // the reload closes it
	default:
	}
	p.closed = true
	p.sum.add(r.tellParted(p.channel, p.channel.feed.end(), p.wayBack))
	var err error
	for _, l := range p.runners {
		p.sum.add(l.ledger())
		err = errors.Join(err, l.close())
	}
	if err = errors.Join(err, p.channel.close()); err != nil {
		r.logf("%v", err)
	}
	close(p.over)
}

// drain waits until the sinks have emptied the channel, or have to end.
func (p *parting) drain() {
	defer p.giveUp()
	if p.atOnce {
		p.stop()
		p.giveUp()
	}
	for _, s := range p.sources {
		awaitEnd(p.patience, s.done, s.giveUp)
	}
	if f := p.channel.feed; f != nil {
		awaitEnd(p.patience, f.done, f.stop)
	}
	if p.channel.settle() {
		p.channel.channel().Drain()
	}
	for _, l := range p.runners {
		select {
		case <-l.done:
		case <-p.taken:
			p.stop()
		case <-p.patience.Done():
		}
		awaitEnd(p.patience, l.done, l.giveUp)
	}
}

// stop ends the sinks after what they have at hand.
func (p *parting) stop() {
	for _, l := range p.runners {
		l.stop()
	}
}

// tellParted says what is left in a channel that goes, and what is lost with it.
func (r *running) tellParted(c *liveChannel, left []flume.Event, wayBack string) ledger {
	sum := ledger{dead: c.refused.kept(), lost: int64(len(left))}
	if len(left) > 0 {
		r.logf("channel %s: %s of before found no space", c.node.name, plural(len(left), "event"))
	}
	if n := c.save(); n > 0 {
		lost, _ := c.inMemory()
		sum.lost += int64(lost)
		r.logf("channel %s: %s%s", c.node.name, c.remains(n), wayBack)
	}
	return sum
}

// endPartings forgets the partings that are over, and returns what has stopped.
func (r *running) endPartings() (stopped []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.partings = slices.DeleteFunc(r.partings, func(p *parting) bool {
		select {
		case <-p.done:
		default:
			return false
		}
		if !p.closed {
			return false // the reload that has taken it goes on with it
		}
		r.past.add(p.sum)
		for _, l := range p.runners {
			stopped = append(stopped, l.node.name)
		}
		stopped = append(stopped, "channel "+p.channel.node.name)
		r.runners = without(r.runners, func(l *liveRunner) bool { return l.channel == p.channel })
		r.channels = without(r.channels, func(c *liveChannel) bool { return c == p.channel })
		return true
	})
	return stopped
}

// without returns a list without some of it; others may read the list itself.
func without[L any](list []L, some func(L) bool) []L {
	return slices.DeleteFunc(slices.Clone(list), some)
}

// tellPartings tells of partings that are over.
func (r *running) tellPartings() {
	if stopped := r.endPartings(); len(stopped) > 0 {
		r.logf("%s stopped", strings.Join(stopped, ", "))
	}
}

// takePartings ends the partings of channels for which the plan has a successor,
// and returns them: their channels are open then, and their sinks have ended.
func (a *change) takePartings() (all []*parting) {
	for _, p := range a.partings {
		if a.ends(p.channel) {
			close(p.taken)
			all = append(all, p)
		}
	}
	for _, p := range all {
		<-p.done
	}
	a.stopped = append(a.stopped, a.endPartings()...)
	return slices.DeleteFunc(all, func(p *parting) bool { return p.closed })
}

// awaitPartings gives partings the time that they mostly take.
func (a *change) awaitPartings() {
	short, stop := context.WithTimeout(a.hard, min(a.options.Grace, partsWithin))
	defer stop()
	for _, p := range a.partings {
		select {
		case <-p.done:
		case <-short.Done():
		}
	}
	a.stopped = append(a.stopped, a.endPartings()...)
	for _, p := range a.partings {
		for _, l := range p.runners {
			a.parting = append(a.parting, l.node.name)
		}
		a.parting = append(a.parting, "channel "+p.channel.node.name)
	}
}

// release lets go of partings that were taken, once their sinks are closed.
func (a *change) release(taken []*parting) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.partings = without(a.partings, func(p *parting) bool { return slices.Contains(taken, p) })
	for _, p := range taken {
		close(p.over)
	}
}

// inPlan reports whether the plan has a channel of the name of one that runs.
func (a *change) inPlan(c *liveChannel) bool {
	return slices.ContainsFunc(a.plan.channels, func(n *channelPart) bool { return n.name == c.node.name })
}

// succeeded reports whether the plan has a new channel in the place of one that
// goes: of its name, or where its events are on a disk.
func (a *change) succeeded(c *liveChannel) bool {
	return slices.ContainsFunc(a.plan.channels, func(n *channelPart) bool {
		return !a.channels[n.name] && (n.name == c.node.name || inherits(n, c))
	})
}

// inherits reports whether a channel has its events where one that goes has them.
func inherits(n *channelPart, c *liveChannel) bool {
	if c.volatile() {
		return false
	}
	here, ok := n.built.(flume.Holder)
	there, both := c.channel().(flume.Holder)
	if !ok || !both {
		return sameHome(n.part, c.node.part)
	}
	return slices.ContainsFunc(here.Holds(), func(h flume.Holding) bool { return slices.Contains(there.Holds(), h) })
}

// shares reports whether a sink of n has the name, or all else, of one that runs
// at another channel: both would write to the same place.
func (n runnerNode) shares(l *liveRunner) bool {
	return slices.ContainsFunc(l.node.members, func(x *sinkNode) bool {
		return slices.ContainsFunc(n.members, func(y *sinkNode) bool {
			return x.name == y.name || fingerprint(x.part, "channel") == fingerprint(y.part, "channel")
		})
	})
}

// busyFor returns what sinks have to wait for: those that still empty a channel
// that was dropped.
func (r *running) busyFor(n runnerNode) (all []<-chan struct{}) {
	for _, p := range r.partings {
		if slices.ContainsFunc(p.runners, n.shares) {
			all = append(all, p.over)
		}
	}
	return all
}

// waitsBehind reports whether a runner waits for others to end.
func (l *liveRunner) waitsBehind() bool {
	return slices.ContainsFunc(l.behind, func(over <-chan struct{}) bool {
		select {
		case <-over:
			return false
		default:
			return true
		}
	})
}

// shown lists the components of which counters are shown, but for those of which a
// successor has the name, and tells the channels that a reload has dropped: they
// are shown until they are empty, and what is wrong with them no longer matters.
func (r *running) shown() (sources []*liveSource, channels []*liveChannel, runners []*liveRunner, parting map[*liveChannel]bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	parting = map[*liveChannel]bool{}
	for _, c := range r.channels {
		if c.leaving {
			parting[c] = true
		}
	}
	has := func(n *sinkNode) bool {
		return slices.ContainsFunc(r.runners, func(l *liveRunner) bool {
			return !l.leaving && slices.ContainsFunc(l.node.members, func(m *sinkNode) bool { return m.name == n.name })
		})
	}
	sources = without(r.sources, func(s *liveSource) bool { return s.lingers })
	runners = without(r.runners, func(l *liveRunner) bool { return l.leaving && slices.ContainsFunc(l.node.members, has) })
	return sources, slices.Clone(r.channels), runners, parting
}
