package op

import (
	"math/bits"

	"github.com/logpipe/logpipe/pkg/record"
	"github.com/logpipe/logpipe/pkg/state"
)

// keyCache finds the group of a key of several fields without its encoding: the
// values of each field are numbered, and the numbers lead to the group. Fields
// have few values where groups are worth a local table: the numbers stay in a
// processor's cache, which the encoded keys of all groups do not. Where a field
// has many values the cache is given up.
type keyCache struct {
	fields []valueNumbers
	slots  []cachedGroup // open addressing
	n      int
	shift  uint
}

// cachedGroup is a key, one more than its numbers side by side, and its group;
// key 0 is a free slot.
type cachedGroup struct {
	key   uint64
	group uint32
}

const (
	maxCacheFields = 4
	numberBits     = 64 / maxCacheFields
	maxNumbers     = 1 << 14 // values of a field
	firstCache     = 1 << 8
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
	c.resize(firstCache)
	return c
}

// reset forgets the groups.
func (c *keyCache) reset() {
	c.n = 0
	clear(c.slots)
}

func (c *keyCache) resize(n int) {
	old := c.slots
	c.slots, c.n = make([]cachedGroup, n), 0
	c.shift = uint(64 - bits.TrailingZeros(uint(n)))
	for _, s := range old {
		if s.key != 0 {
			c.put(s.key, s.group)
		}
	}
}

// slot returns the slot of key, or the free one where it would be.
func (c *keyCache) slot(key uint64) *cachedGroup {
	for at := key * 0x9E3779B97F4A7C15 >> c.shift; ; at = (at + 1) & uint64(len(c.slots)-1) {
		if s := &c.slots[at]; s.key == key || s.key == 0 {
			return s
		}
	}
}

func (c *keyCache) put(key uint64, group uint32) {
	if 4*c.n >= 3*len(c.slots) {
		c.resize(2 * len(c.slots))
	}
	*c.slot(key) = cachedGroup{key, group}
	c.n++
}

// valueNumbers numbers the values of one field.
type valueNumbers struct {
	table *state.Table
	small [1 << 10]uint16 // numbers of small integers, plus 1
	key   []byte
}

func (v *valueNumbers) value(x record.Value) uint32 {
	small := x.Kind == record.Int && x.Num < uint64(len(v.small))
	if small && v.small[x.Num] != 0 {
		return uint32(v.small[x.Num]) - 1
	}
	v.key = state.AppendKey(v.key[:0], x)
	var n uint32
	if text, ok := state.CutTextKey(v.key); ok {
		n = v.table.Text(text)
	} else {
		n, _ = v.table.Upsert(state.HashKey(v.key), v.key)
	}
	if small && n < maxNumbers {
		v.small[x.Num] = uint16(n + 1)
	}
	return n
}

// recordKey returns the numbers of a record's key; ok is false where the cache
// is of no use.
func (g *gather) recordKey(r *record.Record) (key uint64, ok bool) {
	for k, f := range g.keys {
		v := &g.cache.fields[k]
		var n uint32
		if text, ok := r.Plain(f); ok {
			n = v.table.Text(text)
		} else {
			n = v.value(r.Get(f))
		}
		if n >= maxNumbers {
			return 0, false
		}
		key |= uint64(n) << (k * numberBits)
	}
	return key + 1, true
}

// rowKey is recordKey of a row.
func (g *gather) rowKey(c *record.Columns, in *columnInputs, row int) (key uint64, ok bool) {
	for k, column := range in.keys {
		v := &g.cache.fields[k]
		var n uint32
		if s := &c.Spans(column)[row]; s.Enc == record.JSONString {
			n = v.table.Text(c.Text(s))
		} else {
			n = v.value(c.Value(s))
		}
		if n >= maxNumbers {
			return 0, false
		}
		key |= uint64(n) << (k * numberBits)
	}
	return key + 1, true
}
