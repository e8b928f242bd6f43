package format

import (
	"github.com/logpipe/logpipe/pkg/record"
)

// way is how quick reads a variable.
type way uint8

const (
	noWay     way = iota // with care
	wordWay              // text without quotes
	skipWay              // the same, forgotten
	quotedWay            // text in quotes
	passWay              // the same, forgotten
	requestWay
	timeWay
	intWay
)

// forgotten reports whether the value makes no field, whatever it is.
func (v *variable) forgotten() bool {
	return v.kind == skipKind || v.unread && v.kind != intKind && v.kind != numberKind && v.kind != timeKind
}

// choose finds the short way.
func (v *variable) choose() {
	v.way = noWay
	switch {
	case v.kind == timeKind:
		v.way = timeWay
	case v.kind == intKind:
		v.way = intWay
	case v.forgotten() && v.quoted:
		v.way = passWay
	case v.kind == requestKind && v.quoted:
		v.way = requestWay
	case v.stop == 0 || v.kind == listKind || v.kind == numberKind || v.kind == targetKind || v.kind == requestKind:
	case v.forgotten():
		v.way = skipWay
	case v.quoted:
		v.way = quotedWay
	default:
		v.way = wordWay
	}
	v.dash = v.stop != 0 && v.stop != '-' && v.kind != listKind && v.kind != requestKind
}

// clear takes back what quick has set.
func (v *variable) clear(r *record.Record) {
	for _, f := range v.fields {
		if f >= 0 && !v.unread {
			r.Spans[f] = record.Span{}
		}
	}
}

// scrap is a record for values that nobody reads, beside r.
func (p *templateParser) scrap(r *record.Record) *record.Record {
	p.spare.Line = r.Line
	if len(p.waste.Buf) > 1<<10 {
		p.waste.Buf = p.waste.Buf[:0]
	}
	return &p.spare
}

// quick reads variables from k on, the first one at i, as long as they are
// written as nearly all are, and returns the one where it gave up, or their
// number, and its place. What it reads, read would read in the same way.
func (p *templateParser) quick(r *record.Record, b []byte, k, i, n int) (next, at int) {
	for ; k < len(p.vars); k++ {
		v := &p.vars[k]
		if b[i] == '-' && v.dash && v.follows(b, i+1, n) {
			i += 1 + len(v.lit)
			continue
		}
		end, into := i, r
		if v.unread {
			into = &p.spare
		}
		var m marks
		switch v.way {
		case skipWay:
			end = findByte(b, i, n, v.stop)
		case passWay:
			end, _ = untilQuote(b, i, n)
		case wordWay:
			end, m = untilByte(b, i, n, v.stop)
		case quotedWay:
			end, m = untilQuote(b, i, n)
		case requestWay:
			if end = fastRequest(v, r, b, i, n); end == 0 {
				return k, i
			}
		case timeWay:
			if end = i + accessLen; end > n || b[end] != v.stop || b[i+2] != '/' || !p.clock.set(into, v.fields[0], b, i) {
				return k, i
			}
		case intWay:
			if end = smallInt(&into.Spans[v.fields[0]], b, i); end == i || b[end] != v.stop {
				return k, i
			}
		default:
			return k, i
		}
		if !v.follows(b, end, n) {
			return k, i
		}
		if end > i && (v.way == wordWay || v.way == quotedWay) {
			setText(r, v.fields[0], i, end, m)
		}
		i = end + len(v.lit)
	}
	return k, i
}

// findByte is untilByte where the text is forgotten.
func findByte(b []byte, i, n int, stop byte) int {
	stops := ones * uint64(stop)
	for ; i < n; i += 16 {
		if h0, h1 := hits(le64(b, i), stops), hits(le64(b, i+8), stops); h0|h1 != 0 {
			return min(i+first(h0, h1), n)
		}
	}
	return n
}
