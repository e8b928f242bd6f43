package state

import (
	"bytes"

	"github.com/logpipe/logpipe/pkg/record"
)

// Count counts records, or with OfValues those whose value is not null.
type Count struct {
	n        paged[int64]
	ofValues bool
}

// NewCount returns an empty column of counts.
func NewCount(ofValues bool) Column { return &Count{ofValues: ofValues} }

// Grow implements Column.
func (c *Count) Grow(n int) { c.n.grow(n) }

// touch implements toucher.
func (c *Count) touch(groups []uint32) (sum byte) {
	for _, g := range groups {
		sum += byte(*c.n.at(g))
	}
	return sum
}

// Add implements Column; without OfValues it takes no values.
func (c *Count) Add(groups []uint32, values []record.Value, _ []Position) {
	if !c.ofValues {
		for _, g := range groups {
			*c.n.at(g)++
		}
		return
	}
	addValues(c, groups, values)
}

// AddNumbers implements NumberColumn, with OfValues.
func (c *Count) AddNumbers(groups []uint32, values []record.Number) {
	for i, g := range groups {
		if values[i].Kind != record.Null {
			*c.n.at(g)++
		}
	}
}

// Merge implements Column.
func (c *Count) Merge(g uint32, from Column, other uint32) { *c.n.at(g) += *from.(*Count).n.at(other) }

// Reset implements Column.
func (c *Count) Reset() { c.n.reset() }

// Rejected implements Column.
func (c *Count) Rejected() int64 { return 0 }

// Result is the count of group g.
func (c *Count) Result(g uint32) record.Value { return record.IntValue(*c.n.at(g)) }

// Extreme keeps one value a group: the least, greatest, first or last.
type Extreme struct {
	v      []record.Value
	at     []Position // for first and last only
	better func(v, old record.Value, at, was Position) bool
	placed bool
}

// NewMin and its sisters return columns that keep one value a group. Values of
// different types order as record.Compare has them.
func NewMin() Column {
	return &Extreme{better: func(a, b record.Value, _, _ Position) bool { return record.Compare(a, b) < 0 }}
}

// NewMax keeps the greatest value.
func NewMax() Column {
	return &Extreme{better: func(a, b record.Value, _, _ Position) bool { return record.Compare(a, b) > 0 }}
}

// NewFirst keeps the value of the earliest record that has one.
func NewFirst() Column {
	return &Extreme{placed: true, better: func(_, _ record.Value, a, b Position) bool { return a.Before(b) }}
}

// NewLast keeps the value of the latest record that has one.
func NewLast() Column {
	return &Extreme{placed: true, better: func(_, _ record.Value, a, b Position) bool { return b.Before(a) }}
}

// Grow implements Column.
func (c *Extreme) Grow(n int) {
	c.v = growTo(c.v, n)
	if c.placed {
		c.at = growTo(c.at, n)
	}
}

// Add implements Column.
func (c *Extreme) Add(groups []uint32, values []record.Value, at []Position) {
	for i, g := range groups {
		if values[i].Kind == record.Null {
			continue
		}
		var p Position
		if c.placed {
			p = at[i]
		}
		c.offer(g, values[i], p, true)
	}
}

func (c *Extreme) offer(g uint32, v record.Value, p Position, borrowed bool) {
	old := &c.v[g]
	var was Position
	if c.placed {
		was = c.at[g]
	}
	if old.Kind != record.Null && !c.better(v, *old, p, was) {
		return
	}
	if borrowed && v.Bytes != nil {
		v.Bytes = bytes.Clone(v.Bytes)
	}
	*old = v
	if c.placed {
		c.at[g] = p
	}
}

// Merge implements Column.
func (c *Extreme) Merge(g uint32, from Column, other uint32) {
	o := from.(*Extreme)
	if o.v[other].Kind == record.Null {
		return
	}
	var p Position
	if c.placed {
		p = o.at[other]
	}
	c.offer(g, o.v[other], p, false)
}

// Reset implements Column.
func (c *Extreme) Reset() { c.v, c.at = zero(c.v), zero(c.at) }

// Rejected implements Column.
func (c *Extreme) Rejected() int64 { return 0 }

// Result is the value kept for group g.
func (c *Extreme) Result(g uint32) record.Value { return c.v[g] }
