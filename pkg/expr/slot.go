package expr

import (
	"github.com/logpipe/logpipe/pkg/record"
)

// slot reads a field. It finds the field's span as Record.Get does and decodes
// the common encodings itself, because Get's five-word result costs as much as
// the rest; Get answers for all else.
type slot struct {
	field *record.Field
	name  *record.Name // nil for a path, which is left to Get
	shape *record.Shape
	index int
}

func newSlot(f *record.Field) slot {
	s := slot{field: f.Clone(), index: -1}
	// A bracket path of one step that is no path either has the name it reads.
	if !f.Nested() && f.Top()[0] == f.Name() {
		s.name = f.Name()
	}
	return s
}

// find returns the span of the field, or nil where Get must look.
func (s *slot) find(r *record.Record) *record.Span {
	for i := len(r.Edits) - 1; i >= 0; i-- {
		if r.Edits[i].Name == s.name {
			return &r.Edits[i].Span
		}
	}
	if r.Shape != s.shape {
		s.resolve(r.Shape)
	}
	if uint(s.index) < uint(len(r.Spans)) {
		return &r.Spans[s.index]
	}
	return nil
}

func (s *slot) resolve(shape *record.Shape) {
	s.shape, s.index = shape, -1
	if s.name != nil {
		s.index = shape.Index(s.name)
	}
}

// number returns the field's number; the kind tells where it is none.
func (s *slot) number(r *record.Record) num {
	if sp := s.find(r); sp != nil {
		switch sp.Enc {
		case record.JSONInt:
			return intOf(sp)
		case record.JSONFloat:
			if n, ok := floatOf(sp); ok {
				return n
			}
		}
	}
	return numOf(valOf(r.Get(s.field)))
}

func intOf(sp *record.Span) num {
	n := int64(sp.Mant)
	if sp.Neg {
		n = -n
	}
	return num{uint64(n), record.Int}
}

// floatOf divides two numbers that float64 holds exactly, so that the result is
// rounded once and right (Clinger).
func floatOf(sp *record.Span) (num, bool) {
	if sp.Mant >= exactLimit || sp.Exp > 0 || -int(sp.Exp) >= len(pow10) {
		return num{}, false
	}
	f := float64(int64(sp.Mant)) / pow10[-sp.Exp]
	if sp.Neg {
		f = -f
	}
	return floatNum(f), true
}

// value returns the field's value.
func (s *slot) value(r *record.Record) val {
	if sp := s.find(r); sp != nil {
		switch sp.Enc {
		case record.JSONString, record.Text, record.TextEscape:
			if sp.Arena {
				return textVal(r.Arena.Buf[sp.Off:sp.End])
			}
			return textVal(r.Line[sp.Off:sp.End])
		case record.JSONInt:
			n := intOf(sp)
			return val{kind: record.Int, num: n.bits}
		case record.JSONFloat:
			if n, ok := floatOf(sp); ok {
				return n.value()
			}
		}
	}
	return valOf(r.Get(s.field))
}

// pow10 are the powers of ten that float64 holds exactly.
var pow10 = [...]float64{1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11,
	1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22}
