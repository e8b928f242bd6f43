package file

import (
	"slices"
	"testing"
)

// TestQueueRollbackDuringRead holds that a take that comes back while another
// one reads is taken next.
func TestQueueRollbackDuringRead(t *testing.T) {
	q := queue{synced: mark{next: 30}}
	at := place{}
	one := q.picked(q.pick(10), 10, at, at)
	two := q.pick(10) // reads
	q.end(one)
	q.restore(one)
	two = q.picked(two, 10, at, at)
	if got := q.pick(20); got.from != 0 || got.to != 10 {
		t.Errorf("picked %v", got)
	}
	q.end(two)
	if got := q.pick(20); got.from != 20 || got.to != 30 {
		t.Errorf("picked %v", got)
	}
}

// TestQueueRollbacks holds that spans that touch are one again, in any order.
func TestQueueRollbacks(t *testing.T) {
	for _, order := range [][]int{{0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}} {
		q := queue{synced: mark{next: 10}}
		var takes []span
		for range 3 {
			takes = append(takes, q.picked(q.pick(3), 3, place{}, place{}))
		}
		for _, i := range order {
			q.end(takes[i])
			q.restore(takes[i])
		}
		if q.cursor.from != 0 || len(q.returned) > 0 || len(q.open) > 0 || q.count(10) != 10 {
			t.Errorf("%v: %+v", order, q)
		}
	}
}

func TestRanges(t *testing.T) {
	var r ranges
	for _, i := range []interval{{10, 20}, {30, 40}, {0, 5}, {20, 25}, {4, 11}, {50, 50}, {24, 31}, {60, 61}} {
		r.add(i.from, i.to)
	}
	if want := (ranges{{0, 40}, {60, 61}}); !slices.Equal(r, want) || r.count() != 41 || !r.has(39) || r.has(40) {
		t.Fatalf("%v, want %v", r, want)
	}
}
