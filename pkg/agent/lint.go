package agent

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/logpipe/logpipe/pkg/channel"
	"github.com/logpipe/logpipe/pkg/flume"
	"github.com/logpipe/logpipe/pkg/sink"
	"github.com/logpipe/logpipe/pkg/source"
)

// component is one component of the agent. Built and props are only there when
// its type is known and supported.
type component[C any] struct {
	name  string
	part  *part
	typ   *flume.Type[C]
	built C
	props *flume.Properties

	broken bool // Flume would not run it
}

// channelPart is a channel of a plan.
type channelPart = component[flume.Channel]

func (c *component[C]) ok() bool { return c.props != nil }

// typeName is the type's name, as far as it is known before the agent starts.
func (c *component[C]) typeName() string {
	if c.typ == nil {
		return "type from a config filter"
	}
	return c.typ.Name()
}

// plan is what an agent consists of.
type plan struct {
	channels []*channelPart
	sources  []*sourceNode
	sinks    []*sinkNode
	groups   []*groupNode
	left     []leftOut // what Flume would not run
	asks     bool      // some values come from programs of config filters
}

type sourceNode struct {
	*component[source.Source]
	required, optional []*channelPart // required are all of them where the selector chooses
	spared, idle       []*channelPart // of these: those that no event has to reach, and that none reaches
	interceptors       []*component[source.Interceptor]
	selector           source.Selector // nil = every event goes to all
	selectorName       string
}

type sinkNode struct {
	*component[sink.Sink]
	channel *channelPart // nil if it is not there
	group   *groupNode   // nil if it is in none
}

// singular is the word for one component of a kind.
var singular = map[string]string{sources: "source", channels: "channel", sinks: "sink", sinkGroups: "sink group",
	configFilters: "config filter"}

// check finds what is wrong with the tree and makes the components.
func (l *linter) check(files []string) *plan {
	p := &plan{}
	if len(l.lists) == 0 && len(l.order) == 0 {
		if slices.ContainsFunc(l.findings, func(f Finding) bool { return f.Message == noText }) {
			return p // nothing can be in it
		}
		l.unknownAgent(files)
		return p
	}
	l.checking = len(l.findings)
	l.checkLists(files)
	p.asks = l.applyFilters()
	for _, name := range l.listed(channels) {
		l.broken = 0
		c := checkPart(l, channels, name, channel.Types(), "type")
		c.broken = l.broken > 0
		p.channels = append(p.channels, c)
	}
	l.checkFolders(p)
	for _, name := range l.listed(sources) {
		l.broken = 0
		n := l.checkSource(p, name)
		n.broken = l.broken > 0
		p.sources = append(p.sources, n)
	}
	for _, name := range l.listed(sinks) {
		l.broken = 0
		n := l.checkSink(p, name)
		n.broken = l.broken > 0
		p.sinks = append(p.sinks, n)
	}
	for _, name := range l.listed(sinkGroups) {
		l.checkGroup(p, name)
	}
	l.checkClaims(p)
	if l.asFlume {
		l.noteLeftOut(p)
		p.prune()
	}
	l.checkTimes(p)
	p.retain()
	l.checkHeld(p)
	l.checkUse(p)
	return p
}

// prune takes out what Flume would not run.
func (p *plan) prune() {
	p.channels = slices.DeleteFunc(p.channels, func(c *channelPart) bool { return c.broken })
	p.sources = slices.DeleteFunc(p.sources, func(n *sourceNode) bool { return n.broken })
	p.sinks = slices.DeleteFunc(p.sinks, func(n *sinkNode) bool { return n.broken || n.group != nil && n.group.broken })
	for _, g := range p.groups {
		g.members = slices.DeleteFunc(g.members, func(n *sinkNode) bool { return n.broken })
	}
	p.groups = slices.DeleteFunc(p.groups, func(g *groupNode) bool { return g.broken || len(g.members) == 0 })
}

// unknownAgent reports that the files have nothing of the agent, where the one
// begins that was probably meant.
func (l *linter) unknownAgent(files []string) {
	at, fix := position{files[0], 1, 1}, "an agent begins with lines such as a1.sources = r1"
	if len(l.agents) > 0 {
		at, fix = l.begins[0], "choose one with -n: "+l.agentList()
	}
	if l.name == "" {
		l.report(Error, at, fix, "no agent name given")
		return
	}
	switch near := nearest(l.name, l.agents); {
	case near != "":
		at, fix = l.begins[slices.Index(l.agents, near)], fmt.Sprintf("did you mean %q?", near)
	case len(l.agents) == 1:
		fix = fmt.Sprintf("did you mean %q? There is no other", l.agents[0])
	}
	l.report(Error, at, fix, "no agent %q in %s", l.name, strings.Join(files, ", "))
}

