package format

import (
	"bytes"
	"fmt"
	"math/bits"
	"time"

	"github.com/logpipe/logpipe/pkg/record"
)

// kind says how the value of a variable is written and read.
type kind uint8

const (
	textKind    kind = iota
	listKind         // text that may hold ", " and " : " (values of several upstreams)
	skipKind         // text that is no field
	intKind          // whole number
	numberKind       // number
	timeKind         // any time; RFC 3339 in the record
	requestKind      // METHOD target PROTO: fields method, path, query, proto, or request as it is
	targetKind       // path?query: fields path, query
)

// variable is a value in a line template, with the literal bytes behind it.
type variable struct {
	kind   kind
	name   string // of its field, for messages
	fields []int  // indexes of its fields, in the order of its kind; -1 for one that nobody reads
	quoted bool   // stands in quotes: a backslash takes the next byte with it
	unread bool   // nobody reads its fields: its value is only checked
	way    way    // the short way to read it
	dash   bool   // a dash before the literal is no value
	stop   byte   // first byte of literal, 0 at the end of the line
	lit    []byte // literal behind the value
	word   uint64 // its first 8 bytes
	mask   uint64 // which bits of word count
}

// template is a line format made of variables and literals: access logs.
type template struct {
	name   string
	head   []byte // literal before the first variable
	vars   []variable
	fields []string
	zone   *time.Location
}

func (t *template) Name() string     { return t.name }
func (t *template) Fields() []string { return t.fields }
func (t *template) New() Parser      { return t.extended(nil) }

func (t *template) extended(extra []string) Parser {
	p := &templateParser{template: t, shape: shapeOf(t.fields, extra)}
	p.spare = newSpare(&p.waste)
	return p
}

// shapeOf is the shape of fields followed by extra ones.
func shapeOf(fields, extra []string) *record.Shape {
	return record.NewShape(append(append(make([]string, 0, len(fields)+len(extra)), fields...), extra...))
}

// setLiteral gives v the literal that follows it.
func (v *variable) setLiteral(lit string) {
	v.lit = []byte(lit)
	var word [8]byte
	n := copy(word[:], lit)
	v.word, v.mask = le64(word[:], 0), ^uint64(0)
	if n < 8 {
		v.mask = 1<<(8*n) - 1
	}
	v.stop = word[0]
}

// follows reports whether the literal stands at i of b, whose line ends at n.
func (v *variable) follows(b []byte, i, n int) bool {
	if (le64(b, i)^v.word)&v.mask != 0 || i+len(v.lit) > n {
		return false
	}
	return len(v.lit) <= 8 || string(b[i:i+len(v.lit)]) == string(v.lit)
}

// templateParser is the state of one worker.
type templateParser struct {
	*template
	shape *record.Shape
	buf   []byte
	clock clock
	spare record.Record // where values that nobody reads are checked
	waste record.Arena  // of spare
}

// Parse reads the variables from left to right.
func (p *templateParser) Parse(line []byte, r *record.Record, a *record.Arena) error {
	r.Begin(line, p.shape, a)
	n := len(trimCR(line))
	if n == 0 {
		return record.ErrBlank
	}
	b := padded(&p.buf, line[:n])
	if !bytes.HasPrefix(b[:n], p.head) {
		return p.mismatch(commonPrefix(b[:n], p.head), fmt.Sprintf("%q", p.head))
	}
	for k, i := p.quick(r, b, 0, len(p.head), n); ; k, i = p.quick(r, b, k+1, i, n) {
		if k == len(p.vars) {
			if i != n {
				return p.mismatch(i, "the end of the line")
			}
			return nil
		}
		v := &p.vars[k]
		v.clear(r)
		end, want := p.read(v, r, b, i, n)
		if want != "" {
			return p.mismatch(end, want)
		}
		if !v.follows(b, end, n) {
			return p.mismatch(p.broken(v, b, end, n))
		}
		i = end + len(v.lit)
	}
}

// read reads the value at i and returns where it ends; or where it does not fit
// and what should stand there.
func (p *templateParser) read(v *variable, r *record.Record, b []byte, i, n int) (end int, want string) {
	if v.unread {
		r = p.scrap(r)
	}
	switch v.kind {
	case timeKind:
		if end = i + accessLen; end <= n && b[end] == v.stop && b[i+2] == '/' {
			if p.clock.set(r, v.fields[0], b, i) {
				return end, ""
			}
		}
	case intKind:
		if end = smallInt(&r.Spans[v.fields[0]], b, i); b[end] == v.stop && end > i {
			return end, ""
		}
		r.Spans[v.fields[0]] = record.Span{}
	}
	end, m := p.value(v, b, i, n)
	switch {
	case v.forgotten():
		return end, ""
	case v.kind == requestKind:
		setRequest(v, r, b, i, end, m)
		return end, ""
	case isDash(b[i:end]):
		return end, ""
	}
	if want = p.set(v, r, b, i, end, m); want != "" {
		return i, want
	}
	return end, ""
}

