package agent

import (
	"context"
	"fmt"
	"slices"
	"strings"
)

// The kinds of components, as keys name them.
const (
	sources       = "sources"
	channels      = "channels"
	sinks         = "sinks"
	sinkGroups    = "sinkgroups"
	configFilters = "configfilters"
)

var kinds = []string{sources, channels, sinks, sinkGroups, configFilters}

// tree is one agent's share of the property files.
type tree struct {
	name  string
	lists map[string]*list            // by kind: what the agent runs
	parts map[string]map[string]*part // by kind and component
	order []*part                     // as they come in the files
}

// list is an `agent.kind = a b c` line.
type list struct {
	at    *entry
	names []string
}

// part is what the files say about one component.
type part struct {
	kind, name string
	first      *entry
	names      []string          // of the properties, in order
	values     map[string]*entry // by property
	empty      map[string]*entry // properties without a value
}

func newTree(name string) *tree {
	t := &tree{name: name, lists: map[string]*list{}, parts: map[string]map[string]*part{}}
	for _, k := range kinds {
		t.parts[k] = map[string]*part{}
	}
	return t
}

// listed returns the names of the components of a kind that the agent runs.
func (t *tree) listed(kind string) []string {
	if l := t.lists[kind]; l != nil {
		return l.names
	}
	return nil
}

// part returns what is said about a component, or an empty part.
func (t *tree) part(kind, name string) *part {
	if p := t.parts[kind][name]; p != nil {
		return p
	}
	return &part{kind: kind, name: name}
}

// guessed reports whether all that is said about the component stands under keys
// that were misspelt.
func (p *part) guessed() bool {
	for _, entries := range []map[string]*entry{p.values, p.empty} {
		for _, e := range entries {
			if !e.guessed {
				return false
			}
		}
	}
	return true
}

// get returns the entry of a property, or nil.
func (p *part) get(property string) *entry { return p.values[property] }

func (t *tree) add(kind, name, property string, e *entry) (before *entry) {
	p := t.parts[kind][name]
	if p == nil {
		p = &part{kind: kind, name: name, first: e, values: map[string]*entry{}, empty: map[string]*entry{}}
		t.parts[kind][name] = p
		t.order = append(t.order, p)
	}
	if e.value == "" {
		p.empty[property] = e
		return nil
	}
	before = p.values[property]
	switch {
	case before == nil:
		p.names = append(p.names, property)
	case e.guessed && !before.guessed:
		return before // the right key counts
	}
	p.values[property] = e
	return before
}

// linter finds what is wrong. Where it can guess what a misspelt key means, it
// reports the key and goes on as if it were right, so that one run finds all
// mistakes and no mistake is reported twice.
type linter struct {
	*tree
	findings []Finding
	agents   []string          // all agents that the files define
	begins   []position        // where each of them does
	system   map[string]string // Java's system properties
	live     bool              // config filters may run their programs
	asking   context.Context   // these end with it
	asFlume  bool              // nothing is guessed: read what Flume reads
	guesses  []guess
	leftover map[*entry]*entry // what is no property but the rest of a value, and whose
	typed    map[string]bool   // components that have a type, as kind.name
	checking int               // number of the first finding about a component
	broken   int               // mistakes by which Flume loses the component that is checked now
}

// report adds a finding; an error means that Flume does not run the component.
func (l *linter) report(level Level, at position, fix, format string, args ...any) {
	if level == Error {
		l.broken++
	}
	l.note(level, at, fix, format, args...)
}

// diverts reports an error with which Flume runs, but not as the file says.
func (l *linter) diverts(at position, fix, format string, args ...any) {
	l.note(Error, at, fix, format, args...)
}

func (l *linter) note(level Level, at position, fix, format string, args ...any) {
	l.findings = append(l.findings, Finding{File: at.file, Line: at.line, Column: at.column, Level: level,
		Message: fmt.Sprintf(format, args...), Fix: fix, kind: format})
}

