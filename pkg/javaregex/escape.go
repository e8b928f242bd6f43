package javaregex

import (
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf16"
)

// escape reads what begins with a backslash, outside of a class.
func (p *parser) escape() (*node, error) {
	if p.at+1 == len(p.in) {
		return nil, errors.New("nothing follows the last backslash")
	}
	p.at++
	switch r := p.in[p.at].r; r {
	case 'A':
		p.at++
		return p.assert(beginText), nil
	case 'z':
		p.at++
		return p.assert(endText), nil
	case 'Z':
		p.at++
		return p.assert(lastLine), nil
	case 'G':
		p.at++
		return p.assert(matchBegin), nil
	case 'b', 'B':
		p.at++
		if p.is("{g}") {
			return nil, errors.New(`\b{g} is not supported`)
		}
		if p.flags.U {
			return &node{op: opAssert, place: unicodeEdge, negative: r == 'B'}, nil
		}
		if r == 'b' {
			return p.assert(wordEdge), nil
		}
		return p.assert(noWordEdge), nil
	case 'R':
		p.at++
		both := &node{op: opCat, subs: []*node{{op: opSet, set: of('\r', '\r')}, {op: opSet, set: of('\n', '\n')}}}
		return &node{op: opAlt, subs: []*node{both, {op: opSet, set: vertical()}}}, nil
	case 'k':
		p.at++
		if !p.accept("<") {
			return nil, errors.New(`\k is followed by <name>`)
		}
		name, err := p.name()
		if err == nil && p.names[name] == 0 {
			err = fmt.Errorf("no group before is called %s", name)
		}
		return &node{op: opRef, n: p.names[name], fold: p.flags.i}, err
	case '1', '2', '3', '4', '5', '6', '7', '8', '9':
		return p.reference(), nil
	}
	s, _, err := p.escaped()
	return &node{op: opSet, set: s}, err
}

// reference reads the number of a group: more digits belong to it as long as
// there is such a group.
func (p *parser) reference() *node {
	n := int(p.in[p.at].r - '0')
	for p.at++; p.at < len(p.in); p.at++ {
		r := p.in[p.at].r
		if r < '0' || r > '9' || n*10+int(r-'0') > p.groups {
			break
		}
		n = n*10 + int(r-'0')
	}
	if n > p.groups {
		return &node{op: opSet} // never true
	}
	return &node{op: opRef, n: n, fold: p.flags.i}
}

// escaped reads a class or a character behind a backslash; single tells that it
// is one character, without its other case.
func (p *parser) escaped() (s set, single bool, err error) {
	r := p.in[p.at].r
	p.at++
	pick := func(ascii, all func() set) set {
		if p.flags.U {
			return all()
		}
		return ascii()
	}
	nd := func() set { return table(unicode.Nd) }
	switch r {
	case 'd':
		return pick(digits, nd), false, nil
	case 'D':
		return pick(digits, nd).negate(), false, nil
	case 's':
		return pick(space, unicodeSpace), false, nil
	case 'S':
		return pick(space, unicodeSpace).negate(), false, nil
	case 'w':
		return pick(word, unicodeWord), false, nil
	case 'W':
		return pick(word, unicodeWord).negate(), false, nil
	case 'h':
		return horizontal(), false, nil
	case 'H':
		return horizontal().negate(), false, nil
	case 'v':
		return vertical(), false, nil
	case 'V':
		return vertical().negate(), false, nil
	case 'p', 'P':
		if s, err = p.property(); err == nil && r == 'P' {
			s = s.negate()
		}
		return s, false, err
	}
	c, err := p.escapedChar(r)
	return p.folded(of(c, c)), true, err
}

// property reads the name behind \p.
func (p *parser) property() (set, error) {
	if p.at == len(p.in) {
		return nil, errors.New(`a name follows \p, as in \p{Alpha}`)
	}
	name := string(p.in[p.at].r)
	p.at++
	if name == "{" {
		var b strings.Builder
		for p.at < len(p.in) && !p.is("}") {
			b.WriteRune(p.in[p.at].r)
			p.at++
		}
		if name = b.String(); !p.accept("}") || name == "" {
			return nil, errors.New(`a name follows \p, as in \p{Alpha}`)
		}
	}
	s, found := property(name, p.flags.U)
	if !found {
		return nil, fmt.Errorf(`there is no class \p{%s}`, name)
	}
	if p.flags.i && (name == "Lower" || name == "Upper" || name == "Lu" || name == "Ll" || name == "Lt" || name == "javaLowerCase" || name == "javaUpperCase") {
		s = s.fold(name != "Lower" && name != "Upper")
	}
	return s, nil
}

