package agent

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// unseen reports whether nobody sees a character, or takes it for a blank: what
// comes with text that was copied from a page or a document.
func unseen(r rune) bool {
	return r == 0xA0 || r == 0xAD || r == 0x1680 || r >= 0x2000 && r <= 0x200F || r == 0x202F ||
		r >= 0x205F && r <= 0x2064 || r == 0x3000 || r == 0xFEFF
}

// wide are the = and : of Chinese and Japanese keyboards.
const wide = "＝："

// Signs that people put between names, and what they are called.
const (
	commas     = ",，、"
	semicolons = ";；"
)

// cutNames cuts a list of names. What stands between them in place of blanks is
// named; "" is right.
func cutNames(text string) (names []string, wrong string) {
	switch {
	case strings.ContainsAny(text, commas):
		wrong = "commas"
	case strings.ContainsAny(text, semicolons):
		wrong = "semicolons"
	}
	return strings.FieldsFunc(text, func(r rune) bool { return unicode.IsSpace(r) || strings.ContainsRune(commas+semicolons, r) }), wrong
}

// trimmed is a value without what stands beside it unseen, and the first such
// character that is no blank to Java; 0 = none.
func trimmed(whole string) (value string, odd rune) {
	for _, r := range strings.TrimFunc(whole, func(r rune) bool { return r <= ' ' }) {
		if unseen(r) {
			odd = r
		}
		break
	}
	value = strings.TrimFunc(whole, func(r rune) bool { return unicode.IsSpace(r) || unseen(r) })
	if last, _ := utf8.DecodeLastRuneInString(strings.TrimRightFunc(whole, func(r rune) bool { return r <= ' ' })); unseen(last) {
		odd = last
	}
	return value, odd
}

// legible reports what this agent's lines have that looks like something else, and
// returns the entries as they were meant.
func (l *linter) legible(entries []*entry) []*entry {
	var all []*entry
	for _, e := range entries {
		key := strings.Map(func(r rune) rune {
			if unseen(r) {
				return -1
			}
			return r
		}, e.key)
		if strings.HasPrefix(key, l.name+".") {
			e = l.legibleEntry(e, key)
		}
		all = append(all, e)
	}
	return all
}

// legibleEntry does so for one entry; key is its key without what nobody sees.
func (l *linter) legibleEntry(e *entry, key string) *entry {
	if e.odd != 0 && e.value != "" && key == e.key {
		l.note(Warning, e.valueAt, "write the line anew", "an invisible character (U+%04X) stands beside the value, which Flume takes for a part of it", e.odd)
	}
	meant, value := key, e.value
	if i := strings.IndexAny(key, wide); i >= 0 && !e.separated {
		_, size := utf8.DecodeRuneInString(key[i:])
		meant, value = key[:i], strings.TrimSpace(key[i+size:]+" "+value)
	} else if rest := strings.TrimLeft(value, wide); rest != value && !e.separated {
		value = strings.TrimSpace(rest)
	}
	if meant != e.key { // what Flume does without the key decides
		l.guess(meant)
	}
	switch {
	case value != e.value:
		l.note(Error, e.at, fmt.Sprintf("did you mean %s = %s?", meant, value), "the line has a wide sign in place of =")
	case key != e.key:
		i := slices.IndexFunc([]rune(e.key), unseen)
		at := e.at
		at.column += i
		l.note(Error, at, "did you mean "+meant+"?", "an invisible character (U+%04X) is in the key", []rune(e.key)[i])
	default:
		return e
	}
	if l.asFlume {
		return e
	}
	return e.as(meant, value)
}
