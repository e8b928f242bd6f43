package expr

import (
	memory "github.com/logpipe/logpipe/pkg/memo"
	"github.com/logpipe/logpipe/pkg/record"
)

// The bounds of a memo. They decide about speed alone, never about a result.
const (
	memoCost    = 150     // ns: what an evaluation must cost to be worth a look-up
	memoEntries = 1 << 14 // above which a memo is cleared
	memoBytes   = 8 << 20 // the same, of keys and results
	memoKey     = 4 << 10 // longer texts are not kept
	memoTrial   = 2048    // look-ups after which the share of hits is judged
	memoRest    = 1 << 17 // evaluations without memo after a trial with few hits
)

// memo remembers the results of an expression that reads one field alone, by
// the text of the field: user agents, paths and referers repeat.
type memo struct {
	results *memory.Memo[val]
	lookups int
	hits    int
	rest    int // evaluations left before the next trial
}

func newMemo() *memo { return &memo{results: memory.New[val](memoEntries, memoBytes)} }

// memoizes reports whether p evaluates n through a memo: where it reads exactly
// one field, nothing else that changes, and costs more than a look-up.
func (p *Program) memoizes(n *node) bool {
	s := &n.sum
	return !p.noMemo && s.only != nil && !s.more && s.cost > memoCost && s.traits&(usesClock|usesHeader) == 0
}

// memoized compiles n behind a memo. Values of the field that are no texts are
// evaluated each time.
func (p *Program) memoized(n *node) fn {
	// Everything below n reads the same field: one memo is enough.
	p.noMemo = true
	f := p.value(n)
	p.noMemo = false
	s := newSlot(n.sum.only.field)
	m := newMemo()
	return func(r *record.Record) val {
		key := s.value(r)
		if key.kind != record.String || len(key.bytes()) > memoKey {
			return f(r)
		}
		if m.rest > 0 {
			m.rest--
			return f(r)
		}
		m.lookups++
		if v, ok := m.results.Get(key.bytes()); ok {
			m.hits++
			return v
		}
		return m.add(key, f(r))
	}
}

// add keeps a result, and judges and clears the memo where that is due.
func (m *memo) add(key, v val) val {
	if m.lookups >= memoTrial {
		few := m.hits < m.lookups/4
		m.lookups, m.hits = 0, 0
		if few {
			m.rest = memoRest
			m.results.Clear()
			return v
		}
	}
	v = v.clone()
	m.results.Add(key.bytes(), v, len(v.bytes()))
	return v
}
