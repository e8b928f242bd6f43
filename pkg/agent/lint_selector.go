package agent

import (
	"fmt"
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

// takeBackAll takes back the warnings about properties of another type than a
// helper has, since it has none: a name, or one that ends in a dot for a family.
func (l *linter) takeBackAll(sub *part, properties ...string) {
	for _, name := range sub.names {
		if slices.ContainsFunc(properties, func(p string) bool { return name == p || strings.HasSuffix(p, ".") && strings.HasPrefix(name, p) }) {
			l.takeBack(sub.get(name).propertyAt(name))
		}
	}
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
	c := checkSub(l, what, join(l.name, sources, n.name, "selector")+".", "replicating", sub, source.Selectors())
	if !c.ok() {
		return
	}
	var names []string
	for _, ch := range n.required {
		names = append(names, ch.name)
	}
	n.selectorName = c.typ.Name()
	misspelt := l.checkRoutes(n, sub, c.props, names)
	problems := c.built.Bind(names)
	if misspelt { // that there is no mapping and no default is what it comes to
		problems = slices.DeleteFunc(problems, func(p flume.Problem) bool { return p.Property == "type" })
	}
	l.problems(what, sub, problems)
	if n.selectorName == "multiplexing" && !misspelt {
		l.checkOthers(n, sub, names)
	}
	if n.selectorName == "multiplexing" && !misspelt {
		n.sortRoutes(sub)
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
	if list != nil && !list.deferred {
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
			l.aloneInterceptor(n, names, key)
			continue
		}
		if !slices.Contains(names, name) && groups[name].get("type") == nil && l.aloneInterceptor(n, names, key) {
			continue
		}
		if !slices.Contains(names, name) && (list == nil || !list.deferred) {
			l.unlistedInterceptor(n, list, name, groups[name])
		}
	}
	for _, name := range names {
		n.interceptors = append(n.interceptors, l.checkInterceptor(n, list, name, groups[name]))
	}
}

// unlistedInterceptor reports an interceptor that list, which may be nil, does not have.
func (l *linter) unlistedInterceptor(n *sourceNode, list *entry, name string, g *part) {
	level, fix := Note, "add it to interceptors to use it"
	if list == nil {
		if slices.ContainsFunc(n.part.names, func(name string) bool {
			return name != "interceptors" && nearest(name, []string{"interceptors"}) != ""
		}) {
			return // as the line that would list it was
		}
		level, fix = Warning, "add "+join(l.name, sources, n.name, "interceptors")+" = "+strings.Join(n.describedInterceptors(), " ")
	}
	l.report(level, g.first.at, fix, "interceptor %s is described but not listed", name)
}

// describedInterceptors names the interceptors that have properties, in their order.
func (n *sourceNode) describedInterceptors() (names []string) {
	for _, key := range n.part.names {
		if tail, found := strings.CutPrefix(key, "interceptors."); found {
			name, _, below := strings.Cut(tail, ".")
			if below && !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
	}
	return names
}

// aloneInterceptor reports a key below interceptors that belongs to none: most often
// a dot is missing behind the name. It tells whether it is such a key.
func (l *linter) aloneInterceptor(n *sourceNode, names []string, key string) bool {
	word, tail, below := strings.Cut(strings.TrimPrefix(key, "interceptors."), ".")
	if slices.Contains(names, word) || n.part.get(key) == nil {
		return false // it is told that this one is not described
	}
	meant := ""
	for _, name := range names {
		if rest, found := strings.CutPrefix(word, name); found && len(rest) > 2 {
			meant = join("interceptors", name, rest, tail)
		}
	}
	fix := "write interceptors.NAME.PROPERTY"
	switch {
	case meant != "":
		fix = fmt.Sprintf("did you mean %q?", meant)
	case below:
		return false
	}
	l.report(Warning, n.part.get(key).propertyAt(key), fix, "%s of source %s names no property of an interceptor and has no effect", key, n.name)
	return true
}
