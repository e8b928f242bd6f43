package state

import (
	"encoding/binary"
	"hash/maphash"
	"math/bits"
)

// packed is a key in 16 bytes, as Umbra and DuckDB keep short strings. Its
// first byte is the length; the key follows and zeros fill the rest. A key of
// more than maxInline bytes lies elsewhere: the first byte is isLong, the seven
// behind it are the upper ones of its hash, and b is its place.
type packed struct{ a, b uint64 } // little-endian

// cell is packed in memory, where Key can borrow it.
type cell [16]byte

const (
	maxInline = 15
	maxText   = maxInline - 2 // with its tag and its end
	isLong    = 0xFF
)

var (
	seed  = maphash.MakeSeed()
	seed1 = maphash.Bytes(seed, []byte("1"))
	seed2 = maphash.Bytes(seed, []byte("2")) | 1
)

func (c *cell) load() packed {
	return packed{binary.LittleEndian.Uint64(c[:]), binary.LittleEndian.Uint64(c[8:])}
}

func (c *cell) store(p packed) {
	binary.LittleEndian.PutUint64(c[:], p.a)
	binary.LittleEndian.PutUint64(c[8:], p.b)
}

// pack packs a key of at most maxInline bytes.
func pack(key []byte) packed {
	lo, hi := words(key)
	return packed{lo<<8 | uint64(len(key)), hi<<8 | lo>>56}
}

// packText packs the key of a text of at most maxText bytes, none of them 0x00.
func packText(text []byte) packed {
	lo, hi := words(text)
	return packed{lo<<16 | tagString<<8 | uint64(len(text)+2), hi<<16 | lo>>48}
}

// words returns at most 15 bytes as two words, by loads that overlap.
func words(b []byte) (lo, hi uint64) {
	n := len(b)
	switch {
	case n >= 8:
		return binary.LittleEndian.Uint64(b), binary.LittleEndian.Uint64(b[n-8:]) >> (uint(16-n) * 8)
	case n >= 4:
		return uint64(binary.LittleEndian.Uint32(b)) | uint64(binary.LittleEndian.Uint32(b[n-4:]))<<(uint(n-4)*8), 0
	case n > 0:
		return uint64(b[0]) | uint64(b[n/2])<<(uint(n/2)*8) | uint64(b[n-1])<<(uint(n-1)*8), 0
	}
	return 0, 0
}

// hash mixes a short key by wide multiplications, as wyhash does. The hash of a
// long key is in its cell, but for the lowest byte.
func (p packed) hash() uint64 {
	if p.a&0xFF == isLong {
		return p.a &^ 0xFF
	}
	hi, lo := bits.Mul64(p.a^seed1, p.b^seed2)
	hi, lo = bits.Mul64(hi^lo, 0x9E3779B97F4A7C15)
	return hi ^ lo
}

// HashKey is the hash of a key, the same in all tables of a process and another
// in every process. Tables use all but its lowest byte.
func HashKey(key []byte) uint64 {
	if len(key) <= maxInline {
		return pack(key).hash()
	}
	return hashLong(key)
}

// HashText is the hash of a key of one text, which UpsertText takes.
func HashText(text []byte) uint64 {
	if len(text) <= maxText {
		return packText(text).hash()
	}
	return hashLong(text)
}

// hashLong takes keys of up to 32 bytes, the most of them, in overlapping words.
func hashLong(key []byte) uint64 {
	n := len(key)
	if n > 32 || n < 16 {
		return maphash.Bytes(seed, key)
	}
	hi, lo := bits.Mul64(binary.LittleEndian.Uint64(key)^seed2, binary.LittleEndian.Uint64(key[8:])^seed1)
	a, b := hi^binary.LittleEndian.Uint64(key[n-16:]), lo^binary.LittleEndian.Uint64(key[n-8:])
	hi, lo = bits.Mul64(a^seed1, b^seed2)
	hi, lo = bits.Mul64(hi^lo^uint64(n), 0x9E3779B97F4A7C15)
	return hi ^ lo
}
