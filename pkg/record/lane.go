package record

import (
	"encoding/binary"
	"math/bits"
	"unsafe"
)

// A lane is a route that fills columns, a field of all rows at a time: in its
// loops no row waits for another, which lets the processor work at many rows at
// once, where a record read as a whole waits for the end of each value to find
// the next.
//
// The loops read words through pointers. Every place they read lies before the
// block's last newline or less than Padding behind it: a place moves on only
// behind a literal or a value that has been seen, neither of which holds a
// newline but the literal that ends the line.
type lane struct {
	steps  []laneStep
	end    *laneStep // the literal that ends the line
	absent []int     // columns of fields that the shape has not
	hits   int       // lines that it fitted, of late
}

// laneStep is a literal and the kind of value behind it.
type laneStep struct {
	step
	mask2 uint64 // which bytes of last count
	off2  int    // where last begins, at most 8
	tail  string // what follows the first 8 bytes of a literal of more than 16
	field int    // the column that takes the value, or -1
	read  laneKind
}

type laneKind uint8

const (
	anyLane laneKind = iota
	textLane
	intLane
	numberLane
)

// newLane makes the lane of the shape of r, whose route is t.
func newLane(names []*Name, t *route, r *Record) *lane {
	l := &lane{}
	all := make([]laneStep, len(t.steps))
	for k := range t.steps {
		st := &all[k]
		st.step, st.field = t.steps[k], -1
		switch {
		case st.n > 16:
			st.tail = string(binary.LittleEndian.AppendUint64([]byte(st.middle), st.last))
		case st.n > 8:
			st.mask2, st.off2 = ^uint64(0), st.n-8
		}
	}
	values := len(all) - 1
	l.steps, l.end = all[:values], &all[values]
	l.suit(r)
	for f, n := range names {
		if i := t.shape.indexOf(n); i >= 0 {
			l.steps[i].field = f
		} else {
			l.absent = append(l.absent, f)
		}
	}
	return l
}

// suit makes the lane fit for the values of r too.
func (t *lane) suit(r *Record) {
	for k := range t.steps {
		st := &t.steps[k]
		switch r.Spans[k].Enc {
		case JSONString, JSONHigh, JSONEscape:
			if st.read == anyLane {
				st.read = textLane
			}
		case JSONInt:
			if st.read == anyLane {
				st.read = intLane
			}
		case JSONFloat, JSONNumber, JSONUnread:
			if st.read == anyLane || st.read == intLane {
				st.read = numberLane
			}
		}
	}
}

// scan reads a line a row. at[row] is where the line begins, and afterwards
// where it ends before its last literal, or the place bad of the last newline
// where the line is not one of the lane's.
func (t *lane) scan(b []byte, at []uint32, columns [][]Span) {
	for k := range t.steps {
		st := &t.steps[k]
		switch {
		case st.field < 0 && st.read == textLane:
			st.passTexts(b, at)
		case st.field < 0 && st.read != anyLane:
			st.passNumbers(b, at)
		case st.field < 0:
			st.passAny(b, at)
		case st.read == textLane:
			st.texts(b, at, columns[st.field])
		case st.read == intLane:
			st.ints(b, at, columns[st.field])
		case st.read == numberLane:
			st.numbers(b, at, columns[st.field])
		default:
			st.any(b, at, columns[st.field])
		}
	}
	for _, f := range t.absent {
		clear(columns[f][:len(at)])
	}
}

// word reads the eight bytes at i of what p points to.
func word(p unsafe.Pointer, i int) uint64 {
	return binary.LittleEndian.Uint64((*[8]byte)(unsafe.Add(p, i))[:])
}

// char reads the byte at i.
func char(p unsafe.Pointer, i int) byte { return *(*byte)(unsafe.Add(p, i)) }

// differs returns 0 where the literal stands at i, as far as the first 16 bytes
// tell; of a longer one the first 8.
func (st *laneStep) differs(p unsafe.Pointer, i int) uint64 {
	return (word(p, i)^st.first)&st.mask | (word(p, i+st.off2)^st.last)&st.mask2
}

