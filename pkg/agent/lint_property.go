package agent

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/logpipe/logpipe/pkg/flume"
)

// scope is a group of properties that belong to one description.
type scope struct {
	what     string            // the component, for messages
	prefix   string            // of the keys, for fixes
	at       position          // where to report what is missing
	names    []string          // in the order of the file
	values   map[string]*entry // by name
	empty    map[string]*entry // without a value
	reserved []string          // names that are known besides the described ones
	defaults bool              // Flume takes the default where a value cannot be read
	filter   bool              // it is a regex_filter
}

func part2scope(l *linter, p *part, what, typ string, reserved []string) scope {
	s := scope{what: fmt.Sprintf("%s (%s)", what, typ), prefix: fmt.Sprintf("%s.%s.%s.", l.name, p.kind, p.name),
		at: p.place(), values: p.values, empty: maps.Clone(p.empty), reserved: reserved,
		defaults: p.kind == channels && typ == "memory"}
	isReserved := func(name string) bool {
		return slices.ContainsFunc(reserved, func(r string) bool {
			return name == r || strings.HasSuffix(r, ".") && strings.HasPrefix(name, r)
		})
	}
	for _, name := range p.names {
		if !isReserved(name) {
			s.names = append(s.names, name)
		}
	}
	maps.DeleteFunc(s.empty, func(name string, _ *entry) bool { return isReserved(name) })
	return s
}

// checkProperties assigns the values and reports unknown names, values that
// cannot be read and what is missing.
func checkProperties(l *linter, props *flume.Properties, s scope) {
	for _, name := range s.names {
		e := s.values[name]
		q, old := props.Lookup(name)
		if q == nil {
			assignUnknown(l, props, s, name)
			continue
		}
		if e.deferred {
			continue
		}
		if err := q.Assign(name, e.value); err != nil {
			l.unreadable(e, q, name, s, err)
			continue
		}
		l.checkText(e, q, name, s)
		l.checkBackslashes(e, name, s)
		l.checkQuoted(e, name, s)
		switch {
		case old:
			l.report(Note, e.propertyAt(name), "", "%s is the older name of %s", name, q.Name)
		case q.Ignored != "" && s.successor(props, name) != "":
			// It is told below that the one that came after it is missing.
		case q.Ignored != "":
			l.report(Note, e.propertyAt(name), "", "%s has no effect here: %s", name, q.Ignored)
		}
	}
	l.checkEmpty(props, s)
	l.checkMissing(props, s)
}

// unreadable reports a value that its property does not take.
func (l *linter) unreadable(e *entry, q *flume.Property, name string, s scope, err error) {
	if e.filter != "" {
		err = fmt.Errorf("the value of config filter %s cannot be read", e.filter)
	}
	if e.nothing != "" && e.value == "" {
		err = errors.New(e.nothing)
	}
	fix := ""
	if e.filter == "" {
		fix = valueFix(e.value, q)
	}
	if len(e.unresolved) > 0 {
		fix = cmp.Or(l.takeBack(e.valueAt).Fix, fix)
	}
	report := func(at position, fix, format string, args ...any) { l.report(Error, at, fix, format, args...) }
	if s.defaults {
		report = l.diverts
	}
	report(e.valueAt, fix, "%s of %s: %v", name, s.what, err)
}

// checkEmpty reports properties without a value.
func (l *linter) checkEmpty(props *flume.Properties, s scope) {
	for _, name := range slices.Sorted(maps.Keys(s.empty)) {
		e := s.empty[name]
		if q, _ := props.Lookup(name); q != nil && q.Required && !q.IsSet() {
			l.report(Error, e.valueAt, "give it a value", "%s of %s is required and has no value", name, s.what)
			q.Required = false // reported
		} else if q == nil || !q.Empty {
			l.report(Warning, e.valueAt, "leave the line out", "%s has no value and no effect", name)
		}
	}
}

// checkMissing reports what is required and not there.
func (l *linter) checkMissing(props *flume.Properties, s scope) {
	for _, q := range props.All() {
		if !q.Required || q.IsSet() || l.triedToSet(q, s) {
			continue
		}
		if i := slices.IndexFunc(s.names, func(name string) bool { return s.successor(props, name) == q.Name }); i >= 0 {
			e := s.values[s.names[i]]
			l.report(Error, e.propertyAt(s.names[i]), fmt.Sprintf("name the brokers: %s%s = HOST:9092", s.prefix, q.Name),
				"%s has no %s, which is required: %s is of a Flume that asked ZooKeeper for the brokers", s.what, q.Name, s.names[i])
			continue
		}
		l.report(Error, s.at, fmt.Sprintf("add %s%s = %s", s.prefix, q.Name, strings.ToUpper(q.Value.Type())),
			"%s has no %s, which is required", s.what, q.Name)
	}
}

// successor is the property that says today what an ignored one said, where that
// has to be written anew; "" = there is none.
func (s scope) successor(props *flume.Properties, name string) string {
	const today = "kafka.bootstrap.servers"
	if q, _ := props.Lookup(today); name != "zookeeperConnect" || q == nil || !q.Required || s.values[today] != nil {
		return ""
	}
	return today
}

// triedToSet reports whether the file has a value for q that could not be read;
// that was reported.
func (l *linter) triedToSet(q *flume.Property, s scope) bool {
	return s.values[q.Name] != nil || slices.ContainsFunc(q.Old, func(old string) bool { return s.values[old] != nil })
}

