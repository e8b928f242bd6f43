package javaregex

import (
	"errors"
	"fmt"
	"strings"
	"unicode"
)

// group reads what begins with a bracket.
func (p *parser) group() (*node, error) {
	p.at++
	before := p.flags
	n := &node{op: opEmpty}
	switch {
	case !p.is("?"):
		p.groups++
		n = &node{op: opGroup, n: p.groups}
	case p.accept("?:"):
	case p.accept("?="):
		n = &node{op: opLook}
	case p.accept("?!"):
		n = &node{op: opLook, negative: true}
	case p.accept("?<="):
		n = &node{op: opLook, behind: true}
	case p.accept("?<!"):
		n = &node{op: opLook, behind: true, negative: true}
	case p.accept("?>"):
		n = &node{op: opAtomic}
	case p.accept("?<"):
		name, err := p.name()
		if err != nil {
			return nil, err
		}
		if p.names[name] > 0 {
			return nil, fmt.Errorf("two groups are called %s", name)
		}
		p.groups++
		p.names[name] = p.groups
		n = &node{op: opGroup, n: p.groups}
	default:
		p.at++ // the question mark
		ended, err := p.readFlags()
		if err != nil || ended {
			return n, err // the flags stay to the end of the group around
		}
	}
	inner, err := p.alternatives()
	if err != nil {
		return nil, err
	}
	if !p.accept(")") {
		return nil, errors.New("a ( is not closed: write \\( for the character")
	}
	p.flags = before
	if n.op == opEmpty {
		return inner, nil
	}
	n.subs = []*node{inner}
	return n, nil
}

// name reads the name of a group and the > behind it.
func (p *parser) name() (string, error) {
	var b strings.Builder
	for p.at < len(p.in) && !p.is(">") {
		r := p.in[p.at].r
		if r > unicode.MaxASCII || !unicode.IsLetter(r) && (b.Len() == 0 || !unicode.IsDigit(r)) {
			return "", errors.New("the name of a group has letters and digits, a letter first")
		}
		b.WriteRune(r)
		p.at++
	}
	if !p.accept(">") || b.Len() == 0 {
		return "", errors.New("the name of a group ends with >")
	}
	return b.String(), nil
}

// readFlags reads flags up to a colon, or to a bracket, which ends the group.
func (p *parser) readFlags() (ended bool, err error) {
	on := true
	for ; p.at < len(p.in); p.at++ {
		switch r := p.in[p.at].r; r {
		case '-':
			on = false
		case ')':
			p.at++
			return true, nil
		case ':':
			p.at++
			return false, nil
		default:
			to := map[rune]*bool{'i': &p.flags.i, 'd': &p.flags.d, 'm': &p.flags.m, 's': &p.flags.s, 'u': &p.flags.u, 'x': &p.flags.x, 'U': &p.flags.U}[r]
			if to == nil {
				return false, fmt.Errorf("there is no group that begins with (?%c", r)
			}
			*to = on
			if r == 'U' {
				p.flags.u = on
			}
		}
	}
	return false, errors.New("a ( is not closed")
}
