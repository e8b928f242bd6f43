package kafka

import (
	"encoding/binary"
	"math/bits"
)

// Records are written into the buffer of their batch as they stand in the log
// (magic 2, KIP-98), without an object for each: lengths and deltas are varints
// in zigzag, -1 is the length of what is null.

// batchOverhead is what a batch costs beside its records.
const batchOverhead = 61

// noField is the length of a key or value that is null.
const noField = -1

func zigzag(n int64) uint64 { return uint64(n<<1) ^ uint64(n>>63) }

// varintLen is how many bytes n takes.
func varintLen(n int64) int { return (bits.Len64(zigzag(n)|1) + 6) / 7 }

func appendVarint(dst []byte, n int64) []byte { return binary.AppendUvarint(dst, zigzag(n)) }

// fieldLen is how many bytes a key or value takes; nil is null.
func fieldLen(b []byte) int {
	if b == nil {
		return 1
	}
	return varintLen(int64(len(b))) + len(b)
}

func appendField(dst, b []byte) []byte {
	if b == nil {
		return append(dst, 1) // -1 in zigzag
	}
	return append(appendVarint(dst, int64(len(b))), b...)
}

// bodyLen is the length of an encoded record without the number that says it.
func (r *Record) bodyLen(ms, delta int64) int {
	n := 1 + varintLen(ms) + varintLen(delta) + fieldLen(r.Key) + fieldLen(r.Value) + varintLen(int64(len(r.Headers)))
	for i := range r.Headers {
		h := &r.Headers[i]
		n += varintLen(int64(len(h.Key))) + len(h.Key) + fieldLen(h.Value)
	}
	return n
}

// appendRecord encodes r, which is ms behind the time of the batch and delta
// behind its first record.
func appendRecord(dst []byte, r *Record, ms, delta int64) []byte {
	dst = appendVarint(dst, int64(r.bodyLen(ms, delta)))
	dst = append(dst, 0) // attributes: there are none
	dst = appendVarint(appendVarint(dst, ms), delta)
	dst = appendField(appendField(dst, r.Key), r.Value)
	dst = appendVarint(dst, int64(len(r.Headers)))
	for i := range r.Headers {
		h := &r.Headers[i]
		dst = appendVarint(dst, int64(len(h.Key)))
		dst = append(dst, h.Key...)
		dst = appendField(dst, h.Value)
	}
	return dst
}

// Size is how many bytes the record takes as the only one of a batch, before
// compression: what a topic's max.message.bytes limits.
func (r Record) Size() int {
	body := r.bodyLen(0, 0)
	return batchOverhead + varintLen(int64(body)) + body
}
