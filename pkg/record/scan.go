package record

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/bits"
)

// Padding is how many bytes a buffer given to Scanner.Scan must be able to hold
// beyond its length: the scanner loads words of eight bytes.
const Padding = 16

// ErrBlank is returned for a line of white space only.
var ErrBlank = errors.New("blank line")

// SyntaxError says where a line stops being one JSON object.
type SyntaxError struct {
	Column int // 1-based, in bytes
	Msg    string
}

func (e *SyntaxError) Error() string { return fmt.Sprintf("%s at column %d", e.Msg, e.Column) }

// Scanner indexes lines of JSON and learns their shapes. It is not safe for
// concurrent use: each worker has its own.
type Scanner struct {
	root  *node
	edges int
	route *route // of the line before
}

// maxEdges bounds what a scanner learns; lines of further shapes are indexed
// without learning.
const maxEdges = 1 << 12

// NewScanner returns a scanner that knows no shape yet.
func NewScanner() *Scanner { return &Scanner{root: &node{}} }

func le64(b []byte, i int) uint64 { return binary.LittleEndian.Uint64(b[i : i+8 : cap(b)]) }

// Scan indexes the line of b that begins at pos as r and returns where the next
// line begins. b ends with a newline and has Padding bytes of capacity behind
// it. The error is a *SyntaxError or ErrBlank; the caller then finds the line's
// end itself.
func (s *Scanner) Scan(b []byte, pos int, r *Record) (next int, err error) {
	i, from, n := pos, 0, s.root
	for t := s.route; t != nil && !t.shape.stale.Load(); {
		done, at, end := t.scan(b, pos, i, from, r)
		if done {
			s.route = t
			return end, nil
		}
		// Where the line leaves the route, another one may go on.
		i, from, n = end, at, t.steps[at].node
		other := n.branch(b, i)
		if other == t {
			break
		}
		t = other
	}
	return s.walk(b, pos, i, n, r.Spans[:from], r)
}

// walk indexes a line by the tree, from node n at i on.
func (s *Scanner) walk(b []byte, pos, i int, n *node, spans []Span, r *Record) (next int, err error) {
	base := pos
	if n != s.root {
		base = skipBlank(b, pos) // the opening brace
	}
	for {
		e := n.next(b, i)
		if e == nil {
			if e, err = s.learn(b, i, n, pos); err != nil {
				r.Spans = spans
				return pos, err
			}
		}
		if n == s.root {
			base = i + e.start
		}
		if e.shape != nil {
			r.Line = b[base : i+e.brace+1 : i+e.brace+1]
			r.Shape, r.Spans = e.shape, spans
			s.route = s.routeOf(n, e)
			for ; n != nil; n = n.parent {
				n.route = s.route
			}
			return i + len(e.lit), nil
		}
		i += len(e.lit)
		spans = append(spans, Span{})
		if i = scanValue(b, i, base, &spans[len(spans)-1]); i < 0 {
			r.Spans = spans
			return pos, syntaxError(b, pos, -i-1)
		}
		n = e.to
	}
}

