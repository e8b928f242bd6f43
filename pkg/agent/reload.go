package agent

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/logpipe/logpipe/pkg/flume"
)

// follow runs until the agent ends, and takes over the files when they change
// or a reload is asked for.
func (r *running) follow(p *plan, texts []propertyFile) {
	var ticks <-chan time.Time
	if !r.options.NoReload {
		ticker := time.NewTicker(r.options.poll())
		defer ticker.Stop()
		ticks = ticker.C
	}
	tried, stamp := texts, stampOf(r.options.Files)
	for {
		asked := false
		select {
		case <-r.reading.Done():
			return
		case <-ticks:
			now := stampOf(r.options.Files)
			if now == stamp || now == "" {
				continue // as it was; or away, as while an editor saves
			}
			if now = r.settled(now); now == "" {
				continue
			}
			stamp = now
		case <-r.options.Reload:
			asked = true
			stamp = stampOf(r.options.Files)
		}
		next, err := readFiles(r.options.Files)
		if err != nil {
			r.logf("%v; %s goes on as before", err, r.options.Name)
			continue
		}
		if !asked && sameTexts(next, tried) {
			continue
		}
		tried = next
		if p, err = r.reload(p, texts, next); err == nil {
			texts = next
		}
	}
}

// settle is how long a file has to stay as it is before it is read: an editor
// may write it in pieces.
const settle = 100 * time.Millisecond

// settled waits until the files no longer change; "" means that they are away,
// or that the agent ends.
func (r *running) settled(stamp string) string {
	for {
		select {
		case <-r.reading.Done():
			return ""
		case <-time.After(settle):
		}
		now := stampOf(r.options.Files)
		if now == stamp || now == "" {
			return now
		}
		stamp = now
	}
}

// stampOf tells versions of files apart; "" means that one is away.
func stampOf(names []string) string {
	var b strings.Builder
	for _, name := range names {
		st, err := os.Stat(name)
		if err != nil {
			return ""
		}
		fmt.Fprintf(&b, "%d %d\n", st.ModTime().UnixNano(), st.Size())
	}
	return b.String()
}

func sameTexts(a, b []propertyFile) bool {
	return slices.EqualFunc(a, b, func(x, y propertyFile) bool { return x.name == y.name && bytes.Equal(x.data, y.data) })
}

// reload changes the running agent from the files old to the files next. After
// an error it runs as before. It returns the plan by which the agent runs.
func (r *running) reload(p *plan, old, next []propertyFile) (*plan, error) {
	what := strings.Join(r.options.Files, ", ")
	report, err := r.check(next)
	if err != nil {
		r.logf("%s: %s; %s goes on as before", what, plural(report.Count(Error), "error"), r.options.Name)
		return p, err
	}
	to := report.plan
	done, err := r.apply(to)
	if err != nil {
		r.logf("%s: %v; back to the configuration of before", what, err)
		report, checkErr := check(r.options, old, true)
		if checkErr == nil {
			_, checkErr = r.apply(report.plan)
		}
		if checkErr != nil {
			r.logf("that fails too: %v", checkErr)
		}
		return p, err
	}
	if done == "" {
		done = "nothing in it changes agent " + r.options.Name
	}
	r.logf("%s reloaded: %s", what, done)
	return to, nil
}

// apply makes the agent run by a plan: components that are as before go on, the
// others are stopped and started. It says what it did. An error is a channel
// that cannot be opened.
func (r *running) apply(p *plan) (string, error) {
	a := &change{running: r, plan: p}
	a.findKept()
	for _, s := range r.sources {
		if !a.keepsSource(s) {
			s.stop() // it may wait for space: see below
		}
	}
	a.changeRunners()
	a.endSources()
	moved := a.endChannels()
	if err := a.startChannels(moved); err != nil {
		return "", err
	}
	a.startRest()
	return a.words(), nil
}

// change is one reload.
type change struct {
	*running
	plan     *plan
	channels map[string]bool // names of those that stay

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

// await waits for the end of a component for up to the grace, and then lets it
// give up.
func (a *change) await(done <-chan struct{}, giveUp context.CancelFunc) {
	timer := time.NewTimer(a.options.Grace)
	defer timer.Stop()
	select {
	case <-done:
	case <-timer.C:
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
		if c.volatile() && follows(c) {
			moved[c.node.name] = empty(c.channel())
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
	for name, events := range a.waiting {
		if c := a.live(name); c != nil {
			a.give(name, c, events)
		}
		delete(a.waiting, name)
	}
	for _, n := range a.plan.sources {
		if slices.ContainsFunc(a.sources, func(s *liveSource) bool { return s.node.name == n.name }) {
			continue
		}
		s := a.newSource(n)
		if err := s.openSource(); err != nil {
			a.logf("%v; tries again every %v", err, retryPause)
		}
		a.runSource(s)
		a.started = append(a.started, "source "+n.name)
	}
}

// give puts events into a channel, as its sinks make space.
func (a *change) give(name string, c flume.Channel, events []flume.Event) {
	for len(events) > 0 {
		n := min(len(events), c.MaxBatch())
		err := c.Put(a.hard, events[:n])
		switch {
		case err == nil:
			events = events[n:]
		case errors.Is(err, flume.ErrFull) && a.reading.Err() == nil:
			a.logf("channel %s: %s of before wait for space", name, plural(len(events), "event"))
		default:
			a.past.lost += int64(len(events))
			a.logf("channel %s: %s of before lost: %v", name, plural(len(events), "event"), err)
			return
		}
	}
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