// long reports whether the rest of a long literal stands behind.
func (st *laneStep) long(b []byte, i int) bool {
	return i+st.n <= len(b) && string(b[i+8:i+st.n]) == st.tail
}

// literal reports whether the literal stands at i.
func (st *laneStep) literal(b []byte, i int) bool {
	return st.differs(unsafe.Pointer(unsafe.SliceData(b)), i) == 0 && (st.tail == "" || st.long(b, i))
}

// other reads any value at i; the result is bad where there is none.
func other(b []byte, i int, s *Span) uint32 {
	*s = Span{}
	if i = scanValue(b, i, 0, s); i < 0 {
		return bad(b)
	}
	return uint32(i)
}

// bad is where no literal begins.
func bad(b []byte) uint32 { return uint32(len(b) - 1) }

func (st *laneStep) any(b []byte, at []uint32, out []Span) {
	out = out[:len(at)]
	for row, i := range at {
		if !st.literal(b, int(i)) {
			at[row] = bad(b)
			continue
		}
		at[row] = other(b, int(i)+st.n, &out[row])
	}
}

func (st *laneStep) passAny(b []byte, at []uint32) {
	var s Span
	for row, i := range at {
		if !st.literal(b, int(i)) {
			at[row] = bad(b)
			continue
		}
		at[row] = other(b, int(i)+st.n, &s)
	}
}

func (st *laneStep) texts(b []byte, at []uint32, out []Span) {
	p := unsafe.Pointer(unsafe.SliceData(b))
	out = out[:len(at)]
	for row, i32 := range at {
		i := int(i32)
		if st.differs(p, i) != 0 || st.tail != "" && !st.long(b, i) {
			at[row] = bad(b)
			continue
		}
		from := i + st.n + 1
		i = from
		if char(p, i-1) != '"' {
			at[row] = other(b, i-1, &out[row])
			continue
		}
		m := stop(word(p, i))
		for m == 0 {
			i += 8
			m = stop(word(p, i))
		}
		i += bits.TrailingZeros64(m) >> 3
		if char(p, i) != '"' {
			at[row] = other(b, from-1, &out[row])
			continue
		}
		s := &out[row]
		s.Off, s.End, s.Enc, s.Arena = uint32(from), uint32(i), JSONString, false
		at[row] = uint32(i + 1)
	}
}

func (st *laneStep) passTexts(b []byte, at []uint32) {
	p := unsafe.Pointer(unsafe.SliceData(b))
	var s Span
	for row, i32 := range at {
		i := int(i32)
		if st.differs(p, i) != 0 || st.tail != "" && !st.long(b, i) {
			at[row] = bad(b)
			continue
		}
		from := i + st.n
		i = from + 1
		m := stop(word(p, i))
		for m == 0 {
			i += 8
			m = stop(word(p, i))
		}
		i += bits.TrailingZeros64(m) >> 3
		if char(p, i) != '"' || char(p, from) != '"' {
			at[row] = other(b, from, &s)
			continue
		}
		at[row] = uint32(i + 1)
	}
}

// minus is 1 where c is a minus sign, without a branch: signs are random.
func minus(c byte) int { return int((uint32(c^'-') - 1) >> 31) }

// run7 returns how many of the bytes of x, lowest first, are digits, and, of 1
// to 7 of them, their value.
func run7(x uint64) (n int, value uint64) {
	y := x ^ ones*'0'
	m := ((y + ones*6) | y) & (ones * 0xF0)
	if m == 0 {
		return 8, 0
	}
	n = bits.TrailingZeros64(m)
	y <<= uint(64-n&^7) & 63
	y = y*10 + y>>8
	const mask = 0x000000FF000000FF
	return n >> 3, (y&mask*(100+1000000<<32) + y>>16&mask*(1+10000<<32)) >> 32
}

// run2 is run7 for a number of one digit, or of two that does not begin with a
// zero; n is 0 for all others. Most counts are that short, and lengths of one and
// two are random: nothing branches on which it is.
func run2(x uint64) (n int, value uint64) {
	first, second, third := uint32(byte(x)-'0'), uint32(byte(x>>8)-'0'), uint32(byte(x>>16)-'0')
	two := (second - 10) >> 31 // 1 where second is a digit
	other := two & ((third-10)>>31 | (first-1)>>31)
	if first > 9 || other != 0 {
		return 0, 0
	}
	return int(1 + two), uint64(first + two*(9*first+second))
}