// escapedChar reads the character that a letter behind a backslash stands for.
func (p *parser) escapedChar(r rune) (rune, error) {
	switch r {
	case 't':
		return '\t', nil
	case 'n':
		return '\n', nil
	case 'r':
		return '\r', nil
	case 'f':
		return '\f', nil
	case 'a':
		return '\a', nil
	case 'e':
		return 0x1b, nil
	case 'c':
		if p.at == len(p.in) {
			return 0, errors.New(`a character follows \c`)
		}
		p.at++
		return p.in[p.at-1].r ^ 64, nil
	case '0':
		n, size := p.digits(3, 8)
		if size == 0 {
			return 0, errors.New(`up to three digits follow \0`)
		}
		if n > 0o377 { // the third digit is no part of it
			p.at--
			n /= 8
		}
		return n, nil
	case 'x':
		if p.accept("{") {
			n, size := p.digits(8, 16)
			if size == 0 || !p.accept("}") || n > maxRune {
				return 0, errors.New(`a number follows \x, as in \x{1F600}`)
			}
			return n, nil
		}
		n, size := p.digits(2, 16)
		if size < 2 {
			return 0, errors.New(`two digits follow \x`)
		}
		return n, nil
	case 'u':
		return p.unit()
	}
	if r == 'X' || r == 'N' {
		return 0, fmt.Errorf(`\%c of Java is not supported`, r)
	}
	if r <= unicode.MaxASCII && (unicode.IsLetter(r) || unicode.IsDigit(r)) {
		return 0, fmt.Errorf(`there is no \%c`, r)
	}
	return r, nil
}

// unit reads the digits behind \u, and with the first half of a pair also the
// second one.
func (p *parser) unit() (rune, error) {
	n, size := p.digits(4, 16)
	if size < 4 {
		return 0, errors.New(`four digits follow \u`)
	}
	if utf16.IsSurrogate(n) && p.is(`\u`) {
		begin := p.at
		p.at += 2
		low, _ := p.digits(4, 16)
		if r := utf16.DecodeRune(n, low); r != unicode.ReplacementChar {
			return r, nil
		}
		p.at = begin
	}
	return n, nil
}

// digits reads up to most digits.
func (p *parser) digits(most int, base rune) (n rune, size int) {
	for ; size < most && p.at < len(p.in); size++ {
		d := rune(strings.IndexRune("0123456789abcdef", unicode.ToLower(p.in[p.at].r)))
		if d < 0 || d >= base || n > maxRune {
			break
		}
		n = n*base + d
		p.at++
	}
	return n, size
}

// class reads a class in brackets: unions, of which && makes intersections, and
// a ^ in front turns over the whole.
func (p *parser) class() (set, error) {
	if p.depth++; p.depth > mostDepth {
		return nil, errors.New("classes are nested too deeply")
	}
	defer func() { p.depth-- }()
	p.at++
	negative := p.accept("^")
	var all, now set
	some, joined := false, false // anything stands in this part; && came
	end := func() {
		if !joined {
			all = now
		} else if some {
			all = all.intersect(now)
		}
		now, some = nil, false
	}
	for {
		p.skip()
		switch {
		case p.at == len(p.in):
			return nil, errors.New("a [ is not closed: write \\[ for the character")
		case p.is("]") && (some || joined):
			p.at++
			end()
			if negative {
				all = all.negate()
			}
			return all, nil
		case p.accept("&&"):
			end()
			joined = true
			continue
		}
		s, err := p.member()
		if err != nil {
			return nil, err
		}
		now, some = now.union(s), true
	}
}

// member reads a character, a range or a class in a class.
func (p *parser) member() (set, error) {
	if p.is("[") {
		return p.class()
	}
	first, single, err := p.one()
	if err != nil || !single {
		return first, err
	}
	if p.skip(); p.is("-") && p.at+1 < len(p.in) && !p.at1("[") && !p.at1("]") {
		p.at++
		p.skip()
		last, single, err := p.one()
		if err != nil {
			return nil, err
		}
		if !single || last[0].lo < first[0].lo {
			return nil, errors.New("a range in [] ends before it begins")
		}
		return p.folded(of(first[0].lo, last[0].lo)), nil
	}
	return p.folded(first), nil
}

// at1 reports whether the character behind the next one is this.
func (p *parser) at1(text string) bool {
	p.at++
	defer func() { p.at-- }()
	return p.is(text)
}

// one reads one character of a class, without its other case, or a class that
// begins with a backslash.
func (p *parser) one() (s set, single bool, err error) {
	if p.at == len(p.in) {
		return nil, false, errors.New("a [ is not closed")
	}
	c := p.in[p.at]
	if c.quoted || c.r != '\\' {
		p.at++
		return of(c.r, c.r), true, nil
	}
	if p.at++; p.at == len(p.in) {
		return nil, false, errors.New("nothing follows the last backslash")
	}
	folds := p.flags.i
	if r := p.in[p.at].r; !strings.ContainsRune("pP", r) {
		p.flags.i = false // the caller does that, for ranges too
	}
	s, single, err = p.escaped()
	p.flags.i = folds
	return s, single, err
}
