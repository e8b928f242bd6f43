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
