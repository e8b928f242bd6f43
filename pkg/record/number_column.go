package record

import "math"

// Number is a value of a column that takes numbers alone: the bits of an Int or
// a Float as in Value. Another kind tells what the value is instead; its bits
// mean nothing.
type Number struct {
	Bits uint64
	Kind Kind
}

// Number returns v as a Number.
func (v Value) Number() Number { return Number{v.Num, v.Kind} }

// Int and Float return the number; only for a Number of that kind.
func (n Number) Int() int64 { return int64(n.Bits) }

// Float returns the float64 of a Number of kind Float.
func (n Number) Float() float64 { return math.Float64frombits(n.Bits) }

// Exact returns the number of a JSONInt or JSONFloat as the one float64 that it
// is, or is rounded to: a JSONInt up to 2^53, a JSONFloat whose digits and power
// of ten are exact (Clinger's fast path). ok is false for all other spans.
func (s *Span) Exact() (f float64, ok bool) {
	if s.Mant > 1<<53 {
		return 0, false
	}
	f = float64(int64(s.Mant))
	switch {
	case s.Enc == JSONInt:
	case s.Enc == JSONFloat && -s.Exp >= 0 && int(-s.Exp) < len(pow10f):
		f /= pow10f[-s.Exp]
	default:
		return 0, false
	}
	if s.Neg {
		f = -f
	}
	return f, true
}