// read sorts the entries into the tree.
func (l *linter) read(entries []*entry) {
	for _, e := range entries {
		agent, kind, _ := strings.Cut(e.key, ".")
		if slices.Contains(kinds, kind) && !slices.Contains(l.agents, agent) {
			l.agents, l.begins = append(l.agents, agent), append(l.begins, e.at)
		}
	}
	// Lists first: what the other keys mean depends on the names.
	var rest []*entry
	previous := map[*entry]*entry{}
	for i, e := range entries {
		if i > 0 {
			previous[e] = entries[i-1]
		}
		if !l.readList(e) {
			rest = append(rest, e)
		}
	}
	l.typed = map[string]bool{}
	for _, e := range rest {
		if w := strings.Split(e.key, "."); len(w) == 4 && w[3] == "type" {
			l.typed[join(w[1], w[2])] = true
		}
	}
	for _, e := range rest {
		l.route(e, previous[e])
	}
}

// readList takes `agent.kind = names`, also with a dot forgotten or the kind
// misspelt.
func (l *linter) readList(e *entry) bool {
	for _, kind := range kinds {
		switch e.key {
		case l.name + "." + kind:
			if strings.ContainsAny(e.value, "=:") && !e.separated {
				return false // a blank inside a longer key
			}
		case l.name + kind:
			if !l.misspelt(e, l.name+"."+kind, "a dot is missing") {
				return true
			}
			e = e.as(l.name+"."+kind, e.value)
		default:
			continue
		}
		l.setList(kind, e)
		return true
	}
	agent, kind, _ := strings.Cut(e.key, ".")
	if agent != l.name || strings.Contains(kind, ".") || !e.separated {
		return false
	}
	if meant := nearest(kind, kinds); meant != "" {
		if l.misspelt(e, l.name+"."+meant, fmt.Sprintf("unknown kind %q", kind)) {
			l.setList(meant, e.as(l.name+"."+meant, e.value))
		}
		return true
	}
	return false
}

func (l *linter) setList(kind string, e *entry) {
	before := l.lists[kind]
	if before != nil {
		l.repeated(before.at, e)
	}
	value, comment, found := cutComment(e.value)
	switch {
	case !found || l.asFlume:
		value = e.value
	default:
		l.report(Error, e.valueAt, ownLine, "%s: %q is part of the value", e.key, comment)
	}
	if rest := strings.TrimLeft(value, "=: "); rest != value && !l.asFlume {
		l.report(Error, e.valueAt, "write one =", "%s: the second %q is part of the value", e.key, value[:1])
		value = rest
	}
	names := strings.Fields(value)
	if apart, wrong := cutNames(value); wrong != "" && !l.asFlume {
		names = apart
		l.report(Error, e.valueAt, fmt.Sprintf("write %s.%s = %s", l.name, kind, strings.Join(names, " ")),
			"names are separated by blanks, not by %s", wrong)
	}
	var once []string
	for _, name := range names {
		if slices.Contains(once, name) {
			l.report(Warning, e.valueAt, "name it once", "%s names %s twice", e.key, name)
			continue
		}
		once = append(once, name)
	}
	l.lists[kind] = &list{e, once}
	if before != nil && before.at.guessed != e.guessed { // the right line, and more names beside it
		right, other := before, l.lists[kind]
		if right.at.guessed {
			right, other = other, right
		}
		for _, name := range other.names {
			if !slices.Contains(right.names, name) {
				right.names = append(right.names, name)
			}
		}
		l.lists[kind] = right
	}
}

// misspelt reports a key that cannot be right and what it should be. It tells
// whether to go on as if it were right.
func (l *linter) misspelt(e *entry, meant, why string) bool {
	l.guess(meant)
	l.note(Error, e.at, fmt.Sprintf("did you mean %s?", meant), "%s: %s", e.key, why)
	return !l.asFlume
}

// repeated reports a key that was set before in the same file. A misspelt key was
// reported as that.
func (l *linter) repeated(before, e *entry) {
	switch {
	case before.at.file != e.at.file || before.guessed || e.guessed:
	case before.value == e.value:
		l.report(Note, e.at, "leave one of them out", "%s was set to the same value in line %d", e.key, before.at.line)
	default:
		l.report(Warning, e.at, "leave one of them out", "%s was set in line %d already; this value counts", e.key, before.at.line)
	}
}
