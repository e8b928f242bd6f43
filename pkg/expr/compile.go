package expr

import (
	"time"

	"github.com/logpipe/logpipe/pkg/record"
)

// Program is an expression compiled for one worker. It is not safe for
// concurrent use: it caches where fields lie and owns the memory of its results.
type Program struct {
	eval  fn
	cond  truthFunc
	quick *fieldBeside // the condition, where it is such a one

	// buf holds the texts that the functions of one evaluation build; the next
	// evaluation overwrites it.
	buf []byte

	now    func() time.Time
	loc    *time.Location
	header func(r *record.Record, name string) ([]byte, bool)
	noMemo bool // inside a memo, or switched off by a test
}

// fn evaluates a node, numberFunc one that arithmetic reads, truthFunc a
// condition.
type (
	fn        func(r *record.Record) val
	truthFunc func(r *record.Record) truth
)

// maxKept is the largest buffer that a Program keeps between evaluations.
const maxKept = 1 << 20

// Compile makes a Program of e with field handles of its own.
func (e *Expr) Compile(env Env) *Program { return e.compile(env, false) }

func (e *Expr) compile(env Env, noMemo bool) *Program {
	p := &Program{now: env.Now, loc: env.Location, header: env.Header, noMemo: noMemo}
	if p.now == nil {
		p.now = time.Now
	}
	if p.loc == nil {
		p.loc = time.UTC
	}
	if p.header == nil {
		p.header = headerOf
	}
	if e.root.isCondition() && !p.memoizes(e.root) {
		p.cond = p.truth(e.root)
		p.eval = valueOf(p.cond)
	} else {
		p.eval = p.value(e.root)
		p.cond = truthOf(p.eval)
	}
	p.quick = e.root.besideInteger()
	return p
}

// Eval returns the value for r; null where there is none. Its bytes are
// borrowed: from the record, until the end of its batch, or from the Program,
// until its next evaluation. Record.Set copies them; others clone the value.
// Numbers are canonical: integral ones within int64 are integers, and none is
// NaN or infinite.
func (p *Program) Eval(r *record.Record) (out record.Value) {
	p.reset()
	// As val.record, which would copy the whole once more.
	v := p.eval(r)
	out.Kind = v.kind
	if v.kind >= record.String {
		out.Bytes = v.bytes()
	} else {
		out.Num = v.num
	}
	return out
}

// Number is Eval for callers that take numbers alone, at a third of the price:
// the bits of an Int or a Float as in record.Value. Another kind tells what the
// value is instead; its bits mean nothing.
func (p *Program) Number(r *record.Record) (bits uint64, kind record.Kind) {
	p.reset()
	v := p.eval(r)
	return v.num, v.kind
}

// True reports whether r meets the condition: neither false nor null.
func (p *Program) True(r *record.Record) bool {
	p.reset()
	return p.cond(r) == yes
}

// reset gives the memory of the last result free.
func (p *Program) reset() {
	if len(p.buf) > 0 {
		p.empty()
	}
}

func (p *Program) empty() {
	if cap(p.buf) > maxKept {
		p.buf = nil
	}
	p.buf = p.buf[:0]
}

// text returns what was appended to the buffer since off, as a value.
func (p *Program) text(off int) val {
	return textVal(p.buf[off:len(p.buf):len(p.buf)])
}

// isCondition reports whether n has only the values true, false and null.
func (n *node) isCondition() bool {
	switch n.op {
	case opConst, opField:
		return false
	case opCall:
		return n.fn.test != nil
	}
	return n.op < opAdd
}

// isArithmetic reports whether n has only numbers and null as values.
func (n *node) isArithmetic() bool {
	return n.op >= opAdd || n.op == opConst && n.value.isNumber()
}