// agentList names the agents with the lines where they begin.
func (l *linter) agentList() string {
	const most = 20
	var list []string
	for i, name := range l.agents {
		if i == most {
			return strings.Join(list, ", ") + fmt.Sprintf(" and %d more", len(l.agents)-most)
		}
		list = append(list, fmt.Sprintf("%s (%s)", name, l.begins[i].from(l.begins[0])))
	}
	return strings.Join(list, ", ")
}

// checkLists looks at what the agent says it runs.
func (l *linter) checkLists(files []string) {
	at := l.begin(files)
	unlisted := l.withoutList()
	l.emptyLists(unlisted)
	if len(l.listed(channels)) == 0 && !unlisted[channels] {
		if list := l.lists[channels]; list != nil {
			at = list.at.at
		}
		l.report(Error, at, l.listFix(channels, "c1"), "agent %s lists no channels", l.name)
	}
	if len(l.listed(sources)) == 0 && len(l.listed(sinks)) == 0 && !unlisted[sources] && !unlisted[sinks] {
		l.report(Error, at, l.listFix(sources, "r1"), "agent %s lists neither sources nor sinks", l.name)
	}
	for _, p := range l.order {
		if slices.Contains(l.listed(p.kind), p.name) || len(l.listed(p.kind)) == 0 || p.guessed() {
			continue
		}
		l.report(Note, p.first.at, fmt.Sprintf("add it to %s.%s to run it", l.name, p.kind),
			"%s %s is described but not listed", singular[p.kind], p.name)
	}
}

// begin is the first line of the agent, which has a component or a list.
func (l *linter) begin(files []string) position {
	if i := slices.Index(l.agents, l.name); i >= 0 {
		return l.begins[i]
	}
	if len(l.order) > 0 {
		return l.order[0].first.at
	}
	for _, kind := range kinds {
		if list := l.lists[kind]; list != nil {
			return list.at.at
		}
	}
	return position{files[0], 1, 1}
}

// emptyLists reports lists without a name, and adds the kinds of which there are
// components to unlisted: Flume runs none of them.
func (l *linter) emptyLists(unlisted map[string]bool) {
	for _, kind := range kinds {
		list := l.lists[kind]
		if list == nil || len(list.names) > 0 {
			continue
		}
		i := slices.IndexFunc(l.order, func(p *part) bool { return p.kind == kind && !l.astray(p) })
		if i < 0 {
			l.note(Note, list.at.at, "", "%s lists nothing", list.at.key)
			continue
		}
		unlisted[kind] = true
		level := Error
		if kind == configFilters {
			level = Warning // a value that needs one is an error of its own
		}
		fix := strings.Replace(shorten(l.listFix(kind, "")), "add ", "write ", 1)
		l.note(level, list.at.at, fix, "%s lists nothing: %s %s, described in %s, does not run", list.at.key,
			singular[kind], l.order[i].name, l.order[i].first.at.from(list.at.at))
	}
}

// withoutList reports the components of kinds that have no list at all, and
// returns these kinds: nobody describes all of a kind in order to run none.
func (l *linter) withoutList() map[string]bool {
	kinds, fixes := map[string]bool{}, map[string]string{}
	for _, p := range l.order {
		if l.lists[p.kind] != nil || l.astray(p) {
			continue
		}
		if !kinds[p.kind] {
			kinds[p.kind], fixes[p.kind] = true, shorten(l.listFix(p.kind, p.name))
		}
		level := Error
		if p.kind == configFilters {
			level = Warning // a value that needs one is an error of its own
		}
		l.note(level, p.first.at, fixes[p.kind], "%s %s is described but not listed: there is no line %s.%s",
			singular[p.kind], p.name, l.name, p.kind)
	}
	return kinds
}

// astray reports whether all that is said about a component was meant for one
// of another kind, which was reported.
func (l *linter) astray(p *part) bool {
	for _, property := range slices.Concat(p.names, slices.Collect(maps.Keys(p.empty))) {
		if meant, _ := l.otherKind(p.kind, p.name, property); meant == "" {
			return false
		}
	}
	return true
}

