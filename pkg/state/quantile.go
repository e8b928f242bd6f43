package state

import (
	"cmp"
	"math"
	"slices"

	"github.com/logpipe/logpipe/pkg/record"
)

// SketchError is the relative error of approximate quantiles.
const SketchError = 0.01

// ApproxQuantiles estimates quantiles by the buckets of DDSketch (Masson, Rim,
// Lee, VLDB 2019): bucket k holds the values in (γ^(k-1), γ^k], and its middle
// is within SketchError of each. Buckets merge by addition, so that order and
// workers do not matter. (The library of the paper's authors brings protobuf
// with it, whose start-up costs every command more than this page.)
type ApproxQuantiles struct {
	v        []buckets
	rejected int64
}

// buckets are the counts of one group, by the sign of the values.
type buckets struct {
	above, below map[int32]int64
	zero, n      int64
}

var (
	gamma    = (1 + SketchError) / (1 - SketchError)
	logGamma = math.Log(gamma)
)

func bucketOf(x float64) int32 { return int32(math.Ceil(math.Log(x) / logGamma)) }

func middle(k int32) float64 { return 2 * math.Exp(float64(k)*logGamma) / (gamma + 1) }

// NewApproxQuantiles returns an empty column.
func NewApproxQuantiles() Column { return &ApproxQuantiles{} }

// Grow implements Column.
func (c *ApproxQuantiles) Grow(n int) { c.v = growTo(c.v, n) }

// Add implements Column: other values than numbers are rejected.
func (c *ApproxQuantiles) Add(groups []uint32, values []record.Value, _ []Position) {
	addValues(c, groups, values)
}

// AddNumbers implements NumberColumn.
func (c *ApproxQuantiles) AddNumbers(groups []uint32, values []record.Number) {
	for i, g := range groups {
		switch v := values[i]; v.Kind {
		case record.Null:
		case record.Int:
			c.v[g].add(float64(v.Int()))
		case record.Float:
			c.v[g].add(v.Float())
		default:
			c.rejected++
		}
	}
}

func (b *buckets) add(x float64) {
	b.n++
	switch {
	case x > 0:
		if b.above == nil {
			b.above = make(map[int32]int64)
		}
		b.above[bucketOf(x)]++
	case x < 0:
		if b.below == nil {
			b.below = make(map[int32]int64)
		}
		b.below[bucketOf(-x)]++
	default:
		b.zero++
	}
}

// Merge implements Column.
func (c *ApproxQuantiles) Merge(g uint32, from Column, other uint32) {
	b, o := &c.v[g], &from.(*ApproxQuantiles).v[other]
	b.n += o.n
	b.zero += o.zero
	b.above = addCounts(b.above, o.above)
	b.below = addCounts(b.below, o.below)
}

func addCounts(to, from map[int32]int64) map[int32]int64 {
	if to == nil && len(from) > 0 {
		to = make(map[int32]int64, len(from))
	}
	for k, n := range from {
		to[k] += n
	}
	return to
}

// Reset implements Column.
func (c *ApproxQuantiles) Reset() { c.v = zero(c.v) }

// Rejected implements Column.
func (c *ApproxQuantiles) Rejected() int64 { return c.rejected }

// Result estimates the value at rank ceil(num/den·n) of group g: null without
// values.
func (c *ApproxQuantiles) Result(g uint32, num, den int64) record.Value {
	b := &c.v[g]
	if b.n == 0 {
		return record.Value{}
	}
	want := rank(b.n, num, den)
	for _, k := range ordered(b.below, -1) {
		if want -= b.below[k]; want <= 0 {
			return record.FloatValue(-middle(k))
		}
	}
	if want -= b.zero; want <= 0 {
		return record.IntValue(0)
	}
	for _, k := range ordered(b.above, 1) {
		if want -= b.above[k]; want <= 0 {
			return record.FloatValue(middle(k))
		}
	}
	return record.Value{}
}

func ordered(m map[int32]int64, sign int) []int32 {
	keys := make([]int32, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, func(a, b int32) int { return sign * cmp.Compare(a, b) })
	return keys
}
