package agent

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/logpipe/logpipe/pkg/flume"
)

// change is one reload.
type change struct {
	*running
	plan     *plan
	channels map[string]bool // names of those that stay
	ending   []*liveChannel  // that end before the new ones are opened, for their successors
	patience context.Context // ends when what stops has to give up

	insists bool // a channel that cannot be opened is tried again and again

	stopped, started []string
	failed           []string      // are started and do not run yet
	parting          []string      // go beside the rest
	behind           []*liveRunner // of started, those that have to wait for them
}

func (a *change) findKept() {
	a.channels = map[string]bool{}
	for _, c := range a.plan.channels {
		for _, l := range a.running.channels {
			if !l.leaving && l.node.name == c.name && l.key == fingerprint(c.part) {
				a.channels[c.name] = true
			}
		}
	}
	for _, c := range a.running.channels {
		if (c.leaving || !a.channels[c.node.name]) && a.succeeded(c) {
			a.ending = append(a.ending, c)
		}
	}
}

// ends reports whether a channel ends for its successor.
func (a *change) ends(c *liveChannel) bool { return slices.Contains(a.ending, c) }

func (a *change) keepsSource(s *liveSource) bool {
	return !s.lingers && slices.ContainsFunc(a.plan.sources, func(n *sourceNode) bool { return n.name == s.node.name && n.key() == s.key })
}

// runsSource reports whether a source of the plan runs already.
func (a *change) runsSource(n *sourceNode) bool {
	return slices.ContainsFunc(a.sources, func(s *liveSource) bool { return s.node.name == n.name && a.keepsSource(s) })
}

func (a *change) keepsRunner(l *liveRunner) bool {
	return l.leaving || slices.ContainsFunc(a.plan.runners(), func(n runnerNode) bool { return n.key() == l.key })
}

// await waits for the end of a component as long as there is patience, and then
// lets it give up.
func (a *change) await(done <-chan struct{}, giveUp context.CancelFunc) {
	awaitEnd(a.patience, done, giveUp)
}

func awaitEnd(patience context.Context, done <-chan struct{}, giveUp context.CancelFunc) {
	select {
	case <-done:
	case <-patience.Done():
		giveUp()
		<-done
	}
}

