package agent

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
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
	broken   int // mistakes by which Flume loses the component that is checked now
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

// route finds out whose an entry is.
func (l *linter) route(e, previous *entry) {
	agent, rest, _ := strings.Cut(e.key, ".")
	if agent == l.name && e.key != agent {
		l.routeOwn(e, rest)
		return
	}
	if strings.HasPrefix(e.key, "//") {
		l.report(Warning, e.at, "begin comments with #", "this is no comment but a property named %s", e.key)
		return
	}
	if l.wrapped(e, previous) {
		l.report(Error, e.at, fmt.Sprintf("end line %d with a backslash, or join the lines", previous.last),
			"%s is no property: the value of line %d seems to go on here", e.key, previous.last)
		return
	}
	for _, kind := range kinds {
		if agent == l.name+kind {
			fixed := join(kind, rest)
			if l.misspelt(e, l.name+"."+fixed, "a dot is missing") {
				l.routeOwn(e.as(l.name+"."+fixed, e.value), fixed)
			}
			return
		}
	}
	kind, tail, _ := strings.Cut(rest, ".")
	component, _, _ := strings.Cut(tail, ".")
	if !slices.Contains(l.agents, agent) && slices.Contains(l.listed(kind), component) && nearest(agent, []string{l.name}) != "" {
		if l.misspelt(e, l.name+"."+rest, fmt.Sprintf("unknown agent %q", agent)) {
			l.routeOwn(e.as(l.name+"."+rest, e.value), rest)
		}
	}
}

// wrapped reports whether an entry looks like the rest of the value before it.
func (l *linter) wrapped(e, previous *entry) bool {
	if previous == nil || previous.at.file != e.at.file || previous.last+1 != e.at.line {
		return false
	}
	if agent, _, _ := strings.Cut(e.key, "."); slices.Contains(l.agents, agent) {
		return false
	}
	agent, _, _ := strings.Cut(previous.key, ".")
	return agent == l.name && (e.bare() || strings.ContainsAny(e.key, `/|<>"'&$(){};*`) || strings.HasPrefix(e.key, "-"))
}

// as is the entry with another key and value.
func (e *entry) as(key, value string) *entry {
	fixed := *e
	fixed.key, fixed.value, fixed.guessed = key, value, true
	return &fixed
}

// routeOwn places an entry of this agent; rest is its key without the agent.
func (l *linter) routeOwn(e *entry, rest string) {
	if fixed, value, ok := blankInside(e, rest); ok {
		if w := strings.SplitN(fixed, ".", 3); len(w) == 3 && slices.Contains(kinds, w[0]) {
			if meant, component := l.otherKind(w[0], w[1], w[2]); meant != "" {
				fixed = join(meant, component, w[2])
			}
		}
		at := e.at
		at.column += utf8.RuneCountInString(e.key)
		l.guess(l.name + "." + fixed)
		l.note(Error, at, fmt.Sprintf("did you mean %s.%s = %s?", l.name, fixed, value), "a blank ends the key at %s", e.key)
		if !l.asFlume {
			l.routeOwn(e.as(l.name+"."+fixed, value), fixed)
		}
		return
	}
	if parts := strings.Split(rest, "."); slices.Contains(parts, "") {
		fixed := strings.Join(slices.DeleteFunc(parts, func(s string) bool { return s == "" }), ".")
		if l.misspelt(e, l.name+"."+fixed, "a part of the key is empty") && fixed != "" {
			l.routeOwn(e.as(l.name+"."+fixed, e.value), fixed)
		}
		return
	}
	kind, tail, _ := strings.Cut(rest, ".")
	if !slices.Contains(kinds, kind) {
		fixed := l.guessKind(kind, tail)
		if fixed == "" {
			l.report(Warning, e.at, "known: "+strings.Join(kinds, ", "), "%s has no effect: unknown kind %q", e.key, kind)
			return
		}
		if l.misspelt(e, l.name+"."+fixed, fmt.Sprintf("unknown kind %q", kind)) {
			l.routeOwn(e.as(l.name+"."+fixed, e.value), fixed)
		}
		return
	}
	if tail == "" {
		l.setList(kind, e)
		return
	}
	component, property, found := strings.Cut(tail, ".")
	if !found {
		l.nameless(e, kind, component)
		return
	}
	if meant, name := l.otherKind(kind, component, property); meant != "" {
		fixed := join(meant, name, property)
		if l.misspelt(e, l.name+"."+fixed, fmt.Sprintf("%s is no %s", component, singular[kind])) {
			if l.part(meant, name).get(property) != nil {
				return // it has its own value
			}
			e, kind, component = e.as(l.name+"."+fixed, e.value), meant, name
		}
	}
	if before := l.add(kind, component, property, e); before != nil {
		l.repeated(before, e)
	}
}

