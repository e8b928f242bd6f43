package agent

import (
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
			if e.filter != "" {
				err = fmt.Errorf("the value of config filter %s cannot be read", e.filter)
			}
			report := func(at position, fix, format string, args ...any) { l.report(Error, at, fix, format, args...) }
			if s.defaults {
				report = l.diverts
			}
			report(e.valueAt, valueFix(e.value), "%s of %s: %v", name, s.what, err)
			continue
		}
		l.checkText(e, q, name, s)
		l.checkBackslashes(e, name, s)
		switch {
		case old:
			l.report(Note, e.propertyAt(name), "", "%s is the older name of %s", name, q.Name)
		case q.Ignored != "":
			l.report(Note, e.propertyAt(name), "", "%s has no effect here: %s", name, q.Ignored)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(s.empty)) {
		e := s.empty[name]
		if q, _ := props.Lookup(name); q != nil && q.Required && !q.IsSet() {
			l.report(Error, e.valueAt, "give it a value", "%s of %s is required and has no value", name, s.what)
			q.Required = false // reported
		} else if q == nil || !q.Empty {
			l.report(Warning, e.valueAt, "leave the line out", "%s has no value and no effect", name)
		}
	}
	for _, q := range props.All() {
		if q.Required && !q.IsSet() && !l.triedToSet(q, s) {
			l.report(Error, s.at, fmt.Sprintf("add %s%s = %s", s.prefix, q.Name, strings.ToUpper(q.Value.Type())),
				"%s has no %s, which is required", s.what, q.Name)
		}
	}
}

// triedToSet reports whether the file has a value for q that could not be read;
// that was reported.
func (l *linter) triedToSet(q *flume.Property, s scope) bool {
	return s.values[q.Name] != nil || slices.ContainsFunc(q.Old, func(old string) bool { return s.values[old] != nil })
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
	if meant := nearest(name, missing); meant != "" {
		l.report(Error, e.propertyAt(name), fmt.Sprintf("did you mean %q, which is required?", meant),
			"%s has no property %q", s.what, name)
		q, _ := props.Lookup(meant)
		q.Required = false // reported
		return
	}
	names := slices.Clone(s.reserved)
	for _, q := range props.All() {
		names = append(names, q.Name)
	}
	fix := ""
	if meant := nearest(name, names); meant != "" {
		fix = fmt.Sprintf("did you mean %q?", meant)
	}
	l.report(Warning, e.propertyAt(name), fix, "%s has no property %q; it has no effect", s.what, name)
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
	if !ok || slices.ContainsFunc(p.names, func(name string) bool { return p.values[name].deferred }) {
		return
	}
	for _, problem := range checker.Check() {
		at := p.place()
		if e := p.get(problem.Property); e != nil {
			at = e.placeIn(problem.Offset)
		}
		l.report(levelOf(problem), at, problem.Fix, "%s %s: %s", singular[p.kind], p.name, problem.Message)
	}
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
