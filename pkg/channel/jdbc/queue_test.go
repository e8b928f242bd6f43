package jdbc

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// table is what the database would answer.
type table map[int64]bool

func (d table) read(s span, most int) (taken span, whole bool) {
	taken.from = s.from
	for id := s.from; id <= s.to; id++ {
		if d[id] {
			if taken.events == most {
				return taken, false
			}
			taken.to = id
			taken.events++
		}
	}
	return taken, taken.events < most
}

// TestQueue moves events at random, with takes that end while another reads, and
// holds that each is taken by one at a time and none is forgotten.
func TestQueue(t *testing.T) {
	for seed := range uint64(300) {
		r := rand.New(rand.NewPCG(seed, 1))
		d := table{}
		for range r.IntN(10) {
			d[1+r.Int64N(20)] = true
		}
		var q queue
		var first, last int64
		for id := range d {
			last = max(last, id)
			if first == 0 || id < first {
				first = id
			}
		}
		q.load(int64(len(d)), first, last)
		var open []span
		end := func() {
			if len(open) == 0 {
				return
			}
			i := r.IntN(len(open))
			s := open[i]
			open = slices.Delete(open, i, i+1)
			if r.IntN(2) == 0 {
				q.rollback(s)
				return
			}
			q.commit(s)
			for id := s.from; id <= s.to; id++ {
				delete(d, id)
			}
		}
		for range 200 {
			switch r.IntN(4) {
			case 0:
				n := 1 + r.IntN(5)
				for i := range n {
					d[q.synced+int64(i)] = true
				}
				q.grown(n)
			case 1:
				end()
			default:
				if !q.available() {
					continue
				}
				s, again := q.pick()
				for range r.IntN(3) {
					end() // while this one reads
				}
				if r.IntN(5) == 0 {
					q.unpick(s, again)
					continue
				}
				taken, whole := d.read(s, 1+r.IntN(4))
				q.picked(s, again, taken, whole)
				for _, other := range open {
					if taken.events > 0 && taken.from <= other.to && other.from <= taken.to {
						t.Fatalf("seed %d: %v was taken while %v is open", seed, taken, other)
					}
				}
				if taken.events > 0 {
					open = append(open, taken)
				}
			}
			for id := range d {
				if id < q.low() {
					t.Fatalf("seed %d: %d is below %d, and its take is not committed", seed, id, q.low())
				}
			}
			if q.inside != len(d) {
				t.Fatalf("seed %d: %d inside, want %d", seed, q.inside, len(d))
			}
		}
		for len(open) > 0 {
			end()
		}
		for q.available() {
			s, again := q.pick()
			taken, whole := d.read(s, 3)
			q.picked(s, again, taken, whole)
			if taken.events > 0 {
				q.commit(taken)
				for id := taken.from; id <= taken.to; id++ {
					delete(d, id)
				}
			}
		}
		if len(d) != 0 || q.inside != 0 || len(q.open) != 0 {
			t.Fatalf("seed %d: %d events were forgotten; %+v", seed, len(d), q)
		}
	}
}
