package agent

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// route finds out whose an entry is.
func (l *linter) route(e, previous *entry) {
	agent, rest, _ := strings.Cut(e.key, ".")
	if agent == l.name && e.key != agent {
		l.routeOwn(e, rest)
		return
	}
	if otherComment(e.key) {
		l.report(Warning, e.at, "begin comments with # or !", "this is no comment but a property named %s", e.key)
		return
	}
	if owner := l.wrapped(e, previous); owner != nil {
		l.reportLeftover(e, previous, owner)
		return
	}
	for _, kind := range kinds {
		if agent == l.name+kind {
			fixed := join(kind, rest)
			if l.misspelt(e, l.name+"."+fixed, "a dot is missing") {
				l.routeOwn(e.as(l.name+"."+fixed, e.value), fixed)
			}
			return
		}
	}
	if !strings.Contains(e.key, ".") {
		l.dotless(e)
		return
	}
	kind, tail, _ := strings.Cut(rest, ".")
	component, _, _ := strings.Cut(tail, ".")
	if !slices.Contains(l.agents, agent) && slices.Contains(l.listed(kind), component) && nearest(agent, []string{l.name}) != "" {
		if l.misspelt(e, l.name+"."+rest, fmt.Sprintf("unknown agent %q", agent)) {
			l.routeOwn(e.as(l.name+"."+rest, e.value), rest)
		}
	}
}

// otherComment reports whether a line begins as comments of other languages do:
// //, /* with its * and */, ; of INI files, -- of SQL.
func otherComment(key string) bool {
	return strings.HasPrefix(key, "//") || strings.HasPrefix(key, "/*") || strings.HasPrefix(key, "*/") ||
		strings.HasPrefix(key, ";") || strings.Trim(key, "-") == "" && len(key) > 1 || key == "*"
}

// dotless reports a key without a dot, which no component has, unless values
// refer to it.
func (l *linter) dotless(e *entry) {
	switch {
	case e.used:
	case e.key == "":
		l.report(Warning, e.at, "write a key, or leave the line out", "the line has no key and no effect")
	case slices.Contains(kinds, e.key):
		l.report(Warning, e.at, fmt.Sprintf("did you mean %s.%s?", l.name, e.key), "%s has no effect: the agent's name is missing", e.key)
	default:
		l.report(Warning, e.at, "begin comments with # or !", "%s has no effect: a key without a dot is no component's", e.key)
	}
}

// wrapped returns the entry whose value an entry seems to be the rest of, or nil.
func (l *linter) wrapped(e, previous *entry) *entry {
	if previous == nil || previous.at.file != e.at.file || previous.last+1 != e.at.line {
		return nil
	}
	words := strings.SplitN(e.key, ".", 3)
	if slices.Contains(l.agents, words[0]) {
		return nil
	}
	owner := l.leftover[previous]
	if owner == nil {
		owner = previous
	}
	if agent, _, _ := strings.Cut(owner.key, "."); agent != l.name {
		return nil
	}
	if e.bare() || strings.ContainsAny(e.key, `/|<>"'&$(){};*`) || strings.HasPrefix(e.key, "-") {
		return owner
	}
	// Another program's property, another agent's, or one of this agent with a slip.
	if e.ordinary || e.used || len(words) > 1 && (slices.Contains(kinds, words[1]) || e.separated && nearest(words[1], kinds) != "") {
		return nil
	}
	if kind, found := strings.CutPrefix(words[0], l.name); found && nearest(kind, kinds) != "" {
		return nil
	}
	if previous.open != "" || e.at.column > owner.at.column {
		return owner
	}
	return nil
}

