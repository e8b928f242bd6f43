package gen

import (
	"math"
	"testing"
)

func TestTableFollowsWeights(t *testing.T) {
	weights := []uint64{1, 0, 500, 30, 1 << 32, 1 << 31, 77, 1 << 30}
	tab := newTable(len(weights), func(i int) uint64 { return weights[i] })
	var total float64
	for _, w := range weights {
		total += float64(w)
	}
	const n = 1_000_000
	counts := make([]float64, len(weights))
	r := newRandom(1, 1)
	for range n {
		counts[tab.pick(r.uint64())]++
	}
	for i, w := range weights {
		want := float64(w) / total * n
		if math.Abs(counts[i]-want) > 5*math.Sqrt(want)+1 {
			t.Errorf("index %d with weight %d: %v picks, want about %v", i, w, counts[i], want)
		}
	}
}

func TestTableOfOne(t *testing.T) {
	tab := newTable(1, func(int) uint64 { return 3 })
	for _, u := range []uint64{0, 1, math.MaxUint64} {
		if got := tab.pick(u); got != 0 {
			t.Errorf("pick(%d) = %d", u, got)
		}
	}
}

func TestDrawsStayInRange(t *testing.T) {
	r := newRandom(2, 2)
	var sum, lowest, highest uint64 = 0, math.MaxUint64, 0
	const n = 200_000
	for range n {
		if v := r.below(7); v >= 7 {
			t.Fatal(v)
		}
		if v := r.octave(5); v < 1 || v > 31 {
			t.Fatal(v)
		}
		v := r.skewed(1000)
		sum, lowest, highest = sum+v, min(lowest, v), max(highest, v)
	}
	if mean := float64(sum) / n; lowest != 0 || highest > 999 || highest < 900 || math.Abs(mean-249.5) > 5 {
		t.Errorf("skewed: %d to %d, mean %v", lowest, highest, mean)
	}
}

func TestChance(t *testing.T) {
	r := newRandom(3, 3)
	for _, share := range []float64{0, 0.25, 1} {
		limit, hits := threshold(share), 0
		for range 40_000 {
			if r.chance(limit) {
				hits++
			}
		}
		if math.Abs(float64(hits)/40_000-share) > 0.01 {
			t.Errorf("share %v: %d hits of 40000", share, hits)
		}
	}
}

func TestIDs(t *testing.T) {
	r := newRandom(4, 4)
	for _, n := range []int{1, 2, 100, most, most + 1, 5_000_000} {
		d := newIDs(n)
		var highest uint64
		for range 10_000 {
			v := d.next(&r)
			if v < 1 || v > uint64(n) {
				t.Fatalf("%d of %d", v, n)
			}
			highest = max(highest, v)
		}
		if n > most && highest < uint64(n)*99/100 {
			t.Errorf("%d ids are not drawn evenly: highest %d", n, highest)
		}
	}
}
