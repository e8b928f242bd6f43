package format

import (
	"encoding/binary"
	"math/bits"
)

// pad is how many bytes beyond its end a scanned line must have: it is read in
// words of eight bytes, and tags of up to 26 bytes are compared before the
// length is.
const pad = 32

// marks tell what a text holds beside plain ASCII.
type marks uint8

const (
	escaped marks = 1 << iota // a quote, a backslash or a control byte: JSON needs an escape
	high                      // bytes above 0x7F, which may be no UTF-8
)

const (
	ones   = 0x0101010101010101
	tops   = 0x8080808080808080
	slants = ones * '\\'
)

func le64(b []byte, i int) uint64 { return binary.LittleEndian.Uint64(b[i : i+8]) }

// specials has the top bit set for bytes of x that are quotes, backslashes or
// control bytes. Above the first hit there may be false ones (the borrow of the
// zero-byte test), never before it. With bit 1 turned over, quotes and blanks
// change places, and what is below 0x21 are quotes and control bytes.
func specials(x uint64) uint64 {
	q, s := x^ones*2, x^slants
	return ((q-ones*0x21)&^q | (s-ones)&^s) & tops
}

// hits has the top bit set for bytes of x that are c, whose eight copies are cs;
// above the first there may be false ones, as in specials.
func hits(x, cs uint64) uint64 {
	t := x ^ cs
	return (t - ones) &^ t & tops
}

// first returns how far the first hit of two words is; one of them has a hit.
// It takes no branch, because where a text ends cannot be foretold.
func first(h0, h1 uint64) int {
	h, k := h1, 8
	if h0 != 0 {
		h, k = h0, 0
	}
	return k + bits.TrailingZeros64(h)>>3
}

// first4 is first for four words.
func first4(h0, h1, h2, h3 uint64) int {
	h, k := h3, 24
	if h2 != 0 {
		h, k = h2, 16
	}
	if h1 != 0 {
		h, k = h1, 8
	}
	if h0 != 0 {
		h, k = h0, 0
	}
	return k + bits.TrailingZeros64(h)>>3
}

// untilByte returns the first place of stop from i on, or n, the end of the
// line; b has pad bytes behind n. stop must not be a control byte. The marks may
// tell of bytes behind the text.
func untilByte(b []byte, i, n int, stop byte) (end int, m marks) {
	var seen uint64
	stops := ones * uint64(stop)
	for i < n {
		x0, x1 := le64(b, i), le64(b, i+8)
		h0, h1 := hits(x0, stops)|specials(x0), hits(x1, stops)|specials(x1)
		seen |= x0 | x1
		if h0|h1 == 0 {
			i += 16
			continue
		}
		if i += first(h0, h1); i >= n {
			break
		}
		if b[i] == stop {
			return i, m | highMark(seen)
		}
		m |= escaped
		i++
	}
	return n, m | highMark(seen)
}

// untilQuote returns the place of the quote that ends the text at i, or n; a
// backslash takes the next byte with it. The marks are those of untilByte.
func untilQuote(b []byte, i, n int) (end int, m marks) {
	var seen uint64
	for i < n {
		w := b[i : i+32]
		x0, x1, x2, x3 := le64(w, 0), le64(w, 8), le64(w, 16), le64(w, 24)
		h0, h1, h2, h3 := specials(x0), specials(x1), specials(x2), specials(x3)
		seen |= x0 | x1 | x2 | x3
		if h0|h1|h2|h3 == 0 {
			i += 32
			continue
		}
		if i += first4(h0, h1, h2, h3); i >= n {
			break
		}
		switch b[i] {
		case '"':
			return i, m | highMark(seen)
		case '\\':
			i++
			seen |= uint64(b[i])
		}
		m |= escaped
		i++
	}
	return n, m | highMark(seen)
}

func highMark(seen uint64) marks {
	if seen&tops != 0 {
		return high
	}
	return 0
}

// marksOf returns the marks of text, which needs no padding.
func marksOf(text []byte) marks {
	var seen, hit uint64
	i := 0
	for ; i+8 <= len(text); i += 8 {
		x := le64(text, i)
		seen |= x
		hit |= specials(x)
	}
	m := highMark(seen)
	if hit != 0 {
		m |= escaped
	}
	for ; i < len(text); i++ {
		switch c := text[i]; {
		case c >= 0x80:
			m |= high
		case c < ' ' || c == '"' || c == '\\':
			m |= escaped
		}
	}
	return m
}

// keepBelow is the size of a buffer that a parser keeps for its next line.
const keepBelow = 1 << 20

// padded returns a copy of line in *buf with zeros behind it. Lines are scanned
// in the copy (a few ns), because nothing behind a line belongs to it.
func padded(buf *[]byte, line []byte) []byte {
	need := len(line) + pad
	if need > keepBelow {
		b := make([]byte, need)
		copy(b, line)
		return b
	}
	if cap(*buf) < need {
		*buf = make([]byte, need+need/4)
	}
	b := (*buf)[:need]
	clear(b[copy(b, line):])
	return b
}
