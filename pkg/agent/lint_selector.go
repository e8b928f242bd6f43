package agent

import (
	"maps"
	"slices"
	"strings"

	"github.com/logpipe/logpipe/pkg/flume"
	"github.com/logpipe/logpipe/pkg/source"
)

// checkSub checks what a component says about a helper of its own, such as a
// channel selector; without a type it is of the type otherwise.
func checkSub[C any](l *linter, what, prefix, otherwise string, sub *part, table flume.Table[C]) *component[C] {
	c := &component[C]{name: sub.name, part: sub}
	if sub.get("type") == nil {
		c.typ = table.Lookup(otherwise)
	} else {
		checkType(l, c, what, prefix, sub, table)
	}
	if c.typ == nil || c.typ.New == nil {
		return c
	}
	c.props = &flume.Properties{System: l.system}
	c.built = c.typ.New(c.props)
	s := part2scope(l, sub, what, c.typ.Name(), []string{"type"})
	s.prefix = prefix
	checkProperties(l, c.props, s)
	return c
}

// problems reports what a helper of a component finds wrong.
func (l *linter) problems(what string, sub *part, all []flume.Problem) {
	for _, problem := range all {
		at := sub.place()
		if e := sub.get(problem.Property); e != nil {
			at = e.valueAt
		}
		l.report(levelOf(problem), at, problem.Fix, "%s: %s", what, problem.Message)
	}
}

// checkSelector reads how a source spreads its events over its channels.
func (l *linter) checkSelector(n *sourceNode) {
	sub := subPart(n.part, "selector.")
	if sub.first == nil || len(n.required) == 0 {
		return
	}
	what := "selector of source " + n.name
	if sub.get("type") == nil && len(n.required) > 1 {
		for _, name := range sub.names {
			if name != "optional" {
				l.diverts(sub.first.at, "add "+join(l.name, sources, n.name, "selector.type")+" = multiplexing",
					"%s has no type: every event goes to every channel", what)
				break
			}
		}
	}
	c := checkSub(l, what, join(l.name, sources, n.name, "selector")+".", "replicating", sub, source.Selectors())
	if !c.ok() {
		return
	}
	var names []string
	for _, ch := range n.required {
		names = append(names, ch.name)
	}
	l.problems(what, sub, c.built.Bind(names))
	n.selectorName = c.typ.Name()
	if n.selectorName == "multiplexing" {
		l.checkOthers(n, sub, names)
	}
	if n.selectorName != "replicating" {
		n.selector = c.built
		return
	}
	all := n.required
	required, optional := c.built.Route(nil)
	pick := func(indexes []int) (list []*channelPart) {
		for _, i := range indexes {
			list = append(list, all[i])
		}
		return list
	}
	n.required, n.optional = pick(required), pick(optional)
}

// checkOthers warns of a multiplexing selector that has no channel for the
// values that it does not name: Flume drops their events.
func (l *linter) checkOthers(n *sourceNode, sub *part, channels []string) {
	mapped := func(value string) bool { return sub.get("mapping."+value) != nil }
	if sub.get("default") != nil || !slices.ContainsFunc(sub.names, func(name string) bool { return strings.HasPrefix(name, "mapping.") }) {
		return
	}
	header := "flume.selector.header"
	if e := sub.get("header"); e != nil {
		header = e.value
	}
	// The source may give all of its events a value that is named.
	if list := n.part.get("interceptors"); list != nil {
		for _, name := range strings.Fields(list.value) {
			key, value := n.part.get("interceptors."+name+".key"), n.part.get("interceptors."+name+".value")
			if key != nil && value != nil && key.value == header && mapped(value.value) {
				return
			}
		}
	}
	if groups := n.part.get("filegroups"); groups != nil && !slices.ContainsFunc(strings.Fields(groups.value), func(group string) bool {
		e := n.part.get("headers." + group + "." + header)
		return e == nil || !mapped(e.value)
	}) {
		return
	}
	l.report(Warning, sub.place(), "add "+join(l.name, sources, n.name, "selector.default")+" = "+channels[0],
		"selector of source %s: events without one of the mapped values in the header %s go to no channel: they are dropped", n.name, header)
}

// checkInterceptors makes the chain of interceptors of a source.
func (l *linter) checkInterceptors(n *sourceNode) {
	list := n.part.get("interceptors")
	var names []string
	if list != nil {
		names = l.names(list, list.value)
	}
	groups := map[string]*part{}
	for _, key := range slices.Concat(n.part.names, slices.Sorted(maps.Keys(n.part.empty))) {
		tail, found := strings.CutPrefix(key, "interceptors.")
		if !found {
			continue
		}
		name, _, _ := strings.Cut(tail, ".")
		if groups[name] != nil {
			continue
		}
		groups[name] = subPart(n.part, "interceptors."+name+".")
		if groups[name].first == nil { // a word alone
			groups[name] = nil
			continue
		}
		if !slices.Contains(names, name) {
			l.report(Note, groups[name].first.at, "add it to interceptors to use it", "interceptor %s is described but not listed", name)
		}
	}
	for _, name := range names {
		n.interceptors = append(n.interceptors, l.checkInterceptor(n, list, name, groups[name]))
	}
}
