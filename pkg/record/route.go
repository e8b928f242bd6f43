package record

import (
	"math/bits"
	"unsafe"
)

// A route is one way through the tree of literals, from { to }, laid out in a
// row: most lines have the shape of the line before them.
type route struct {
	steps []step // one per value, and the end of the line
	shape *Shape
	start int // offset of the opening brace in the first literal
	brace int // offset of the closing brace in the last one
}

// step is the literal before a value, and what is expected of the value.
type step struct {
	first, mask uint64 // the first 8 bytes of the literal, and which of them count
	last        uint64 // the last 8 bytes of a literal of more than 8
	n           int
	middle      string // what lies between, of more than 16
	number      bool   // the value was a number that nobody has read
	node        *node  // where the tree goes on when the line leaves the route
}

// routeOf returns the route that ends with edge e behind node n.
func (s *Scanner) routeOf(n *node, e *edge) *route {
	if e.shape.route != nil && !e.shape.stale.Load() {
		return e.shape.route
	}
	e.shape.stale.Store(false) // before used is read: a later use makes it stale again
	r := &route{shape: e.shape, brace: e.brace, steps: make([]step, n.depth+1)}
	r.steps[n.depth] = newStep(e, n)
	r.start = e.start
	for ; n.parent != nil; n = n.parent {
		in := n.in
		r.steps[n.depth-1] = newStep(in, n.parent)
		r.steps[n.depth-1].number = !e.shape.used[n.depth-1].Load()
		r.start = in.start
	}
	e.shape.route = r
	return r
}

func newStep(e *edge, n *node) step {
	st := step{first: e.word, mask: e.mask, n: len(e.lit), node: n}
	if len(e.lit) > 8 {
		st.last = le64(append([]byte(nil), e.lit[len(e.lit)-8:]...), 0)
	}
	if len(e.lit) > 16 {
		st.middle = string(e.lit[8 : len(e.lit)-8])
	}
	return st
}

// branch returns a route by the literal that stands at i, or nil.
func (n *node) branch(b []byte, i int) *route {
	first := le64(b, i)
	for _, e := range n.edges {
		if !e.matches(b, i, first) {
			continue
		}
		if e.shape != nil {
			return e.shape.route
		}
		return e.to.route
	}
	return nil
}

// scan indexes the line at pos by the route, from a step on whose literal is to
// stand at i; the values before it are in r.Spans. Where the line leaves the
// route, done is false, at is the step and end the place at which it does.
//
// It reads words through pointers, as a lane does, and for the same reason never
// beyond the padding.
func (t *route) scan(b []byte, pos, i, from int, r *Record) (done bool, at, end int) {
	base := pos + t.start
	values := len(t.steps) - 1
	spans := r.Spans
	if cap(spans) < values {
		spans = append(make([]Span, 0, values), spans[:from]...)
	}
	spans = spans[:values]
	r.Spans = spans
	p := unsafe.Pointer(unsafe.SliceData(b))
	for k := from; k < len(spans); k++ {
		st := &t.steps[k]
		if (word(p, i)^st.first)&st.mask != 0 || st.n > 8 && !st.rest(b, i) {
			return false, k, i
		}
		at, sp := i+st.n, &spans[k]
		c := char(p, at)
		if c != '"' {
			if i = t.value(b, at, base, sp, st.number); i < 0 {
				return false, k, at - st.n
			}
			continue
		}
		i = at + 1
		m := stop(word(p, i))
		for m == 0 {
			i += 8
			m = stop(word(p, i))
		}
		i += bits.TrailingZeros64(m) >> 3
		enc := JSONString
		if char(p, i) != '"' {
			if i, enc = scanString(b, i); i < 0 {
				return false, k, at - st.n
			}
		}
		sp.Off, sp.End, sp.Mant = uint32(at+1-base), uint32(i-base), 0
		sp.Enc, sp.Exp, sp.Neg, sp.Arena = enc, 0, false, false
		i++
	}
	st := &t.steps[values]
	if (word(p, i)^st.first)&st.mask != 0 || st.n > 8 && !st.rest(b, i) {
		return false, values, i
	}
	r.Line = b[base : i+t.brace+1 : i+t.brace+1]
	r.Shape = t.shape
	return true, 0, i + st.n
}

// value reads what is no string at i and returns the place behind it, or a
// negative number.
func (t *route) value(b []byte, i, base int, s *Span, unread bool) int {
	next := -1
	if c := b[i]; c-'0' <= 9 || c == '-' {
		if unread {
			next = passNumber(b, i, base, s)
		} else {
			next = quickNumber(b, i, base, s)
		}
	}
	if next < 0 {
		*s = Span{}
		next = scanValue(b, i, base, s)
	}
	return next
}

// rest compares what the first word does not cover.
func (st *step) rest(b []byte, i int) bool {
	if i+st.n > len(b) || word(unsafe.Pointer(unsafe.SliceData(b)), i+st.n-8) != st.last {
		return false
	}
	return st.middle == "" || string(b[i+8:i+st.n-8]) == st.middle
}

// quickNumber reads a number without exponent and of at most 18 digits; -1 for
// any other. What follows it is checked by the literal behind.
func quickNumber(b []byte, i, base int, s *Span) int {
	from := i
	neg := b[i] == '-'
	i += signWidth(neg) // signs are random: a branch would be guessed wrong
	first := i
	d := b[i] - '0'
	if d > 9 {
		return -1
	}
	mant := uint64(d)
	i++
	if b[i]-'0' <= 9 {
		if d == 0 {
			return -1
		}
		if i, mant = scanDigits(b, i, mant); i-first > 18 {
			return -1
		}
	}
	enc, exp := JSONInt, int8(0)
	if b[i] == '.' {
		point := i
		if i, mant = scanDigits(b, i+1, mant); i == point+1 || i-first > 18 {
			return -1
		}
		enc, exp = JSONFloat, int8(point+1-i)
	}
	if b[i]|0x20 == 'e' {
		return -1
	}
	s.Off = uint32(from - base)
	s.End = uint32(i - base)
	s.Mant = mant
	s.Enc = enc
	s.Exp = exp
	s.Neg = neg
	s.Arena = false
	return i
}

func signWidth(neg bool) int {
	n := 0
	if neg {
		n = 1
	}
	return n
}

// passNumber checks a number without exponent and does not read it; -1 for
// any other.
func passNumber(b []byte, i, base int, s *Span) int {
	from := i
	if b[i] == '-' {
		i++
	}
	first := i
	i = skipDigits(b, i)
	if i == first || b[first] == '0' && i > first+1 {
		return -1
	}
	if b[i] == '.' {
		point := i
		if i = skipDigits(b, i+1); i == point+1 {
			return -1
		}
	}
	if b[i]|0x20 == 'e' {
		return -1
	}
	s.Off = uint32(from - base)
	s.End = uint32(i - base)
	s.Mant = 0
	s.Enc = JSONUnread
	s.Exp = 0
	s.Neg = false
	s.Arena = false
	return i
}

func skipDigits(b []byte, i int) int {
	for {
		y := le64(b, i) ^ ones*'0'
		if m := ((y + ones*6) | y) & (ones * 0xF0); m != 0 {
			return i + bits.TrailingZeros64(m)>>3
		}
		i += 8
	}
}
