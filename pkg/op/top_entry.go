package op

import (
	"bytes"
	"container/heap"
	"slices"
	"strings"

	"github.com/logpipe/logpipe/pkg/record"
)

// rankEntry is a record that may be among the greatest.
type rankEntry struct {
	group *rankGroup
	by    record.Value
	ties  []rankTie // decide between equal values, in order
	line  []byte    // with newline and room for record.Padding
	buf   []byte    // holds all bytes of the entry
}

type rankTie struct {
	name  string
	value record.Value
}

// compare orders entries by rank.
func (e *rankEntry) compare(other *rankEntry) int {
	if c := record.Compare(other.by, e.by); c != 0 {
		return c
	}
	if c := slices.CompareFunc(e.ties, other.ties, rankTie.compare); c != 0 {
		return c
	}
	return bytes.Compare(e.line, other.line)
}

func (t rankTie) compare(other rankTie) int {
	if c := record.Compare(t.value, other.value); c != 0 || t.name == other.name {
		return c
	}
	return strings.Compare(t.name, other.name)
}

// keep makes e a copy of the candidate.
func (e *rankEntry) keep(c *rankScratch) {
	c.complete()
	size := len(c.entry.by.Bytes) + len(c.entry.line) + record.Padding
	for i := range c.entry.ties {
		size += len(c.entry.ties[i].value.Bytes)
	}
	if cap(e.buf) < size || cap(e.buf) > 4*size {
		e.buf = make([]byte, 0, size)
	}
	e.buf = e.buf[:0]
	e.by = e.own(c.entry.by)
	e.ties = append(e.ties[:0], c.entry.ties...)
	for i := range e.ties {
		e.ties[i].value = e.own(e.ties[i].value)
	}
	from := len(e.buf)
	e.buf = append(e.buf, c.entry.line...)
	e.line = e.buf[from:]
}

func (e *rankEntry) own(v record.Value) record.Value {
	from := len(e.buf)
	e.buf = append(e.buf, v.Bytes...)
	v.Bytes = e.buf[from:len(e.buf):len(e.buf)]
	return v
}

// rankScratch is the candidate: what costs time is found out when it counts.
type rankScratch struct {
	key   []*record.Field
	entry rankEntry
	r     *record.Record
	tied  bool // ties are known
	lined bool // line is known
	add   func(name string, v record.Value)
}

func (c *rankScratch) begin(r *record.Record, by record.Value) {
	c.r, c.tied, c.lined = r, false, false
	c.entry.by = by
}

func (c *rankScratch) tie() {
	if c.tied {
		return
	}
	c.tied = true
	c.entry.ties = c.entry.ties[:0]
	for _, f := range c.key {
		c.entry.ties = append(c.entry.ties, rankTie{f.String(), c.r.Get(f)})
	}
	if c.add == nil {
		c.add = func(name string, v record.Value) { c.entry.ties = append(c.entry.ties, rankTie{name, v}) }
	}
	c.r.Each(c.add)
}

func (c *rankScratch) complete() {
	c.tie()
	if !c.lined {
		c.lined = true
		c.entry.line = append(c.r.AppendJSON(c.entry.line[:0]), '\n')
	}
}

// before reports whether the candidate ranks before e.
func (c *rankScratch) before(e *rankEntry) bool {
	if order := record.Compare(e.by, c.entry.by); order != 0 {
		return order < 0
	}
	c.tie()
	if order := slices.CompareFunc(c.entry.ties, e.ties, rankTie.compare); order != 0 {
		return order < 0
	}
	c.complete()
	return bytes.Compare(c.entry.line, e.line) < 0
}

// rankGroup holds the greatest entries of a group.
type rankGroup struct {
	values []record.Value // of --per
	heap   rankHeap
	best   []*rankEntry // in order, once asked for
}

// offer takes the candidate if it is among the n greatest. It reports whether a record,
// that one or another, is not among them.
func (g *rankGroup) offer(c *rankScratch, n int) bool {
	if len(g.heap) < n {
		e := new(rankEntry)
		e.keep(c)
		heap.Push(&g.heap, e)
		return false
	}
	if worst := g.heap[0]; c.before(worst) {
		worst.keep(c)
		heap.Fix(&g.heap, 0)
	}
	return true
}

// push takes e if it is among the n greatest.
func (g *rankGroup) push(e *rankEntry, n int) {
	if len(g.heap) < n {
		heap.Push(&g.heap, e)
	} else if e.compare(g.heap[0]) < 0 {
		g.heap[0] = e
		heap.Fix(&g.heap, 0)
	}
}

// rankHeap has the entry of the last rank at its head.
type rankHeap []*rankEntry

// Len, Less, Swap, Push and Pop make it a container/heap.
func (h rankHeap) Len() int { return len(h) }

// Less reports whether entry i ranks behind entry j.
func (h rankHeap) Less(i, j int) bool { return h[i].compare(h[j]) > 0 }

// Swap exchanges two entries.
func (h rankHeap) Swap(i, j int) { h[i], h[j] = h[j], h[i] }

// Push appends a *rankEntry.
func (h *rankHeap) Push(x any) { *h = append(*h, x.(*rankEntry)) }

// Pop takes the last entry off.
func (h *rankHeap) Pop() any {
	old := *h
	e := old[len(old)-1]
	*h = old[:len(old)-1]
	return e
}
