package agent

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/logpipe/logpipe/pkg/fault"
	"github.com/logpipe/logpipe/pkg/flume"
)

// change is one reload.
type change struct {
	*running
	plan     *plan
	channels map[string]bool // names of those that stay
	patience context.Context // ends when what stops has to give up

	stopped, started []string
}

func (a *change) findKept() {
	a.channels = map[string]bool{}
	for _, c := range a.plan.channels {
		for _, l := range a.running.channels {
			if l.node.name == c.name && l.key == fingerprint(c.part) {
				a.channels[c.name] = true
			}
		}
	}
}

func (a *change) keepsSource(s *liveSource) bool {
	return slices.ContainsFunc(a.plan.sources, func(n *sourceNode) bool { return n.name == s.node.name && n.key() == s.key })
}

func (a *change) keepsRunner(l *liveRunner) bool {
	return slices.ContainsFunc(a.plan.runners(), func(n runnerNode) bool { return n.key() == l.key })
}

// await waits for the end of a component as long as there is patience, and then
// lets it give up.
func (a *change) await(done <-chan struct{}, giveUp context.CancelFunc) {
	select {
	case <-done:
	case <-a.patience.Done():
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
		a.stopped = append(a.stopped, name(l))
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
			l.runner.Stop()
		}
	}
	a.dropRunners(gone)
	a.startRunners(func(n runnerNode) bool { return a.channels[n.members[0].channel.name] })
}

func (a *change) dropRunners(gone func(*liveRunner) bool) {
	for _, l := range a.runners {
		if gone(l) {
			a.await(l.done, l.giveUp)
			a.past.add(l.ledger())
		}
	}
	drop(a, &a.runners, gone, func(l *liveRunner) string { return l.node.name })
}

// startRunners starts the runners of the plan that do not run.
func (a *change) startRunners(which func(runnerNode) bool) {
	for _, n := range a.plan.runners() {
		runs := slices.ContainsFunc(a.runners, func(l *liveRunner) bool { return l.key == n.key() })
		if runs || !which(n) {
			continue
		}
		_ = a.runRunner(a.newRunner(n), true) // it retries, so that there is no error
		a.started = append(a.started, n.name)
	}
}

func (a *change) endSources() {
	gone := func(s *liveSource) bool { return !a.keepsSource(s) }
	for _, s := range a.sources {
		if gone(s) {
			a.await(s.done, s.giveUp)
			a.past.add(s.ledger())
			s.tell()
		}
	}
	drop(a, &a.sources, gone, func(s *liveSource) string { return "source " + s.node.name })
}

// endChannels closes the channels that go or change. A memory channel that
// changes hands its events to its successor; all others are emptied first.
func (a *change) endChannels() map[string][]flume.Event {
	gone := func(c *liveChannel) bool { return !a.channels[c.node.name] }
	follows := func(c *liveChannel) bool {
		return slices.ContainsFunc(a.plan.channels, func(n *channelPart) bool { return n.name == c.node.name })
	}
	for _, c := range a.running.channels {
		if gone(c) && !follows(c) {
			c.channel().Drain()
		}
	}
	atGone := func(l *liveRunner) bool { return !a.channels[l.node.members[0].channel.name] }
	for _, l := range a.runners {
		if slices.ContainsFunc(a.running.channels, func(c *liveChannel) bool {
			return c.node.name == l.node.members[0].channel.name && gone(c) && follows(c)
		}) {
			l.runner.Stop()
		}
	}
	a.dropRunners(atGone)
	moved := map[string][]flume.Event{}
	for _, c := range a.running.channels {
		if !gone(c) {
			continue
		}
		left := c.feed.end()
		if c.volatile() && follows(c) {
			moved[c.node.name] = append(empty(c.channel()), left...)
			left = nil
		}
		if len(left) > 0 {
			a.past.lost += int64(len(left))
			a.logf("channel %s: %s of before found no space", c.node.name, plural(len(left), "event"))
		}
		if n := c.channel().Size(); n > 0 {
			if c.volatile() {
				a.past.lost += int64(n)
			}
			a.logf("channel %s: %s", c.node.name, c.remains(n))
		}
	}
	drop(a, &a.running.channels, gone, func(c *liveChannel) string { return "channel " + c.node.name })
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
		if err := a.startChannel(c); err != nil {
			all = errors.Join(all, err)
			continue
		}
		a.started = append(a.started, "channel "+c.name)
	}
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

// startRest starts sinks and sources of new channels, and all that is new.
func (a *change) startRest() {
	a.startRunners(func(runnerNode) bool { return true })
	for _, c := range a.running.channels {
		if events := a.waiting[c.node.name]; len(events) > 0 {
			c.feed = a.give(c, events)
			delete(a.waiting, c.node.name)
		}
	}
	for _, n := range a.plan.sources {
		if slices.ContainsFunc(a.sources, func(s *liveSource) bool { return s.node.name == n.name }) {
			continue
		}
		s := a.newSource(n)
		if err := s.openSource(); err != nil {
			a.logf("%s", fault.Line(fmt.Errorf("%w; tries again every %v", err, retryPause)))
		}
		a.runSource(s)
		a.started = append(a.started, "source "+n.name)
	}
}

// feeder puts the events of a replaced channel into its successor, as the sinks
// make space.
type feeder struct {
	stop context.CancelFunc
	done chan struct{}
	rest []flume.Event // that did not get in; valid after done
}

// give starts a feeder.
func (a *change) give(c *liveChannel, events []flume.Event) *feeder {
	ctx, stop := context.WithCancel(a.hard)
	f := &feeder{stop: stop, done: make(chan struct{}), rest: events}
	logf := c.env.Logf
	go func() {
		defer close(f.done)
		for told := false; len(f.rest) > 0; {
			n := min(len(f.rest), c.channel().MaxBatch())
			err := c.channel().Put(ctx, f.rest[:n])
			switch {
			case err == nil:
				f.rest = f.rest[n:]
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
// restarted.
func (a *change) words() string {
	var words []string
	add := func(names []string, did string) {
		if len(names) > 0 {
			words = append(words, strings.Join(names, ", ")+" "+did)
		}
	}
	var restarted, stopped, started []string
	for _, name := range a.stopped {
		if slices.Contains(a.started, name) {
			restarted = append(restarted, name)
		} else {
			stopped = append(stopped, name)
		}
	}
	for _, name := range a.started {
		if !slices.Contains(restarted, name) {
			started = append(started, name)
		}
	}
	add(restarted, "restarted")
	add(stopped, "stopped")
	add(started, "started")
	return strings.Join(words, "; ")
}
