package javaregex

import (
	"errors"
	"fmt"
	"slices"
)

// op is a kind of node.
type op int

const (
	opEmpty  op = iota
	opSet       // one character of set
	opCat       // of subs
	opAlt       // of subs
	opRepeat    // subs[0], min to max times (-1 = any), as quant says
	opGroup     // subs[0] as group n
	opLook      // subs[0] follows, or stands before
	opAtomic    // subs[0], without going back into it
	opRef       // what group n has matched
	opAssert    // a place
)

type quant int

const (
	greedy quant = iota
	reluctant
	possessive
)

// place is where an opAssert is true.
type place int

const (
	beginText   place = iota // \A, and ^
	endText                  // \z
	lastLine                 // \Z, and $: the end, or in front of the last line end
	lineBegin                // ^ with the flag m
	lineEnd                  // $ with the flag m
	wordEdge                 // \b
	noWordEdge               // \B
	unicodeEdge              // \b with the flag U
	matchBegin               // \G
)

// node is a part of a pattern.
type node struct {
	op       op
	subs     []*node
	set      set
	min, max int
	quant    quant
	n        int
	behind   bool // of opLook
	negative bool // of opLook, and of unicodeEdge
	fold     bool // of opRef
	place    place
	unix     bool // of opAssert: only \n ends a line
}

// mayBeEmpty reports whether the node may match without a character.
func (n *node) mayBeEmpty() bool {
	switch n.op {
	case opSet:
		return false
	case opCat:
		return !slices.ContainsFunc(n.subs, func(sub *node) bool { return !sub.mayBeEmpty() })
	case opAlt:
		return slices.ContainsFunc(n.subs, (*node).mayBeEmpty)
	case opRepeat:
		return n.min == 0 || n.subs[0].mayBeEmpty()
	case opGroup, opAtomic:
		return n.subs[0].mayBeEmpty()
	}
	return true
}

// flags are those of (?idmsuxU).
type flags struct{ i, d, m, s, u, x, U bool }

// char is a character of a pattern; one between \Q and \E is only itself.
type char struct {
	r      rune
	quoted bool
}

// parser reads a pattern as java.util.regex.Pattern does.
type parser struct {
	in     []char
	at     int
	flags  flags
	groups int
	names  map[string]int
	depth  int
}

const (
	mostDepth  = 500       // of groups in each other
	mostRepeat = 1<<31 - 1 // Java's int
)

func parse(pattern string) (*node, *parser, error) {
	p := &parser{in: unquote(pattern), names: map[string]int{}}
	n, err := p.alternatives()
	if err == nil && p.at < len(p.in) {
		err = errors.New("a ) closes nothing: write \\) for the character")
	}
	return n, p, err
}

// unquote takes \Q and \E out.
func unquote(pattern string) []char {
	var out []char
	in := []rune(pattern)
	quoted := false
	for i := 0; i < len(in); i++ {
		if in[i] == '\\' && i+1 < len(in) {
			switch {
			case quoted && in[i+1] == 'E', !quoted && in[i+1] == 'Q':
				quoted = !quoted
				i++
				continue
			case !quoted:
				out = append(out, char{in[i], false}, char{in[i+1], false})
				i++
				continue
			}
		}
		out = append(out, char{in[i], quoted})
	}
	return out
}

// skip goes over blanks and comments where the flag x is set.
func (p *parser) skip() {
	for p.flags.x && p.at < len(p.in) && !p.in[p.at].quoted {
		switch r := p.in[p.at].r; {
		case r == ' ' || r >= '\t' && r <= '\r':
			p.at++
		case r == '#':
			for p.at < len(p.in) && p.in[p.at].r != '\n' && p.in[p.at].r != '\r' {
				p.at++
			}
		default:
			return
		}
	}
}

// is reports whether the pattern goes on with these characters.
func (p *parser) is(text string) bool {
	i := p.at
	for _, r := range text {
		if i >= len(p.in) || p.in[i].quoted || p.in[i].r != r {
			return false
		}
		i++
	}
	return true
}

// accept goes over these characters, where they come.
func (p *parser) accept(text string) bool {
	if !p.is(text) {
		return false
	}
	p.at += len(text)
	return true
}

