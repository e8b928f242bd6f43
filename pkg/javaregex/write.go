package javaregex

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// needs is what the text that is searched must be like, so that a pattern means
// the same to Go's regexp.
type needs struct {
	backtrack bool // nothing helps
	lastLine  bool // the text does not end with a line end
	lines     bool // nor does it have one but \n, and it is not empty
	ascii     bool // it has nothing but ASCII
	unix      bool // only \n is a line end
}

// writer writes a tree for one of the two engines.
type writer struct {
	strings.Builder
	back  bool // for the one that goes back
	needs needs
}

// What the places in a text are to the engine that goes back.
const (
	backLineEnds = `\n\r\x85\u2028\u2029`
	backLastLine = `(?=\z|\r\n\z|[\r\x85\u2028\u2029]\z|(?<!\r)\n\z)`
	backBegin    = `(?:\A|(?<=[` + backLineEnds + `])(?<!\r(?=\n)))(?!\z)`
	backEnd      = `(?=\z|[\r\x85\u2028\u2029]|(?<!\r)\n)`
)

func (w *writer) write(n *node) {
	switch n.op {
	case opSet:
		w.set(n.set)
	case opCat:
		for _, sub := range n.subs {
			if sub.op == opAlt {
				w.enclose("(?:", sub)
			} else {
				w.write(sub)
			}
		}
	case opAlt:
		for i, sub := range n.subs {
			if i > 0 {
				w.WriteByte('|')
			}
			w.write(sub)
		}
	case opRepeat:
		w.repeat(n)
	case opGroup:
		w.enclose("(", n.subs[0])
	case opLook:
		w.needs.backtrack = true
		sign := map[bool]string{false: "=", true: "!"}[n.negative]
		if n.behind {
			sign = "<" + sign
		}
		w.enclose("(?"+sign, n.subs[0])
	case opAtomic:
		w.needs.backtrack = true
		w.enclose("(?>", n.subs[0])
	case opRef:
		w.needs.backtrack = true
		open := "(?:"
		if n.fold {
			open = "(?i:"
		}
		w.WriteString(open + `\` + strconv.Itoa(n.n) + ")")
	case opAssert:
		w.assert(n)
	}
}

func (w *writer) enclose(open string, n *node) {
	w.WriteString(open)
	w.write(n)
	w.WriteByte(')')
}

func (w *writer) repeat(n *node) {
	if n.quant == possessive {
		w.needs.backtrack = true
		w.WriteString("(?>")
		defer w.WriteByte(')')
	}
	switch sub := n.subs[0]; sub.op {
	case opSet, opGroup:
		w.write(sub)
	default:
		w.enclose("(?:", sub)
	}
	switch {
	case n.min == 0 && n.max < 0:
		w.WriteByte('*')
	case n.min == 1 && n.max < 0:
		w.WriteByte('+')
	case n.min == 0 && n.max == 1:
		w.WriteByte('?')
	case n.max < 0:
		fmt.Fprintf(w, "{%d,}", n.min)
	case n.max == n.min:
		fmt.Fprintf(w, "{%d}", n.min)
	default:
		fmt.Fprintf(w, "{%d,%d}", n.min, n.max)
	}
	if n.quant == reluctant {
		w.WriteByte('?')
	}
}

func (w *writer) assert(n *node) {
	w.needs.unix = w.needs.unix || n.unix
	switch n.place {
	case beginText:
		w.WriteString(`\A`)
	case endText:
		w.WriteString(`\z`)
	case matchBegin:
		w.needs.backtrack = true
		w.WriteString(`\G`)
	case lastLine:
		w.needs.lastLine = true
		w.either(`\z`, backLastLine, `(?=\n?\z)`, n.unix)
	case lineBegin:
		w.needs.lines = true
		w.either(`(?m:^)`, backBegin, `(?:\A|(?<=\n))(?!\z)`, n.unix)
	case lineEnd:
		w.needs.lines = true
		w.either(`(?m:$)`, backEnd, `(?=\z|\n)`, n.unix)
	case wordEdge, noWordEdge, unicodeEdge:
		w.edge(n)
	}
}

// either writes what a place is in plain Go, and to the engine that goes back.
func (w *writer) either(plain, back, backUnix string, unix bool) {
	switch {
	case !w.back:
		w.WriteString(plain)
	case unix:
		w.WriteString(backUnix)
	default:
		w.WriteString(back)
	}
}

func (w *writer) edge(n *node) {
	w.needs.ascii = true
	no := n.place == noWordEdge || n.negative
	if !w.back {
		w.WriteString(map[bool]string{false: `\b`, true: `\B`}[no])
		return
	}
	letters := boundaryWord()
	if n.place == unicodeEdge {
		letters = unicodeWord()
	}
	in := &writer{back: true}
	in.set(letters)
	if no {
		fmt.Fprintf(w, "(?:(?<=%[1]s)(?=%[1]s)|(?<!%[1]s)(?!%[1]s))", in)
	} else {
		fmt.Fprintf(w, "(?:(?<=%[1]s)(?!%[1]s)|(?<!%[1]s)(?=%[1]s))", in)
	}
}

// set writes a set of characters. No text has halves of pairs in it.
func (w *writer) set(s set) {
	s = s.intersect(of(0xD800, 0xDFFF).negate())
	switch {
	case len(s) == 0:
		w.WriteString(`[^\x00-` + string(rune(maxRune)) + `]`)
		return
	case len(s) == 1 && s[0].lo == s[0].hi:
		w.WriteString(quote(s[0].lo))
		return
	case len(s) == 2 && s[0] == (span{0, 0xD7FF}) && s[1] == (span{0xE000, maxRune}):
		w.WriteString(`(?s:.)`)
		return
	}
	w.WriteByte('[')
	for _, x := range s {
		w.WriteString(quote(x.lo))
		if x.hi > x.lo {
			w.WriteString("-" + quote(x.hi))
		}
	}
	w.WriteByte(']')
}

// quote writes one character, in a class or outside of one.
func quote(r rune) string {
	switch {
	case r < ' ' || r == 0x7f:
		return fmt.Sprintf(`\x%02x`, r)
	case r == '-':
		return `\-`
	}
	return regexp.QuoteMeta(string(r)) // brackets and ^ among them
}
