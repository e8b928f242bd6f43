package state

import (
	"math"
	"slices"

	"github.com/logpipe/logpipe/pkg/record"
)

// Numbers keeps all values of a group, for exact quantiles and exact distinct
// counts, which share one column. Numbers are kept as float64 in the order of
// their coming and sorted on demand; where many are equal they are folded into
// (value, count) pairs. What float64 cannot hold exactly and everything that is
// no number is kept in a set, for the distinct count alone.
type Numbers struct {
	v        []bag
	others   []map[string]struct{}
	distinct bool // others count
	ranked   bool // quantiles are asked for: others are rejected
	rejected int64
	scratch  []uint64
	key      []byte
}

// bag is the multiset of one group's numbers.
type bag struct {
	raw   []float64
	runs  []run // ascending by value
	limit int   // length of raw at which folding is tried
}

type run struct {
	v float64
	n int64
}

const foldFrom = 1 << 12

// NewNumbers returns an empty column for distinct counts, for quantiles
// (ranked), or for both.
func NewNumbers(distinct, ranked bool) Column { return &Numbers{distinct: distinct, ranked: ranked} }

// Grow implements Column.
func (c *Numbers) Grow(n int) {
	c.v = growTo(c.v, n)
	if c.distinct {
		c.others = growTo(c.others, n)
	}
}

// Add implements Column.
func (c *Numbers) Add(groups []uint32, values []record.Value, _ []Position) {
	for i, g := range groups {
		switch v := &values[i]; v.Kind {
		case record.Null:
		case record.Float:
			c.push(g, math.Float64frombits(v.Num))
		case record.Int:
			n := int64(v.Num)
			if n >= 1<<53 || n <= -1<<53 {
				c.other(g, *v)
			}
			c.push(g, float64(n))
		default:
			if c.ranked {
				c.rejected++
			}
			c.other(g, *v)
		}
	}
}

// AddNumbers implements NumberColumn, for a column that counts no distinct
// values.
func (c *Numbers) AddNumbers(groups []uint32, values []record.Number) {
	for i, g := range groups {
		switch v := values[i]; v.Kind {
		case record.Null:
		case record.Float:
			c.push(g, v.Float())
		case record.Int:
			c.push(g, float64(v.Int()))
		default:
			c.rejected++
		}
	}
}

// other notes a value that must be told apart by its key.
func (c *Numbers) other(g uint32, v record.Value) {
	if !c.distinct {
		return
	}
	c.key = AppendKey(c.key[:0], v)
	if c.others[g] == nil {
		c.others[g] = make(map[string]struct{})
	}
	if _, ok := c.others[g][string(c.key)]; !ok {
		c.others[g][string(c.key)] = struct{}{}
	}
}

func (c *Numbers) push(g uint32, f float64) {
	b := &c.v[g]
	b.raw = append(b.raw, f)
	if len(b.raw) >= foldFrom && len(b.raw) >= b.limit {
		c.fold(b)
	}
}

// fold sorts what is raw and keeps it as runs where that is smaller.
func (c *Numbers) fold(b *bag) {
	c.sort(b.raw)
	distinct := 1
	for i := 1; i < len(b.raw); i++ {
		if b.raw[i] != b.raw[i-1] {
			distinct++
		}
	}
	if distinct > len(b.raw)/4 {
		b.limit = 2 * len(b.raw)
		return
	}
	c.mergeRuns(b)
	b.limit = max(foldFrom, 2*len(b.runs))
}

// mergeRuns moves the sorted raw values into the runs.
func (c *Numbers) mergeRuns(b *bag) {
	out := make([]run, 0, len(b.runs)+16)
	i := 0
	add := func(r run) {
		if n := len(out); n > 0 && out[n-1].v == r.v {
			out[n-1].n += r.n
			return
		}
		out = append(out, r)
	}
	for _, f := range b.raw {
		for i < len(b.runs) && b.runs[i].v <= f {
			add(b.runs[i])
			i++
		}
		add(run{f, 1})
	}
	for ; i < len(b.runs); i++ {
		add(b.runs[i])
	}
	b.runs, b.raw = out, b.raw[:0]
}

// Merge implements Column.
func (c *Numbers) Merge(g uint32, from Column, other uint32) {
	o := from.(*Numbers)
	b, ob := &c.v[g], &o.v[other]
	if len(b.raw) == 0 && len(b.runs) == 0 {
		b.raw, b.runs, b.limit = slices.Clone(ob.raw), slices.Clone(ob.runs), ob.limit
	} else {
		b.raw = append(b.raw, ob.raw...)
		if len(ob.runs) > 0 {
			b.runs = foldRuns(b.runs, ob.runs)
		}
	}
	if c.distinct && o.others[other] != nil {
		if c.others[g] == nil {
			c.others[g] = make(map[string]struct{}, len(o.others[other]))
		}
		for k := range o.others[other] {
			c.others[g][k] = struct{}{}
		}
	}
}

