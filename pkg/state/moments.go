package state

import (
	"math"
	"math/big"

	"github.com/logpipe/logpipe/pkg/record"
)

// Moments keeps count, sum and sum of squares, all exact.
type Moments struct {
	sum, squares sums
	n            paged[int64]
	square       bool
	rejected     int64
}

// NewMoments returns a column for averages, with squares for deviations too.
func NewMoments(squares bool) Column { return &Moments{square: squares} }

// Grow implements Column.
func (c *Moments) Grow(n int) {
	c.sum.grow(n)
	c.n.grow(n)
	if c.square {
		c.squares.grow(n)
	}
}

// Add implements Column: other values than numbers are rejected.
func (c *Moments) Add(groups []uint32, values []record.Value, _ []Position) {
	addValues(c, groups, values)
}

// AddNumbers implements NumberColumn.
func (c *Moments) AddNumbers(groups []uint32, values []record.Number) {
	for i, g := range groups {
		v := values[i]
		switch v.Kind {
		case record.Null:
			continue
		case record.Int:
			c.sum.addInt(g, v.Int())
		case record.Float:
			c.sum.add(g, v.Float())
		default:
			c.rejected++
			continue
		}
		*c.n.at(g)++
		if c.square {
			c.addSquare(g, v)
		}
	}
}

// touch implements toucher.
func (c *Moments) touch(groups []uint32) (sum byte) {
	for _, g := range groups {
		sum += byte(*c.n.at(g)) + byte(math.Float64bits(c.sum.v.at(g).hi))
	}
	return sum
}

// addSquare adds x·x as product and rounding error (FMA), both exact.
func (c *Moments) addSquare(g uint32, v record.Number) {
	hi, lo := v.Float(), 0.0
	if v.Kind == record.Int {
		hi, lo = split(v.Int())
	}
	addProduct(&c.squares, g, hi, hi)
	if lo != 0 {
		addProduct(&c.squares, g, 2*hi, lo)
		addProduct(&c.squares, g, lo, lo)
	}
}

func addProduct(s *sums, g uint32, x, y float64) {
	p := x * y
	if math.IsInf(p, 0) || math.Abs(p) < 1e-290 && p != 0 {
		// Outside the range in which the rounding error is a float64.
		b := s.exact(g)
		if s.spill == nil {
			s.spill = make(map[uint32]*big.Float)
		}
		s.spill[g] = b.SetPrec(2*sumPrecision).Add(b, new(big.Float).SetPrec(2*sumPrecision).Mul(exactFloat(x), exactFloat(y)))
		return
	}
	s.add(g, p)
	if e := math.FMA(x, y, -p); e != 0 {
		s.add(g, e)
	}
}

// Merge implements Column.
func (c *Moments) Merge(g uint32, from Column, other uint32) {
	o := from.(*Moments)
	*c.n.at(g) += *o.n.at(other)
	c.sum.merge(g, &o.sum, other)
	if c.square {
		c.squares.merge(g, &o.squares, other)
	}
}

// Reset implements Column.
func (c *Moments) Reset() {
	c.sum.reset()
	c.squares.reset()
	c.n.reset()
}

// Rejected implements Column.
func (c *Moments) Rejected() int64 { return c.rejected }

// Mean is the exact mean of group g, rounded once: null without values.
func (c *Moments) Mean(g uint32) record.Value {
	if *c.n.at(g) == 0 {
		return record.Value{}
	}
	if f, ok := c.sum.single(g); ok && *c.n.at(g) < 1<<53 {
		return record.FloatValue(f / float64(*c.n.at(g)))
	}
	q := c.sum.exact(g)
	f, _ := q.Quo(q, new(big.Float).SetPrec(sumPrecision).SetInt64(*c.n.at(g))).Float64()
	return record.FloatValue(f)
}

// Deviation is the sample standard deviation of group g: null below two values.
func (c *Moments) Deviation(g uint32) record.Value {
	if *c.n.at(g) < 2 {
		return record.Value{}
	}
	const prec = 3 * sumPrecision
	n := new(big.Float).SetPrec(prec).SetInt64(*c.n.at(g))
	s := c.sum.exact(g).SetPrec(prec)
	s.Mul(s, s).Quo(s, n)
	v := c.squares.exact(g).SetPrec(prec)
	v.Sub(v, s)
	v.Quo(v, n.SetInt64(*c.n.at(g)-1))
	if v.Sign() <= 0 {
		return record.IntValue(0)
	}
	f, _ := v.SetPrec(200).Sqrt(v).Float64()
	return record.FloatValue(f)
}
