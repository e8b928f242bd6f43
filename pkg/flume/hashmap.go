package flume

import "unicode/utf16"

// JavaOrder returns the headers in the order in which a java.util.HashMap that
// got them one by one would list them: by bucket, and in one bucket by age.
// Flume prints and serialises headers in this order.
func JavaOrder(h Headers) []Header {
	if len(h) < 2 {
		return h
	}
	buckets := 16 // a HashMap starts with 16 and doubles at three quarters
	for len(h)*4 > buckets*3 {
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
