package expr

import (
	"slices"

	"github.com/logpipe/logpipe/pkg/record"
)

// Keep shortens list to the records that meet the condition, in their order.
func (p *Program) Keep(list []*record.Record) (kept []*record.Record, left int) {
	if p.quick != nil {
		return p.quick.keep(p, list)
	}
	n, left := 0, 0
	for _, r := range list {
		list[n] = r
		if p.True(r) {
			n++
		} else {
			left++
		}
	}
	return list[:n], left
}

// fieldBeside is the comparison of a field with an integer, as status >= 400,
// which is decided in place where the field is an integer too.
type fieldBeside struct {
	slot               slot
	with               int64
	below, same, above bool // whether a smaller, an equal, a greater one passes
}

// besideInteger takes such a comparison apart; nil for all others.
func (n *node) besideInteger() *fieldBeside {
	if !slices.Contains([]op{opEq, opNe, opLt, opLe, opGt, opGe}, n.op) {
		return nil
	}
	o, a, b := n.op, n.args[0], n.args[1]
	if a.op == opConst {
		a, b, o = b, a, mirrored(o)
	}
	if a.op != opField || b.op != opConst || b.value.kind != record.Int {
		return nil
	}
	below, same, above := verdicts(o)
	f := &fieldBeside{slot: newSlot(a.field), with: b.value.int(), below: below == yes, same: same == yes, above: above == yes}
	if f.slot.name == nil {
		return nil
	}
	return f
}

func (f *fieldBeside) keep(p *Program, list []*record.Record) ([]*record.Record, int) {
	n, left := 0, 0
	for _, r := range list {
		list[n] = r
		s := f.slot.find(r)
		passes := false
		if s == nil || s.Enc != record.JSONInt {
			passes = p.True(r)
		} else {
			x := int64(s.Mant)
			if s.Neg {
				x = -x
			}
			passes = x < f.with && f.below || x == f.with && f.same || x > f.with && f.above
		}
		if passes {
			n++
		} else {
			left++
		}
	}
	return list[:n], left
}
