package agent

import (
	"slices"
	"strings"
)

// timeHeader is the header in which sinks look for the time of an event.
const timeHeader = "timestamp"

// checkTimes reports sinks with times in their paths where no event can have
// one: in Flume every event fails there, and the channel fills up.
func (l *linter) checkTimes(p *plan) {
	for _, n := range p.sinks {
		timed, ok := n.built.(interface{ NeedsTime() string })
		if !n.ok() || !ok || n.channel == nil || !n.channel.ok() || strings.HasSuffix(n.channel.typ.Name(), "KafkaChannel") {
			continue
		}
		const local = "hdfs.useLocalTimeStamp"
		clock, _ := n.props.Lookup(local)
		if clock != nil && l.triedToSet(clock, scope{values: n.part.values}) && !clock.IsSet() {
			continue // what it should be was reported
		}
		property := timed.NeedsTime()
		feeds := slices.DeleteFunc(slices.Clone(p.sources), func(s *sourceNode) bool {
			return !slices.Contains(s.required, n.channel) && !slices.Contains(s.optional, n.channel)
		})
		if property == "" || len(feeds) == 0 || slices.ContainsFunc(feeds, (*sourceNode).mayTellTime) {
			continue
		}
		fix := "add a timestamp interceptor to source " + feeds[0].name
		if clock != nil {
			fix = "add " + join(l.name, sinks, n.name, local) + " = true, or a timestamp interceptor to source " + feeds[0].name
		}
		l.diverts(n.part.valueAt(property), fix, "%s of sink %s has times in it, and its events have no header %s", property, n.name, timeHeader)
	}
}

// untimed are the sources whose events have no time, unless their properties
// name the header. What others send may have one.
func untimed(name string) bool {
	return slices.Contains([]string{"exec", "netcat", "netcatudp", "seq", "spooldir", "TAILDIR", "org.apache.flume.source.StressSource"}, name)
}

// settled are the interceptors that set no header but those that their
// properties name.
func settled(name string) bool {
	return slices.Contains([]string{"host", "static", "remove_header", "regex_filter", "regex_extractor", "search_replace", "uuid"}, name)
}

// mayTellTime reports whether events of a source may have the header timestamp:
// because of what the source is, or because something names the header.
func (n *sourceNode) mayTellTime() bool {
	if !n.ok() || !untimed(n.typ.Name()) {
		return true
	}
	for _, name := range n.part.names {
		if n.part.get(name).value == timeHeader && !strings.HasSuffix(name, "type") || strings.HasSuffix(name, "."+timeHeader) {
			return true
		}
	}
	for _, i := range n.interceptors {
		switch {
		case !i.ok():
			return true // that was reported
		case i.typ.Name() == "timestamp":
			if q, _ := i.props.Lookup("headerName"); q == nil || q.Value.String() == timeHeader {
				return true
			}
		case !settled(i.typ.Name()):
			return true // the text of a pipeline may set any
		}
	}
	return false
}