// reportLeftover reports the rest of a value on a line of its own.
func (l *linter) reportLeftover(e, previous, owner *entry) {
	if l.leftover == nil {
		l.leftover = map[*entry]*entry{}
	}
	l.leftover[e] = owner
	fix := fmt.Sprintf("end line %d with a backslash, or join the lines", previous.last)
	if previous.open == `\` {
		fix = fmt.Sprintf("leave out the blanks behind the backslash of line %d", previous.last)
	}
	l.report(Error, e.at, fix, "%s is no property: the value of line %d seems to go on here (%s)", e.key, previous.last, owner.key)
}

// as is the entry with another key and value.
func (e *entry) as(key, value string) *entry {
	fixed := *e
	fixed.key, fixed.value, fixed.guessed = key, value, true
	return &fixed
}

// routeOwn places an entry of this agent; rest is its key without the agent.
func (l *linter) routeOwn(e *entry, rest string) {
	if l.routeBlank(e, rest) || l.routeEmptyPart(e, rest) || l.routeUnknownKind(e, rest) {
		return
	}
	kind, tail, _ := strings.Cut(rest, ".")
	if tail == "" {
		l.setList(kind, e)
		return
	}
	if fixed := l.missingDot(kind, tail); fixed != "" {
		if !l.misspelt(e, join(l.name, kind, fixed), "a dot is missing") {
			return
		}
		e, tail = e.as(join(l.name, kind, fixed), e.value), fixed
	}
	component, property, found := strings.Cut(tail, ".")
	if !found {
		l.nameless(e, kind, component)
		return
	}
	if meant, name := l.otherKind(kind, component, property); meant != "" {
		fixed := join(meant, name, property)
		if l.misspelt(e, l.name+"."+fixed, fmt.Sprintf("%s is no %s", component, singular[kind])) {
			if l.part(meant, name).get(property) != nil {
				return // it has its own value
			}
			e, kind, component = e.as(l.name+"."+fixed, e.value), meant, name
		}
	}
	if before := l.add(kind, component, property, e); before != nil {
		l.repeated(before, e)
	}
}

// missingDot repairs what stands behind the kind where a dot is missing behind the
// component: r1type, k1hdfs.path; "" = it is not, or the component has a type and so is one.
func (l *linter) missingDot(kind, tail string) string {
	component, rest, below := strings.Cut(tail, ".")
	best, word := "", ""
	for _, name := range l.listed(kind) {
		behind, begins := strings.CutPrefix(component, name)
		switch {
		case component == name:
			return ""
		case begins && len(name) > len(best):
			best, word = name, behind
		}
	}
	helper := word == "selector" || word == "processor" // which have a type too
	if best == "" || len(word) < 2 || len(word) < 3 && !below || !unicode.IsLetter(rune(word[0])) || l.typed[join(kind, component)] && !helper {
		return ""
	}
	return join(best, word, rest)
}

// routeBlank takes a key with a blank inside, and tells whether it is one.
func (l *linter) routeBlank(e *entry, rest string) bool {
	fixed, value, ok := blankInside(e, rest)
	if !ok {
		return false
	}
	if w := strings.SplitN(fixed, ".", 3); len(w) == 3 && slices.Contains(kinds, w[0]) {
		if meant, component := l.otherKind(w[0], w[1], w[2]); meant != "" {
			fixed = join(meant, component, w[2])
		}
	}
	at := e.at
	at.column += utf8.RuneCountInString(e.key)
	l.guess(l.name + "." + fixed)
	l.note(Error, at, fmt.Sprintf("did you mean %s.%s = %s?", l.name, fixed, value), "a blank ends the key at %s", e.key)
	if !l.asFlume {
		l.routeOwn(e.as(l.name+"."+fixed, value), fixed)
	}
	return true
}

// routeEmptyPart takes a key with two dots in a row or one at its end.
func (l *linter) routeEmptyPart(e *entry, rest string) bool {
	parts := strings.Split(rest, ".")
	if !slices.Contains(parts, "") {
		return false
	}
	fixed := strings.Join(slices.DeleteFunc(parts, func(s string) bool { return s == "" }), ".")
	if l.misspelt(e, l.name+"."+fixed, "a part of the key is empty") && fixed != "" {
		l.routeOwn(e.as(l.name+"."+fixed, e.value), fixed)
	}
	return true
}

// routeUnknownKind takes a key whose first word is no kind.
func (l *linter) routeUnknownKind(e *entry, rest string) bool {
	kind, tail, _ := strings.Cut(rest, ".")
	if slices.Contains(kinds, kind) {
		return false
	}
	fixed := l.guessKind(kind, tail)
	switch {
	case fixed == "":
		l.report(Warning, e.at, "known: "+strings.Join(kinds, ", "), "%s has no effect: unknown kind %q", e.key, kind)
	case l.misspelt(e, l.name+"."+fixed, fmt.Sprintf("unknown kind %q", kind)):
		l.routeOwn(e.as(l.name+"."+fixed, e.value), fixed)
	}
	return true
}

// otherKind recognises `a1.sinks.c1.channel` and `a1.sinks.c1.capacity` where c1
// is a channel: the first must mean the only sink, the second the channel.
func (l *linter) otherKind(kind, component, property string) (meant, name string) {
	names := l.listed(kind)
	if slices.Contains(names, component) {
		return "", ""
	}
	word, _, _ := strings.Cut(property, ".")
	wiring := slices.Contains([]string{"channel", "channels", "selector", "interceptors", "sinks", "processor"}, word)
	for _, other := range kinds {
		switch {
		case other == kind || !slices.Contains(l.listed(other), component):
		case !wiring && property != "type":
			return other, component
		case len(names) == 1:
			return kind, names[0]
		}
	}
	return "", ""
}

// nameless handles `agent.kind.word = value`: without a property it says
// nothing, so the word is likely the property of the only component.
func (l *linter) nameless(e *entry, kind, word string) {
	if names := l.listed(kind); len(names) == 1 && names[0] != word && l.part(kind, names[0]).get(word) == nil {
		fixed := join(kind, names[0], word)
		if l.misspelt(e, l.name+"."+fixed, "the name of the component is missing") {
			l.routeOwn(e.as(l.name+"."+fixed, e.value), fixed)
		}
		return
	}
	l.report(Warning, e.at, fmt.Sprintf("write %s.PROPERTY = %s", e.key, e.value), "%s names no property and has no effect", e.key)
}

// blankInside recognises `a1.sinks. k1.channel = c1`, where Java takes all from
// the blank on for the value.
func blankInside(e *entry, rest string) (key, value string, ok bool) {
	i := strings.IndexAny(e.value, "=:")
	if e.separated || i < 0 {
		return "", "", false
	}
	left := strings.TrimSpace(e.value[:i])
	complete := strings.Count(rest, ".") >= 2
	dot := strings.HasSuffix(rest, ".") || strings.HasPrefix(left, ".")
	if left == "" || strings.ContainsAny(left, " \t") || complete && !dot {
		return "", "", false
	}
	return join(strings.Trim(rest, "."), strings.Trim(left, ".")), strings.TrimSpace(e.value[i+1:]), true
}

// guessKind repairs a key whose first word is no kind: a component's name
// without its kind, a misspelt kind, or a missing dot behind the kind.
func (l *linter) guessKind(word, tail string) string {
	meant := nearest(word, kinds)
	component, _, _ := strings.Cut(tail, ".")
	if meant != "" && slices.Contains(l.listed(meant), component) {
		return join(meant, tail)
	}
	for _, kind := range kinds {
		if tail != "" && slices.Contains(l.listed(kind), word) {
			return join(kind, word, tail)
		}
		if name, found := strings.CutPrefix(word, kind); found && slices.Contains(l.listed(kind), name) {
			return join(kind, name, tail)
		}
	}
	if meant != "" {
		return join(meant, tail)
	}
	return ""
}

// join puts dots between the words that are there.
func join(words ...string) string {
	return strings.Join(slices.DeleteFunc(words, func(s string) bool { return s == "" }), ".")
}
