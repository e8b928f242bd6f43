package agent

import (
	"slices"
	"strings"
)

// guess is a key that is not right with the key that was probably meant. How
// bad the mistake is depends on what Flume does without the key.
type guess struct {
	finding         int // index of what was reported
	kind, component string
	property        string
}

// guess remembers that the next finding is about a key that was probably meant.
func (l *linter) guess(meant string) {
	w := strings.SplitN(strings.TrimPrefix(meant, l.name+"."), ".", 3)
	g := guess{finding: len(l.findings)}
	for i, to := range []*string{&g.kind, &g.component, &g.property} {
		if i < len(w) {
			*to = w[i]
		}
	}
	l.guesses = append(l.guesses, g)
}

// judgeGuesses makes warnings of the misspelt keys without which the component
// runs in Flume, or that nothing would be run by. What spreads or changes events
// is missed in any case. The trees are what the files mean and what Flume reads.
func (l *linter) judgeGuesses(flumes *plan, meant, read *tree) {
	for _, g := range l.guesses {
		word, _, _ := strings.Cut(g.property, ".")
		harmless := false
		switch {
		case !slices.Contains(kinds, g.kind):
		case g.component == "": // a list
			harmless = read.lists[g.kind] != nil && !slices.ContainsFunc(meant.listed(g.kind), func(name string) bool {
				return !slices.Contains(read.listed(g.kind), name)
			})
		case len(read.listed(g.kind)) > 0 && !slices.Contains(meant.listed(g.kind), g.component):
			harmless = true
		case g.property == "" || word == "selector" || word == "interceptors" || g.kind == sinkGroups || g.kind == configFilters:
		default:
			harmless = flumes.runs(g.kind, g.component)
		}
		if !harmless {
			continue
		}
		f := &l.findings[g.finding]
		f.Level = Warning
		f.Message += "; it has no effect"
	}
}

// runs reports whether a component is part of the plan.
func (p *plan) runs(kind, name string) bool {
	switch kind {
	case channels:
		return slices.ContainsFunc(p.channels, func(c *channelPart) bool { return c.name == name })
	case sources:
		return slices.ContainsFunc(p.sources, func(n *sourceNode) bool { return n.name == name })
	case sinks:
		return slices.ContainsFunc(p.sinks, func(n *sinkNode) bool { return n.name == name })
	}
	return false
}
