package expr

import (
	"math"

	"github.com/logpipe/logpipe/pkg/record"
)

// ColumnProgram evaluates a field, or a sum of fields times numbers, for all
// rows of record.Columns at once: operation by operation the same arithmetic as
// Program. Rows with other values than plain numbers are left to a Program.
type ColumnProgram struct {
	terms   []columnTerm
	plain   bool // a field alone
	program *Program
	sums    []float64
	odd     []uint8
}

// What a row is instead of a sum that float64 holds without doubt.
const (
	oddRow  = 1 // for the program to tell
	nullRow = 2
)

type columnTerm struct {
	term
	column int // of the field; -1 for a literal
}

// Columns compiles e for columns; column tells the number of a field's column.
// ok is false where e is no such sum, or of other fields than top-level ones.
func (e *Expr) Columns(env Env, column func(*record.Name) int) (p *ColumnProgram, ok bool) {
	terms, ok := e.root.linear()
	if !ok {
		return nil, false
	}
	p = &ColumnProgram{plain: e.root.op == opField, program: e.Compile(env)}
	for _, t := range terms {
		c := columnTerm{term: t, column: -1}
		if t.slot.field != nil {
			if t.slot.name == nil {
				return nil, false
			}
			if c.column = column(t.slot.name); c.column < 0 {
				return nil, false
			}
		}
		p.terms = append(p.terms, c)
	}
	return p, true
}

// TopLevel lists the names of the fields that e reads; ok is false where one of
// them may be a path.
func (e *Expr) TopLevel() (names []*record.Name, ok bool) {
	for _, f := range e.fields {
		s := newSlot(f)
		if s.name == nil {
			return nil, false
		}
		names = append(names, s.name)
	}
	return names, true
}

// Numbers sets out[row] to what Program.Number gives for each row.
func (p *ColumnProgram) Numbers(c *record.Columns, out []record.Number) {
	if p.plain {
		p.field(c, out)
		return
	}
	n := c.Len()
	if cap(p.sums) < n {
		p.sums, p.odd = make([]float64, n), make([]uint8, n)
	}
	sums, odd := p.sums[:n], p.odd[:n]
	clear(sums)
	clear(odd)
	for i := range p.terms {
		p.terms[i].add(c, sums, odd)
	}
	out = out[:n]
	for row, f := range sums {
		if odd[row] != 0 {
			out[row].Kind = record.Null
			if odd[row] != nullRow {
				out[row].Bits, out[row].Kind = p.program.Number(c.Record(row))
			}
			continue
		}
		// As floatVal, for a number within 2^53.
		o := &out[row]
		if n := int64(f); float64(n) == f {
			o.Bits, o.Kind = uint64(n), record.Int
		} else {
			o.Bits, o.Kind = math.Float64bits(f), record.Float
		}
	}
}

// add adds the term of all rows, and notes those that arithmetic with float64
// may not give right.
func (t *columnTerm) add(c *record.Columns, sums []float64, odd []uint8) {
	if t.column < 0 {
		x := t.factor
		if t.negative {
			x = -x
		}
		for row := range sums {
			sums[row] += x
			if inexact(sums[row]) {
				odd[row] |= oddRow
			}
		}
		return
	}
	factor := 1.0 // times 1 is exact
	if t.scaled {
		factor = t.factor
	}
	if t.negative {
		factor = -factor // the sign changes no digit
	}
	odd = odd[:len(sums)]
	spans := c.Spans(t.column)[:len(sums)]
	for row := range spans {
		f, ok := spans[row].Exact()
		f = float64(f * factor)
		sum := sums[row] + f
		sums[row] = sum
		if !ok || inexact(f) || inexact(sum) {
			odd[row] = t.doubt(&spans[row], odd[row])
		}
	}
}

// doubt tells what a row is whose value is s.
func (t *columnTerm) doubt(s *record.Span, was uint8) uint8 {
	if was == nullRow || s.Enc == record.Absent || s.Enc == record.JSONNull {
		return nullRow
	}
	return oddRow
}

// field reads a field's numbers.
func (p *ColumnProgram) field(c *record.Columns, out []record.Number) {
	spans := c.Spans(p.terms[0].column)
	out = out[:len(spans)]
	for row := range spans {
		s := &spans[row]
		o := &out[row]
		switch s.Enc {
		case record.JSONInt:
			n := int64(s.Mant)
			if s.Neg {
				n = -n
			}
			o.Bits, o.Kind = uint64(n), record.Int
		case record.Absent, record.JSONNull:
			o.Kind = record.Null
		case record.JSONString:
			o.Kind = record.String
		default:
			o.Bits, o.Kind = p.program.Number(c.Record(row))
		}
	}
}
