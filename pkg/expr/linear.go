package expr

import (
	"github.com/logpipe/logpipe/pkg/record"
)

// linear is a sum of fields, literals and fields times literals, as in
// 0.8*clicks + 0.8*minutes + like: the arithmetic that people write most. It is
// evaluated in one loop of float64 operations, the same ones in the same order
// as step by step. Where one of them may not be exact for integers, or a field
// is no number, the general closures take over.
type linear struct {
	terms   []term
	general numberFunc
}

type term struct {
	slot     slot    // of no field for a literal
	factor   float64 // of the field, or the literal
	scaled   bool    // the factor counts
	negative bool    // subtracted
}

// maxTerms bounds a linear node: longer sums are taken step by step, so that
// compiling them takes no time that grows with the square of their length.
const maxTerms = 32

// linear takes a sum or a product apart; ok is false where it is not linear.
func (n *node) linear() (terms []term, ok bool) {
	if n.depth > maxTerms {
		return nil, false
	}
	if n.op != opAdd && n.op != opSub {
		t, ok := n.term()
		return []term{t}, ok
	}
	if terms, ok = n.args[0].linear(); !ok {
		return nil, false
	}
	t, ok := n.args[1].term()
	t.negative = n.op == opSub
	return append(terms, t), ok
}

func (n *node) term() (t term, ok bool) {
	switch n.op {
	case opField:
		return term{slot: newSlot(n.field)}, true
	case opConst:
		t.factor, ok = numOf(n.value).small()
		return t, ok && !inexact(t.factor)
	case opMul:
		field, factor := n.args[0], n.args[1]
		if field.op == opConst {
			field, factor = factor, field
		}
		if field.op == opField && factor.op == opConst {
			t, ok = factor.term()
			t.slot, t.scaled = newSlot(field.field), true
		}
	}
	return t, ok
}

func (l *linear) eval(r *record.Record) num {
	sum := 0.0
	for i := range l.terms {
		t := &l.terms[i]
		x := t.factor
		if t.slot.field != nil {
			f, ok := t.slot.number(r).small()
			if t.scaled {
				// The conversion keeps product and sum from being fused
				// into one operation, which would round differently.
				f = float64(f * x)
			}
			if !ok || inexact(f) {
				return l.general(r)
			}
			x = f
		}
		if t.negative {
			x = -x
		}
		if sum += x; inexact(sum) {
			return l.general(r)
		}
	}
	return floatNum(sum)
}