func (p *parser) alternatives() (*node, error) {
	if p.depth++; p.depth > mostDepth {
		return nil, errors.New("groups are nested too deeply")
	}
	defer func() { p.depth-- }()
	var all []*node
	for {
		n, err := p.sequence()
		if err != nil {
			return nil, err
		}
		all = append(all, n)
		if p.skip(); !p.accept("|") {
			break
		}
	}
	if len(all) == 1 {
		return all[0], nil
	}
	return &node{op: opAlt, subs: all}, nil
}

func (p *parser) sequence() (*node, error) {
	var all []*node
	for {
		p.skip()
		if p.at == len(p.in) || p.is("|") || p.is(")") {
			break
		}
		n, err := p.atom()
		if err != nil {
			return nil, err
		}
		if n, err = p.repeated(n); err != nil {
			return nil, err
		}
		all = append(all, n)
	}
	switch len(all) {
	case 0:
		return &node{op: opEmpty}, nil
	case 1:
		return all[0], nil
	}
	return &node{op: opCat, subs: all}, nil
}

func (p *parser) atom() (*node, error) {
	c := p.in[p.at]
	if c.quoted {
		p.at++
		return p.char(c.r), nil
	}
	switch c.r {
	case '(':
		return p.group()
	case '[':
		s, err := p.class()
		return &node{op: opSet, set: s}, err
	case '\\':
		return p.escape()
	case '*', '+', '?':
		return nil, fmt.Errorf(`nothing stands in front of %c: write \%[1]c for the character`, c.r)
	case '{':
		return &node{op: opEmpty}, nil // as in Java, which repeats nothing then
	}
	p.at++
	switch c.r {
	case '.':
		return &node{op: opSet, set: p.dot()}, nil
	case '^':
		if p.flags.m {
			return p.assert(lineBegin), nil
		}
		return p.assert(beginText), nil
	case '$':
		if p.flags.m {
			return p.assert(lineEnd), nil
		}
		return p.assert(lastLine), nil
	}
	return p.char(c.r), nil
}

func (p *parser) assert(at place) *node { return &node{op: opAssert, place: at, unix: p.flags.d} }

func (p *parser) dot() set {
	switch {
	case p.flags.s:
		return everything
	case p.flags.d:
		return of('\n', '\n').negate()
	}
	return lineEnds().negate()
}

// char is one character, or both of its cases.
func (p *parser) char(r rune) *node {
	return &node{op: opSet, set: p.folded(of(r, r))}
}

func (p *parser) folded(s set) set {
	if !p.flags.i {
		return s
	}
	return s.fold(p.flags.u)
}

// repeated reads the quantifier behind a node.
func (p *parser) repeated(n *node) (*node, error) {
	p.skip()
	low, high := 0, -1
	switch {
	case p.accept("*"):
	case p.accept("+"):
		low = 1
	case p.accept("?"):
		high = 1
	case p.accept("{"):
		var err error
		if low, high, err = p.bounds(); err != nil {
			return nil, err
		}
	default:
		return n, nil
	}
	q := greedy
	switch {
	case p.accept("?"):
		q = reluctant
	case p.accept("+"):
		q = possessive
	}
	return &node{op: opRepeat, subs: []*node{n}, min: low, max: high, quant: q}, nil
}

// bounds reads what stands behind {.
func (p *parser) bounds() (low, high int, err error) {
	wrong := errors.New(`after { come numbers such as {2} or {2,5}: write \{ for the character`)
	low, ok := p.number()
	if !ok {
		return 0, 0, wrong
	}
	high = low
	if p.accept(",") {
		if high, ok = p.number(); !ok {
			high = -1
		}
	}
	switch {
	case !p.accept("}"):
		return 0, 0, wrong
	case high >= 0 && high < low || low > mostRepeat || high > mostRepeat:
		return 0, 0, errors.New("the numbers in {} are no range")
	}
	return low, high, nil
}

func (p *parser) number() (n int, ok bool) {
	for p.at < len(p.in) && p.in[p.at].r >= '0' && p.in[p.at].r <= '9' {
		n, ok = min(n*10+int(p.in[p.at].r-'0'), mostRepeat+1), true
		p.at++
	}
	return n, ok
}