// learn reads the literal bytes at i by the grammar and adds them as an edge.
func (s *Scanner) learn(b []byte, i int, n *node, pos int) (*edge, error) {
	from := i
	i = skipBlank(b, i)
	start := i - from
	switch {
	case n.parent == nil && b[i] == '\n':
		return nil, ErrBlank
	case n.parent == nil && b[i] != '{':
		if v := scanValue(b, i, 0, new(Span)); v > 0 && b[skipBlank(b, v)] == '\n' {
			return nil, &SyntaxError{i - pos + 1, "want an object, found another JSON value"}
		}
		return nil, syntaxError(b, pos, i)
	case n.parent != nil && b[i] != ',' && b[i] != '}':
		return nil, syntaxError(b, pos, i)
	}
	closing := b[i] == '}'
	if !closing {
		i = skipBlank(b, i+1)
		closing = n.parent == nil && b[i] == '}'
	}
	if closing {
		brace := i
		if i = skipBlank(b, i+1); b[i] != '\n' {
			return nil, syntaxError(b, pos, i)
		}
		e := newEdge(b[from : i+1])
		e.brace, e.start, e.shape = brace-from, start, shapeOf(n)
		s.add(n, e)
		return e, nil
	}
	if b[i] != '"' {
		return nil, syntaxError(b, pos, i)
	}
	end, enc := scanString(b, i+1)
	if end < 0 {
		return nil, syntaxError(b, pos, -end-1)
	}
	name := nameOf(string(decodeText(b[i+1:end], enc)))
	if i = skipBlank(b, end+1); b[i] != ':' {
		return nil, syntaxError(b, pos, i)
	}
	i = skipBlank(b, i+1)
	e := newEdge(b[from:i])
	e.start = start
	e.to = &node{parent: n, name: name, in: e, depth: n.depth + 1}
	s.add(n, e)
	return e, nil
}

func (s *Scanner) add(n *node, e *edge) {
	if s.edges < maxEdges {
		s.edges++
		n.edges = append(n.edges, e)
	}
}

// skipBlank returns the first place from i on that is no blank; a newline is
// the end of the line and no blank.
func skipBlank(b []byte, i int) int {
	for b[i] == ' ' || b[i] == '\t' || b[i] == '\r' {
		i++
	}
	return i
}

func syntaxError(b []byte, pos, i int) error {
	e := &SyntaxError{Column: i - pos + 1}
	switch {
	case i >= len(b) || b[i] == '\n':
		e.Msg = "line ends inside the object"
	case b[i] < ' ':
		e.Msg = fmt.Sprintf("unexpected control byte 0x%02X", b[i])
	case b[i] >= 0x80:
		e.Msg = fmt.Sprintf("unexpected byte 0x%02X", b[i])
	default:
		e.Msg = fmt.Sprintf("unexpected %q", b[i])
	}
	return e
}

// scanValue reads the value at i into s, with offsets relative to base, and
// returns the place behind it, or -1-p where p is the place of an error.
func scanValue(b []byte, i, base int, s *Span) int {
	switch c := b[i]; {
	case c == '"':
		end, enc := scanString(b, i+1)
		if end < 0 {
			return end
		}
		s.Off, s.End, s.Enc = uint32(i+1-base), uint32(end-base), enc
		return end + 1
	case c == '-' || c-'0' <= 9:
		return scanNumber(b, i, base, s)
	case c == '{' || c == '[':
		s.Enc = JSONObject
		if c == '[' {
			s.Enc = JSONArray
		}
		end := skipNested(b, i)
		s.Off, s.End = uint32(i-base), uint32(end-base)
		return end
	case c == 't':
		return scanWord(b, i, base, "true", JSONTrue, s)
	case c == 'f':
		return scanWord(b, i, base, "false", JSONFalse, s)
	case c == 'n':
		return scanWord(b, i, base, "null", JSONNull, s)
	case c == ' ' || c == '\t' || c == '\r': // more blanks than the learned literal has
		return scanValue(b, skipBlank(b, i), base, s)
	}
	return -1 - i
}

func scanWord(b []byte, i, base int, word string, enc Enc, s *Span) int {
	for k := range len(word) {
		if b[i+k] != word[k] {
			return -1 - (i + k)
		}
	}
	s.Off, s.End, s.Enc = uint32(i-base), uint32(i+len(word)-base), enc
	return i + len(word)
}

const (
	ones   = 0x0101010101010101
	tops   = 0x8080808080808080
	slants = ones * '\\'
)

// special returns a word whose lowest set bit is in the first byte of x that
// ends a run of plain text: a quote, a backslash or a control byte. Quotes are
// found with the control bytes: with bit 1 turned over they are the only byte of
// 0x20, and all below stay below.
func special(x uint64) uint64 {
	y, s := x^ones*2, x^slants
	return ((y-ones*0x21)&^y | (s-ones)&^s) & tops
}

