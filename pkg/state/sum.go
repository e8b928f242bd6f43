package state

import (
	"math"
	"math/big"

	"github.com/logpipe/logpipe/pkg/record"
)

// sumPrecision holds every float64 and 2^64 of them without rounding: 2098 bits
// from the greatest to the smallest, and 64 of carry.
const sumPrecision = 2200

// pair is an exact sum hi+lo with |lo| at most half a unit in the last place of
// hi (Dekker 1971, Knuth's TwoSum), so that hi is the sum rounded once.
type pair struct{ hi, lo float64 }

// add returns p+x, or false where two numbers cannot hold it.
func (p pair) add(x float64) (pair, bool) {
	s, e := twoSum(p.hi, x)
	l, rest := twoSum(p.lo, e)
	if rest != 0 || s-s != 0 { // s-s is NaN for NaN and the infinities
		return p, false
	}
	// Dekker's FastTwoSum: s is 0, where it is exact, or not below l. A sum that
	// cancels to less than the old lo would need an x of finer digits than hi's
	// that is nearly -hi, and then s is exact and a multiple of half a unit of hi.
	hi := s + l
	return pair{hi, l - (hi - s)}, true
}

func twoSum(a, b float64) (s, e float64) {
	s = a + b
	t := s - a
	return s, (a - (s - t)) + (b - t)
}

// split returns n as two float64 whose sum it is.
func split(n int64) (hi, lo float64) {
	hi = float64(n)
	if hi >= 1<<63 {
		return hi, float64(n - math.MaxInt64 - 1)
	}
	return hi, float64(n - int64(hi))
}

// sums is an exact sum a group.
type sums struct {
	v     paged[pair]
	spill map[uint32]*big.Float // groups whose sum needs more than a pair
}

func (s *sums) grow(n int) { s.v.grow(n) }

func (s *sums) add(g uint32, x float64) {
	sum := s.v.at(g)
	p, ok := sum.add(x)
	if ok && s.spill == nil {
		*sum = p
		return
	}
	s.addSlow(g, p, ok, x)
}

func (s *sums) addSlow(g uint32, p pair, ok bool, x float64) {
	if b := s.spill[g]; b != nil {
		b.Add(b, exactFloat(x))
		return
	}
	if ok {
		*s.v.at(g) = p
		return
	}
	if s.spill == nil {
		s.spill = make(map[uint32]*big.Float)
	}
	b := s.exact(g)
	s.spill[g] = b.Add(b, exactFloat(x))
}

func exactFloat(x float64) *big.Float {
	return new(big.Float).SetPrec(sumPrecision).SetFloat64(x)
}

// exact returns the sum of group g without rounding, as a number of its own.
func (s *sums) exact(g uint32) *big.Float {
	if b := s.spill[g]; b != nil {
		return new(big.Float).Copy(b)
	}
	p := s.v.at(g)
	b := exactFloat(p.hi)
	return b.Add(b, exactFloat(p.lo))
}

func (s *sums) addInt(g uint32, n int64) {
	hi, lo := split(n)
	s.add(g, hi)
	if lo != 0 {
		s.add(g, lo)
	}
}

func (s *sums) merge(g uint32, from *sums, other uint32) {
	if b := from.spill[other]; b != nil {
		if s.spill == nil {
			s.spill = make(map[uint32]*big.Float)
		}
		mine := s.exact(g)
		s.spill[g] = mine.Add(mine, b)
		return
	}
	p := from.v.at(other)
	s.add(g, p.hi)
	if p.lo != 0 {
		s.add(g, p.lo)
	}
}

// single returns the sum of g where one float64 holds it exactly.
func (s *sums) single(g uint32) (f float64, ok bool) {
	if s.spill != nil && s.spill[g] != nil {
		return 0, false
	}
	p := s.v.at(g)
	return p.hi, p.lo == 0
}

// round returns the sum of g rounded once.
func (s *sums) round(g uint32) float64 {
	if b := s.spill[g]; b != nil {
		f, _ := b.Float64()
		return f
	}
	return s.v.at(g).hi
}

// integer returns the sum of g as an int64, where it is one within range.
func (s *sums) integer(g uint32) (int64, bool) {
	b := s.spill[g]
	if b == nil {
		p := s.v.at(g)
		if math.Abs(p.hi) < 1<<62 {
			return int64(p.hi) + int64(p.lo), true
		}
		b = s.exact(g)
	}
	n, acc := b.Int64()
	return n, acc == big.Exact
}

func (s *sums) reset() {
	s.v.reset()
	s.spill = nil
}

// zero empties s and clears its memory for the next growTo.
func zero[T any](s []T) []T {
	clear(s)
	return s[:0]
}

func growTo[T any](s []T, n int) []T {
	if n <= len(s) {
		return s
	}
	if n <= cap(s) {
		return s[:n]
	}
	grown := make([]T, n, max(n, cap(s)+cap(s)/4, 64))
	copy(grown, s)
	return grown
}

// Sum adds numbers exactly. Integers give an integer, as long as it is within
// int64.
type Sum struct {
	sums
	flags    paged[uint8]
	rejected int64
}

const (
	sawValue uint8 = 1 << iota
	sawFloat
)

// NewSum returns an empty column of sums.
func NewSum() Column { return &Sum{} }

// Grow implements Column.
func (c *Sum) Grow(n int) {
	c.grow(n)
	c.flags.grow(n)
}

// touch implements toucher.
func (c *Sum) touch(groups []uint32) (sum byte) {
	for _, g := range groups {
		sum += *c.flags.at(g) + byte(math.Float64bits(c.v.at(g).hi))
	}
	return sum
}

// Add implements Column: other values than numbers are rejected.
func (c *Sum) Add(groups []uint32, values []record.Value, _ []Position) {
	addValues(c, groups, values)
}

// AddNumbers implements NumberColumn.
func (c *Sum) AddNumbers(groups []uint32, values []record.Number) {
	values = values[:len(groups)]
	for i, g := range groups {
		switch v := &values[i]; v.Kind {
		case record.Null:
		case record.Float:
			*c.flags.at(g) |= sawValue | sawFloat
			// As add, in place: this is the loop of most aggregates.
			x, p := v.Float(), c.v.at(g)
			s, e := twoSum(p.hi, x)
			l, rest := twoSum(p.lo, e)
			if c.spill != nil || rest != 0 || s-s != 0 {
				c.add(g, x)
				continue
			}
			p.hi = s + l
			p.lo = l - (p.hi - s)
		case record.Int:
			*c.flags.at(g) |= sawValue
			c.addInt(g, v.Int())
		default:
			c.rejected++
		}
	}
}

// Merge implements Column.
func (c *Sum) Merge(g uint32, from Column, other uint32) {
	o := from.(*Sum)
	*c.flags.at(g) |= *o.flags.at(other)
	c.merge(g, &o.sums, other)
}

// Reset implements Column.
func (c *Sum) Reset() {
	c.reset()
	c.flags.reset()
}

// Rejected implements Column.
func (c *Sum) Rejected() int64 { return c.rejected }

// Result is the sum of group g: null without values.
func (c *Sum) Result(g uint32) record.Value {
	flags := *c.flags.at(g)
	if flags&sawValue == 0 {
		return record.Value{}
	}
	if flags&sawFloat == 0 {
		if n, ok := c.integer(g); ok {
			return record.IntValue(n)
		}
	}
	return record.FloatValue(c.round(g))
}
