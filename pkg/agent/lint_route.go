package agent

import (
	"fmt"
	"slices"
	"strings"

	"github.com/logpipe/logpipe/pkg/flume"
)

// routing are the properties by which a multiplexing selector chooses channels.
var routing = []string{"header", "default", "mapping.", "optional."}

// isRouting reports whether a property is one of those, or of their families.
func isRouting(name string) bool {
	return slices.ContainsFunc(routing, func(r string) bool {
		return name == r || strings.HasSuffix(r, ".") && strings.HasPrefix(name, r)
	})
}

// checkRoutes reports what is meant to choose channels and chooses none, with
// which Flume gives events to other channels than the file says, or to none. It
// tells whether there is something of that kind.
func (l *linter) checkRoutes(n *sourceNode, sub *part, props *flume.Properties, channels []string) (found bool) {
	if n.selectorName == "replicating" {
		return l.checkReplicated(n, sub, props, channels)
	}
	if n.selectorName != "multiplexing" {
		return false
	}
	for _, name := range sub.names {
		if q, _ := props.Lookup(name); q != nil || name == "type" {
			continue
		}
		e := sub.get(name)
		meant := meantOf(name, props, []string{"type"})
		if !isRouting(meant) && !e.deferred && areChannels(e.value, channels) {
			meant = "default"
			if _, value, below := strings.Cut(name, "."); below {
				meant = "mapping." + value
			} else if sub.get(meant) != nil {
				meant = "mapping." + name
			}
		}
		if isRouting(meant) && sub.get(meant) == nil {
			l.takeBack(e.propertyAt(name))
			l.diverts(e.propertyAt(name), fmt.Sprintf("did you mean %q?", meant),
				"selector of source %s (multiplexing) has no property %q: events go to other channels than it says, or are dropped", n.name, name)
			found = true
		}
	}
	return found
}

// sortRoutes finds the channels of a multiplexing source to which no route leads, or
// optional ones alone.
func (n *sourceNode) sortRoutes(sub *part) {
	var required, optional []string
	for _, name := range sub.names {
		e := sub.get(name)
		switch {
		case e.deferred:
			return // it is not known yet
		case name == "default" || strings.HasPrefix(name, "mapping."):
			required = append(required, strings.Fields(e.value)...)
		case strings.HasPrefix(name, "optional."):
			optional = append(optional, strings.Fields(e.value)...)
		}
	}
	for _, c := range n.required {
		switch {
		case slices.Contains(required, c.name):
		case slices.Contains(optional, c.name):
			n.spared = append(n.spared, c)
		default:
			n.idle = append(n.idle, c)
		}
	}
}

// gives tells what a source has to do with a channel: it has to put events there, it
// may leave them out, or it has the channel and no event goes there.
func (n *sourceNode) gives(c *channelPart) (required, optional, idle bool) {
	switch listed := slices.Contains(n.required, c); {
	case slices.Contains(n.optional, c) || slices.Contains(n.spared, c):
		optional = true
	case slices.Contains(n.idle, c):
		idle = true
	default:
		required = listed
	}
	return required, optional, idle
}

// areChannels reports whether a value lists channels of the source.
func areChannels(value string, channels []string) bool {
	names := strings.Fields(value)
	return len(names) > 0 && !slices.ContainsFunc(names, func(name string) bool { return !slices.Contains(channels, name) })
}

// checkReplicated reports routes of a selector that gives every event to every
// channel.
func (l *linter) checkReplicated(n *sourceNode, sub *part, props *flume.Properties, channels []string) (found bool) {
	if len(channels) < 2 {
		return false // there is nothing to choose
	}
	typ, prefix := sub.get("type"), join(l.name, sources, n.name, "selector.type")
	for _, name := range sub.names {
		e := sub.get(name)
		if q, _ := props.Lookup(name); q != nil || name == "type" {
			continue
		}
		switch near := meantOf(name, props, append([]string{"type"}, routing...)); {
		case near == "optional" && sub.get(near) == nil:
			l.takeBack(e.propertyAt(name))
			l.diverts(e.propertyAt(name), `did you mean "optional"?`,
				"selector of source %s (replicating) has no property %q: its channels have to take every event", n.name, name)
		case near == "type" && typ == nil:
			l.takeBack(e.propertyAt(name))
			l.diverts(e.propertyAt(name), `did you mean "type"?`,
				"selector of source %s has no property %q and no type: every event goes to every channel", n.name, name)
			found, typ = true, e
		case found || !isRouting(name) && !isRouting(near) && typ != nil:
		case typ == nil:
			found = true
			l.diverts(e.at, "add "+prefix+" = multiplexing", "selector of source %s has no type: every event goes to every channel", n.name)
		default:
			found = true
			l.diverts(typ.valueAt, "write "+prefix+" = multiplexing",
				"selector of source %s is %s: its %s has no effect, every event goes to every channel", n.name, typ.value, name)
		}
	}
	if found {
		l.takeBackAll(sub, routing...)
	}
	return found
}
