package javaregex

import (
	"strings"
	"testing"
)

// The blocks stand in order, and both engines take each under all its names.
func TestBlocks(t *testing.T) {
	last := rune(-1)
	for line := range strings.Lines(blocks) {
		_, names, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "\t")
		first, _, _ := strings.Cut(names, "|")
		s, found := block(first)
		if !found || len(s) != 1 || s[0].lo <= last || s[0].hi < s[0].lo {
			t.Fatalf("%s: %v %t behind %x", first, s, found, last)
		}
		last = s[0].hi
		for _, name := range strings.Split(names, "|") {
			for _, written := range []string{name, strings.ToLower(name), strings.ReplaceAll(name, " ", "")} {
				inBlock(t, written, s[0])
			}
		}
	}
	if last != maxRune {
		t.Errorf("the last character is %x", last)
	}
	for _, name := range []string{"", "0000", "GREEK|GREEK AND COPTIC", "007F\tBASIC LATIN"} {
		if _, found := block(name); found {
			t.Errorf("there is a block %q", name)
		}
	}
}

// inBlock holds that both engines find the first and the last character of a block.
func inBlock(t *testing.T, name string, s span) {
	t.Helper()
	re, err := Compile(`\A\p{In` + name + `}\z`)
	if err != nil {
		t.Fatal(err)
	}
	back := *re
	back.needs.backtrack = true
	for _, r := range []rune{s.lo, s.hi} {
		if r >= 0xD800 && r <= 0xDFFF {
			continue // no text has it
		}
		for _, engine := range []*Regexp{re, &back} {
			if found, err := engine.MatchString(string(r)); !found || err != nil {
				t.Errorf("%s has no %x: %v", name, r, err)
			}
		}
	}
}
