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

// pow10 are the powers of ten that float64 holds exactly.
var pow10 = [...]float64{1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11,
	1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22}

// Exact returns the number of a JSONInt or JSONFloat as the one float64 that it
// is, or is rounded to: a JSONInt up to 2^53, a JSONFloat whose digits and power
// of ten are both exact, so that one operation rounds it once and right (Clinger's
// fast path). ok is false for all other spans.
func (s *Span) Exact() (f float64, ok bool) {
	if s.Mant > 1<<53 {
		return 0, false
	}
	f = float64(int64(s.Mant))
	switch {
	case s.Enc == JSONInt:
	case s.Enc == JSONFloat && uint8(-s.Exp) < uint8(len(pow10)):
		f /= pow10[uint8(-s.Exp)]
	case s.Enc == JSONFloat && uint8(s.Exp) < uint8(len(pow10)):
		f *= pow10[uint8(s.Exp)]
	default:
		return 0, false
	}
	if s.Neg {
		f = -f
	}
	return f, true
}