// value compiles n.
func (p *Program) value(n *node) fn {
	switch {
	case n.op == opConst:
		v := n.value
		return func(*record.Record) val { return v }
	case n.constant():
		return p.folded(n)
	case n.op == opField:
		s := newSlot(n.field)
		return func(r *record.Record) val { return s.value(r) }
	case p.memoizes(n):
		return p.memoized(n)
	case n.isArithmetic():
		f := p.number(n)
		return func(r *record.Record) val { return f(r).value() }
	case n.isCondition():
		return valueOf(p.truth(n))
	}
	return p.call(n)
}

// folded evaluates a constant node once.
func (p *Program) folded(n *node) fn {
	inner := &Program{now: p.now, loc: p.loc, header: p.header, noMemo: true}
	var f fn
	switch {
	case n.isArithmetic():
		number := inner.number(n)
		f = func(r *record.Record) val { return number(r).value() }
	case n.isCondition():
		f = valueOf(inner.condition(n))
	default:
		f = inner.call(n)
	}
	v := f(&record.Record{Arena: new(record.Arena)}).clone()
	return func(*record.Record) val { return v }
}

// operand is a number to compute with: a literal, a field or anything else. It
// is a struct and no closure because a switch costs less than an indirect call.
type operand struct {
	slot slot
	f    numberFunc
	n    num
}

func (o *operand) load(r *record.Record) num {
	switch {
	case o.slot.field != nil:
		return o.slot.number(r)
	case o.f != nil:
		return o.f(r)
	}
	return o.n
}

// operand compiles n as a number. Where n is none, the operand's kind tells
// what it is instead.
func (p *Program) operand(n *node) operand {
	switch {
	case n.op == opField:
		return operand{slot: newSlot(n.field)}
	case n.constant():
		v := p.value(n)(nil)
		return operand{n: numOf(v)}
	case n.isArithmetic() && !p.memoizes(n):
		return operand{f: p.number(n)}
	}
	f := p.value(n)
	return operand{f: func(r *record.Record) num { return numOf(f(r)) }}
}

// number compiles arithmetic.
func (p *Program) number(n *node) numberFunc {
	general := p.arithmetic(n)
	if terms, ok := n.linear(); ok {
		l := &linear{terms, general}
		return l.eval
	}
	return general
}

func (p *Program) arithmetic(n *node) numberFunc {
	a := p.operand(n.args[0])
	if n.op == opNeg {
		return func(r *record.Record) num { return neg(a.load(r)) }
	}
	b := p.operand(n.args[1])
	switch n.op {
	case opAdd:
		return func(r *record.Record) num { return add(a.load(r), b.load(r)) }
	case opSub:
		return func(r *record.Record) num { return sub(a.load(r), b.load(r)) }
	case opMul:
		return func(r *record.Record) num { return mul(a.load(r), b.load(r)) }
	case opDiv:
		return func(r *record.Record) num { return div(a.load(r), b.load(r)) }
	}
	return func(r *record.Record) num { return mod(a.load(r), b.load(r)) }
}

// call compiles a function call.
func (p *Program) call(n *node) fn {
	f := n.fn
	if f.build != nil {
		return f.build(p, n.args)
	}
	args := make([]fn, len(n.args))
	for i, a := range n.args {
		args[i] = p.value(a)
	}
	switch {
	case f.one != nil:
		return p.call1(f.one, args[0])
	case f.two != nil:
		return p.call2(f.two, args[0], args[1])
	}
	return p.callN(f, args)
}

func (p *Program) call1(one func(*Program, val) val, a fn) fn {
	return func(r *record.Record) val {
		if x := a(r); x.kind != record.Null {
			return one(p, x)
		}
		return val{}
	}
}

func (p *Program) call2(two func(*Program, val, val) val, a, b fn) fn {
	return func(r *record.Record) val {
		x, y := a(r), b(r)
		if x.kind == record.Null || y.kind == record.Null {
			return val{}
		}
		return two(p, x, y)
	}
}

func (p *Program) callN(f *builtin, args []fn) fn {
	vals := make([]val, len(args))
	return func(r *record.Record) val {
		for i, a := range args {
			if vals[i] = a(r); vals[i].kind == record.Null {
				return val{}
			}
		}
		return f.many(p, vals)
	}
}
