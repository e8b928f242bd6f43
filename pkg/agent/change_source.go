package agent

import (
	"context"
	"slices"
	"time"

	"github.com/logpipe/logpipe/pkg/flume"
	"github.com/logpipe/logpipe/pkg/source"
)

// How long a source that listens is waited for when it has to end: its clients have no
// port until then. It is counted, for a time passes also while this process is stopped.
const (
	lingersAfter = 25 // pauses
	lingerPause  = 10 * time.Millisecond
)

func listens(component any) bool {
	_, ok := component.(flume.Holder)
	return ok
}

// endSources ends sources that go, at channels that end.
func (a *change) endSources() {
	var gone []*liveSource
	for _, s := range a.sources {
		if !a.keepsSource(s) && slices.ContainsFunc(s.channels, a.ends) {
			s.stop() // all of them, before one is waited for
			gone = append(gone, s)
		}
	}
	for _, s := range gone {
		a.endSource(s)
	}
}

// changeSources replaces the other sources that go, one after the other, so that
// no port is closed for longer than its own source takes, and starts the new ones.
func (a *change) changeSources() {
	a.startSources()
	var first, last []*liveSource
	for _, s := range a.sources {
		switch {
		case a.keepsSource(s):
		case listens(s.node.built):
			first = append(first, s)
		default:
			s.stop() // all of them, before one is waited for
			last = append(last, s)
		}
	}
	for _, s := range append(first, last...) {
		s.stop()
		a.endSource(s)
		a.startSources()
	}
}

// startSources starts the sources of the plan that do not run, but for those that
// need what a source has that goes.
func (a *change) startSources() {
	for _, n := range a.plan.sources {
		if a.runsSource(n) || slices.ContainsFunc(a.sources, func(s *liveSource) bool { return !s.lingers && !a.keepsSource(s) && collide(s.node, n) }) {
			continue
		}
		s := a.newSource(n)
		_ = a.openSource(s, true) // it retries, so that there is no error
		a.notesStart("source "+n.name, s.state.text() != "")
		a.runSource(s)
	}
}

// collide reports whether two sources cannot work at once.
func collide(x, y *sourceNode) bool {
	if x.name == y.name || fingerprint(x.part, "channels") == fingerprint(y.part, "channels") {
		return true
	}
	there := alone(y.built)
	return slices.ContainsFunc(alone(x.built), func(h flume.Holding) bool { return slices.Contains(there, h) })
}

// alone lists what a component must have for itself while it works.
func alone(component any) (all []flume.Holding) {
	if h, ok := component.(flume.Holder); ok {
		all = h.Holds()
	}
	if r, ok := component.(flume.Resumer); ok {
		all = append(all, r.ResumesFrom()...)
	}
	return all
}

// endSource waits for the end of a source. One that has no space for what it has
// read lingers where its channels stay: what it has comes only once.
func (a *change) endSource(s *liveSource) {
	if !a.awaitSource(s) {
		if s.lingers {
			return
		}
		s.env.Logf("%s of before wait for space", plural(int(s.out.Putting()), "event"))
		if _, reads := s.node.built.(source.Leaver); listens(s.node.built) && !reads {
			if err := closed("source "+s.node.name, s.node.built); err != nil {
				a.logf("%v", err)
			}
		}
		a.stopped = append(a.stopped, "source "+s.node.name)
		a.mu.Lock()
		defer a.mu.Unlock()
		s.lingers = true
		return
	}
	a.addPast(s.ledger())
	s.tell()
	drop(a, &a.sources, func(l *liveSource) bool { return l == s }, func(*liveSource) string {
		if s.lingers {
			return "" // that it stopped was told
		}
		return "source " + s.node.name
	})
}

// untilItLingers ends when a source that listens has been waited for.
func untilItLingers(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, stop := context.WithCancel(ctx)
	go func() {
		defer stop()
		for range lingersAfter {
			if !flume.Pause(ctx, lingerPause) {
				return
			}
		}
	}()
	return ctx, stop
}

// awaitSource waits for the end of a source; false means that it lingers.
func (a *change) awaitSource(s *liveSource) bool {
	if !source.Lingers(s.node.built) || slices.ContainsFunc(s.channels, a.ends) {
		a.await(s.done, s.giveUp)
		return true
	}
	patience := a.patience
	if listens(s.node.built) {
		var stop context.CancelFunc
		patience, stop = untilItLingers(patience)
		defer stop()
	}
	if !s.lingers {
		select {
		case <-s.done:
		case <-patience.Done():
		}
	}
	if l, ok := s.node.built.(source.Leaver); ok {
		select {
		case <-s.done:
		case <-l.Left():
		}
	}
	select {
	case <-s.done:
		return true
	default:
		return false
	}
}
