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
}

func (c *liveChannel) channel() flume.Channel { return c.node.built }

func (c *liveChannel) close() error { return closed("channel "+c.node.name, c.node.built) }

// volatile reports whether events inside are lost with the process.
func (c *liveChannel) volatile() bool { return c.node.typ.Name() == "memory" }

// remains says what becomes of n events.
func (c *liveChannel) remains(n int) string {
	if c.volatile() {
		return plural(n, "event") + " not delivered and lost with the memory channel"
	}
	return fmt.Sprintf("%s not delivered, left in the %s channel", plural(n, "event"), c.node.typ.Name())
}

// liveSource is a source that runs.
type liveSource struct {
	node    *sourceNode
	key     string
	env     flume.Env
	out     *source.Output
	stop    context.CancelFunc // of reading
	giveUp  context.CancelFunc // of putting
	done    chan struct{}      // closed when it no longer runs
	working *atomic.Bool
	open    bool
	started time.Time
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
	return ledger{received: s.out.Received(), lost: s.out.Lost(), filtered: s.out.Filtered() + s.out.Unrouted()}
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
	members []*sink.Member
	opened  []bool
	giveUp  context.CancelFunc
	done    chan struct{}
	started time.Time
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
			all = errors.Join(all, fmt.Errorf("sink %s: %w", m.Name, err))
			continue
		}
		l.opened[i] = true
	}
	return all
}

func (l *liveRunner) ledger() (sum ledger) {
	for _, m := range l.members {
		sum.delivered += m.Delivered()
		sum.dead += m.DeadLetters()
	}
	return sum
}

// closed closes a component and says which one does not close well.
func closed(what string, c interface{ Close() error }) error {
	if err := c.Close(); err != nil {
		return fmt.Errorf("close %s: %w", what, err)
	}
	return nil
}

// fingerprint is what a part of the files says, for comparison.
func fingerprint(p *part) string {
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(p.values)) {
		fmt.Fprintf(&b, "%s=%q\n", name, p.values[name].value)
	}
	return b.String()
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
	}
	return key + "channel\n" + fingerprint(n.members[0].channel.part)
}

// start opens channels, then sinks, then sources, so that whatever comes in can
// go on, and runs them.
func (r *running) start(p *plan) error {
	for _, c := range p.channels {
		if err := r.startChannel(c); err != nil {
			return err
		}
	}
	for _, n := range p.runners() {
		if err := r.runRunner(r.newRunner(n), false); err != nil {
			return err
		}
	}
	// All listen before the first one reads.
	var opened []*liveSource
	for _, n := range p.sources {
		s := r.newSource(n)
		if err := s.openSource(); err != nil {
			for _, other := range opened {
				err = errors.Join(err, other.close())
			}
			s.giveUp()
			return err
		}
		opened = append(opened, s)
	}
	for _, s := range opened {
		r.runSource(s)
	}
	return nil
}

func (r *running) startChannel(c *channelPart) error {
	l := &liveChannel{node: c, key: fingerprint(c.part), env: r.env("channel", c.name), started: time.Now()}
	if err := c.built.Open(l.env); err != nil {
		return fmt.Errorf("channel %s: %w", c.name, err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.channels = append(r.channels, l)
	return nil
}

// live finds the open channel of a name.
func (r *running) live(name string) flume.Channel {
	for _, c := range r.channels {
		if c.node.name == name {
			return c.channel()
		}
	}
	return nil // a plan names no channel that it does not have
}

func (r *running) newRunner(n runnerNode) *liveRunner {
	l := &liveRunner{node: n, key: n.key(), opened: make([]bool, len(n.members)), done: make(chan struct{}), started: time.Now()}
	for _, s := range n.members {
		l.members = append(l.members, &sink.Member{Name: s.name, Sink: s.built, Env: r.env("sink", s.name), Dead: r.deadLetters(s)})
	}
	var processor sink.Processor
	if n.processor != nil {
		processor = n.processor.built
	}
	l.runner = sink.NewRunner(r.live(n.members[0].channel.name), l.members, processor,
		func(format string, args ...any) { r.logf("%s: %s", n.name, fmt.Sprintf(format, args...)) })
	return l
}

// runRunner opens a runner's sinks and runs it. With retry, a sink that cannot
// be opened is tried again and again; otherwise that is an error.
func (r *running) runRunner(l *liveRunner, retry bool) error {
	hard, giveUp := context.WithCancel(r.hard)
	l.giveUp = giveUp
	err := l.open()
	if err != nil && !retry {
		close(l.done)
		return errors.Join(err, l.close())
	}
	if err != nil {
		r.logf("%s", fault.Line(fmt.Errorf("%w; tries again every %v", err, retryPause)))
	}
	r.mu.Lock()
	r.runners = append(r.runners, l)
	r.mu.Unlock()
	go func() {
		defer close(l.done)
		for err != nil {
			if !flume.Pause(hard, retryPause) || l.runner.Stopped() {
				return
			}
			err = l.open()
		}
		if err := l.runner.Run(hard); err != nil {
			r.fail(fmt.Errorf("%s: %w", l.node.name, err))
		}
	}()
	return nil
}

func (r *running) newSource(n *sourceNode) *liveSource {
	s := &liveSource{node: n, key: n.key(), env: r.env("source", n.name), done: make(chan struct{}), working: new(atomic.Bool), started: time.Now()}
	hard, giveUp := context.WithCancel(r.hard)
	s.giveUp = giveUp
	cfg := source.OutputConfig{Logf: s.env.Logf, Selector: n.selector, Copies: source.CopiesHeaders(n.built)}
	for _, i := range n.interceptors {
		cfg.Interceptors = append(cfg.Interceptors, i.built)
	}
	for _, c := range n.required {
		cfg.Required = append(cfg.Required, r.live(c.name))
	}
	for _, c := range n.optional {
		cfg.Optional = append(cfg.Optional, r.live(c.name))
	}
	if n.selector != nil {
		cfg.Channels, cfg.Required = cfg.Required, nil
	}
	s.out = source.NewOutput(hard, cfg)
	return s
}

// openSource opens a source with its interceptors.
func (s *liveSource) openSource() error {
	for _, i := range s.node.interceptors {
		env := s.env
		env.Name = i.name
		if err := i.built.Open(env); err != nil {
			return fmt.Errorf("interceptor %s of source %s: %w", i.name, s.node.name, err)
		}
	}
	if err := s.node.built.Open(s.env); err != nil {
		return fmt.Errorf("source %s: %w", s.node.name, err)
	}
	s.open = true
	return nil
}

func (r *running) runSource(s *liveSource) {
	reading, stop := context.WithCancel(r.reading)
	s.stop = stop
	r.mu.Lock()
	r.sources = append(r.sources, s)
	r.mu.Unlock()
	s.working.Store(s.open)
	go func() {
		defer close(s.done)
		s.open = supervise(reading, s.node.built, s.out, s.env, s.open, s.working)
	}()
}
