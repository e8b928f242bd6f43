package op

import (
	"github.com/logpipe/logpipe/pkg/record"
	"github.com/logpipe/logpipe/pkg/state"
)

// limit leaves out the rows of an emission that cannot be among the n greatest
// by one result: `top` behind an aggregate asks for no others, and most groups
// then never become records. A nil limit passes all.
type limit struct {
	call  *aggregateCall
	n     int
	least []record.Value // a heap of the n greatest values, the least first
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

func (l *limit) value(g *state.Group, i uint32) record.Value {
	return l.call.function.result(g.Columns[l.call.column], i, l.call)
}

// learn finds the n greatest values of all groups.
func (l *limit) learn(groups []*state.Group) {
	if l == nil {
		return
	}
	l.least = l.least[:0]
	for _, g := range groups {
		for i := range uint32(g.Table.Len()) {
			v := l.value(g, i)
			if len(l.least) < l.n {
				l.least = append(l.least, v)
				l.up(len(l.least) - 1)
			} else if record.Compare(v, l.least[0]) > 0 {
				l.least[0] = v
				l.down(0)
			}
		}
	}
}

// passes reports whether group i of g can be among the greatest.
func (l *limit) passes(g *state.Group, i uint32) bool {
	return l == nil || len(l.least) < l.n || record.Compare(l.value(g, i), l.least[0]) >= 0
}

func (l *limit) up(i int) {
	for i > 0 {
		parent := (i - 1) / 2
		if record.Compare(l.least[i], l.least[parent]) >= 0 {
			return
		}
		l.least[i], l.least[parent] = l.least[parent], l.least[i]
		i = parent
	}
}

func (l *limit) down(i int) {
	for {
		child := 2*i + 1
		if child >= len(l.least) {
			return
		}
		if child+1 < len(l.least) && record.Compare(l.least[child+1], l.least[child]) < 0 {
			child++
		}
		if record.Compare(l.least[i], l.least[child]) <= 0 {
			return
		}
		l.least[i], l.least[child] = l.least[child], l.least[i]
		i = child
	}
}

// Limit implements stream.Limited.
func (f *fold) Limit(field string, n int) { f.rows.limit = newLimit(f.spec.plan.calls, field, n) }