// stop returns a word whose lowest set bit is in the first byte of x that is no
// plain ASCII text: a quote, a backslash, a control byte or one above 0x7F. It is
// special with less work, because bytes above 0x7F may be found too: of these the
// one difference or the other has its highest bit set.
func stop(x uint64) uint64 {
	return (((x ^ ones*2) - ones*0x21) | ((x ^ slants) - ones)) & tops
}

// scanString returns the place of the closing quote of the string whose first
// byte is at i, eight bytes at a step (the classic zero-byte test on words), or
// -1-p where p is the place of an error.
func scanString(b []byte, i int) (end int, enc Enc) {
	var high uint64
	for {
		x := le64(b, i)
		m := special(x)
		if m == 0 {
			high |= x
			i += 8
			continue
		}
		n := bits.TrailingZeros64(m) &^ 7
		high |= x & (1<<n - 1)
		i += n >> 3
		switch {
		case b[i] == '\\':
			return scanEscaped(b, i)
		case b[i] != '"':
			return -1 - i, 0
		case high&tops != 0:
			return i, JSONHigh
		}
		return i, JSONString
	}
}

// scanEscaped goes on at a backslash.
func scanEscaped(b []byte, i int) (end int, enc Enc) {
	for {
		switch c := b[i]; {
		case c == '"':
			return i, JSONEscape
		case c < ' ':
			return -1 - i, 0
		case c != '\\':
			i++
			continue
		}
		i++
		switch b[i] {
		case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
			i++
		case 'u':
			for k := 1; k <= 4; k++ {
				if hexDigit(b[i+k]) < 0 {
					return -1 - (i + k), 0
				}
			}
			i += 5
		default:
			return -1 - i, 0
		}
	}
}

// maxDepth is the nesting that encoding/json accepts.
const maxDepth = 10000

// skipNested returns the place behind the object or array at i, or -1-p. The
// nesting is kept as bits: 1 for an object, 0 for an array.
func skipNested(b []byte, i int) int {
	var small [4]uint64
	stack := small[:]
	depth := 1 // the object of the record itself
	value := true
	for {
		i = skipBlank(b, i)
		c := b[i]
		if value {
			switch c {
			case '{', '[':
				if depth++; depth > maxDepth {
					return -1 - i
				}
				if depth>>6 >= len(stack) {
					stack = append(stack, 0)
				}
				object := c == '{'
				setBit(stack, depth, object)
				i = skipBlank(b, i+1)
				if b[i] == c+2 {
					value = false
					continue
				}
				if object {
					if i = skipKey(b, i); i < 0 {
						return i
					}
				}
				continue
			}
			if i = scanValue(b, i, 0, new(Span)); i < 0 {
				return i
			}
			value = false
			continue
		}
		object := stack[depth>>6]>>(depth&63)&1 == 1
		switch {
		case c == ',' && object:
			if i = skipKey(b, skipBlank(b, i+1)); i < 0 {
				return i
			}
			value = true
		case c == ',':
			i++
			value = true
		case c == '}' && object || c == ']' && !object:
			i++
			if depth--; depth == 1 {
				return i
			}
		default:
			return -1 - i
		}
	}
}

func setBit(stack []uint64, i int, on bool) {
	if on {
		stack[i>>6] |= 1 << (i & 63)
	} else {
		stack[i>>6] &^= 1 << (i & 63)
	}
}

// skipKey reads `"key" :` at i.
func skipKey(b []byte, i int) int {
	if b[i] != '"' {
		return -1 - i
	}
	end, _ := scanString(b, i+1)
	if end < 0 {
		return end
	}
	if i = skipBlank(b, end+1); b[i] != ':' {
		return -1 - i
	}
	return i + 1
}
