package agent

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"syscall"
	"time"

	"github.com/logpipe/logpipe/pkg/fault"
	"github.com/logpipe/logpipe/pkg/flume"
	"github.com/logpipe/logpipe/pkg/sink"
	"github.com/logpipe/logpipe/pkg/source"
)

// start opens channels, then sinks, then sources, so that whatever comes in can
// go on, and runs them. A component that cannot be opened is an error, and with
// --lenient tried again and again, as in Flume, while the others run.
func (r *running) start(p *plan) error {
	retry := r.options.Lenient
	for _, c := range p.channels {
		if err := r.startChannel(r.newChannel(c), retry); err != nil {
			return err
		}
	}
	for _, n := range p.runners() {
		if err := r.runRunner(r.newRunner(n), retry); err != nil {
			return err
		}
	}
	// All listen before the first one reads.
	var opened []*liveSource
	for _, n := range p.sources {
		s := r.newSource(n)
		if err := r.openSource(s, retry); err != nil {
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

func (r *running) newChannel(c *channelPart) *liveChannel {
	l := &liveChannel{node: c, key: fingerprint(c.part), env: r.env("channel", c.name), started: time.Now(), settled: make(chan struct{})}
	l.opening, l.giveUp = context.WithCancel(r.reading)
	if l.refused = r.refusals(c, l.env); l.refused != nil {
		l.env.Refused = l.refused.keep
	}
	return l
}

// startChannel opens a channel that is not open yet; with retry, later where it
// cannot be opened now.
func (r *running) startChannel(l *liveChannel, retry bool) error {
	var err error
	if !l.open.Load() {
		err = l.tryOpen()
	}
	if err != nil && !retry {
		l.giveUp()
		return err
	}
	r.mu.Lock()
	r.channels = append(r.channels, l)
	r.mu.Unlock()
	if err == nil {
		return nil
	}
	r.stumbled(l.env, err, &l.state)
	go func() {
		if !r.insist(l.opening, l.env, err, l.tryOpen, &l.state) {
			close(l.settled)
		}
	}()
	return nil
}

// live finds the channel of a name; a plan names none that it does not have.
func (r *running) live(name string) *liveChannel {
	i := slices.IndexFunc(r.channels, func(c *liveChannel) bool { return c.node.name == name && !c.leaving })
	return r.channels[i]
}

func (r *running) newRunner(n runnerNode) *liveRunner {
	l := &liveRunner{node: n, key: n.key(), channel: r.live(n.members[0].channel.name), states: make([]condition, len(n.members)),
		opened: make([]bool, len(n.members)), done: make(chan struct{}), started: time.Now()}
	for _, s := range n.members {
		l.members = append(l.members, &sink.Member{Name: s.name, Sink: s.built, Env: r.env("sink", s.name), Dead: r.deadLetters(s)})
	}
	var processor sink.Processor
	if n.processor != nil {
		processor = n.processor.built
	}
	l.runner = sink.NewRunner(l.channel.channel(), l.members, processor,
		func(format string, args ...any) { r.logf("%s: %s", n.name, fmt.Sprintf(format, args...)) })
	l.stop = sync.OnceFunc(l.runner.Stop)
	l.behind = r.busyFor(n)
	return l
}

// runRunner opens a runner's sinks and runs it. With retry, a sink that cannot
// be opened is tried again and again; otherwise that is an error.
func (r *running) runRunner(l *liveRunner, retry bool) error {
	hard, giveUp := context.WithCancel(r.hard)
	l.giveUp = giveUp
	var err error
	if len(l.behind) == 0 {
		err = l.open()
	}
	if err != nil && !retry {
		close(l.done)
		return errors.Join(err, l.close())
	}
	if err != nil {
		r.stumbled(flume.Env{}, err, new(condition)) // each sink knows its own
	}
	r.mu.Lock()
	r.runners = append(r.runners, l)
	r.mu.Unlock()
	if err == nil && !l.channel.open.Load() {
		for i := range l.states {
			l.states[i].waitsFor(l.channel)
		}
	}
	go func() {
		defer close(l.done)
		waiting, stop := r.needed(hard, l)
		defer stop()
		if len(l.behind) > 0 {
			if !awaitAll(waiting, l.behind) {
				return
			}
			if err = l.open(); err != nil {
				r.stumbled(flume.Env{}, err, new(condition))
			}
		}
		if err != nil && !r.insist(waiting, flume.Env{}, err, l.open, new(condition)) || !l.awaitChannel(waiting) {
			return
		}
		if err := l.runner.Run(hard); err != nil {
			r.fail(fmt.Errorf("%s: %w", l.node.name, err))
		}
	}()
	return nil
}

// awaitAll waits until all are closed; false means that ctx has ended before.
func awaitAll(ctx context.Context, all []<-chan struct{}) bool {
	for _, one := range all {
		select {
		case <-one:
		case <-ctx.Done():
			return false
		}
	}
	return true
}

// needed returns a context that ends when there is nothing to do for a runner
// that does not run yet: it was stopped, or its channel is empty in the end.
func (r *running) needed(ctx context.Context, l *liveRunner) (context.Context, context.CancelFunc) {
	ctx, stop := context.WithCancel(ctx)
	go func() {
		defer stop()
		select {
		case <-r.drained:
			if l.channel.size() == 0 {
				return
			}
		case <-l.runner.Stopping():
			return
		case <-ctx.Done():
		}
		select {
		case <-l.runner.Stopping():
		case <-ctx.Done():
		}
	}()
	return ctx, stop
}

// awaitChannel waits until the channel is open; false means that it will not be.
func (l *liveRunner) awaitChannel(ctx context.Context) bool {
	c := l.channel
	if c.open.Load() {
		return true
	}
	select {
	case <-c.settled:
	case <-ctx.Done():
		return false
	}
	for i := range l.states {
		l.states[i].works()
	}
	return c.open.Load()
}

func (r *running) newSource(n *sourceNode) *liveSource {
	s := &liveSource{openedSource: r.ahead.sources[n.name], key: n.key(), done: make(chan struct{}), started: time.Now()}
	delete(r.ahead.sources, n.name)
	if s.openedSource == nil {
		s.openedSource = &openedSource{node: n, env: r.env("source", n.name)}
	}
	if s.told != nil {
		s.told.release()
	}
	hard, giveUp := context.WithCancel(r.hard)
	s.giveUp = giveUp
	cfg := source.OutputConfig{Logf: s.env.Logf, Selector: n.selector, Copied: source.CopiesHeaders(n.built)}
	for _, i := range n.interceptors {
		cfg.Interceptors = append(cfg.Interceptors, i.built)
	}
	for _, c := range n.required {
		s.channels = append(s.channels, r.live(c.name))
		cfg.Required = append(cfg.Required, r.live(c.name).channel())
	}
	for _, c := range n.optional {
		s.channels = append(s.channels, r.live(c.name))
		cfg.Optional = append(cfg.Optional, r.live(c.name).channel())
	}
	if n.selector != nil {
		cfg.Channels, cfg.Required = cfg.Required, nil
	}
	s.out = source.NewOutput(hard, cfg)
	return s
}

// openSource opens a source whose channels are open. With retry, one that cannot
// be opened is told and no error: runSource opens it.
func (r *running) openSource(s *liveSource, retry bool) error {
	for _, c := range s.channels {
		if !c.open.Load() {
			s.state.waitsFor(c)
			return nil
		}
	}
	s.failure = s.tryOpen()
	if s.failure == nil || !retry {
		return s.failure
	}
	for range portTries {
		if !errors.Is(s.failure, syscall.EADDRINUSE) || !flume.Pause(r.hard, portPause) {
			break
		}
		s.failure = s.tryOpen()
	}
	if s.failure != nil {
		r.stumbled(s.env, s.failure, &s.state)
	}
	return nil
}

// How often a source tries to have its port, and how long it waits between two tries: a
// listener outlives its close for a moment, in a program that is being started (between
// fork and exec), and on kernels where the thread that polls may hold the last reference.
// They are counted, for a time passes also while this process is stopped.
const (
	portTries = 50
	portPause = 10 * time.Millisecond
)

// tryOpen opens a source with its interceptors.
func (s *liveSource) tryOpen() error {
	err := s.openInterceptors()
	if err == nil && !s.open {
		err = s.openItself()
		s.open = err == nil
	}
	return err
}

// runSource runs a source, once its channels are open and it is.
func (r *running) runSource(s *liveSource) {
	reading, stop := context.WithCancel(r.reading)
	s.stop = stop
	r.mu.Lock()
	r.sources = append(r.sources, s)
	r.mu.Unlock()
	go func() {
		defer close(s.done)
		if !s.awaitChannels(reading) {
			return
		}
		if !s.open && s.failure == nil {
			if s.failure = s.tryOpen(); s.failure != nil {
				r.stumbled(s.env, s.failure, &s.state)
			}
		}
		if s.failure != nil && !r.insist(reading, s.env, s.failure, s.tryOpen, &s.state) {
			return
		}
		s.supervise(reading)
	}()
}

// awaitChannels waits until all channels are open; false means that they will
// not be.
func (s *liveSource) awaitChannels(ctx context.Context) bool {
	for _, c := range s.channels {
		if c.open.Load() {
			continue
		}
		s.state.waitsFor(c)
		select {
		case <-c.settled:
		case <-ctx.Done():
		}
		if !c.open.Load() {
			return false
		}
		s.state.works()
	}
	return true
}

// retryPause is how long a component that failed while the agent runs waits
// before it is opened again, as in Flume.
const retryPause = 3 * time.Second

// stumbled tells that a component cannot be opened now.
func (r *running) stumbled(env flume.Env, err error, state *condition) {
	state.fails(env, err)
	r.logf("%s", fault.Line(fmt.Errorf("%w; tries again every %v", err, retryPause)))
}

// insist opens a component that has stumbled over err until it is open; false
// means that ctx has ended. Each cause is told once.
func (r *running) insist(ctx context.Context, env flume.Env, err error, open func() error, state *condition) bool {
	for flume.Pause(ctx, retryPause) {
		before := err
		if err = open(); err == nil {
			state.works()
			return true
		}
		if err.Error() != before.Error() {
			r.stumbled(env, err, state)
		} else {
			state.fails(env, err)
		}
	}
	return false
}

// supervise runs an open source, and opens it again when it fails.
func (s *liveSource) supervise(ctx context.Context) {
	before, alike := "", 0 // what it failed with, and how often in a row
	for told := false; ; {
		if s.open {
			s.state.works()
			told = false
			begun := time.Now()
			err := s.node.built.Run(ctx, s.out)
			if err == nil || ctx.Err() != nil {
				return
			}
			s.open = false
			s.state.fails(flume.Env{}, err)
			err = errors.Join(err, s.node.built.Close())
			if alike++; err.Error() != before || time.Since(begun) > time.Minute {
				before, alike = err.Error(), 1
			}
			if alike&(alike-1) == 0 { // the first, second, fourth, eighth … of the same
				s.env.Logf("failed, starts again in %v: %s", retryPause, fault.Line(err))
			}
		}
		if !flume.Pause(ctx, retryPause) {
			return
		}
		err := s.node.built.Open(s.env)
		if s.open = err == nil; err != nil {
			s.state.fails(s.env, err)
			if !told {
				s.env.Logf("cannot start: %s", fault.Line(err))
				told = true
			}
		}
	}
}
