package agent

import (
	"fmt"
	"slices"
	"strings"

	"github.com/logpipe/logpipe/pkg/flume"
	"github.com/logpipe/logpipe/pkg/source"
)

// checkSource checks a source, its interceptors and its channels.
func (l *linter) checkSource(p *plan, name string) *sourceNode {
	misspelt := namesLike(l.part(sources, name), "channels")
	n := &sourceNode{component: checkPart(l, sources, name, source.Types(),
		append(misspelt, "type", "channels", "selector.", "interceptors", "interceptors.")...)}
	if n.part.values == nil {
		return n
	}
	e, names := l.channelNames(n.part, "channels", misspelt, n.typ == nil)
	if e != nil {
		n.required = l.findChannels(p, e, names)
	}
	l.checkSelector(n)
	l.checkInterceptors(n)
	for _, c := range append(slices.Clone(n.required), n.optional...) {
		checkBatch(l, n.component, c)
	}
	return n
}

// checkSink checks a sink and its channel.
func (l *linter) checkSink(p *plan, name string) *sinkNode {
	misspelt := namesLike(l.part(sinks, name), "channel")
	n := &sinkNode{component: checkPart(l, sinks, name, sinkTypes(), append(misspelt, "type", "channel", flume.DeadLetter)...)}
	if n.part.values == nil {
		return n
	}
	e, names := l.channelNames(n.part, "channel", misspelt, n.typ == nil)
	if e == nil {
		return n
	}
	if len(names) > 1 {
		l.report(Error, e.valueAt, "write one of them, or one sink for each", "sink %s has one channel, not %d", name, len(names))
	}
	if found := l.findChannels(p, e, names[:1]); len(found) > 0 {
		n.channel = found[0]
		checkBatch(l, n.component, n.channel)
	}
	return n
}

// namesLike returns the properties of a part that look like a misspelt one.
func namesLike(p *part, property string) []string {
	var names []string
	for _, name := range p.names {
		if name != property && nearest(name, []string{property}) != "" {
			names = append(names, name)
		}
	}
	return names
}

// channelNames reads the property that names the channels of a part. Sources
// have `channels`, sinks `channel`; the other word is a common mistake. Theirs says
// that the type is one of others, whose properties nobody knows.
func (l *linter) channelNames(p *part, property string, misspelt []string, theirs bool) (*entry, []string) {
	what := singular[p.kind] + " " + p.name
	right := p.get(property)
	for _, name := range misspelt {
		e := p.get(name)
		fix := fmt.Sprintf("did you mean %q?", property)
		if right != nil && theirs {
			continue // a type of others may well have it
		}
		if right != nil {
			l.report(Warning, e.propertyAt(name), fix, "%s has no property %q; it has no effect", what, name)
			continue
		}
		l.report(Error, e.propertyAt(name), fix, "%s has no property %q", what, name)
		if !l.asFlume {
			right = e
		}
	}
	if right != nil && right.deferred {
		return nil, nil
	}
	if right != nil {
		value, comment, found := cutComment(right.value)
		if found {
			l.report(Error, right.valueAt, ownLine+": it is part of the value", "%s of %s: %q is part of the value", property, what, comment)
		}
		return right, l.names(right, value)
	}
	at := p.first.at
	if e := p.get("type"); e != nil {
		at = e.at
	}
	fix := "add " + join(l.name, p.kind, p.name, property) + " = " + strings.Join(append(l.listed(channels), "c1")[:1], "")
	l.report(Error, at, fix, "%s has no %s", what, property)
	return nil, nil
}

// names cuts a list of names at blanks. Commas and comments are common mistakes:
// they are reported, and the list is read as it was meant.
func (l *linter) names(e *entry, text string) []string {
	if before, comment, found := cutComment(text); found {
		l.report(Error, e.valueAt, ownLine, "%s: %q is part of the value", e.key, comment)
		if !l.asFlume {
			text = before
		}
	}
	names := strings.Fields(text)
	if apart, wrong := cutNames(text); wrong != "" && !l.asFlume {
		if len(apart) > 0 {
			names = apart
		}
		l.report(Error, e.valueAt, "write "+strings.Join(names, " "), "%s: names are separated by blanks, not by %s", e.key, wrong)
	}
	if len(names) == 0 {
		return []string{text}
	}
	return names
}

