package agent

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"syscall"

	"github.com/logpipe/logpipe/pkg/flume"
)

// ahead is what a reload has opened before it closes what that replaces, by name.
// What is taken over by the component that runs is taken out.
type ahead struct {
	channels map[string]*liveChannel
	sources  map[string]*openedSource
}

// openedSource is a source of which the interceptors are open, and mostly more.
type openedSource struct {
	node         *sourceNode
	env          flume.Env
	told         *delayed // what it said while it was opened ahead; nil = it was not
	interceptors int
	open         bool
}

// openAhead opens what can be opened while all that runs goes on, so that a port
// that is in use is an error of the edit. What holds the same as something that
// ends is opened after that.
func (a *change) openAhead() []error {
	a.ahead = ahead{channels: map[string]*liveChannel{}, sources: map[string]*openedSource{}}
	held := a.heldByWhatEnds()
	var all []error
	for _, c := range a.plan.channels {
		if a.channels[c.name] {
			continue
		}
		l := a.newChannel(c)
		opened, err := openBeside(held, c.built, l.tryOpen)
		if p, ok := c.built.(flume.Prober); ok && !opened && err == nil {
			err = c.placed("channel", p.Probe())
		}
		if err != nil {
			all = append(all, err)
		}
		if opened {
			a.ahead.channels[c.name] = l
		} else {
			l.giveUp()
		}
	}
	for _, n := range a.plan.sources {
		if a.runsSource(n) {
			continue
		}
		o := &openedSource{node: n, env: a.env("source", n.name)}
		o.told = &delayed{logf: o.env.Logf}
		o.env.Logf = o.told.say
		err := o.openInterceptors()
		if err == nil {
			o.open, err = openBeside(held, n.built, o.openItself)
		}
		if err != nil {
			all = append(all, err)
		}
		a.ahead.sources[n.name] = o
	}
	if len(all) > 0 {
		a.closeAhead()
	}
	return all
}

// closeAhead closes what was opened and not taken over.
func (r *running) closeAhead() {
	for _, o := range r.ahead.sources {
		if o.open {
			if err := closed("source "+o.node.name, o.node.built); err != nil {
				r.logf("%v", err)
			}
		}
	}
	for _, l := range r.ahead.channels {
		if err := l.close(); err != nil {
			r.logf("%v", err)
		}
	}
	r.ahead = ahead{}
}

// heldByWhatEnds lists what the components hold that a reload closes.
func (a *change) heldByWhatEnds() (all []flume.Holding) {
	add := func(component any) {
		if h, ok := component.(flume.Holder); ok {
			all = append(all, h.Holds()...)
		}
	}
	for _, s := range a.sources {
		if !a.keepsSource(s) {
			add(s.node.built)
		}
	}
	for _, c := range a.running.channels {
		if c.leaving || !a.channels[c.node.name] {
			add(c.node.built)
		}
	}
	return all
}

// openBeside opens a component beside those that hold what is in held; false
// without an error means that it has to wait until they are closed.
func openBeside(held []flume.Holding, component any, open func() error) (opened bool, err error) {
	h, ok := component.(flume.Holder)
	if !ok {
		return false, nil
	}
	common := false
	for _, holding := range h.Holds() {
		if slices.Contains(held, holding) {
			common = true
			if !holding.Refused {
				return false, nil
			}
		}
	}
	err = open()
	if common && errors.Is(err, syscall.EADDRINUSE) {
		return false, nil
	}
	return err == nil, err
}

// delayed keeps what a component says while it is not sure that it will run: the
// port on which it listens may be closed at once.
type delayed struct {
	logf  func(string, ...any)
	mu    sync.Mutex
	lines []string
	sure  bool
}

func (d *delayed) say(format string, args ...any) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.sure {
		d.logf(format, args...)
	} else {
		d.lines = append(d.lines, fmt.Sprintf(format, args...))
	}
}

// release says what was kept, and all that follows.
func (d *delayed) release() {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, line := range d.lines {
		d.logf("%s", line)
	}
	d.lines, d.sure = nil, true
}

func (o *openedSource) openInterceptors() error {
	for _, i := range o.node.interceptors[o.interceptors:] {
		env := o.env
		env.Name = i.name
		if err := i.built.Open(env); err != nil {
			return i.placed("source "+o.node.name+": interceptor", err)
		}
		o.interceptors++
	}
	return nil
}

func (o *openedSource) openItself() error { return o.node.placed("source", o.node.built.Open(o.env)) }
