package op

import (
	"iter"
	"math"
	"sync"
	"sync/atomic"

	"github.com/logpipe/logpipe/pkg/record"
	"github.com/logpipe/logpipe/pkg/state"
)

// limit leaves out the rows of an emission that cannot be among the n greatest
// by one result: `top` behind an aggregate asks for no others, and most groups
// then never become records. A nil limit passes all.
type limit struct {
	call *aggregateCall
	n    int
}

// newLimit returns the limit for a result field; nil where there is none of
// that name or its values are dear.
func newLimit(calls []aggregateCall, field string, n int) *limit {
	for i := range calls {
		if c := &calls[i]; c.name == field && c.function.name != "topk" {
			return &limit{call: c, n: n}
		}
	}
	return nil
}

// wanted are the groups that pass, table by table.
func (l *limit) wanted(groups []*state.Group, workers int) iter.Seq[place] {
	if l == nil {
		return everyPlace(groups)
	}
	lists, least := l.search(groups, workers)
	return func(yield func(place) bool) {
		for k, list := range lists {
			for _, i := range list {
				if least.admits(l.value(groups[k], i)) && !yield(place{groups[k], i}) {
					return
				}
			}
		}
	}
}

func everyPlace(groups []*state.Group) iter.Seq[place] {
	return func(yield func(place) bool) {
		for _, g := range groups {
			for i := range uint32(g.Table.Len()) {
				if !yield(place{g, i}) {
					return
				}
			}
		}
	}
}

func (l *limit) value(g *state.Group, i uint32) record.Value {
	return l.call.function.result(g.Columns[l.call.column], i, l.call)
}

// search finds the n greatest values of all groups and, a list a table, the
// groups that passed when they were looked at. A worker takes a whole table, as
// the columns of one may not be asked at the same time.
func (l *limit) search(groups []*state.Group, workers int) (lists [][]uint32, all *greatest) {
	lists = make([][]uint32, len(groups))
	parts := make([]greatest, max(1, min(workers, len(groups))))
	var taken atomic.Int64
	var wait sync.WaitGroup
	for w := range parts {
		parts[w].n = l.n
		wait.Go(func() {
			for k := int(taken.Add(1)) - 1; k < len(groups); k = int(taken.Add(1)) - 1 {
				lists[k] = l.searchTable(&parts[w], groups[k])
			}
		})
	}
	wait.Wait()
	for _, p := range parts[1:] {
		for _, v := range p.values {
			parts[0].offer(v)
		}
	}
	return lists, &parts[0]
}

func (l *limit) searchTable(best *greatest, g *state.Group) (list []uint32) {
	for i := range uint32(g.Table.Len()) {
		if best.offer(l.value(g, i)) {
			list = append(list, i)
		}
	}
	return list
}

// greatest keeps the n greatest of the values that it is offered: a heap, the
// least first.
type greatest struct {
	n      int
	values []record.Value
}

// admits reports whether v is as great as the least of the greatest.
func (h *greatest) admits(v record.Value) bool {
	if len(h.values) < h.n {
		return true
	}
	least := &h.values[0]
	if v.Kind == record.Float && least.Kind == record.Float &&
		math.Float64frombits(v.Num) < math.Float64frombits(least.Num) {
		return false
	}
	return record.Compare(v, *least) >= 0
}

// offer takes v where it is greater and reports whether it admits v.
func (h *greatest) offer(v record.Value) bool {
	switch {
	case !h.admits(v):
		return false
	case len(h.values) < h.n:
		h.values = append(h.values, v)
		h.up(len(h.values) - 1)
	case record.Compare(v, h.values[0]) > 0:
		h.values[0] = v
		h.down(0)
	}
	return true
}

func (h *greatest) up(i int) {
	for i > 0 {
		parent := (i - 1) / 2
		if record.Compare(h.values[i], h.values[parent]) >= 0 {
			return
		}
		h.values[i], h.values[parent] = h.values[parent], h.values[i]
		i = parent
	}
}

func (h *greatest) down(i int) {
	for {
		child := 2*i + 1
		if child >= len(h.values) {
			return
		}
		if child+1 < len(h.values) && record.Compare(h.values[child+1], h.values[child]) < 0 {
			child++
		}
		if record.Compare(h.values[i], h.values[child]) <= 0 {
			return
		}
		h.values[i], h.values[child] = h.values[child], h.values[i]
		i = child
	}
}

// Limit implements stream.Limited.
func (f *fold) Limit(field string, n int) { f.rows.limit = newLimit(f.spec.plan.calls, field, n) }