// findChannels looks channels up by name. Flume goes on with those that are
// there.
func (l *linter) findChannels(p *plan, e *entry, names []string) []*channelPart {
	var found []*channelPart
	var missing []string
	for _, name := range names {
		i := slices.IndexFunc(p.channels, func(c *channelPart) bool { return c.name == name && !(l.asFlume && c.broken) })
		switch {
		case i < 0:
			missing = append(missing, name)
		case !slices.Contains(found, p.channels[i]):
			found = append(found, p.channels[i])
		}
	}
	for _, name := range missing {
		if l.parts[channels][name] != nil && l.lists[channels] == nil {
			l.broken++
			continue // it was reported that there is no list
		}
		fix := didYouMean(name, l.listed(channels))
		if l.parts[channels][name] != nil {
			fix = fmt.Sprintf("it is described: add it to %s.%s", l.name, channels)
		}
		if len(found) > 0 {
			l.diverts(e.valueAt, fix, "channel %s does not exist", name)
		} else {
			l.report(Error, e.valueAt, fix, "channel %s does not exist", name)
		}
	}
	return found
}

func (l *linter) checkInterceptor(n *sourceNode, list *entry, name string, g *part) *component[source.Interceptor] {
	c := &component[source.Interceptor]{name: name, part: g}
	if g == nil {
		l.report(Error, list.valueAt, fmt.Sprintf("add %s.type, or take it out of the list", join(l.name, sources, n.name, "interceptors", name)),
			"interceptor %s of source %s is listed but not described", name, n.name)
		return c
	}
	prefix := join(l.name, sources, n.name, "interceptors", name) + "."
	checkType(l, c, "interceptor "+name, prefix, g, interceptorTypes())
	if c.typ == nil || c.typ.New == nil {
		return c
	}
	c.props = &flume.Properties{System: l.system}
	c.built = c.typ.New(c.props)
	s := part2scope(l, g, "interceptor "+name, c.typ.Name(), []string{"type"})
	s.prefix, s.filter = prefix, c.typ.Name() == "regex_filter"
	checkProperties(l, c.props, s)
	checkTogether(l, c.built, g)
	return c
}

// checkBatch refuses a batch that no transaction of the channel can hold. As in
// Flume, only a channel with a transactionCapacity has such a limit: one of JDBC
// has none, and batches are cut to what it can have.
func checkBatch[C any](l *linter, c *component[C], ch *channelPart) {
	if !c.ok() || !ch.ok() {
		return
	}
	if limit, _ := ch.props.Lookup("transactionCapacity"); limit == nil {
		return
	}
	batcher, ok := any(c.built).(flume.Batcher)
	if !ok {
		return
	}
	property, batch := batcher.Batch()
	limit := ch.built.MaxBatch()
	q, _ := c.props.Lookup(property)
	if batch <= limit || q == nil {
		return
	}
	at := c.part.get("type").at
	for _, name := range append([]string{property}, q.Old...) {
		if e := c.part.get(name); e != nil {
			at = e.valueAt
		}
	}
	l.report(Error, at, fmt.Sprintf("set it to at most %d or raise transactionCapacity", limit),
		"%s %d of %s %s is above transactionCapacity %d of channel %s", property, batch, singular[c.part.kind], c.name, limit, ch.name)
}

// checkUse reports channels that lead nowhere. A Kafka channel needs neither
// sources nor sinks: other programs are at its topic.
func (l *linter) checkUse(p *plan) {
	if l.countErrors() > 0 {
		return // this would mostly repeat them
	}
	for _, p := range l.order {
		for _, name := range []string{"channel", "channels"} {
			if e := p.get(name); e != nil && e.deferred {
				return // it is not known yet
			}
		}
	}
	for _, c := range p.channels {
		if !c.ok() || strings.HasSuffix(c.typ.Name(), "KafkaChannel") {
			continue
		}
		var required, optional, idle bool
		for _, n := range p.sources {
			must, may, never := n.gives(c)
			required, optional, idle = required || must, optional || may, idle || never
		}
		emptied := slices.ContainsFunc(p.sinks, func(n *sinkNode) bool { return n.channel == c })
		switch {
		case !required && !optional && idle:
			if !emptied { // else its sinks wait for a route that somebody may add
				l.report(Warning, c.part.first.at, "add a mapping to it and a sink, or take it out of the lists", "channel %s is not used: no route of a selector leads there, and no sink takes events out", c.name)
			}
		case !required && !optional && !emptied:
			l.report(Warning, c.part.first.at, "name it as the channel of a source and of a sink, or take it out of the list", "channel %s is not used", c.name)
		case !emptied && required:
			l.diverts(c.part.first.at, "add a sink with channel = "+c.name, "no sink takes events out of channel %s: it fills up and stops its sources", c.name)
		case !emptied:
			l.report(Warning, c.part.first.at, "add a sink with channel = "+c.name, "no sink takes events out of channel %s, which is optional: once it is full, its sources wait keep-alive for each batch, and leave it out", c.name)
		case !required && !optional:
			l.report(Warning, c.part.first.at, "add a source with channels = "+c.name, "no source puts events into channel %s", c.name)
		}
	}
}

func (l *linter) countErrors() int { return Report{Findings: l.findings}.Count(Error) }
