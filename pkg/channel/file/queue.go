package file

import (
	"slices"
)

// span is events in the log: those from `from` up to `to`, the first of which
// is in the record at a place, or behind it.
type span struct {
	at       place
	from, to uint64
}

// queue is what is inside the channel, in the order of the log: spans that are
// open or came back, then everything from the cursor on.
type queue struct {
	synced   mark   // end of what may be taken
	cursor   span   // from is the next event that no take had; to is not used
	returned []span // by rollbacks, in order
	open     []span // of takes that are not settled
	retained []span // of those that are settled, to be committed later, in order
	done     ranges // taken beyond the cursor, as a replay found
	inside   int    // events, those in open takes included
}

func (q *queue) size() int { return q.inside }

// available tells whether there is something to take.
func (q *queue) available() bool {
	q.skipDone()
	return len(q.returned) > 0 || q.cursor.from < q.synced.next
}

// lowest is the first event that is not taken for good.
func (q *queue) lowest() uint64 {
	low := q.cursor.from
	for _, s := range q.outstanding() {
		low = min(low, s.from)
	}
	return low
}

// outstanding is what before the cursor is not taken for good.
func (q *queue) outstanding() []span { return slices.Concat(q.open, q.retained, q.returned) }

// pick begins a take of at most max events, which are open from now on: of the
// first span that came back, or of what is behind the cursor.
func (q *queue) pick(max int) span {
	var s span
	if len(q.returned) > 0 {
		s = q.returned[0]
		if rest := &q.returned[0]; s.from+uint64(max) < s.to {
			s.to = s.from + uint64(max)
			rest.from = s.to
		} else {
			q.returned = slices.Delete(q.returned, 0, 1)
		}
	} else {
		s = q.cursor
		s.to = min(q.synced.next, s.from+uint64(max))
		if len(q.done) > 0 {
			s.to = min(s.to, q.done[0].from)
		}
		q.cursor.from = s.to
	}
	q.open = append(q.open, s)
	return s
}

// picked tells how many of the events of pick were read, from what place on, and
// where those behind them are looked for. Those that were not read go back.
func (q *queue) picked(s span, n int, first, behind place) span {
	q.end(s)
	taken := span{first, s.from, s.from + uint64(n)}
	switch {
	case n == 0:
		q.restore(s)
		return taken
	case taken.to < s.to:
		q.restore(span{behind, taken.to, s.to})
	case q.cursor.from == s.to:
		q.cursor.at = behind
	}
	q.open = append(q.open, taken)
	return taken
}

// skipDone moves the cursor over what a replay found taken.
func (q *queue) skipDone() {
	for len(q.done) > 0 && q.done[0].from <= q.cursor.from {
		q.cursor.from = max(q.cursor.from, q.done[0].to)
		q.done = q.done[1:]
	}
}

// end closes a take.
func (q *queue) end(s span) {
	if i := slices.IndexFunc(q.open, func(o span) bool { return o.from == s.from }); i >= 0 {
		q.open = slices.Delete(q.open, i, i+1)
	}
}

// restore puts a span back in its place, as one with what it touches.
func (q *queue) restore(s span) {
	r := q.returned
	i := len(r)
	for i > 0 && r[i-1].from > s.from {
		i--
	}
	if i < len(r) && r[i].from == s.to {
		s.to = r[i].to
		r = slices.Delete(r, i, i+1)
	}
	if i > 0 && r[i-1].to == s.from {
		i--
		r[i].to = s.to
	} else {
		r = slices.Insert(r, i, s)
	}
	if last := r[len(r)-1]; last.to == q.cursor.from {
		q.cursor = span{at: last.at, from: last.from}
		r = r[:len(r)-1]
	}
	q.returned = r
}

// lose gives up events that cannot be read, and returns how many those are: what
// was taken already is none of them.
func (q *queue) lose(g *gapError) int {
	before := q.count(q.synced.next)
	q.apply(ranges{{g.from, g.to}})
	lost := before - q.count(q.synced.next)
	q.inside -= lost
	return lost
}

// apply takes out events that are taken or lost, but for those in open takes.
func (q *queue) apply(taken ranges) {
	for _, t := range taken {
		var left []span
		for _, s := range q.returned {
			if t.to <= s.from || s.to <= t.from {
				left = append(left, s)
				continue
			}
			if s.from < t.from {
				left = append(left, span{s.at, s.from, t.from})
			}
			if t.to < s.to {
				left = append(left, span{s.at, t.to, s.to})
			}
		}
		q.returned = left
		q.done.add(max(t.from, q.cursor.from), max(t.to, q.cursor.from))
	}
	q.skipDone()
}

// count is the number of events inside, from the parts.
func (q *queue) count(next uint64) int {
	n := int(next-q.cursor.from) - q.done.count()
	for _, s := range q.outstanding() {
		n += int(s.to - s.from)
	}
	return n
}
