package expr

import (
	"github.com/logpipe/logpipe/pkg/record"
)

// slot reads numbers from a field. It looks into the spans of a record without
// edits itself, which saves the way through Record.Get for the two encodings
// that make up nearly all numbers; Get answers for all else.
type slot struct {
	field *record.Field
	flat  bool // the field is no path
	shape *record.Shape
	index int
}

func newSlot(f *record.Field) slot {
	return slot{field: f.Clone(), flat: !f.Nested(), index: -1}
}

// number returns the field's number; the kind tells where it is none.
func (s *slot) number(r *record.Record) num {
	if r.Shape == s.shape && len(r.Edits) == 0 && uint(s.index) < uint(len(r.Spans)) {
		switch sp := &r.Spans[s.index]; {
		case sp.Enc == record.JSONInt:
			n := int64(sp.Mant)
			if sp.Neg {
				n = -n
			}
			return num{uint64(n), record.Int}
		case sp.Enc == record.JSONFloat && sp.Mant < exactLimit && sp.Exp <= 0 && sp.Exp >= -22:
			// One correctly rounded division of two exact numbers (Clinger).
			f := float64(int64(sp.Mant)) / pow10[-sp.Exp]
			if sp.Neg {
				f = -f
			}
			return floatNum(f)
		}
	}
	return s.general(r)
}

func (s *slot) general(r *record.Record) num {
	if s.flat && r.Shape != s.shape {
		s.shape, s.index = r.Shape, r.Shape.Index(s.field.Name())
	}
	return numOf(r.Get(s.field))
}

// pow10 are the powers of ten that float64 holds exactly.
var pow10 = [...]float64{1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11,
	1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22}
