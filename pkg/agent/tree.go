package agent

import (
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
	if before == nil {
		p.names = append(p.names, property)
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
	system   map[string]string // Java's system properties
	live     bool              // config filters may run their programs
	asFlume  bool              // nothing is guessed: read what Flume reads
	guesses  []guess
	leftover map[*entry]*entry // what is no property but the rest of a value, and whose
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
		Message: fmt.Sprintf(format, args...), Fix: fix})
}

// read sorts the entries into the tree.
func (l *linter) read(entries []*entry) {
	for _, e := range entries {
		agent, kind, _ := strings.Cut(e.key, ".")
		if slices.Contains(kinds, kind) && !slices.Contains(l.agents, agent) {
			l.agents = append(l.agents, agent)
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
			l.setList(meant, e)
		}
		return true
	}
	return false
}

func (l *linter) setList(kind string, e *entry) {
	if before := l.lists[kind]; before != nil {
		l.repeated(before.at, e)
	}
	names := strings.Fields(e.value)
	if strings.Contains(e.value, ",") && !l.asFlume {
		names = strings.FieldsFunc(e.value, func(r rune) bool { return r == ',' || isBlank(r) })
		l.report(Error, e.valueAt, fmt.Sprintf("write %s.%s = %s", l.name, kind, strings.Join(names, " ")),
			"names are separated by blanks, not by commas")
	}
	if len(names) == 0 {
		l.report(Warning, e.at, "name the "+kind+" or leave the line out", "%s has no value", e.key)
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
}

// misspelt reports a key that cannot be right and what it should be. It tells
// whether to go on as if it were right.
func (l *linter) misspelt(e *entry, meant, why string) bool {
	l.guess(meant)
	l.note(Error, e.at, fmt.Sprintf("did you mean %s?", meant), "%s: %s", e.key, why)
	return !l.asFlume
}

// repeated reports a key that was set before in the same file.
func (l *linter) repeated(before, e *entry) {
	switch {
	case before.at.file != e.at.file:
	case before.value == e.value:
		l.report(Note, e.at, "", "%s was set to the same value in line %d", e.key, before.at.line)
	default:
		l.report(Warning, e.at, "leave one of them out", "%s was set in line %d already; this value counts", e.key, before.at.line)
	}
}
