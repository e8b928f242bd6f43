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

// plan is what an agent consists of.
type plan struct {
	channels []*channelPart
	sources  []*sourceNode
	sinks    []*sinkNode
	groups   []*groupNode
	asks     bool // some values come from programs of config filters
}

type sourceNode struct {
	*component[source.Source]
	required, optional []*channelPart // required are all of them where the selector chooses
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
		l.unknownAgent(files)
		return p
	}
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
		p.prune()
	}
	l.checkTimes(p)
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

func (l *linter) unknownAgent(files []string) {
	at := position{file: files[0]}
	switch {
	case l.name == "":
		l.report(Error, at, "", "no agent name given")
	default:
		l.report(Error, at, "", "no agent %q in %s", l.name, strings.Join(files, ", "))
	}
	f := &l.findings[len(l.findings)-1]
	switch {
	case len(l.agents) == 0:
		f.Fix = "an agent begins with lines such as a1.sources = r1"
	case l.name == "":
		f.Fix = "choose one with -n: " + strings.Join(l.agents, ", ")
	default:
		f.Fix = didYouMean(l.name, l.agents)
	}
}

// checkLists looks at what the agent says it runs.
func (l *linter) checkLists(files []string) {
	at := position{file: files[0]}
	if len(l.order) > 0 {
		at = l.order[0].first.at
	}
	unlisted := l.withoutList()
	if len(l.listed(channels)) == 0 && !unlisted[channels] {
		l.report(Error, at, l.listFix(channels, "c1"), "agent %s lists no channels", l.name)
	}
	if len(l.listed(sources)) == 0 && len(l.listed(sinks)) == 0 && !unlisted[sources] && !unlisted[sinks] {
		l.report(Error, at, l.listFix(sources, "r1"), "agent %s lists neither sources nor sinks", l.name)
	}
	for _, p := range l.order {
		if slices.Contains(l.listed(p.kind), p.name) || l.lists[p.kind] == nil {
			continue
		}
		l.report(Note, p.first.at, fmt.Sprintf("add it to %s.%s to run it", l.name, p.kind),
			"%s %s is described but not listed", singular[p.kind], p.name)
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
		l.report(Error, p.first.valueAt, didYouMean(name, l.unlisted(kind)), "%s is listed but not described", what)
		return c
	}
	checkType(l, c, what, fmt.Sprintf("%s.%s.%s.", l.name, kind, name), p, table)
	for _, name := range p.names {
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
	word, _, _ := strings.Cut(strings.TrimSuffix(what, " "+c.name), " of ")
	c.typ = table.Lookup(e.value)
	if c.typ == nil {
		c.typ = unsupportedWord(e.value, table)
	}
	switch {
	case c.typ == nil && strings.Contains(e.value, "."):
		checkClass(l, e, word, table)
	case c.typ == nil:
		l.report(Error, e.valueAt, didYouMean(e.value, table.Names()), "unknown %s type %q", word, e.value)
	case c.typ.New == nil && c.typ.Instead != "":
		l.report(Error, e.valueAt, "instead: "+c.typ.Instead, "%s type %s is not supported", word, e.value)
	case c.typ.New == nil:
		l.report(Error, e.valueAt, "", "%s type %s is not supported yet", word, e.value)
	}
}

// aliases lists the types that exist, for a fix.
func aliases[C any](table flume.Table[C]) string {
	var names []string
	for i := range table {
		if table[i].New != nil && table[i].Alias != "" {
			names = append(names, table[i].Alias)
		}
	}
	return strings.Join(names, " | ")
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
