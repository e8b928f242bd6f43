package op

import (
	"math/bits"

	"github.com/logpipe/logpipe/pkg/record"
	"github.com/logpipe/logpipe/pkg/state"
)

// keyCache finds the group of a key of several fields without its encoding: the
// values of each field are numbered, and the numbers lead to the group. Fields
// have few values where groups are worth a local table, so that the cache stays
// in the processor's, which the encoded keys of all groups do not. It is given up
// where a field has many values.
type keyCache struct {
	fields []valueNumbers
	groups []uint32 // group+1 by the numbers side by side, 0 for none
}

const (
	maxCacheFields = 4
	maxCacheBits   = 18 // of all numbers together: 1 MiB
)

// newKeyCache returns nil where keys have one field, or too many.
func newKeyCache(fields int) *keyCache {
	if fields < 2 || fields > maxCacheFields {
		return nil
	}
	c := &keyCache{fields: make([]valueNumbers, fields)}
	for i := range c.fields {
		c.fields[i].table = state.NewTable()
	}
	c.groups = make([]uint32, 1)
	return c
}

// reset forgets the groups.
func (c *keyCache) reset() { clear(c.groups) }

// at returns the place of a group of which field k has the number n[k]; nil where
// there is no room for it.
func (c *keyCache) at(n *[maxCacheFields]uint32) *uint32 {
	i := uint32(0)
	for k := range c.fields {
		f := &c.fields[k]
		if n[k]>>f.bits != 0 {
			if !c.grow(k, bits.Len32(n[k])) {
				return nil
			}
			return c.at(n)
		}
		i = i<<f.bits | n[k]
	}
	return &c.groups[i]
}

// grow gives the numbers of field k so many bits.
func (c *keyCache) grow(k, want int) bool {
	total := want - int(c.fields[k].bits)
	for i := range c.fields {
		total += int(c.fields[i].bits)
	}
	if total > maxCacheBits {
		return false
	}
	low := uint(0) // bits of the fields behind k
	for i := k + 1; i < len(c.fields); i++ {
		low += c.fields[i].bits
	}
	old, was := c.groups, c.fields[k].bits
	c.groups, c.fields[k].bits = make([]uint32, 1<<total), uint(want)
	for i, g := range old {
		above := i >> (was + low)
		below := i & (1<<(was+low) - 1)
		c.groups[above<<(uint(want)+low)|below] = g
	}
	return true
}

// valueNumbers numbers the values of one field.
type valueNumbers struct {
	table *state.Table
	bits  uint            // that the numbers have in the place of a group
	small [1 << 10]uint32 // numbers of small integers, plus 1
	null  uint32          // number of null, plus 1
	key   []byte
}

func (v *valueNumbers) value(x record.Value) uint32 {
	if x.Kind == record.Int && x.Num < uint64(len(v.small)) {
		return v.integer(x.Num)
	}
	if x.Kind == record.Null && v.null != 0 {
		return v.null - 1
	}
	v.key = state.AppendKey(v.key[:0], x)
	if text, ok := state.CutTextKey(v.key); ok {
		return v.table.Text(text)
	}
	n, _ := v.table.Upsert(state.HashKey(v.key), v.key)
	if x.Kind == record.Null {
		v.null = n + 1
	}
	return n
}

// integer numbers an integer that small has room for.
func (v *valueNumbers) integer(x uint64) uint32 {
	if n := v.small[x]; n != 0 {
		return n - 1
	}
	v.key = state.AppendKey(v.key[:0], record.IntValue(int64(x)))
	n, _ := v.table.Upsert(state.HashKey(v.key), v.key)
	v.small[x] = n + 1
	return n
}

// cached returns the place of a record's group in the cache; nil, and no cache
// any more, where it is of no use.
func (g *gather) cached(r *record.Record) *uint32 {
	var n [maxCacheFields]uint32
	for k, f := range g.keys {
		v := &g.cache.fields[k]
		if text, ok := r.Plain(f); ok {
			n[k] = v.table.Text(text)
		} else if x, ok := r.Natural(f); ok && x < uint64(len(v.small)) {
			n[k] = v.integer(x)
		} else {
			n[k] = v.value(r.Get(f))
		}
	}
	return g.place(&n)
}

// cachedRow is cached for a row.
func (g *gather) cachedRow(c *record.Columns, in *columnInputs, row int) *uint32 {
	var n [maxCacheFields]uint32
	for k, column := range in.keys {
		v := &g.cache.fields[k]
		if s := &c.Spans(column)[row]; s.Enc == record.JSONString {
			n[k] = v.table.Text(c.Text(s))
		} else {
			n[k] = v.value(c.Value(s))
		}
	}
	return g.place(&n)
}

func (g *gather) place(n *[maxCacheFields]uint32) *uint32 {
	p := g.cache.at(n)
	if p == nil {
		g.cache = nil
	}
	return p
}
