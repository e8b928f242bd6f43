package state

import (
	"cmp"
	"slices"
	"strconv"

	"github.com/axiomhq/hyperloglog"
	"github.com/cespare/xxhash/v2"

	"github.com/logpipe/logpipe/pkg/record"
)

// exactDistinct is how many different values approx_distinct counts exactly.
const exactDistinct = 1024

// ApproxDistinct estimates the number of different values by HyperLogLog with
// 2^14 registers (axiomhq/hyperloglog, standard error 0.8 %); up to 1,024 the
// count is exact. Registers merge by their maximum, so order does not matter.
type ApproxDistinct struct {
	v   []estimate
	key []byte
}

type estimate struct {
	few    map[uint64]struct{}
	sketch *hyperloglog.Sketch
}

// NewApproxDistinct returns an empty column.
func NewApproxDistinct() Column { return &ApproxDistinct{} }

// Grow implements Column.
func (c *ApproxDistinct) Grow(n int) { c.v = growTo(c.v, n) }

// Add implements Column.
func (c *ApproxDistinct) Add(groups []uint32, values []record.Value, _ []Position) {
	for i, g := range groups {
		if values[i].Kind != record.Null {
			c.key = AppendKey(c.key[:0], values[i])
			c.v[g].add(xxhash.Sum64(c.key))
		}
	}
}

func (e *estimate) add(hash uint64) {
	if e.sketch != nil {
		e.sketch.InsertHash(hash)
		return
	}
	if e.few == nil {
		e.few = make(map[uint64]struct{})
	}
	e.few[hash] = struct{}{}
	if len(e.few) > exactDistinct {
		e.sketch = hyperloglog.NewNoSparse()
		for h := range e.few {
			e.sketch.InsertHash(h)
		}
		e.few = nil
	}
}

// Merge implements Column.
func (c *ApproxDistinct) Merge(g uint32, from Column, other uint32) {
	o := &from.(*ApproxDistinct).v[other]
	mine := &c.v[g]
	if o.sketch == nil {
		for h := range o.few {
			mine.add(h)
		}
		return
	}
	few := mine.few
	if mine.sketch == nil {
		mine.sketch, mine.few = hyperloglog.NewNoSparse(), nil
	}
	// Both have 2^14 registers: merging cannot fail.
	if err := mine.sketch.Merge(o.sketch); err != nil {
		return
	}
	for h := range few {
		mine.sketch.InsertHash(h)
	}
}

// Reset implements Column.
func (c *ApproxDistinct) Reset() { c.v = zero(c.v) }

// Rejected implements Column.
func (c *ApproxDistinct) Rejected() int64 { return 0 }

// Result is the estimate for group g.
func (c *ApproxDistinct) Result(g uint32) record.Value {
	if s := c.v[g].sketch; s != nil {
		return record.IntValue(int64(s.Estimate()))
	}
	return record.IntValue(int64(len(c.v[g].few)))
}

// TopK counts every value exactly and gives the most frequent ones.
type TopK struct {
	v   []map[string]int64
	key []byte
}

// NewTopK returns an empty column.
func NewTopK() Column { return &TopK{} }

// Grow implements Column.
func (c *TopK) Grow(n int) { c.v = growTo(c.v, n) }

// Add implements Column.
func (c *TopK) Add(groups []uint32, values []record.Value, _ []Position) {
	for i, g := range groups {
		if values[i].Kind == record.Null {
			continue
		}
		c.key = AppendKey(c.key[:0], values[i])
		if c.v[g] == nil {
			c.v[g] = make(map[string]int64)
		}
		c.v[g][string(c.key)]++
	}
}

// Merge implements Column.
func (c *TopK) Merge(g uint32, from Column, other uint32) {
	o := from.(*TopK).v[other]
	if c.v[g] == nil && len(o) > 0 {
		c.v[g] = make(map[string]int64, len(o))
	}
	for k, n := range o {
		c.v[g][k] += n
	}
}

// Reset implements Column.
func (c *TopK) Reset() { c.v = zero(c.v) }

// Rejected implements Column.
func (c *TopK) Rejected() int64 { return 0 }

// Result is the k most frequent values of group g as a JSON array of
// {"value":…,"count":…}, ties in the order of values.
func (c *TopK) Result(g uint32, k int) record.Value {
	type counted struct {
		key string
		n   int64
	}
	list := make([]counted, 0, len(c.v[g]))
	for key, n := range c.v[g] {
		list = append(list, counted{key, n})
	}
	slices.SortFunc(list, func(a, b counted) int {
		return cmp.Or(cmp.Compare(b.n, a.n), cmp.Compare(a.key, b.key))
	})
	out := []byte{'['}
	for i, x := range list[:min(k, len(list))] {
		if i > 0 {
			out = append(out, ',')
		}
		v, _ := CutKey([]byte(x.key))
		out = record.AppendValue(append(out, `{"value":`...), v)
		out = strconv.AppendInt(append(out, `,"count":`...), x.n, 10)
		out = append(out, '}')
	}
	return record.Value{Kind: record.Array, Bytes: append(out, ']')}
}
