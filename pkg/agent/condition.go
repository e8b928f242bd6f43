package agent

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync/atomic"

	"github.com/logpipe/logpipe/pkg/flume"
)

// condition says why a component does not work; the zero condition is that of
// one that does.
type condition struct{ trouble atomic.Pointer[string] }

// fails notes why the component does not run, and counts it.
func (c *condition) fails(env flume.Env, why error) {
	env.Counter("StartFailCount").Add(1)
	text := "it does not run: " + why.Error()
	c.trouble.Store(&text)
}

// waitsFor notes that the component waits for a channel that is not open.
func (c *condition) waitsFor(l *liveChannel) {
	text := fmt.Sprintf("it waits for channel %s", l.node.name)
	c.trouble.Store(&text)
}

func (c *condition) works() { c.trouble.Store(nil) }

// text is the trouble, or "".
func (c *condition) text() string {
	if text := c.trouble.Load(); text != nil {
		return *text
	}
	return ""
}

// or is the trouble, or what a component that runs tells of itself.
func (c *condition) or(component any) string {
	if text := c.text(); text != "" {
		return text
	}
	if t, ok := component.(flume.Troubled); ok {
		return t.Trouble()
	}
	return ""
}

// waits names the components that do not run yet.
func (r *running) waits() (names []string) {
	for _, s := range r.sources {
		if s.state.text() != "" {
			names = append(names, "source "+s.node.name)
		}
	}
	for _, c := range r.channels {
		if c.state.text() != "" {
			names = append(names, "channel "+c.node.name)
		}
	}
	for _, l := range r.runners {
		for i := range l.states {
			if l.states[i].text() != "" {
				names = append(names, "sink "+l.members[i].Name)
			}
		}
	}
	return names
}

// placed says which component an error of Open is of, and where the property
// stands that it is about.
func (c *component[C]) placed(what string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %s %s: %w", c.placeOf(err), what, c.name, err)
}

// placeOf is where the property stands that an error is about, and the type of
// the component where the file does not set it.
func (c *component[C]) placeOf(err error) position {
	var about *flume.PropertyError
	if errors.As(err, &about) {
		for _, property := range about.Properties {
			if at := c.part.placeOf(c.props, property); at != c.part.place() {
				return at
			}
		}
	}
	return c.part.place()
}

// leftOut is a component that --lenient does not run.
type leftOut struct{ kind, name, why string }

// noteLeftOut notes what Flume would not run, and why.
func (l *linter) noteLeftOut(p *plan) {
	note := func(broken bool, kind, name string, parts ...*part) {
		if broken {
			p.left = append(p.left, leftOut{kind, name, l.mistakeIn(parts)})
		}
	}
	for _, c := range p.channels {
		note(c.broken, "CHANNEL", c.name, c.part)
	}
	for _, n := range p.sources {
		note(n.broken, "SOURCE", n.name, n.part)
	}
	for _, n := range p.sinks {
		if n.group != nil {
			note(n.broken || n.group.broken, "SINK", n.name, n.part, l.part(sinkGroups, n.group.name))
		} else {
			note(n.broken, "SINK", n.name, n.part)
		}
	}
}

// mistakeIn returns the first error that was found in the lines of parts.
func (l *linter) mistakeIn(parts []*part) string {
	for _, p := range parts {
		lines := map[position]bool{}
		for _, e := range append(slices.Collect(maps.Values(p.values)), slices.Collect(maps.Values(p.empty))...) {
			lines[position{file: e.at.file, line: e.at.line}] = true
		}
		if p.first != nil {
			lines[position{file: p.first.at.file, line: p.first.at.line}] = true
		}
		for _, f := range l.findings {
			if f.Level == Error && lines[position{file: f.File, line: f.Line}] {
				return f.String()
			}
		}
	}
	return "it has an error"
}
