package agent

import (
	"path/filepath"
	"slices"
	"strings"

	"github.com/logpipe/logpipe/pkg/flume"
)

// valueFix guesses why a value cannot be read.
func valueFix(value string) string {
	switch {
	case strings.Contains(value, " #"), strings.Contains(value, "\t#"), strings.Contains(value, " //"):
		return "give the comment a line of its own: it is part of the value"
	case len(value) > 1 && (value[0] == '"' || value[0] == '\''):
		return "leave out the quotes: they are part of the value"
	}
	return ""
}

// places are the last words of names of properties that say where something is
// or goes: a stray character in their values leads events astray.
var places = []string{"path", "dir", "dirs", "directory", "file", "topic", "topics", "servers", "list", "host", "hostname", "bind",
	"url", "endpoint", "prefix", "suffix", "extension"}

// isPlace reports whether a property names a place.
func isPlace(name string) bool {
	word := strings.ToLower(name[strings.LastIndexByte(name, '.')+1:])
	return slices.ContainsFunc(places, func(p string) bool { return strings.HasSuffix(word, p) })
}

// isPattern reports whether quotes and number signs are likely meant in the
// values of a property.
func isPattern(name string) bool {
	lower := strings.ToLower(name)
	return slices.ContainsFunc([]string{"regex", "pattern", "search", "replace", "delimiter", "separator", "format", "rule",
		"filegroups.", "matching"}, func(word string) bool { return strings.Contains(lower, word) })
}

// checkText looks for what people write into texts as if the file were a shell
// script: comments behind a value and quotes around it. Both become part of it.
func (l *linter) checkText(e *entry, q *flume.Property, name string, s scope) {
	if isPattern(name) || q.Value.Type() != "string" && q.Value.Type() != "host" {
		return
	}
	command := name == "command"
	shell := command && s.values["shell"] != nil
	astray := isPlace(name) || command
	report := func(fix, format string, args ...any) {
		if astray {
			l.diverts(e.valueAt, fix, format, args...)
		} else {
			l.report(Warning, e.valueAt, fix, format, args...)
		}
	}
	comment := strings.Index(e.value, " # ")
	if comment < 0 && astray && !command {
		comment = strings.Index(e.value, " //")
	}
	if comment < 0 {
		comment = strings.Index(e.value, "\t#")
	}
	if comment >= 0 && !shell {
		report("give the comment a line of its own", "%q is part of %s of %s", strings.TrimSpace(e.value[comment:]), name, s.what)
	}
	if n := len(e.value); n > 2 && (e.value[0] == '"' || e.value[0] == '\'') && e.value[n-1] == e.value[0] &&
		strings.IndexByte(e.value[1:n-1], e.value[0]) < 0 && !(shell && !strings.Contains(e.value, " ")) {
		report("leave out the quotes", "the quotes are part of %s of %s", name, s.what)
	}
}

// claim is something that only one component of an agent can have.
type claim struct {
	what string // "folder", "port", "position file"
	name string
	by   string
}

// checkClaims reports components that want the same folder, port or position
// file: in Flume the second one does not come up, or both overwrite each other.
func (l *linter) checkClaims(p *plan) {
	var taken []claim
	take := func(part *part, property, what, name string) (other string) {
		c := claim{what, name, singular[part.kind] + " " + part.name}
		for _, t := range taken {
			if t.what == c.what && t.name == c.name && t.by != c.by {
				return t.by
			}
		}
		taken = append(taken, c)
		return ""
	}
	at := func(part *part, property string) position {
		if e := part.get(property); e != nil {
			return e.valueAt
		}
		return part.get("type").at
	}
	for _, c := range p.channels {
		if !c.ok() {
			continue
		}
		for _, property := range []string{"checkpointDir", "backupCheckpointDir", "dataDirs"} {
			q, _ := c.props.Lookup(property)
			if q == nil {
				continue
			}
			for _, folder := range strings.Split(q.Value.String(), ",") {
				if folder = strings.TrimSpace(folder); folder == "" {
					continue
				}
				if other := take(c.part, property, "folder", filepath.Clean(folder)); other != "" {
					l.report(Error, at(c.part, property), "give it a folder of its own", "%s of channel %s: %s has %s already", property, c.name, other, folder)
					c.broken = true
				}
			}
		}
	}
	for _, n := range p.sources {
		if !n.ok() {
			continue
		}
		if where, property := n.listens(); where != "" {
			if other := take(n.part, property, "port", where); other != "" {
				l.report(Error, at(n.part, property), "choose another port", "source %s: %s has port %s already", n.name, other, where)
				n.broken = true
			}
		}
		if q, _ := n.props.Lookup("positionFile"); q != nil {
			if other := take(n.part, "positionFile", "position file", filepath.Clean(q.Value.String())); other != "" {
				l.report(Warning, at(n.part, "positionFile"), "give it a file of its own",
					"positionFile of source %s: %s writes %s too, so that files are read again after a restart", n.name, other, q.Value)
			}
		}
	}
}

// listens names the address on which a source listens, and the property with
// the port; "" where it does not or takes any free port.
func (n *sourceNode) listens() (where, property string) {
	port, _ := n.props.Lookup("port")
	if port == nil || !port.IsSet() || port.Value.String() == "0" {
		return "", ""
	}
	network, address := "tcp", ""
	if strings.Contains(strings.ToLower(n.typ.Name()), "udp") {
		network = "udp"
	}
	for _, name := range []string{"bind", "host"} {
		if q, _ := n.props.Lookup(name); q != nil {
			address = q.Value.String()
		}
	}
	return network + " " + address + ":" + port.Value.String(), "port"
}