// leadingZero is not 0 where a number of n digits begins with a zero that it may
// not begin with.
func leadingZero(c byte, n int) bool { return c == '0' && n > 1 }

// ints reads integers of at most 7 digits and leaves other values to the general
// scanner. What ends the number is for the next literal to see.
func (st *laneStep) ints(b []byte, at []uint32, out []Span) {
	p := unsafe.Pointer(unsafe.SliceData(b))
	out = out[:len(at)]
	for row, i32 := range at {
		i := int(i32)
		if st.differs(p, i) != 0 || st.tail != "" && !st.long(b, i) {
			at[row] = bad(b)
			continue
		}
		from := i + st.n
		sign := minus(char(p, from))
		i = from + sign
		x := word(p, i)
		n, mant := run2(x)
		if n == 0 {
			n, mant = run7(x)
			if uint(n-1) > 6 || leadingZero(byte(x), n) {
				at[row] = other(b, from, &out[row])
				continue
			}
		}
		i += n
		s := &out[row]
		s.Off, s.End, s.Mant = uint32(from), uint32(i), mant
		s.Enc, s.Exp, s.Neg, s.Arena = JSONInt, 0, sign != 0, false
		at[row] = uint32(i)
	}
}

// numbers reads numbers without exponent of at most 7 digits before and behind
// the point, and leaves other values to the general scanner.
func (st *laneStep) numbers(b []byte, at []uint32, out []Span) {
	p := unsafe.Pointer(unsafe.SliceData(b))
	out = out[:len(at)]
	for row, i32 := range at {
		i := int(i32)
		if st.differs(p, i) != 0 || st.tail != "" && !st.long(b, i) {
			at[row] = bad(b)
			continue
		}
		from := i + st.n
		sign := minus(char(p, from))
		i = from + sign
		x := word(p, i)
		n, mant := run2(x)
		if n == 0 {
			n, mant = run7(x)
			if uint(n-1) > 6 || leadingZero(byte(x), n) {
				at[row] = other(b, from, &out[row])
				continue
			}
		}
		i += n
		enc, digits := JSONInt, 0
		if char(p, i) == '.' {
			var frac uint64
			digits, frac = run7(word(p, i+1))
			if uint(digits-1) > 6 {
				at[row] = other(b, from, &out[row])
				continue
			}
			enc, mant = JSONFloat, mant*pow10u[digits&7]+frac
			i += digits + 1
		}
		s := &out[row]
		s.Off, s.End, s.Mant = uint32(from), uint32(i), mant
		s.Enc, s.Exp, s.Neg, s.Arena = enc, int8(-digits), sign != 0, false
		at[row] = uint32(i)
	}
}

// passNumbers checks numbers without exponent and reads none.
func (st *laneStep) passNumbers(b []byte, at []uint32) {
	p := unsafe.Pointer(unsafe.SliceData(b))
	var s Span
	for row, i32 := range at {
		i := int(i32)
		if st.differs(p, i) != 0 || st.tail != "" && !st.long(b, i) {
			at[row] = bad(b)
			continue
		}
		from := i + st.n
		first := from + minus(char(p, from))
		i = passDigits(p, first)
		n := i - first
		if n == 0 || leadingZero(char(p, first), n) {
			at[row] = other(b, from, &s)
			continue
		}
		if char(p, i) == '.' {
			point := i
			if i = passDigits(p, i+1); i == point+1 {
				at[row] = bad(b)
				continue
			}
		}
		at[row] = uint32(i)
	}
}

func passDigits(p unsafe.Pointer, i int) int {
	for {
		y := word(p, i) ^ ones*'0'
		if m := ((y + ones*6) | y) & (ones * 0xF0); m != 0 {
			return i + bits.TrailingZeros64(m)>>3
		}
		i += 8
	}
}
