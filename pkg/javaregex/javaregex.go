// Package javaregex matches the patterns of java.util.regex, as Java 8 to 17
// read them: those of Flume's property files.
//
// A pattern is read into a tree by Java's own rules and then written again for
// an engine. That is Go's regexp wherever it can do the same, for its time is
// bounded by the length of the text. It cannot look ahead or behind, refer to a
// group, or keep what it has (a++, (?>a)); and what Java's $, \Z, \b and the flag
// m are depends on the text: $ also stands in front of a last line end, and \b
// knows the letters of all alphabets. For those an engine that goes back is
// asked, which is given up after MatchTimeout.
//
// Rules: https://docs.oracle.com/en/java/javase/17/docs/api/java.base/java/util/regex/Pattern.html
package javaregex

import (
	"bytes"
	"fmt"
	"regexp"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/dlclark/regexp2"
)

// MatchTimeout is how long one text may be looked at by the engine that goes
// back. Java has no limit: there such a pattern stops the agent.
const MatchTimeout = time.Second

// TimeoutError says that a pattern takes too long for a text.
type TimeoutError struct{ Pattern string }

func (e *TimeoutError) Error() string {
	return fmt.Sprintf("pattern %s: given up after %v", e.Pattern, MatchTimeout)
}

// Regexp is a compiled pattern. It may be used by several goroutines at once.
type Regexp struct {
	pattern string
	groups  int
	names   map[string]int
	plain   *regexp.Regexp // nil where nothing but going back helps
	needs   needs
	empty   bool // a match may be
	back    func() (*regexp2.Regexp, error)
}

// Compile reads a pattern that is looked for anywhere in a text: find of Java.
func Compile(pattern string) (*Regexp, error) { return compile(pattern, false) }

// CompileWhole reads a pattern that has to fit a whole text: matches of Java.
func CompileWhole(pattern string) (*Regexp, error) { return compile(pattern, true) }

func compile(pattern string, whole bool) (*Regexp, error) {
	tree, p, err := parse(pattern)
	if err != nil {
		return nil, fmt.Errorf("pattern %s: %w", pattern, err)
	}
	if whole {
		tree = &node{op: opCat, subs: []*node{{op: opAssert, place: beginText}, tree, {op: opAssert, place: endText}}}
	}
	re := &Regexp{pattern: pattern, groups: p.groups, names: p.names, empty: tree.mayBeEmpty()}
	var w writer
	w.write(tree)
	re.needs = w.needs
	if !w.needs.backtrack {
		// What it finds too large goes to the other one.
		re.plain, err = regexp.Compile(w.String())
		re.needs.backtrack = err != nil
	}
	re.back = sync.OnceValues(func() (*regexp2.Regexp, error) {
		w := writer{back: true}
		w.write(tree)
		back, err := regexp2.Compile(w.String(), regexp2.None)
		if err != nil {
			return nil, fmt.Errorf("pattern %s: %w", pattern, err)
		}
		back.MatchTimeout = MatchTimeout
		return back, nil
	})
	if re.plain == nil {
		if _, err := re.back(); err != nil {
			return nil, err
		}
	}
	return re, nil
}

// String is the pattern as it was given.
func (re *Regexp) String() string { return re.pattern }

// NumSubexp is the number of groups.
func (re *Regexp) NumSubexp() int { return re.groups }

// SubexpIndex is the number of the group with a name; -1 if there is none.
func (re *Regexp) SubexpIndex(name string) int {
	if n := re.names[name]; n > 0 {
		return n
	}
	return -1
}

// isPlain reports whether Go's regexp finds in b what Java does.
func (re *Regexp) isPlain(b []byte) bool {
	n := &re.needs
	switch {
	case n.backtrack:
		return false
	case n.ascii && !isASCII(b):
		return false
	case n.lines:
		return len(b) > 0 && !endsLine(b, n.unix) && (n.unix || !hasLineEnd(b))
	case n.lastLine:
		return !endsLine(b, n.unix)
	}
	return true
}

func isASCII(b []byte) bool {
	for _, c := range b {
		if c >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// endsLine reports whether b ends with a line end.
func endsLine(b []byte, unix bool) bool {
	if len(b) == 0 {
		return false
	}
	switch last := b[len(b)-1]; {
	case last == '\n':
		return true
	case unix:
		return false
	case last == '\r':
		return true
	}
	r, _ := utf8.DecodeLastRune(b)
	return r == 0x85 || r == 0x2028 || r == 0x2029
}

// hasLineEnd reports whether b has a line end other than \n.
func hasLineEnd(b []byte) bool {
	for _, end := range []string{"\r", "\u0085", "\u2028", "\u2029"} {
		if bytes.Contains(b, []byte(end)) {
			return true
		}
	}
	return false
}

// Match reports whether b has a match. An error is a *TimeoutError.
func (re *Regexp) Match(b []byte) (bool, error) {
	if re.isPlain(b) {
		return re.plain.Match(b), nil
	}
	found := false
	err := re.each(b, func([]int) bool { found = true; return false })
	return found, err
}

// MatchString reports whether s has a match.
func (re *Regexp) MatchString(s string) (bool, error) { return re.Match([]byte(s)) }

// FindSubmatchIndex returns the first match and its groups, in the form of
// regexp.Regexp; nil where there is none.
func (re *Regexp) FindSubmatchIndex(b []byte) (match []int, err error) {
	if re.isPlain(b) {
		return re.plain.FindSubmatchIndex(b), nil
	}
	err = re.each(b, func(m []int) bool { match = m; return false })
	return match, err
}

// FindAllSubmatchIndex returns all matches.
func (re *Regexp) FindAllSubmatchIndex(b []byte) (all [][]int, err error) {
	// Go leaves out an empty match that follows another match at once; Java does not.
	if re.isPlain(b) && !re.empty {
		return re.plain.FindAllSubmatchIndex(b, -1), nil
	}
	err = re.each(b, func(m []int) bool { all = append(all, m); return true })
	return all, err
}

// each finds matches by going back, until found returns false.
func (re *Regexp) each(b []byte, found func([]int) bool) error {
	back, err := re.back()
	if err != nil {
		return err
	}
	text := []rune(string(b))
	var offsets []int // of characters; nil = each is a byte
	if len(text) != len(b) || !isASCII(b) {
		offsets = make([]int, 0, len(text)+1)
		for i := range string(b) {
			offsets = append(offsets, i)
		}
		offsets = append(offsets, len(b))
	}
	m, err := back.FindRunesMatch(text)
	for ; m != nil && err == nil; m, err = back.FindNextMatch(m) {
		index := make([]int, 0, 2*re.groups+2)
		for n := range re.groups + 1 {
			g := m.GroupByNumber(n)
			if g == nil || len(g.Captures) == 0 {
				index = append(index, -1, -1)
				continue
			}
			begin, end := g.Index, g.Index+g.Length
			if offsets != nil {
				begin, end = offsets[begin], offsets[end]
			}
			index = append(index, begin, end)
		}
		if !found(index) {
			return nil
		}
	}
	if err != nil { // the engine has no other errors
		return &TimeoutError{re.pattern}
	}
	return nil
}
