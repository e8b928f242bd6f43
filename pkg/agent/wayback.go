package agent

import (
	"fmt"
	"slices"
	"strings"
)

// homes are the properties of channels by which their events are found again.
var homes = []string{"type", "checkpointDir", "dataDirs", "driver.url", "sysprop.user.home", "kafka.bootstrap.servers", "kafka.topic"}

// wayBack says how to get at the events that a channel of a reload leaves where
// they are, unless its successor finds them.
func (a *change) wayBack(c *liveChannel) string {
	if c.volatile() {
		return ""
	}
	if slices.ContainsFunc(a.plan.channels, func(n *channelPart) bool { return !a.channels[n.name] && sameHome(n.part, c.node.part) }) {
		return ""
	}
	before := c.node.part
	var lines []string
	for _, name := range homes {
		switch value := valueOf(before, name); {
		case value == "":
		case name == "driver.url": // it may hold a password
			lines = append(lines, name+" as before")
		default:
			lines = append(lines, fmt.Sprintf("%s = %s", name, value))
		}
	}
	return fmt.Sprintf("; a channel %s with %s delivers them", c.node.name, strings.Join(lines, ", "))
}

// sameHome reports whether two channels find the same events.
func sameHome(a, b *part) bool {
	return !slices.ContainsFunc(homes, func(name string) bool { return valueOf(a, name) != valueOf(b, name) })
}

// valueOf is the value of a property, or "".
func valueOf(p *part, name string) string {
	if e := p.get(name); e != nil {
		return e.value
	}
	return ""
}
