package state

import (
	"encoding/binary"
	"hash/maphash"
	"math/bits"
)

// Table numbers distinct keys 0, 1, 2, … in the order of their coming: open
// addressing over 8-byte slots, keys in one arena. It costs about 20 bytes a
// key beside the key.
type Table struct {
	slots []uint64 // upper half of the hash, then number+1; 0 is free
	mask  uint64
	ends  []uint32 // key i is arena[ends[i-1]:ends[i]]
	high  []uint32 // upper halves of the hashes, for growing and merging
	arena []byte
}

var (
	seed  = maphash.MakeSeed()
	seed1 = maphash.Bytes(seed, []byte("1"))
	seed2 = maphash.Bytes(seed, []byte("2")) | 1
)

// HashKey is the hash of a key, the same in all tables of a process and another
// in every process. Keys of 4 to 32 bytes, the most of them, are hashed by wide
// multiplications of overlapping words, as wyhash does.
func HashKey(key []byte) uint64 {
	n := len(key)
	var a, b uint64
	switch {
	case n > 32 || n < 4:
		return maphash.Bytes(seed, key)
	case n > 16:
		hi, lo := bits.Mul64(binary.LittleEndian.Uint64(key)^seed2, binary.LittleEndian.Uint64(key[8:])^seed1)
		a, b = hi^binary.LittleEndian.Uint64(key[n-16:]), lo^binary.LittleEndian.Uint64(key[n-8:])
	case n >= 8:
		a, b = binary.LittleEndian.Uint64(key), binary.LittleEndian.Uint64(key[n-8:])
	default:
		a, b = uint64(binary.LittleEndian.Uint32(key)), uint64(binary.LittleEndian.Uint32(key[n-4:]))
	}
	hi, lo := bits.Mul64(a^seed1, b^seed2)
	hi, lo = bits.Mul64(hi^lo^uint64(n), 0x9E3779B97F4A7C15)
	return hi ^ lo
}

// NewTable returns an empty table.
func NewTable() *Table {
	t := &Table{}
	t.resize(64)
	return t
}

// Len is the number of keys.
func (t *Table) Len() int { return len(t.ends) }

// Key returns key number i. It must not be changed.
func (t *Table) Key(i uint32) []byte {
	from := uint32(0)
	if i > 0 {
		from = t.ends[i-1]
	}
	return t.arena[from:t.ends[i]:t.ends[i]]
}

// Hash returns a hash of key i that Upsert of another table accepts.
func (t *Table) Hash(i uint32) uint64 { return uint64(t.high[i]) << 32 }

// Bytes is about how much memory the table takes.
func (t *Table) Bytes() int64 {
	return int64(cap(t.slots))*8 + int64(cap(t.ends)+cap(t.high))*4 + int64(cap(t.arena))
}

// Reset empties the table and keeps its memory.
func (t *Table) Reset() {
	clear(t.slots)
	t.ends, t.high, t.arena = t.ends[:0], t.high[:0], t.arena[:0]
}

// Upsert returns the number of key, which is new when fresh is true. Only the
// upper half of hash is used.
func (t *Table) Upsert(hash uint64, key []byte) (number uint32, fresh bool) {
	tag := hash >> 32
	at := spread(tag) & t.mask
	for {
		s := t.slots[at]
		if s == 0 {
			break
		}
		if s>>32 == tag {
			n := uint32(s) - 1
			from := uint32(0)
			if n > 0 {
				from = t.ends[n-1]
			}
			if same(t.arena[from:t.ends[n]], key) {
				return n, false
			}
		}
		at = (at + 1) & t.mask
	}
	t.arena = append(t.arena, key...)
	return t.place(at, tag), true
}

// HashText is the hash of a key of one text, which UpsertText takes.
func HashText(text []byte) uint64 { return HashKey(text) }

// UpsertText is Upsert for a key of one text without the byte 0x00, given as
// the text alone; hash is its HashText. All keys of one such text must come by
// it, in all tables that are merged.
func (t *Table) UpsertText(hash uint64, text []byte) (number uint32, fresh bool) {
	tag := hash >> 32
	at := spread(tag) & t.mask
	for {
		s := t.slots[at]
		if s == 0 {
			break
		}
		if s>>32 == tag {
			n := uint32(s) - 1
			from := uint32(0)
			if n > 0 {
				from = t.ends[n-1]
			}
			key := t.arena[from:t.ends[n]]
			if len(key) == len(text)+2 && key[0] == tagString && same(key[1:len(key)-1], text) {
				return n, false
			}
		}
		at = (at + 1) & t.mask
	}
	t.arena = AppendTextKey(t.arena, text)
	return t.place(at, tag), true
}

// place numbers the key that has been appended to the arena.
func (t *Table) place(at, tag uint64) uint32 {
	n := uint32(len(t.ends))
	t.slots[at] = tag<<32 | uint64(n+1)
	t.ends = append(t.ends, uint32(len(t.arena)))
	t.high = append(t.high, uint32(tag))
	if uint64(n+1)*8 > uint64(len(t.slots))*7 {
		t.resize(2 * len(t.slots))
	}
	return n
}

// same compares keys; those of 4 to 32 bytes, the most of them, by
// overlapping words.
func same(a, b []byte) bool {
	n := len(a)
	switch {
	case n != len(b):
		return false
	case n > 32 || n < 4:
		return string(a) == string(b)
	case n > 16:
		return binary.LittleEndian.Uint64(a) == binary.LittleEndian.Uint64(b) &&
			binary.LittleEndian.Uint64(a[8:]) == binary.LittleEndian.Uint64(b[8:]) &&
			binary.LittleEndian.Uint64(a[n-16:]) == binary.LittleEndian.Uint64(b[n-16:]) &&
			binary.LittleEndian.Uint64(a[n-8:]) == binary.LittleEndian.Uint64(b[n-8:])
	case n >= 8:
		return binary.LittleEndian.Uint64(a) == binary.LittleEndian.Uint64(b) &&
			binary.LittleEndian.Uint64(a[n-8:]) == binary.LittleEndian.Uint64(b[n-8:])
	}
	return binary.LittleEndian.Uint32(a) == binary.LittleEndian.Uint32(b) &&
		binary.LittleEndian.Uint32(a[n-4:]) == binary.LittleEndian.Uint32(b[n-4:])
}

// Guess returns one more than the number of the key that Upsert of hash will
// compare first, 0 for none.
func (t *Table) Guess(hash uint64) uint32 { return uint32(t.slots[spread(hash>>32)&t.mask]) }

// Touch loads the key that Guess named.
func (t *Table) Touch(guess uint32) byte {
	if guess < 2 {
		return 0
	}
	return t.arena[t.ends[guess-2]]
}

// spread makes a slot of the 32 bits of a hash; its upper bits choose shards,
// so the slot takes them in another order.
func spread(tag uint64) uint64 { return tag * 0x9E3779B97F4A7C15 >> 24 }

func (t *Table) resize(n int) {
	t.slots = make([]uint64, n)
	t.mask = uint64(n - 1)
	for i, h := range t.high {
		at := spread(uint64(h)) & t.mask
		for t.slots[at] != 0 {
			at = (at + 1) & t.mask
		}
		t.slots[at] = uint64(h)<<32 | uint64(i+1)
	}
}