// listFix says how to list the components of a kind, with the names that the
// file describes.
func (l *linter) listFix(kind, example string) string {
	var names []string
	for _, p := range l.order {
		if p.kind == kind && !l.astray(p) {
			names = append(names, p.name)
		}
	}
	if len(names) == 0 {
		names = []string{example}
	}
	return fmt.Sprintf("add %s.%s = %s", l.name, kind, strings.Join(names, " "))
}

// unlisted returns the names of described components that no list has.
func (l *linter) unlisted(kind string) []string {
	var names []string
	for _, p := range l.order {
		if p.kind == kind && !slices.Contains(l.listed(kind), p.name) {
			names = append(names, p.name)
		}
	}
	return names
}

// checkPart checks one component on its own: its type and its properties. The
// reserved properties are the caller's; one that ends in a dot is a family.
func checkPart[C any](l *linter, kind, name string, table flume.Table[C], reserved ...string) *component[C] {
	p := l.part(kind, name)
	c := &component[C]{name: name, part: p}
	what := singular[kind] + " " + name
	if p.first == nil {
		p.first = l.lists[kind].at
		l.report(Error, p.first.valueAt, l.undescribed(kind, name), "%s is listed but not described", what)
		return c
	}
	checkType(l, c, what, fmt.Sprintf("%s.%s.%s.", l.name, kind, name), p, table)
	for _, name := range p.names {
		if e := p.get("type"); c.typ == nil && e != nil && strings.Contains(e.value, ".") && !slices.Contains(reserved, name) {
			continue // what others' components make of ${…} nobody knows
		}
		l.checkReferences(p, name)
	}
	if c.typ == nil || c.typ.New == nil {
		return c
	}
	c.props = &flume.Properties{System: l.system}
	c.built = c.typ.New(c.props)
	checkProperties(l, c.props, part2scope(l, p, what, c.typ.Name(), reserved))
	checkTogether(l, c.built, p)
	return c
}

// checkType finds the component's type in its table.
func checkType[C any](l *linter, c *component[C], what, prefix string, p *part, table flume.Table[C]) {
	e := p.get("type")
	if e == nil {
		at := p.first.at
		if empty := p.empty["type"]; empty != nil {
			at = empty.at
		}
		l.report(Error, at, fmt.Sprintf("add %stype = %s", prefix, aliases(table)), "%s has no type", what)
		return
	}
	if e.deferred {
		return
	}
	word, _, _ := strings.Cut(strings.TrimSuffix(what, " "+c.name), " of ")
	value, comment, found := cutComment(e.value)
	if found {
		l.report(Error, e.valueAt, ownLine, "type of %s: %q is part of the value", what, comment)
		if l.asFlume {
			return
		}
	}
	c.typ = table.Lookup(value)
	if c.typ == nil {
		c.typ = unsupportedWord(value, table)
	}
	switch {
	case c.typ == nil && strings.Contains(value, "."):
		checkClass(l, e.as(e.key, value), word, table)
	case c.typ == nil:
		l.report(Error, e.valueAt, typeFix(value, table), "unknown %s type %q", word, value)
	case c.typ.New == nil && c.typ.Instead != "":
		l.report(Error, e.valueAt, "instead: "+c.typ.Instead, "%s type %s is not supported", word, value)
	case c.typ.New == nil:
		l.report(Error, e.valueAt, "", "%s type %s is not supported yet", word, value)
	}
}

// undescribed says what to do about a name of a list that nothing describes.
func (l *linter) undescribed(kind, name string) string {
	if fix := didYouMean(name, l.unlisted(kind)); fix != "" {
		return fix
	}
	return fmt.Sprintf("add %s.%s.%s.type, or take it out of the list", l.name, kind, name)
}

// place is where to report what is missing in a part.
func (p *part) place() position {
	if e := p.get("type"); e != nil {
		return e.at
	}
	return p.first.at
}

// subPart collects the properties of a part below a prefix.
func subPart(p *part, prefix string) *part {
	sub := &part{kind: p.kind, name: p.name, values: map[string]*entry{}, empty: map[string]*entry{}}
	for _, name := range slices.Concat(p.names, slices.Sorted(maps.Keys(p.empty))) {
		property, found := strings.CutPrefix(name, prefix)
		if !found {
			continue
		}
		e := p.values[name]
		if e != nil {
			sub.names = append(sub.names, property)
			sub.values[property] = e
		} else {
			e = p.empty[name]
			sub.empty[property] = e
		}
		if sub.first == nil {
			sub.first = e
		}
	}
	return sub
}
