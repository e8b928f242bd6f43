// Package state keeps what an aggregate knows of its groups: a Table of group
// keys with dense numbers, and Columns with one accumulator a group.
//
// Every accumulator gives a result that depends on the set of its values alone,
// not on their order or on how they were spread over workers: sums are exact
// and rounded once, first and last order by event time and then by position,
// sketches merge by maximum or by addition.
package state

import "github.com/logpipe/logpipe/pkg/record"

// Position orders records: by event time (ns since 1970 UTC), then by block and
// line of the input.
type Position struct {
	Time  int64
	Block uint64
	Line  uint32
}

// Before reports whether p comes before q.
func (p Position) Before(q Position) bool {
	if p.Time != q.Time {
		return p.Time < q.Time
	}
	if p.Block != q.Block {
		return p.Block < q.Block
	}
	return p.Line < q.Line
}

// Column is one accumulator for each group of a Table.
type Column interface {
	// Grow makes room for groups with numbers below n.
	Grow(n int)
	// Add gives values[i] to group groups[i]; at[i] is its position. Nulls add
	// nothing. Values are borrowed.
	Add(groups []uint32, values []record.Value, at []Position)
	// Merge adds the accumulator of group other of from, a column of the same
	// kind, to that of group.
	Merge(group uint32, from Column, other uint32)
	// Reset forgets all groups and keeps the memory; Rejected goes on counting.
	Reset()
	// Rejected is how many values had a type that the column cannot add.
	Rejected() int64
}

// NumberColumn is a column that can do with the numbers of values: it looks at no
// other bytes of them.
type NumberColumn interface {
	Column
	// AddNumbers is Add for a column that needs no positions.
	AddNumbers(groups []uint32, values []record.Number)
}

// addValues gives values to AddNumbers, some at a time.
func addValues(c NumberColumn, groups []uint32, values []record.Value) {
	var some [64]record.Number
	for len(groups) > 0 {
		n := min(len(groups), len(some))
		for i := range n {
			some[i] = values[i].Number()
		}
		c.AddNumbers(groups[:n], some[:n])
		groups, values = groups[n:], values[n:]
	}
}

// Group is a table of keys with its columns.
type Group struct {
	Table   *Table
	Columns []Column
	Records int64 // that have been added to the columns; counted by who adds them
}

// NewGroup returns an empty group table whose columns the functions make.
func NewGroup(makers []func() Column) *Group {
	g := &Group{Table: NewTable(), Columns: make([]Column, len(makers))}
	for i, m := range makers {
		g.Columns[i] = m()
	}
	return g
}

// Grow makes room in all columns for the groups of the table.
func (g *Group) Grow() {
	for _, c := range g.Columns {
		c.Grow(g.Table.Len())
	}
}

// toucher is a column that loads its accumulators for Touch.
type toucher interface {
	touch(groups []uint32) (sum byte)
}

// Touch loads what Add will change of the groups. The loads do not wait for each
// other, so that their misses overlap; the sum means nothing.
func (g *Group) Touch(groups []uint32) (sum byte) {
	for _, c := range g.Columns {
		if t, ok := c.(toucher); ok {
			sum += t.touch(groups)
		}
	}
	return sum
}

// Merge adds all groups of from.
func (g *Group) Merge(from *Group) {
	list := make([]uint32, from.Table.Len())
	for i := range list {
		list[i] = uint32(i)
	}
	g.MergeSome(from, list)
	g.Records += from.Records
}

// MergeSome adds the groups of from whose numbers are listed, but not to Records.
func (g *Group) MergeSome(from *Group, list []uint32) {
	ids := make([]uint32, len(list))
	for i, n := range list {
		ids[i], _ = g.Table.Upsert(from.Table.Hash(n), from.Table.Key(n))
	}
	g.Grow()
	for c, col := range g.Columns {
		for i, id := range ids {
			col.Merge(id, from.Columns[c], list[i])
		}
	}
}

// Reset empties the table and its columns and keeps their memory.
func (g *Group) Reset() {
	g.Table.Reset()
	g.Records = 0
	for _, c := range g.Columns {
		c.Reset()
	}
}

// Rejected is how many values the columns refused.
func (g *Group) Rejected() int64 {
	var n int64
	for _, c := range g.Columns {
		n += c.Rejected()
	}
	return n
}
