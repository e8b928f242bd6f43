package expr

import (
	"github.com/logpipe/logpipe/pkg/record"
)

// setAbove is the number of literals from which a map beats a linear search.
const setAbove = 8

// membership compiles `in`: true where an element equals the value, unknown
// where the value is null, or none is equal but one is null; false otherwise.
func (p *Program) membership(n *node) truthFunc {
	x := p.value(n.args[0])
	var consts []val
	var others []fn
	miss := no
	for _, a := range n.args[1:] {
		if !a.constant() {
			others = append(others, p.value(a))
			continue
		}
		if v := p.value(a)(nil); v.kind == record.Null {
			miss = unknown
		} else {
			consts = append(consts, v)
		}
	}
	has := finder(consts)
	if len(others) > 0 {
		return func(r *record.Record) truth { return memberOf(r, x(r), has, others, miss) }
	}
	return func(r *record.Record) truth {
		switch v := x(r); {
		case v.kind == record.Null:
			return unknown
		case has(v):
			return yes
		}
		return miss
	}
}

func memberOf(r *record.Record, v val, has func(val) bool, others []fn, miss truth) truth {
	if v.kind == record.Null {
		return unknown
	}
	if has(v) {
		return yes
	}
	for _, f := range others {
		switch equal(v, f(r), true) {
		case yes:
			return yes
		case unknown:
			miss = unknown
		}
	}
	return miss
}

// finder makes the search in a list of literals.
func finder(list []val) func(val) bool {
	if len(list) <= setAbove {
		return func(v val) bool {
			for i := range list {
				if list[i].kind == v.kind && list[i].num == v.num && list[i].text() == v.text() {
					return true
				}
			}
			return false
		}
	}
	// Values are canonical, so equal ones have equal kinds and bits.
	type scalar struct {
		kind record.Kind
		bits uint64
	}
	texts, scalars := make(map[string]record.Kind), make(map[scalar]bool)
	for _, v := range list {
		if v.kind >= record.String {
			texts[string(v.bytes())] = v.kind
		} else {
			scalars[scalar{v.kind, v.num}] = true
		}
	}
	return func(v val) bool {
		if v.kind >= record.String {
			k, ok := texts[v.text()]
			return ok && k == v.kind
		}
		return scalars[scalar{v.kind, v.num}]
	}
}