// synonyms are words that components of Flume, and older plugins, have for one
// thing, each only one of them.
var synonyms = [][]string{
	{"bind", "host", "hostname", "address", "ip"},
	{"kafka.bootstrap.servers", "metadata.broker.list", "brokers"},
	{"kafka.topic", "kafka.topics", "custom.topic.name"},
}

// meantBy is the candidate that a word was probably meant to be, by its letters or
// by what it means; "" = none.
func meantBy(word string, candidates []string) string {
	if near := nearest(word, candidates); near != "" {
		return near
	}
	for _, group := range synonyms {
		if !slices.Contains(group, word) {
			continue
		}
		if i := slices.IndexFunc(candidates, func(c string) bool { return slices.Contains(group, c) }); i >= 0 {
			return candidates[i]
		}
	}
	return ""
}

// assignUnknown reports a property that does not exist. Where it seems to stand
// for a required one that is missing, this is what stops the component.
func assignUnknown(l *linter, props *flume.Properties, s scope, name string) {
	e := s.values[name]
	var missing []string
	for _, q := range props.All() {
		if q.Required && !q.IsSet() && s.values[q.Name] == nil {
			missing = append(missing, q.Name)
		}
	}
	meant := meantBy(name, missing)
	if meant != "" {
		l.report(Error, e.propertyAt(name), fmt.Sprintf("did you mean %q, which is required?", meant),
			"%s has no property %q", s.what, name)
		q, _ := props.Lookup(meant)
		q.Required = false // reported
		return
	}
	if meant = meantOf(name, props, s.reserved); strings.HasSuffix(name, "."+meant) && s.values[meant] != nil {
		meant = "" // such as producer.type
	}
	if spread := s.spreads(name); spread != "" {
		meant = spread
		if meant == "interceptors" || meant == "selector.type" {
			l.diverts(e.propertyAt(name), fmt.Sprintf("did you mean %q?", meant), "%s has no property %q", s.what, name)
			return
		}
	}
	fix := "leave the line out"
	if meant != "" {
		fix = fmt.Sprintf("did you mean %q?", meant)
	}
	l.report(Warning, e.propertyAt(name), fix, "%s has no property %q; it has no effect", s.what, name)
}

// meantOf is the described or reserved property that an unknown one was probably
// meant to be, or "".
func meantOf(name string, props *flume.Properties, reserved []string) string {
	names := slices.Clone(reserved)
	for _, q := range props.All() {
		names = append(names, q.Name)
	}
	if meant := meantBy(name, names); meant != "" && !strings.HasSuffix(meant, ".") {
		return meant
	}
	// The members of a family have any name: what stands before it counts.
	for _, family := range names {
		base, isFamily := strings.CutSuffix(family, ".")
		words := strings.Split(name, ".")
		dots := strings.Count(base, ".") + 1
		head := strings.Join(words[:min(dots, len(words))], ".")
		if !isFamily || nearest(head, []string{base}) == "" {
			continue
		}
		if tail := strings.Join(words[min(dots, len(words)):], "."); tail != "" {
			return family + tail
		}
		if tail, found := strings.CutPrefix(head, base); found && tail != "" {
			return family + tail // the dot is missing
		}
		return family + "NAME"
	}
	return ""
}

// spreads returns the property of a source that was meant and that is not there,
// where it is one of those that change or spread events: Flume runs without it.
func (s scope) spreads(name string) (meant string) {
	if !slices.Contains(s.reserved, "interceptors") { // no source
		return ""
	}
	word, tail, below := strings.Cut(name, ".")
	near := nearest(word, []string{"interceptors", "selector"})
	if rest, dotLost := strings.CutPrefix(word, near); dotLost && near != "" && rest != "" {
		tail, below = join(rest, tail), true
	}
	if near == "" || near == "selector" && !below || s.values[join(near, tail)] != nil {
		return ""
	}
	return join(near, tail)
}

// propertyAt is where the property's name stands in the key.
func (e *entry) propertyAt(name string) position {
	at := e.at
	if !e.guessed && strings.HasSuffix(e.key, name) {
		at.column += utf8.RuneCountInString(e.key) - utf8.RuneCountInString(name)
	}
	return at
}

// checkTogether lets the component check its properties against each other.
func checkTogether(l *linter, c any, p *part) {
	checker, ok := c.(flume.Checker)
	if !ok || p.defers() {
		return
	}
	for _, problem := range checker.Check() {
		at := p.place()
		if e := p.get(problem.Property); e != nil {
			at = e.placeIn(problem.Offset)
		}
		for _, name := range p.names {
			if levelOf(problem) == Error && strings.HasPrefix(name, problem.Property+".") {
				l.takeBack(p.get(name).propertyAt(name)) // of a class that nobody knows
			}
		}
		report := l.report
		if problem.Diverts {
			report = l.note
		}
		report(levelOf(problem), at, problem.Fix, "%s %s: %s", singular[p.kind], p.name, problem.Message)
	}
}

// takeBack takes the warning about a place in a component out of the findings: there
// is a better word for what is wrong.
func (l *linter) takeBack(at position) (told Finding) {
	for i, f := range l.findings[l.checking:] {
		if f.Level == Warning && f.File == at.file && f.Line == at.line && f.Column == at.column {
			l.findings = slices.Delete(l.findings, l.checking+i, l.checking+i+1)
			return f
		}
	}
	return told
}

// defers reports whether a value of the part is not known yet.
func (p *part) defers() bool {
	return slices.ContainsFunc(p.names, func(name string) bool { return p.values[name].deferred })
}

func levelOf(problem flume.Problem) Level {
	switch {
	case problem.Note:
		return Note
	case problem.Harmless:
		return Warning
	}
	return Error
}
