package agent

import (
	"fmt"
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

// checkBackslashes looks for backslashes that Java drops or reads as something
// else: \d in a regular expression becomes d, and C:\new a line end.
func (l *linter) checkBackslashes(e *entry, name string, s scope) {
	if len(e.lost) > 0 {
		c := e.lost[0]
		l.report(Warning, position{e.at.file, c.line, c.column}, fmt.Sprintf(`write \\%c`, c.r), `%s of %s: the backslash before %c is dropped`, name, s.what, c.r)
		return
	}
	if len(e.value) > 2 && e.value[1] == ':' && strings.ContainsAny(e.value[2:], "\t\n\r\f") {
		l.report(Warning, e.valueAt, `write \\ for each backslash`, `%s of %s: a backslash with t, n, r or f is a control character`, name, s.what)
	}
}

// claim is something that only one component of an agent can have.
type claim struct {
	what string // "folder", "port", "position file"
	name string
	by   string
}

// claims are what components have taken.
type claims []claim

// take claims something and names who has it already.
func (c *claims) take(p *part, what, name string) (other string) {
	by := singular[p.kind] + " " + p.name
	for _, t := range *c {
		if t.what == what && t.name == name && t.by != by {
			return t.by
		}
	}
	*c = append(*c, claim{what, name, by})
	return ""
}

// valueAt is where the value of a property stands, or the component begins.
func (p *part) valueAt(property string) position {
	if e := p.get(property); e != nil {
		return e.valueAt
	}
	return p.place()
}

// checkFolders reports channels that want one folder, or one file of a database:
// the second one does not come up.
func (l *linter) checkFolders(p *plan) {
	var taken claims
	for _, c := range p.channels {
		locking, ok := any(c.built).(interface{ Folders() []string })
		if !ok || !c.ok() || c.broken {
			continue
		}
		for _, folder := range locking.Folders() {
			property := "type"
			for _, name := range c.part.names {
				if strings.Contains(strings.ToLower(name), "dir") && strings.Contains(c.part.get(name).value, filepath.Base(folder)) {
					property = name
				}
			}
			if other := taken.take(c.part, "folder", folder); other != "" {
				l.report(Error, c.part.valueAt(property), "give it folders of its own", "channel %s: %s has the folder %s already", c.name, other, folder)
				c.broken = true
			}
		}
	}
	for _, c := range p.channels {
		owning, ok := any(c.built).(interface{ File() string })
		if !ok || !c.ok() || c.broken || owning.File() == "" {
			continue
		}
		if other := taken.take(c.part, "file", owning.File()); other != "" {
			l.report(Error, c.part.valueAt("driver.url"), "give it a file of its own", "channel %s: %s has the file %s already", c.name, other, owning.File())
			c.broken = true
		}
	}
}

// checkClaims reports sources that want one port, or one position file: the
// second one does not come up, or both overwrite each other.
func (l *linter) checkClaims(p *plan) {
	var taken claims
	for _, n := range p.sources {
		if !n.ok() {
			continue
		}
		if where, property := n.listens(); where != "" {
			if other := taken.take(n.part, "port", where); other != "" {
				l.report(Error, n.part.valueAt(property), "choose another port", "source %s: %s has port %s already", n.name, other, where)
				n.broken = true
			}
		}
		if q, _ := n.props.Lookup("positionFile"); q != nil {
			if other := taken.take(n.part, "position file", filepath.Clean(q.Value.String())); other != "" {
				l.report(Warning, n.part.valueAt("positionFile"), "give it a file of its own",
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