// set makes the value from i to end the field of v, or says what it should be.
func (p *templateParser) set(v *variable, r *record.Record, b []byte, i, end int, m marks) (want string) {
	f, text := v.fields[0], b[i:end]
	switch v.kind {
	case textKind, listKind:
		setText(r, f, i, end, m)
	case targetKind:
		setTarget(v, r, b, i, end, m)
	case intKind:
		if !setInt(r, f, i, text) {
			return "a whole number for " + v.name
		}
	case numberKind:
		if !setNumber(r, f, i, text) {
			return "a number for " + v.name
		}
	case timeKind:
		if !setTime(r, f, i, text, p.zone) {
			return "a time as 17/May/2015:10:05:03 +0000 for " + v.name
		}
	}
	return ""
}

// value finds the end of the value at i: the closing quote, the end of the line,
// or the first place where the whole literal stands (a user may hold blanks, so
// that " [" ends it and " " does not). Where the literal stands nowhere, that is
// the first place where it could have begun.
func (p *templateParser) value(v *variable, b []byte, i, n int) (end int, m marks) {
	switch {
	case v.quoted:
		return untilQuote(b, i, n)
	case v.stop == 0:
		if k := bytes.IndexByte(b[i:n], ' '); k >= 0 && (v.kind == intKind || v.kind == numberKind) {
			return i + k, 0 // more behind it is the mistake, not the number
		}
		return n, marksOf(b[i:n])
	}
	first := n
	for {
		end, more := untilByte(b, i, n, v.stop)
		m |= more
		if end == n {
			return first, m
		}
		dash := first == n && end == i+1 && b[i] == '-'
		first = min(first, end)
		if (v.kind != listKind || !inList(b, end)) && (len(v.lit) == 1 || v.follows(b, end, n)) {
			return end, m
		}
		if dash && v.kind != listKind { // no value with more behind it: not this format
			return end, m
		}
		if i = end + 1; v.stop == '"' || v.stop == '\\' {
			m |= escaped
		}
	}
}

// inList tells whether the byte at i belongs to the ", " or " : " of a list.
func inList(b []byte, i int) bool {
	switch b[i] {
	case ' ':
		return i > 0 && (b[i-1] == ',' || b[i-1] == ':' && i > 1 && b[i-2] == ' ') || b[i+1] == ':' && b[i+2] == ' '
	case ',', ':':
		return b[i+1] == ' '
	}
	return false
}

// smallInt reads up to 15 digits at i into s and returns the place behind them;
// i where a leading zero needs more care. Up to seven digits are read at once,
// because how many there are cannot be foretold.
func smallInt(s *record.Span, b []byte, i int) int {
	d := le64(b, i) ^ ones*'0'
	other := ((d + ones*(0x80-10)) | d) & tops // bytes that are no digits; above the first there may be false ones
	if other == 0 {
		return longInt(s, b, i)
	}
	k := bits.TrailingZeros64(other) >> 3
	if k == 0 || b[i] == '0' && k > 1 {
		return i
	}
	d <<= 64 - 8*k // zeros in front
	d = d*10 + d>>8
	d = ((d&0x000000FF000000FF)*(100+1_000_000<<32) + (d>>16&0x000000FF000000FF)*(1+10_000<<32)) >> 32
	s.Off, s.End, s.Enc, s.Mant = uint32(i), uint32(i+k), record.JSONInt, d
	return i + k
}

// longInt is smallInt digit by digit.
func longInt(s *record.Span, b []byte, i int) int {
	var n uint64
	k := i
	for ; b[k]-'0' <= 9; k++ {
		n = n*10 + uint64(b[k]-'0')
	}
	if k-i > 15 || b[i] == '0' && k > i+1 {
		return i
	}
	s.Off, s.End, s.Enc, s.Mant = uint32(i), uint32(k), record.JSONInt, n
	return k
}

func (p *templateParser) mismatch(at int, want string) error {
	return &Mismatch{Column: at + 1, Want: want, Format: p.name}
}

// broken says where and how the literal behind v is missing; the value was
// read up to end.
func (p *templateParser) broken(v *variable, b []byte, end, n int) (at int, want string) {
	if v.stop == 0 {
		return end, "the end of the line"
	}
	at = end + commonPrefix(b[end:n], v.lit)
	want = quote(v.lit[at-end:]) + " behind " + v.name
	if end == n && v.quoted {
		want = "the closing quote of " + v.name
	}
	return at, want
}

func commonPrefix(b, lit []byte) int {
	i := 0
	for i < len(b) && i < len(lit) && b[i] == lit[i] {
		i++
	}
	return i
}

// quote shows a literal in a message.
func quote(lit []byte) string {
	if bytes.IndexByte(lit, '\'') >= 0 {
		return string(lit)
	}
	return "'" + string(lit) + "'"
}
