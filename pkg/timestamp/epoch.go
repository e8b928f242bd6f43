package timestamp

import "math"

// The borders between the units of a bare number: a number of seconds below
// 1e10 lies before 2286-11-20, beyond the reach of nanoseconds, and the same
// instant separates the other units. Before 1970-04-26 the next smaller unit
// cannot be told apart and the larger one is taken.
const (
	milliAbove = 10_000_000_000
	microAbove = milliAbove * 1000
	nanoAbove  = microAbove * 1000
)

// unitOf returns the nanoseconds of one unit of a number of size n.
func unitOf(n float64) int64 {
	switch n = math.Abs(n); {
	case n < milliAbove:
		return second
	case n < microAbove:
		return 1_000_000
	case n < nanoAbove:
		return 1_000
	}
	return 1
}

// FromInt reads a count since 1970 UTC by its magnitude: below 1e10 seconds,
// below 1e13 milliseconds, below 1e16 microseconds, from there on nanoseconds.
// It fails for seconds that nanoseconds cannot hold (from 9,223,372,036 on).
func FromInt(n int64) (ns int64, ok bool) {
	unit := int64(1)
	switch {
	case -milliAbove < n && n < milliAbove:
		unit = second
	case -microAbove < n && n < microAbove:
		unit = 1_000_000
	case -nanoAbove < n && n < nanoAbove:
		unit = 1_000
	}
	if n > math.MaxInt64/unit || n < math.MinInt64/unit {
		return 0, false
	}
	return n * unit, true
}

// FromNumber is FromInt for numbers with a fraction, as 1431857103.123. The
// result is rounded to microseconds, which is what a float64 can tell today.
func FromNumber(f float64) (ns int64, ok bool) {
	if f == math.Trunc(f) && math.Abs(f) < 1<<63 {
		return FromInt(int64(f))
	}
	whole, frac := math.Modf(f)
	unit := unitOf(whole)
	if math.IsNaN(f) || math.Abs(whole) >= float64(math.MaxInt64/unit) {
		return 0, false
	}
	part := int64(math.RoundToEven(frac*float64(unit)/1000)) * 1000
	return int64(whole)*unit + part, true
}

// parseEpoch reads digits that can only be a count since 1970: 10, 13, 16 or 19
// of them, seconds also with a fraction.
func parseEpoch(b []byte) (ns int64, ok bool) {
	var n int64
	i := 0
	for ; i < len(b) && b[i]-'0' <= 9; i++ {
		if i == 19 {
			return 0, false
		}
		n = n*10 + int64(b[i]-'0')
	}
	if n < 0 || i != 10 && i != 13 && i != 16 && i != 19 {
		return 0, false
	}
	unit := [...]int64{second, 1_000_000, 1_000, 1}[(i-10)/3]
	if n > math.MaxInt64/unit-1 {
		return 0, false
	}
	if ns = n * unit; i == len(b) {
		return ns, true
	}
	var c civil
	if b[i] != '.' || i == 19 || c.fraction(b, i+1) != len(b) {
		return 0, false
	}
	return ns + int64(c.nano)*unit/second, true
}
