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
			if f, ok := sp.Exact(); ok && !inexact(f) {
				return floatNum(f)
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
			if f, ok := sp.Exact(); ok {
				return floatVal(f)
			}
		}
	}
	return valOf(r.Get(s.field))
}