// otherKind recognises `a1.sinks.c1.channel` and `a1.sinks.c1.capacity` where c1
// is a channel: the first must mean the only sink, the second the channel.
func (l *linter) otherKind(kind, component, property string) (meant, name string) {
	names := l.listed(kind)
	if slices.Contains(names, component) {
		return "", ""
	}
	word, _, _ := strings.Cut(property, ".")
	wiring := slices.Contains([]string{"channel", "channels", "selector", "interceptors", "sinks", "processor"}, word)
	for _, other := range kinds {
		switch {
		case other == kind || !slices.Contains(l.listed(other), component):
		case !wiring && property != "type":
			return other, component
		case len(names) == 1:
			return kind, names[0]
		}
	}
	return "", ""
}

// nameless handles `agent.kind.word = value`: without a property it says
// nothing, so the word is likely the property of the only component.
func (l *linter) nameless(e *entry, kind, word string) {
	if names := l.listed(kind); len(names) == 1 && names[0] != word && l.part(kind, names[0]).get(word) == nil {
		fixed := join(kind, names[0], word)
		if l.misspelt(e, l.name+"."+fixed, "the name of the component is missing") {
			l.routeOwn(e.as(l.name+"."+fixed, e.value), fixed)
		}
		return
	}
	l.report(Warning, e.at, fmt.Sprintf("write %s.PROPERTY = %s", e.key, e.value), "%s names no property and has no effect", e.key)
}

// blankInside recognises `a1.sinks. k1.channel = c1`, where Java takes all from
// the blank on for the value.
func blankInside(e *entry, rest string) (key, value string, ok bool) {
	i := strings.IndexAny(e.value, "=:")
	if e.separated || i < 0 {
		return "", "", false
	}
	left := strings.TrimSpace(e.value[:i])
	complete := strings.Count(rest, ".") >= 2
	dot := strings.HasSuffix(rest, ".") || strings.HasPrefix(left, ".")
	if left == "" || strings.ContainsAny(left, " \t") || complete && !dot {
		return "", "", false
	}
	return join(strings.Trim(rest, "."), strings.Trim(left, ".")), strings.TrimSpace(e.value[i+1:]), true
}

// guessKind repairs a key whose first word is no kind: a component's name
// without its kind, a misspelt kind, or a missing dot behind the kind.
func (l *linter) guessKind(word, tail string) string {
	meant := nearest(word, kinds)
	component, _, _ := strings.Cut(tail, ".")
	if meant != "" && slices.Contains(l.listed(meant), component) {
		return join(meant, tail)
	}
	for _, kind := range kinds {
		if tail != "" && slices.Contains(l.listed(kind), word) {
			return join(kind, word, tail)
		}
		if name, found := strings.CutPrefix(word, kind); found && slices.Contains(l.listed(kind), name) {
			return join(kind, name, tail)
		}
	}
	if meant != "" {
		return join(meant, tail)
	}
	return ""
}

// join puts dots between the words that are there.
func join(words ...string) string {
	return strings.Join(slices.DeleteFunc(words, func(s string) bool { return s == "" }), ".")
}