// drop takes stopped components out of a list and closes them.
func drop[L interface{ close() error }](a *change, list *[]L, gone func(L) bool, name func(L) string) {
	var kept []L
	for _, l := range *list {
		if !gone(l) {
			kept = append(kept, l)
			continue
		}
		if err := l.close(); err != nil {
			a.logf("%v", err)
		}
		if name := name(l); name != "" {
			a.stopped = append(a.stopped, name)
		}
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	*list = kept
}

// changeRunners replaces the sinks at channels that stay, so that these go on
// emptying while sources end.
func (a *change) changeRunners() {
	gone := func(l *liveRunner) bool {
		return !a.keepsRunner(l) && a.channels[l.node.members[0].channel.name]
	}
	for _, l := range a.runners {
		if gone(l) {
			l.stop()
		}
	}
	a.dropRunners(gone)
	a.startRunners(func(n runnerNode) bool {
		return a.channels[n.members[0].channel.name] && !slices.ContainsFunc(a.runners, func(l *liveRunner) bool { return !a.keepsRunner(l) && n.shares(l) })
	})
}

func (a *change) dropRunners(gone func(*liveRunner) bool) {
	for _, l := range a.runners {
		if gone(l) {
			a.await(l.done, l.giveUp)
			a.addPast(l.ledger())
		}
	}
	drop(a, &a.runners, gone, func(l *liveRunner) string { return l.node.name })
}

// startRunners starts the runners of the plan that do not run.
func (a *change) startRunners(which func(runnerNode) bool) {
	for _, n := range a.plan.runners() {
		runs := slices.ContainsFunc(a.runners, func(l *liveRunner) bool { return !l.leaving && l.key == n.key() })
		if runs || !which(n) {
			continue
		}
		l := a.newRunner(n)
		_ = a.runRunner(l, true) // it retries, so that there is no error
		a.notesStart(n.name, l.fails())
		if len(l.behind) > 0 {
			a.behind = append(a.behind, l)
		}
	}
}

func (a *change) notesStart(name string, fails bool) {
	a.started = append(a.started, name)
	if fails {
		a.failed = append(a.failed, name)
	}
}

// endChannels closes the channels that have a successor. A memory channel hands
// its events to the one of its name; others leave them on their disk.
func (a *change) endChannels() map[string][]flume.Event {
	for _, l := range a.runners {
		if a.ends(l.channel) {
			l.stop()
		}
	}
	a.dropRunners(func(l *liveRunner) bool { return a.ends(l.channel) })
	moved := map[string][]flume.Event{}
	for _, c := range a.running.channels {
		if !a.ends(c) {
			continue
		}
		c.settle()
		left := c.feed.end()
		if c.volatile() {
			moved[c.node.name] = append(empty(c.channel()), left...)
			left = nil
		}
		a.addPast(a.tellParted(c, left, a.wayBack(c)))
	}
	drop(a, &a.running.channels, a.ends, func(c *liveChannel) string { return "channel " + c.node.name })
	return moved
}

// empty takes all events out of a channel that nobody else uses.
func empty(c flume.Channel) (all []flume.Event) {
	c.Drain()
	for {
		tx, err := c.Take(context.Background(), c.MaxBatch())
		if err != nil {
			return all
		}
		all = append(all, tx.Events()...)
		if tx.Commit() != nil {
			return all
		}
	}
}

// startChannels opens the new channels and gives them the events of those that
// they follow. Where one cannot be opened, the events stay with the agent.
func (a *change) startChannels(moved map[string][]flume.Event) error {
	var all error
	for _, c := range a.plan.channels {
		if a.channels[c.name] {
			continue
		}
		l := a.ahead.channels[c.name]
		delete(a.ahead.channels, c.name)
		if l == nil {
			l = a.newChannel(c)
		}
		if err := a.startChannel(l, a.insists || a.options.Lenient); err != nil {
			all = errors.Join(all, err)
			continue
		}
		a.notesStart("channel "+c.name, l.state.text() != "")
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	for name, events := range moved {
		if len(events) == 0 {
			continue
		}
		if a.waiting == nil {
			a.waiting = map[string][]flume.Event{}
		}
		a.waiting[name] = append(a.waiting[name], events...)
	}
	return all
}

// feedChannels gives the channels what was in those that they follow.
func (a *change) feedChannels() {
	for _, c := range a.running.channels {
		if events := a.waiting[c.node.name]; len(events) > 0 && !c.leaving {
			a.mu.Lock()
			c.feed = a.give(c, events)
			delete(a.waiting, c.node.name)
			a.mu.Unlock()
		}
	}
}

// feeder puts the events of a replaced channel into its successor, as the sinks
// make space.
type feeder struct {
	stop context.CancelFunc
	done chan struct{}
	rest []flume.Event // that did not get in; valid after done
	left atomic.Int64  // how many these are now
}

// give starts a feeder.
func (a *change) give(c *liveChannel, events []flume.Event) *feeder {
	ctx, stop := context.WithCancel(a.hard)
	f := &feeder{stop: stop, done: make(chan struct{}), rest: events}
	f.left.Store(int64(len(events)))
	logf := c.env.Logf
	go func() {
		defer close(f.done)
		for told := false; len(f.rest) > 0; {
			n := min(len(f.rest), c.channel().MaxBatch())
			err := c.channel().Put(ctx, f.rest[:n])
			switch {
			case err == nil:
				f.rest = f.rest[n:]
				f.left.Store(int64(len(f.rest)))
			case !errors.Is(err, flume.ErrFull):
				if ctx.Err() == nil {
					logf("%s of before cannot be put: %v", plural(len(f.rest), "event"), err)
				}
				return
			case !told:
				logf("%s of before wait for space", plural(len(f.rest), "event"))
				told = true
			}
			if err != nil && !rest(ctx) {
				return
			}
		}
	}()
	return f
}

// rest keeps a feeder of a channel that answers at once from spinning; false
// means that ctx has ended.
func rest(ctx context.Context) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(10 * time.Millisecond):
		return true
	}
}

// end stops a feeder and returns what it still had.
func (f *feeder) end() []flume.Event {
	if f == nil {
		return nil
	}
	f.stop()
	<-f.done
	return f.rest
}

// words says what a reload did: a component that was stopped and started was
// restarted, if it runs.
func (a *change) words() string {
	var words []string
	add := func(names []string, did string) {
		if len(names) > 0 {
			words = append(words, strings.Join(names, ", ")+" "+did)
		}
	}
	var restarted, stopped, started []string
	for _, name := range a.stopped {
		if slices.Contains(a.started, name) && !slices.Contains(a.failed, name) {
			restarted = append(restarted, name)
		} else {
			stopped = append(stopped, name)
		}
	}
	var waiting []string
	for _, l := range a.behind {
		if l.waitsBehind() {
			waiting = append(waiting, l.node.name)
		}
	}
	for _, name := range a.started {
		if !slices.Contains(slices.Concat(restarted, a.failed, waiting), name) {
			started = append(started, name)
		}
	}
	add(restarted, "restarted")
	add(stopped, "stopped")
	add(started, "started")
	if len(a.failed) > 0 {
		add(a.failed, fmt.Sprintf("cannot start yet, tried every %v", retryPause))
	}
	add(a.parting, fmt.Sprintf("drain for at most %v", a.options.Grace))
	add(waiting, "waits for that")
	return strings.Join(words, "; ")
}
