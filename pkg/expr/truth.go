package expr

import (
	"bytes"

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

func (t truth) value() record.Value {
	if t == unknown {
		return record.Value{}
	}
	return record.Value{Kind: record.Bool, Num: uint64(t)}
}

// truthy is the truth of any value: null is unknown, false is false, all else
// is true.
func truthy(v record.Value) truth {
	switch v.Kind {
	case record.Null:
		return unknown
	case record.Bool:
		return truth(v.Num)
	}
	return yes
}

func valueOf(t truthFunc) fn {
	return func(r *record.Record) record.Value { return t(r).value() }
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
		return func(r *record.Record) truth { return truthIf((f(r).Kind == record.Null) == null) }
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
		return p.equalText(o, a, b.value.Bytes)
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
	return func(r *record.Record) truth {
		x, y := a.load(r), b.load(r)
		switch {
		case x.isNumber() && y.isNumber():
			return verdict(compare(x, y), true, below, same, above)
		case x.kind == record.Null || y.kind == record.Null:
			return unknown
		}
		return other
	}
}

func (p *Program) equalText(o op, n *node, text []byte) truthFunc {
	same, differs, want := truthIf(o == opEq), truthIf(o != opEq), string(text)
	is := func(v record.Value) truth {
		switch {
		case v.Kind == record.String && string(v.Bytes) == want:
			return same
		case v.Kind == record.Null:
			return unknown
		}
		return differs
	}
	if n.op == opField {
		field := n.field.Clone()
		return func(r *record.Record) truth { return is(r.Get(field)) }
	}
	f := p.value(n)
	return func(r *record.Record) truth { return is(f(r)) }
}

// equal compares two values for being the same, or with want false for not.
func equal(a, b record.Value, want bool) truth {
	switch {
	case a.Kind == record.Null || b.Kind == record.Null:
		return unknown
	case a.IsNumber() && b.IsNumber():
		return truthIf((compare(numOf(a), numOf(b)) == 0) == want)
	case a.Kind != b.Kind:
		return truthIf(!want)
	case a.Kind == record.Bool:
		return truthIf((a.Num == b.Num) == want)
	}
	return truthIf(bytes.Equal(a.Bytes, b.Bytes) == want)
}

// order compares two values; ok is false where they have no order.
func order(a, b record.Value) (c int, ok bool) {
	switch {
	case a.IsNumber() && b.IsNumber():
		return compare(numOf(a), numOf(b)), true
	case a.Kind != b.Kind:
		return 0, false
	case a.Kind == record.String:
		return bytes.Compare(a.Bytes, b.Bytes), true
	case a.Kind == record.Bool:
		return int(a.Num) - int(b.Num), true
	}
	return 0, false
}