func foldRuns(a, b []run) []run {
	out := make([]run, 0, len(a)+len(b))
	for len(a) > 0 || len(b) > 0 {
		switch {
		case len(b) == 0 || len(a) > 0 && a[0].v < b[0].v:
			out, a = append(out, a[0]), a[1:]
		case len(a) == 0 || b[0].v < a[0].v:
			out, b = append(out, b[0]), b[1:]
		default:
			out, a, b = append(out, run{a[0].v, a[0].n + b[0].n}), a[1:], b[1:]
		}
	}
	return out
}

// Reset implements Column.
func (c *Numbers) Reset() { c.v, c.others = zero(c.v), zero(c.others) }

// Rejected implements Column.
func (c *Numbers) Rejected() int64 { return c.rejected }

// settle leaves group g either sorted raw or in runs.
func (c *Numbers) settle(g uint32) *bag {
	b := &c.v[g]
	if !slices.IsSorted(b.raw) {
		c.sort(b.raw)
	}
	if len(b.runs) > 0 && len(b.raw) > 0 {
		c.mergeRuns(b)
	}
	return b
}

// Distinct is the number of different values of group g.
func (c *Numbers) Distinct(g uint32) record.Value {
	b := c.settle(g)
	n := len(b.runs)
	if n == 0 {
		for i, f := range b.raw {
			if i == 0 || f != b.raw[i-1] {
				n++
			}
		}
	}
	for k := range c.others[g] {
		if k[0] != tagNumber {
			n++
		}
	}
	return record.IntValue(int64(n + c.large(g)))
}

// large is how many integers beyond 2^53 of group g share their float64 with
// another value, which the numbers alone count once.
func (c *Numbers) large(g uint32) int {
	floats := make(map[string]int)
	for k := range c.others[g] {
		if k[0] == tagNumber {
			floats[k[:9]]++
		}
	}
	extra := 0
	for _, n := range floats {
		extra += n - 1
	}
	return extra
}

// Quantile is the value at rank ceil(num/den·n) of the n values of group g in
// ascending order (nearest rank, as DuckDB's quantile_disc and SQL's
// PERCENTILE_DISC): exact, always one of the values. Null without values.
func (c *Numbers) Quantile(g uint32, num, den int64) record.Value {
	b := c.settle(g)
	if len(b.runs) == 0 {
		n := int64(len(b.raw))
		if n == 0 {
			return record.Value{}
		}
		return record.FloatValue(b.raw[rank(n, num, den)-1])
	}
	var n int64
	for _, r := range b.runs {
		n += r.n
	}
	want := rank(n, num, den)
	for _, r := range b.runs {
		if want -= r.n; want <= 0 {
			return record.FloatValue(r.v)
		}
	}
	return record.Value{}
}

// rank is ceil(num/den·n), at least 1.
func rank(n, num, den int64) int64 {
	whole, part := n/den, n%den
	return max(1, whole*num+(part*num+den-1)/den)
}

// sort orders f ascending: by comparison when short, else by the digits of the
// sortable bits (least significant first, eleven bits at a time).
func (c *Numbers) sort(f []float64) {
	if len(f) < 512 {
		slices.Sort(f)
		return
	}
	const width, size = 11, 1 << 11
	n := len(f)
	if cap(c.scratch) < 2*n {
		c.scratch = make([]uint64, 2*n)
	}
	a, b := c.scratch[:n], c.scratch[n:2*n]
	var counts [6][size]uint32
	for i, x := range f {
		u := math.Float64bits(x)
		u ^= uint64(int64(u)>>63) | 1<<63
		a[i] = u
		for d := range counts {
			counts[d][u>>(d*width)&(size-1)]++
		}
	}
	for d := range counts {
		if !prefixSums(&counts[d], uint32(n)) {
			continue
		}
		for _, u := range a {
			k := u >> (d * width) & (size - 1)
			b[counts[d][k]] = u
			counts[d][k]++
		}
		a, b = b, a
	}
	for i, u := range a {
		u ^= ^uint64(int64(u)>>63) | 1<<63
		f[i] = math.Float64frombits(u)
	}
}

// prefixSums turns counts into first places; false where all values share the
// digit.
func prefixSums(counts *[1 << 11]uint32, n uint32) bool {
	sum := uint32(0)
	for i, c := range counts {
		if c == n {
			return false
		}
		counts[i] = sum
		sum += c
	}
	return true
}
