package agent

import (
	"slices"
	"strings"

	"github.com/logpipe/logpipe/pkg/sink"
)

// groupNode is a sink group.
type groupNode struct {
	name      string
	members   []*sinkNode
	processor *component[sink.Processor]
	broken    bool
}

// together reports whether the sinks of the group take from one channel.
func (g *groupNode) together() bool {
	return !slices.ContainsFunc(g.members, func(n *sinkNode) bool { return n.channel != g.members[0].channel })
}

// checkGroup checks a sink group.
func (l *linter) checkGroup(p *plan, name string) {
	part := l.part(sinkGroups, name)
	l.broken = 0
	what := "sink group " + name
	if part.first == nil {
		l.report(Error, l.lists[sinkGroups].at.valueAt, l.undescribed(sinkGroups, name), "%s is listed but not described", what)
		return
	}
	g := &groupNode{name: name}
	p.groups = append(p.groups, g)
	list := part.get("sinks")
	if list == nil {
		l.report(Error, part.first.at, "add "+join(l.name, sinkGroups, name, "sinks")+" = "+strings.Join(append(l.listed(sinks), "k1 k2")[:1], ""), "%s has no sinks", what)
		g.broken = true
		return
	}
	if list.deferred {
		return
	}
	names := l.groupMembers(p, g, list)
	for _, property := range part.names {
		if property != "sinks" && !strings.HasPrefix(property, "processor.") {
			l.report(Warning, part.get(property).propertyAt(property), didYouMean(property, []string{"sinks", "processor.type"}), "%s has no property %q; it has no effect", what, property)
		}
	}
	sub := subPart(part, "processor.")
	if sub.first == nil {
		sub.first = list
	}
	g.processor = checkSub(l, "processor of "+what, join(l.name, sinkGroups, name, "processor")+".", "default", sub, sink.Processors())
	if sub.get("type") == nil && len(names) > 1 {
		l.takeBackAll(sub, "priority.", "maxpenalty", "backoff", "selector", "selector.")
	}
	if g.processor.ok() && len(names) > 0 {
		l.problems(what, sub, g.processor.built.Bind(names))
		l.checkOneChannel(g, list)
	}
	g.broken = l.broken > 0
}

// groupMembers finds the sinks of a group.
func (l *linter) groupMembers(p *plan, g *groupNode, list *entry) (names []string) {
	for _, name := range l.names(list, list.value) {
		i := slices.IndexFunc(p.sinks, func(n *sinkNode) bool { return n.name == name })
		switch {
		case i < 0:
			fix := didYouMean(name, l.listed(sinks))
			if l.parts[sinks][name] != nil && l.lists[sinks] == nil {
				l.broken++
				continue // it was reported that there is no list
			}
			if l.parts[sinks][name] != nil {
				fix = "it is described: add it to " + join(l.name, sinks)
			}
			l.report(Error, list.valueAt, fix, "sink group %s: sink %s does not exist", g.name, name)
		case p.sinks[i].group != nil:
			l.report(Error, list.valueAt, "name it in one of them", "sink %s is in sink group %s already", name, p.sinks[i].group.name)
		case l.asFlume && p.sinks[i].broken:
		default:
			p.sinks[i].group = g
			g.members = append(g.members, p.sinks[i])
			names = append(names, name)
		}
	}
	return names
}

// checkOneChannel looks at groups whose sinks take from several channels: events
// of one channel cannot go to a sink of another.
func (l *linter) checkOneChannel(g *groupNode, list *entry) {
	unknown := func(n *sinkNode) bool { return n.channel == nil } // which was reported
	if len(g.members) < 2 || g.together() || slices.ContainsFunc(g.members, unknown) {
		return
	}
	if g.processor.typ.Name() == "failover" {
		l.report(Error, list.valueAt, "let them take from one channel",
			"the sinks of group %s take from several channels: those of sinks that wait fill up", g.name)
		return
	}
	l.report(Warning, list.valueAt, "let them take from one channel",
		"the sinks of group %s take from several channels: each empties its own, and nothing is balanced", g.name)
}

// runnerNode is what one goroutine does: a sink, or a group of sinks at one
// channel.
type runnerNode struct {
	name      string
	members   []*sinkNode
	processor *component[sink.Processor] // nil for a sink alone
}

// runners lists the runners of a plan.
func (p *plan) runners() []runnerNode {
	var all []runnerNode
	for _, n := range p.sinks {
		if n.group == nil || !n.group.together() {
			all = append(all, runnerNode{"sink " + n.name, []*sinkNode{n}, nil})
		} else if n.group.members[0] == n {
			all = append(all, runnerNode{"sink group " + n.group.name, n.group.members, n.group.processor})
		}
	}
	return all
}
