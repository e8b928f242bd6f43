package expr

import (
	"math"
	"math/bits"

	"github.com/logpipe/logpipe/pkg/record"
)

// num is a number on its way through arithmetic: kind and bits of a val. Kinds
// other than Int and Float are no numbers. A Float may be integral here: that
// decides nothing as long as numbers stay below 2^53, and every operation
// settles it above. It is finite.
type num struct {
	bits uint64
	kind record.Kind
}

type numberFunc func(r *record.Record) num

// exactLimit bounds the integers that float64 holds without gaps.
const exactLimit = 1 << 53

func numOf(v val) num { return num{v.num, v.kind} }

func floatNum(f float64) num { return num{math.Float64bits(f), record.Float} }

// settle makes the number that f is in canonical form.
func settle(f float64) num { return numOf(floatVal(f)) }

func (a num) isNumber() bool { return a.kind == record.Int || a.kind == record.Float }

// value returns a in canonical form; what is no number is null.
func (a num) value() val {
	switch a.kind {
	case record.Int:
		return val{kind: record.Int, num: a.bits}
	case record.Float:
		return floatVal(math.Float64frombits(a.bits))
	}
	return val{}
}

// float returns a number as float64.
func (a num) float() float64 {
	if a.kind == record.Int {
		return float64(int64(a.bits))
	}
	return math.Float64frombits(a.bits)
}

// small returns a as float64, and whether that is its exact value.
func (a num) small() (float64, bool) {
	if a.kind == record.Float {
		return math.Float64frombits(a.bits), true
	}
	n := int64(a.bits)
	return float64(n), a.kind == record.Int && n <= exactLimit && n >= -exactLimit
}

// inexact reports whether f is beyond the integers that float64 holds without
// gaps, where Int and Float operands give different results, or is no number.
func inexact(f float64) bool { return !(math.Abs(f) < exactLimit) }

func add(a, b num) num {
	if a.kind == record.Int && b.kind == record.Int {
		x, y := int64(a.bits), int64(b.bits)
		if s := x + y; (s > x) == (y > 0) {
			return num{uint64(s), record.Int}
		}
		return settle(float64(x) + float64(y))
	}
	x, xok := a.small()
	y, yok := b.small()
	if s := x + y; xok && yok && !inexact(s) {
		return floatNum(s)
	}
	return settled(add, a, b, x+y)
}

func sub(a, b num) num {
	if a.kind == record.Int && b.kind == record.Int {
		x, y := int64(a.bits), int64(b.bits)
		if d := x - y; (d < x) == (y > 0) {
			return num{uint64(d), record.Int}
		}
		return settle(float64(x) - float64(y))
	}
	x, xok := a.small()
	y, yok := b.small()
	if d := x - y; xok && yok && !inexact(d) {
		return floatNum(d)
	}
	return settled(sub, a, b, x-y)
}

func mul(a, b num) num {
	if a.kind == record.Int && b.kind == record.Int {
		x, y := int64(a.bits), int64(b.bits)
		if p, ok := mulInt(x, y); ok {
			return num{uint64(p), record.Int}
		}
		return settle(float64(x) * float64(y))
	}
	x, xok := a.small()
	y, yok := b.small()
	if p := x * y; xok && yok && !inexact(p) {
		return floatNum(p)
	}
	return settled(mul, a, b, x*y)
}

func mulInt(x, y int64) (p int64, ok bool) {
	hi, lo := bits.Mul64(uint64(x), uint64(y))
	// The unsigned high word becomes the signed one (Hacker's Delight, 8-3).
	signed := int64(hi) - x>>63&y - y>>63&x
	return int64(lo), signed == int64(lo)>>63
}

// settled repeats an operation on canonical operands, which may turn out to be
// integers; where they do not, the result is f in canonical form.
func settled(op func(a, b num) num, a, b num, f float64) num {
	if !a.isNumber() || !b.isNumber() {
		return num{}
	}
	x, y := numOf(a.value()), numOf(b.value())
	if x.kind == record.Int && y.kind == record.Int {
		return op(x, y)
	}
	return settle(f)
}

func div(a, b num) num {
	if !a.isNumber() || !b.isNumber() {
		return num{}
	}
	y := b.float()
	if y == 0 {
		return num{}
	}
	if q := a.float() / y; !inexact(q) {
		return floatNum(q)
	}
	return settle(a.float() / y)
}

func mod(a, b num) num {
	if !a.isNumber() || !b.isNumber() {
		return num{}
	}
	x, y := numOf(a.value()), numOf(b.value())
	switch {
	case y.float() == 0:
		return num{}
	case x.kind == record.Int && y.kind == record.Int:
		return num{uint64(int64(x.bits) % int64(y.bits)), record.Int}
	}
	return settle(math.Mod(x.float(), y.float()))
}

func neg(a num) num {
	switch a.kind {
	case record.Int:
		if n := int64(a.bits); n != math.MinInt64 {
			return num{uint64(-n), record.Int}
		}
		return floatNum(1 << 63)
	case record.Float:
		return floatNum(-math.Float64frombits(a.bits))
	}
	return num{}
}

// negate is the unary minus on a literal.
func negate(v val) val { return neg(numOf(v)).value() }

// compare orders two numbers by their exact values.
func compare(a, b num) int {
	if a.kind == record.Int && b.kind == record.Int {
		switch x, y := int64(a.bits), int64(b.bits); {
		case x < y:
			return -1
		case x > y:
			return 1
		}
		return 0
	}
	x, y := a.float(), b.float()
	switch {
	case x < y:
		return -1
	case x > y:
		return 1
	case !inexact(x):
		return 0
	}
	return record.Compare(a.value().record(), b.value().record())
}
