package agent

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/logpipe/logpipe/pkg/flume"
	"github.com/logpipe/logpipe/pkg/source"
)

// ownLine is what to do about a comment behind a value.
const ownLine = "give the comment a line of its own"

// cutComment cuts a name or a list of names in front of what looks like a
// comment, which Java takes for a part of the value.
func cutComment(value string) (before, comment string, found bool) {
	at := len(value)
	for _, sign := range []string{"#", "//"} {
		for _, blank := range []string{" ", "\t"} {
			if i := strings.Index(value, blank+sign); i >= 0 {
				at = min(at, i)
			}
		}
	}
	return strings.TrimSpace(value[:at]), strings.TrimSpace(value[at:]), at < len(value)
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

// checkQuoted looks for quotes around a whole pattern, which are a part of it. Logs
// have quotes, and so may a pattern; but nothing stands before the begin of a text,
// nor behind its end.
func (l *linter) checkQuoted(e *entry, name string, s scope) {
	n := len(e.value)
	if name != "regex" && name != "searchPattern" || n < 3 || e.value[0] != e.value[n-1] || e.value[0] != '"' && e.value[0] != '\'' {
		return
	}
	const fix = "leave out the quotes"
	inner := e.value[1 : n-1]
	switch {
	case !impossible(inner) && strings.IndexByte(inner, e.value[0]) < 0:
		l.report(Note, e.valueAt, fix+", if they are not meant", "the quotes are part of %s of %s: it fits nothing but text in quotes", name, s.what)
	case !impossible(inner):
	case s.keeps(name):
		l.diverts(e.valueAt, fix, "the quotes are part of %s of %s: it fits nothing, and all events are dropped", name, s.what)
	default:
		l.report(Warning, e.valueAt, fix, "the quotes are part of %s of %s: it fits nothing", name, s.what)
	}
}

// impossible reports whether a pattern fits nothing once something stands before
// and behind it: it begins with the begin of a text or ends with its end. One with a
// choice may fit all the same.
func impossible(pattern string) bool {
	behind, begins := strings.CutPrefix(pattern, "^")
	begins = begins && strings.Trim(behind[:min(1, len(behind))], "*?{") == behind[:min(1, len(behind))]
	before, ends := strings.CutSuffix(pattern, "$")
	escapes := len(before) - len(strings.TrimRight(before, `\`))
	return (begins || ends && escapes%2 == 0) && !strings.Contains(pattern, "|")
}

// checkBackslashes looks for backslashes that Java drops or reads as something
// else: \d in a regular expression becomes d, and C:\new a line end.
func (l *linter) checkBackslashes(e *entry, name string, s scope) {
	if len(e.lost) > 0 {
		c := e.lost[0]
		at, fix := position{e.at.file, c.line, c.column}, fmt.Sprintf(`write \\%c`, c.r)
		if s.keeps(name) {
			l.diverts(at, fix, `%s of %s: the backslash before %c is dropped, and so are the events that the pattern was to keep`, name, s.what, c.r)
			return
		}
		l.report(Warning, at, fix, `%s of %s: the backslash before %c is dropped`, name, s.what, c.r)
		return
	}
	if len(e.value) > 2 && e.value[1] == ':' && strings.ContainsAny(e.value[2:], "\t\n\r\f") {
		l.report(Warning, e.valueAt, `write \\ for each backslash`, `%s of %s: a backslash with t, n, r or f is a control character`, name, s.what)
	}
}

// keeps reports whether a property is the pattern of a filter that keeps the events
// that it fits, and drops all others.
func (s scope) keeps(name string) bool {
	exclude := s.values["excludeEvents"]
	return s.filter && name == "regex" && (exclude == nil || !exclude.deferred && !strings.EqualFold(exclude.value, "true"))
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
	var ports []listener
	for _, n := range p.sources {
		if !n.ok() {
			continue
		}
		for _, at := range n.listens() {
			if i := slices.IndexFunc(ports, at.meets); i >= 0 {
				l.report(Error, n.part.valueAt(at.property), "choose another port", "source %s: source %s has port %s already", n.name, ports[i].source, ports[i])
				n.broken = true
				continue
			}
			ports = append(ports, at)
		}
		if q, _ := n.props.Lookup("positionFile"); q != nil {
			if other := taken.take(n.part, "position file", filepath.Clean(q.Value.String())); other != "" {
				l.report(Warning, n.part.valueAt("positionFile"), "give it a file of its own",
					"positionFile of source %s: %s writes %s too, so that files are read again after a restart", n.name, other, q.Value)
			}
		}
	}
	l.checkSpools(p)
}

// spool is what a spooldir source reads, and where it keeps how far it has come.
type spool struct {
	*sourceNode
	folder, patterns, tracker string
	passes, marks             bool // over files that are marked as done there; which it marks
}

// loses reports whether one of the two takes files for done that the other has
// read: those of the same name in another folder.
func (s spool) loses(other spool) bool {
	return s.folder != other.folder && s.patterns == other.patterns && s.passes && other.passes && (s.marks || other.marks)
}

// checkSpools reports spooldir sources that take the same files, which one of them
// renames while the other reads; and those that keep in one file how far they have
// come, where each overwrites what the other has noted.
func (l *linter) checkSpools(p *plan) {
	var spools []spool
	for _, n := range p.sources {
		s, known := spoolOf(n)
		if !known {
			continue
		}
		at, of := n.part.valueAt("spoolDir"), func(t spool) bool { return t.tracker == s.tracker }
		same := slices.IndexFunc(spools, func(t spool) bool { return t.folder == s.folder && t.patterns == s.patterns })
		if same >= 0 {
			folder, _ := n.props.Lookup("spoolDir")
			l.report(Error, at, "give it a folder of its own, or other files by includePattern",
				"source %s: source %s takes the files of %s already: each would find files renamed that it reads", n.name, spools[same].name, folder.Value)
			n.broken = true
			continue
		}
		if other := slices.IndexFunc(spools, of); other >= 0 {
			l.sharedTracker(at, s, spools[other])
		}
		spools = append(spools, s)
	}
}

// sharedTracker reports that two spooldir sources have one trackerDir.
func (l *linter) sharedTracker(at position, s, other spool) {
	if e := s.part.get("trackerDir"); e != nil {
		at = e.valueAt
	}
	tracker, _ := s.props.Lookup("trackerDir")
	fix := fmt.Sprintf("give it a folder of its own: %s = %s-%s", join(l.name, sources, s.name, "trackerDir"), strings.TrimRight(tracker.Value.String(), "/"), s.name)
	if s.loses(other) {
		l.diverts(at, fix, "trackerDir of source %s: source %s marks in %s too, by their names alone, which files are done: one of a name that the other has read is not read",
			s.name, other.name, s.tracker)
		return
	}
	l.report(Warning, at, fix, "trackerDir of source %s: source %s keeps in %s too how far it has read, so that files are read again after a restart",
		s.name, other.name, s.tracker)
}

// spoolOf describes a spooldir source; false = it is none, or not known yet.
func spoolOf(n *sourceNode) (s spool, known bool) {
	built, ok := n.built.(*source.Spooldir)
	if !ok || !n.ok() {
		return s, false
	}
	values := map[string]string{}
	for _, name := range []string{"spoolDir", "includePattern", "ignorePattern", "trackerDir"} {
		if e := n.part.get(name); e != nil && e.deferred {
			return s, false
		}
		q, _ := n.props.Lookup(name)
		values[name] = q.Value.String()
	}
	s = spool{sourceNode: n, folder: filepath.Clean(values["spoolDir"]), patterns: values["includePattern"] + "\x00" + values["ignorePattern"]}
	s.tracker, s.passes, s.marks = built.Tracking()
	return s, true
}

// listener is a port that a source listens on.
type listener struct{ source, property, network, address, port string }

func (a listener) String() string { return a.network + " " + a.address + ":" + a.port }

// meets reports whether only one of two listeners can be had: all addresses of the
// machine are any of them.
func (a listener) meets(b listener) bool {
	all := func(address string) bool { return address == "" || address == "0.0.0.0" || address == "::" }
	plain := func(address string) string {
		return strings.Replace(strings.ToLower(address), "localhost", "127.0.0.1", 1)
	}
	return a.source != b.source && a.network == b.network && a.port == b.port &&
		(all(a.address) || all(b.address) || plain(a.address) == plain(b.address))
}

// listens are the ports of a source, but for any free one.
func (n *sourceNode) listens() (all []listener) {
	at := listener{source: n.name, network: "tcp"}
	if strings.Contains(strings.ToLower(n.typ.Name()), "udp") {
		at.network = "udp"
	}
	for _, name := range []string{"bind", "host"} {
		if q, _ := n.props.Lookup(name); q != nil {
			at.address = q.Value.String()
		}
	}
	for _, at.property = range []string{"port", "ports"} {
		q, _ := n.props.Lookup(at.property)
		if q == nil || !q.IsSet() {
			continue
		}
		for _, at.port = range strings.Fields(q.Value.String()) {
			if at.port != "0" {
				all = append(all, at)
			}
		}
	}
	return all
}
