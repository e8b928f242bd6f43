package record

import (
	"math"
	"math/bits"
)

// digits returns how many of the 8 bytes of x, lowest first, are digits before
// the first that is none, and their value (the SWAR method of fast_float).
func digits(x uint64) (n int, value uint64) {
	y := x ^ ones*'0'
	m := ((y + ones*6) | y) & (ones * 0xF0)
	n = 8
	if m != 0 {
		n = bits.TrailingZeros64(m) >> 3
	}
	y <<= uint(64 - 8*n)
	y = y*10 + y>>8
	const mask = 0x000000FF000000FF
	return n, (y&mask*(100+1000000<<32) + y>>16&mask*(1+10000<<32)) >> 32
}

var pow10u = [...]uint64{1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8}

// scanDigits adds the run of digits at i to mant and returns its end; what is
// beyond 19 digits is lost from mant, which the caller sees by the count.
func scanDigits(b []byte, i int, mant uint64) (int, uint64) {
	for {
		n, v := digits(le64(b, i))
		mant = mant*pow10u[n] + v
		i += n
		if n < 8 {
			return i, mant
		}
	}
}

// scanNumber reads the number at i: RFC 8259 section 6.
func scanNumber(b []byte, i, base int, s *Span) int {
	s.Off = uint32(i - base)
	if b[i] == '-' {
		s.Neg = true
		i++
	}
	first := i
	i, s.Mant = scanDigits(b, i, 0)
	count := i - first
	if count == 0 || count > 1 && b[first] == '0' {
		return -1 - min(i, first+1)
	}
	s.Enc = JSONInt
	exp := 0
	if b[i] == '.' {
		frac := i + 1
		i, s.Mant = scanDigits(b, frac, s.Mant)
		if i == frac {
			return -1 - i
		}
		exp = frac - i
		count += i - frac
		s.Enc = JSONFloat
	}
	if b[i]|0x20 == 'e' {
		var x int
		if i, x = scanExponent(b, i+1); i < 0 {
			return i
		}
		exp += x
		s.Enc = JSONFloat
	}
	s.End = uint32(i - base)
	classify(s, count, exp)
	return i
}

func scanExponent(b []byte, i int) (end, exp int) {
	neg := b[i] == '-'
	if neg || b[i] == '+' {
		i++
	}
	first := i
	for ; b[i]-'0' <= 9; i++ {
		if exp < 1e6 {
			exp = exp*10 + int(b[i]-'0')
		}
	}
	if i == first {
		return -1 - i, 0
	}
	if neg {
		exp = -exp
	}
	return i, exp
}

// classify decides how the number of count digits can be read.
func classify(s *Span, count, exp int) {
	switch {
	case count > 19 || exp < math.MinInt8 || exp > math.MaxInt8:
		s.Enc = JSONNumber
	case s.Enc == JSONFloat:
		s.Exp = int8(exp)
	case s.Mant > math.MaxInt64 && !(s.Neg && s.Mant == 1<<63):
		s.Enc = JSONNumber
	}
}
