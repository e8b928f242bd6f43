package expr

import (
	"strings"

	"github.com/logpipe/logpipe/pkg/record"
)

// truth is SQL's: a condition over null is unknown.
type truth uint8

const (
	no truth = iota
	yes
	unknown
)

func truthIf(b bool) truth {
	if b {
		return yes
	}
	return no
}

func (t truth) not() truth {
	switch t {
	case no:
		return yes
	case yes:
		return no
	}
	return unknown
}

func (t truth) value() val {
	if t == unknown {
		return val{}
	}
	return val{kind: record.Bool, num: uint64(t)}
}

// truthy is the truth of any value: null is unknown, false is false, all else
// is true.
func truthy(v val) truth {
	switch v.kind {
	case record.Null:
		return unknown
	case record.Bool:
		return truth(v.num)
	}
	return yes
}

func valueOf(t truthFunc) fn {
	return func(r *record.Record) val { return t(r).value() }
}

func truthOf(f fn) truthFunc {
	return func(r *record.Record) truth { return truthy(f(r)) }
}

// truth compiles n as a condition.
func (p *Program) truth(n *node) truthFunc {
	switch {
	case n.constant():
		t := truthy(p.value(n)(nil))
		return func(*record.Record) truth { return t }
	case !n.isCondition() || p.memoizes(n):
		return truthOf(p.value(n))
	}
	return p.condition(n)
}

// condition compiles n, which has only the values true, false and null.
func (p *Program) condition(n *node) truthFunc {
	switch n.op {
	case opOr, opAnd:
		return p.junction(n)
	case opNot:
		t := p.truth(n.args[0])
		return func(r *record.Record) truth { return t(r).not() }
	case opMatch, opNotMatch:
		t := p.matches(n.args)
		if n.op == opMatch {
			return t
		}
		return func(r *record.Record) truth { return t(r).not() }
	case opIn, opNotIn:
		t := p.membership(n)
		if n.op == opIn {
			return t
		}
		return func(r *record.Record) truth { return t(r).not() }
	case opIsNull, opNotNull:
		f, null := p.value(n.args[0]), n.op == opIsNull
		return func(r *record.Record) truth { return truthIf((f(r).kind == record.Null) == null) }
	case opCall:
		return n.fn.test(p, n.args)
	}
	return p.comparison(n)
}

// junction compiles and, or. The right side is not evaluated where the left one
// decides.
func (p *Program) junction(n *node) truthFunc {
	a, b := p.truth(n.args[0]), p.truth(n.args[1])
	decides := yes // one yes decides or
	if n.op == opAnd {
		decides = no
	}
	return func(r *record.Record) truth {
		x := a(r)
		if x == decides {
			return x
		}
		y := b(r)
		if y == decides || x != unknown {
			return y
		}
		return unknown
	}
}

// comparison compiles == != < <= > >=.
func (p *Program) comparison(n *node) truthFunc {
	a, b, o := n.args[0], n.args[1], n.op
	if a.constant() && !b.constant() {
		a, b, o = b, a, mirrored(o)
	}
	switch {
	case a.isArithmetic() || b.isArithmetic():
		return p.compareNumbers(o, a, b)
	case b.isText() && (o == opEq || o == opNe):
		return p.equalText(o, a, b.value.text())
	}
	x, y := p.value(a), p.value(b)
	if o == opEq || o == opNe {
		want := o == opEq
		return func(r *record.Record) truth { return equal(x(r), y(r), want) }
	}
	below, same, above := verdicts(o)
	return func(r *record.Record) truth {
		c, ok := order(x(r), y(r))
		return verdict(c, ok, below, same, above)
	}
}

// mirrored is the operator with which b compares to a as o does a to b.
func mirrored(o op) op {
	switch o {
	case opLt:
		return opGt
	case opLe:
		return opGe
	case opGt:
		return opLt
	case opGe:
		return opLe
	}
	return o
}

// verdicts tells what an operator makes of smaller, equal and greater.
func verdicts(o op) (below, same, above truth) {
	return truthIf(o == opLt || o == opLe || o == opNe), truthIf(o == opLe || o == opGe || o == opEq), truthIf(o == opGt || o == opGe || o == opNe)
}

func verdict(c int, ok bool, below, same, above truth) truth {
	switch {
	case !ok:
		return unknown
	case c < 0:
		return below
	case c == 0:
		return same
	}
	return above
}

// compareNumbers compiles a comparison of which one side is surely a number.
func (p *Program) compareNumbers(o op, an, bn *node) truthFunc {
	a, b := p.operand(an), p.operand(bn)
	below, same, above := verdicts(o)
	// Beside a number another type is unequal, and has no order.
	other := unknown
	switch o {
	case opEq:
		other = no
	case opNe:
		other = yes
	}
	general := func(x, y num) truth {
		switch {
		case x.isNumber() && y.isNumber():
			return verdict(compare(x, y), true, below, same, above)
		case x.kind == record.Null || y.kind == record.Null:
			return unknown
		}
		return other
	}
	if a.slot.field == nil || b.n.kind != record.Int {
		return func(r *record.Record) truth { return general(a.load(r), b.load(r)) }
	}
	// A field beside an integer, as in status >= 400.
	s, y := a.slot, int64(b.n.bits)
	return func(r *record.Record) truth {
		x := s.number(r)
		if x.kind != record.Int {
			return general(x, b.n)
		}
		switch n := int64(x.bits); {
		case n < y:
			return below
		case n > y:
			return above
		}
		return same
	}
}

func (p *Program) equalText(o op, n *node, want string) truthFunc {
	same, differs := truthIf(o == opEq), truthIf(o != opEq)
	is := func(v val) truth {
		switch {
		case v.kind == record.String && v.text() == want:
			return same
		case v.kind == record.Null:
			return unknown
		}
		return differs
	}
	if n.op == opField {
		s := newSlot(n.field)
		return func(r *record.Record) truth { return is(s.value(r)) }
	}
	f := p.value(n)
	return func(r *record.Record) truth { return is(f(r)) }
}

// equal compares two values for being the same, or with want false for not.
func equal(a, b val, want bool) truth {
	switch {
	case a.kind == record.Null || b.kind == record.Null:
		return unknown
	case a.isNumber() && b.isNumber():
		return truthIf((compare(numOf(a), numOf(b)) == 0) == want)
	case a.kind != b.kind:
		return truthIf(!want)
	case a.kind == record.Bool:
		return truthIf((a.num == b.num) == want)
	}
	return truthIf((a.text() == b.text()) == want)
}

// order compares two values; ok is false where they have no order.
func order(a, b val) (c int, ok bool) {
	switch {
	case a.isNumber() && b.isNumber():
		return compare(numOf(a), numOf(b)), true
	case a.kind != b.kind:
		return 0, false
	case a.kind == record.String:
		return strings.Compare(a.text(), b.text()), true
	case a.kind == record.Bool:
		return int(a.num) - int(b.num), true
	}
	return 0, false
}
