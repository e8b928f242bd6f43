package gen

import (
	"math/bits"
	"math/rand/v2"
)

// Streams keep the draws for different purposes apart: pacing or damaging the
// data must not change the records themselves.
const (
	streamRecords uint64 = 1 + iota
	streamBatches
	streamDamage
	streamVisitors
	streamCustomers
)

// random draws from one PCG stream, with integers only.
type random struct{ pcg rand.PCG }

func newRandom(seed, stream uint64) random {
	var r random
	r.pcg.Seed(mix(seed), mix(seed+stream*golden))
	return r
}

func (r *random) uint64() uint64 { return r.pcg.Uint64() }

// below draws from 0 to n-1. The bias is n/2^64, far below what data shows.
func (r *random) below(n uint64) uint64 {
	hi, _ := bits.Mul64(r.pcg.Uint64(), n)
	return hi
}

// skewed draws from 0 to n-1 as the product of two uniform numbers: a mean of
// n/4, small values often, large ones rarely.
func (r *random) skewed(n uint64) uint64 {
	u := r.pcg.Uint64()
	hi, _ := bits.Mul64((u>>32)*(u&(1<<32-1)), n)
	return hi
}

// octave draws a rank from 1 to 2^k-1 with a density close to 1/rank: each
// power of two is as likely as any other. It needs no table, however large k.
func (r *random) octave(k uint64) uint64 {
	first := uint64(1) << r.below(k)
	return first + r.below(first)
}

// chance is true with the probability that threshold made of a share.
func (r *random) chance(limit uint64) bool { return r.pcg.Uint64()>>11 < limit }

// threshold turns a share of 0 to 1 into a limit for chance.
func threshold(share float64) uint64 { return uint64(share * (1 << 53)) }

const golden = 0x9e3779b97f4a7c15

// mix is the finaliser of SplitMix64: it turns a counter into a hash.
func mix(x uint64) uint64 {
	x += golden
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// table picks an index by weight in constant time (Walker's alias method).
type table []slot

type slot struct{ keep, other uint32 }

// newTable builds a table of at most 2^20 weights of at most 2^32 each.
func newTable(n int, weight func(i int) uint64) table {
	var total uint64
	for i := range n {
		total += weight(i)
	}
	t := make(table, n)
	scaled := make([]uint64, n) // weight x n, against total as the average
	var small, large []uint32
	for i := range n {
		scaled[i] = weight(i) * uint64(n)
		if scaled[i] < total {
			small = append(small, uint32(i))
		} else {
			large = append(large, uint32(i))
		}
	}
	for len(small) > 0 && len(large) > 0 {
		s, l := small[len(small)-1], large[len(large)-1]
		small = small[:len(small)-1]
		keep, _ := bits.Div64(scaled[s]>>32, scaled[s]<<32, total)
		t[s] = slot{uint32(keep), l}
		if scaled[l] -= total - scaled[s]; scaled[l] < total {
			large = large[:len(large)-1]
			small = append(small, l)
		}
	}
	for _, i := range append(small, large...) {
		t[i] = slot{1<<32 - 1, i}
	}
	return t
}

// pick maps 64 random bits to an index.
func (t table) pick(u uint64) int {
	hi, lo := bits.Mul64(u, uint64(len(t)))
	if s := t[hi]; uint32(lo>>32) >= s.keep {
		return int(s.other)
	}
	return int(hi)
}

// most is the largest number of ids that follow Zipf's law; more than that are
// drawn evenly, as a test of many distinct keys wants them.
const most = 1 << 20

// ids draws numbers from 1 to n.
type ids struct {
	n    uint64
	zipf table // nil = evenly
}

func newIDs(n int) ids {
	if n > most {
		return ids{n: uint64(n)}
	}
	return ids{uint64(n), newTable(n, func(i int) uint64 { return 1 << 32 / uint64(i+1) })}
}

func (d ids) next(r *random) uint64 {
	if d.zipf == nil {
		return 1 + r.below(d.n)
	}
	return 1 + uint64(d.zipf.pick(r.uint64()))
}
