package flume

import (
	"math/bits"
	"unicode/utf16"
)

// AsCopied is what Copied of an event is whose n headers were copied from a HashMap.
func AsCopied(n int) uint8 { return uint8(min(n, listed-1)) }

// AsListed is what Copied of an event is whose n headers were copied from a map that
// lists them in the order in which it got them, as that of a JSON reader.
func AsListed(n int) uint8 { return listed | AsCopied(n) }

// listed is the bit of Copied that AsListed sets.
const listed = 1 << 7

// JavaOrder returns the headers in the order in which a java.util.HashMap lists
// them: by bucket, and in one bucket by age. Flume prints and serialises headers
// in this order. A map that got them one by one began with 16 buckets. One that
// was made as a copy of another one with the first headers has as few buckets as
// can be: such copies make the sources that get events with headers
// (EventBuilder.withBody with a map).
func JavaOrder(h Headers, copied uint8) []Header {
	if len(h) < 2 {
		return h
	}
	buckets := 16
	n := min(int(copied&^listed), len(h))
	if n > 0 {
		if copied&listed == 0 {
			h = append(byBucket(h[:n], buckets), h[n:]...)
		}
		// HashMap.putMapEntries up to Java 18, with its rounding.
		buckets = 1 << bits.Len(uint(float32(n)/0.75+1)-1)
	}
	return byBucket(h, buckets)
}

// byBucket lists headers as a map that began with so many buckets.
func byBucket(h Headers, buckets int) Headers {
	for len(h)*4 > buckets*3 { // it doubles at three quarters
		buckets *= 2
	}
	hashes := make([]uint32, len(h))
	for i := range h {
		hashes[i] = javaHash(h[i].Key) & uint32(buckets-1)
	}
	// An insertion sort is stable, as the age rule asks, and headers are few.
	order := append([]Header(nil), h...)
	for i := 1; i < len(order); i++ {
		for j := i; j > 0 && hashes[j] < hashes[j-1]; j-- {
			hashes[j], hashes[j-1] = hashes[j-1], hashes[j]
			order[j], order[j-1] = order[j-1], order[j]
		}
	}
	return order
}

// javaHash is String.hashCode over UTF-16 units, spread as HashMap spreads it.
func javaHash(s string) uint32 {
	var h uint32
	for _, r := range s {
		if r < 0x10000 {
			h = h*31 + uint32(r)
			continue
		}
		high, low := utf16.EncodeRune(r)
		h = h*31 + uint32(high)
		h = h*31 + uint32(low)
	}
	return h ^ h>>16
}
