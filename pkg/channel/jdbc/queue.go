package jdbc

import (
	"cmp"
	"slices"
)

// queue knows which events of the database have been taken. The database knows
// nothing of takes that are open: it has all events whose take is not committed.
type queue struct {
	loaded bool   // the rest is valid
	epoch  int    // how often the queue was loaded: ids of another epoch mean nothing
	synced int64  // all ids below are committed; the next event put gets this one
	cursor int64  // no id from here on has been taken
	back   []span // rolled back, in order, all below the cursor
	open   []span // takes that are open, one that reads with all that it may read
	inside int    // events, those in open takes included
}

// span is a run of ids, both ends included, with the events in it: fewer than
// ids where some have been taken before the start.
type span struct {
	from, to int64
	events   int
}

// load begins anew with what the database has.
func (q *queue) load(count, first, last int64) {
	if count == 0 {
		first, last = 1, 0
	}
	*q = queue{loaded: true, epoch: q.epoch + 1, synced: last + 1, cursor: first, inside: int(count)}
}

// available reports whether a take would find something.
func (q *queue) available() bool { return q.loaded && (len(q.back) > 0 || q.cursor < q.synced) }

// pick begins a take: the ids to read, of which those in back are the head.
// again tells that they come from back. Until picked or unpick no other take
// begins, but takes may end.
func (q *queue) pick() (s span, again bool) {
	if again = len(q.back) > 0; again {
		s = q.back[0]
		q.back = q.back[1:]
	} else {
		s = span{q.cursor, q.synced - 1, 0}
		q.cursor = q.synced
	}
	q.open = append(q.open, s)
	return s, again
}

// picked says what a take has of what pick gave: the first events of it, or, where
// whole is true, all that there were.
func (q *queue) picked(s span, again bool, taken span, whole bool) {
	q.end(s)
	if taken.events > 0 {
		q.open = append(q.open, taken)
	}
	switch {
	case again && whole:
		q.inside -= s.events - taken.events // somebody else deleted them
	case again && taken.events < s.events:
		q.restore(span{taken.to + 1, s.to, s.events - taken.events})
	case again:
	case !whole:
		q.cursor = taken.to + 1
	default:
		q.recount(s.to + 1)
	}
}

// recount counts what is inside when all below an id has been read: where
// somebody else deleted events, there are fewer.
func (q *queue) recount(read int64) {
	q.inside = int(q.synced - read)
	for _, list := range [][]span{q.back, q.open} {
		for _, s := range list {
			q.inside += s.events
		}
	}
}

// unpick undoes pick.
func (q *queue) unpick(s span, again bool) {
	q.end(s)
	if again {
		q.restore(s)
		return
	}
	q.cursor = s.from
	q.rewind()
}

// restore puts a span back where it was, and makes one of those that touch, so
// that a take need not end between them.
func (q *queue) restore(s span) {
	at, _ := slices.BinarySearchFunc(q.back, s, func(a, b span) int { return cmp.Compare(a.from, b.from) })
	q.back = slices.Insert(q.back, at, s)
	if at+1 < len(q.back) && s.to+1 == q.back[at+1].from {
		q.join(at)
	}
	if at > 0 && q.back[at-1].to+1 == s.from {
		q.join(at - 1)
	}
	q.rewind()
}

// rewind lets the cursor begin with the last span where that touches it.
func (q *queue) rewind() {
	if last := len(q.back) - 1; last >= 0 && q.back[last].to+1 == q.cursor {
		q.cursor = q.back[last].from
		q.back = q.back[:last]
	}
}

// join makes one of two spans that touch.
func (q *queue) join(at int) {
	next := q.back[at+1]
	q.back[at].to = next.to
	q.back[at].events += next.events
	q.back = slices.Delete(q.back, at+1, at+2)
}

// rollback ends a take whose events are to come again.
func (q *queue) rollback(s span) {
	q.end(s)
	q.restore(s)
}

// commit ends a take for good.
func (q *queue) commit(s span) {
	q.end(s)
	q.inside -= s.events
}

// low is an id below which all takes are committed.
func (q *queue) low() int64 {
	low := q.cursor
	for _, list := range [][]span{q.back, q.open} {
		for _, s := range list {
			low = min(low, s.from)
		}
	}
	return low
}

// end takes a span out of those that are open.
func (q *queue) end(s span) {
	q.open = slices.DeleteFunc(q.open, func(o span) bool { return o.from == s.from })
}

// grown says that the database has n events more.
func (q *queue) grown(n int) {
	q.synced += int64(n)
	q.inside += n
}
