package format

import (
	"bytes"
	"math"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/logpipe/logpipe/pkg/record"
	"github.com/logpipe/logpipe/pkg/timestamp"
)

// setText makes the bytes of r's line from off to end the text field i. The
// marks may claim more than the text holds.
func setText(r *record.Record, i, off, end int, m marks) {
	s := &r.Spans[i]
	s.Off, s.End, s.Enc = uint32(off), uint32(end), record.Text
	if m != 0 {
		setOddText(r, s, m)
	}
}

// setOddText finishes a text that is not plain ASCII.
func setOddText(r *record.Record, s *record.Span, m marks) {
	text := r.Line[s.Off:s.End]
	if m&high != 0 && !utf8.Valid(text) {
		off := len(r.Arena.Buf)
		r.Arena.Buf = appendValid(r.Arena.Buf, text)
		s.Off, s.End, s.Arena = uint32(off), uint32(len(r.Arena.Buf)), true
		text = r.Arena.Buf[off:]
	}
	s.Enc = record.TextEnc(text)
}

// appendValid appends text with U+FFFD for each byte that is no UTF-8, as
// encoding/json replaces them.
func appendValid(dst, text []byte) []byte {
	for i := 0; i < len(text); {
		if text[i] < utf8.RuneSelf {
			dst = append(dst, text[i])
			i++
			continue
		}
		c, n := utf8.DecodeRune(text[i:])
		dst = utf8.AppendRune(dst, c)
		i += n
	}
	return dst
}

// arenaText makes text, copied into the arena, the text field i.
func arenaText(r *record.Record, i int, text []byte) {
	s := &r.Spans[i]
	off := len(r.Arena.Buf)
	r.Arena.Buf = appendValid(r.Arena.Buf, text)
	*s = record.Span{Off: uint32(off), End: uint32(len(r.Arena.Buf)), Arena: true}
	s.Enc = record.TextEnc(r.Arena.Buf[off:])
}

// plainNumber describes a number of up to 18 digits, with sign and point but
// without exponent, that JSON writes the same way; nearly all are such.
func plainNumber(s *record.Span, off int, text []byte) bool {
	i, n := 0, uint64(0)
	neg := len(text) > 0 && text[0] == '-'
	if neg {
		i = 1
	}
	first, point := i, 0
	for ; i < len(text); i++ {
		c := text[i] - '0'
		if c > 9 {
			if text[i] != '.' || point > 0 || i == first {
				return false
			}
			point = i + 1
			continue
		}
		n = n*10 + uint64(c)
	}
	whole := i
	if point > 0 {
		whole = point - 1
	}
	if i == first || i == point || i-first > 18 || text[first] == '0' && whole > first+1 {
		return false
	}
	*s = record.Span{Off: uint32(off), End: uint32(off + len(text)), Enc: record.JSONInt, Mant: n, Neg: neg}
	if point > 0 {
		s.Enc, s.Exp = record.JSONFloat, int8(point-i)
	}
	return true
}

// setInt makes the digits of text at off the integer field i; false where text
// is no whole number.
func setInt(r *record.Record, i, off int, text []byte) bool {
	s := &r.Spans[i]
	if plainNumber(s, off, text) && s.Enc == record.JSONInt {
		return true
	}
	*s = record.Span{}
	return setOddInt(r, i, off, text)
}

// setOddInt takes whole numbers with a sign, leading zeros or many digits.
func setOddInt(r *record.Record, i, off int, text []byte) bool {
	digits := bytes.TrimLeft(text, "+-")
	if len(digits) == 0 || len(text)-len(digits) > 1 {
		return false
	}
	for _, c := range digits {
		if c-'0' > 9 {
			return false
		}
	}
	return setNumber(r, i, off, text)
}

// setNumber makes text at off the number field i; false where text is no
// decimal number. Forms that JSON does not have (+1, 007, .5, 1.) are rewritten,
// NaN and infinities are null.
func setNumber(r *record.Record, i, off int, text []byte) bool {
	if plainNumber(&r.Spans[i], off, text) {
		return true
	}
	if s, ok := record.NumberSpan(text, uint32(off)); ok {
		r.Spans[i] = s
		return true
	}
	v, ok := oddNumber(text)
	if !ok {
		return false
	}
	r.Spans[i] = r.Encode(v)
	return true
}

func oddNumber(text []byte) (v record.Value, ok bool) {
	if n, err := strconv.ParseInt(string(text), 10, 64); err == nil {
		return record.IntValue(n), true
	}
	for _, c := range text {
		if bytes.IndexByte([]byte("0123456789+-.eEnNaAiIfFtTyY"), c) < 0 {
			return v, false
		}
	}
	f, err := strconv.ParseFloat(string(text), 64)
	if err != nil && !math.IsInf(f, 0) {
		return v, false
	}
	return record.FloatValue(f), true
}

// setTime makes the time that text holds the field i, as RFC 3339 with the
// offset of the text, or of zone where it has none.
func setTime(r *record.Record, i, off int, text []byte, zone *time.Location) bool {
	if isRFC3339(text) {
		if _, ok := timestamp.Parse(text); ok {
			setText(r, i, off, off+len(text), 0)
			return true
		}
		return false
	}
	from := len(r.Arena.Buf)
	buf, ok := timestamp.AppendParsed(r.Arena.Buf, text, zone)
	if ok {
		r.Arena.Buf = buf
		setArena(r, i, from)
	}
	return ok
}

// setArena makes what the arena holds from off on the text field i, which needs
// no escapes.
func setArena(r *record.Record, i, off int) {
	r.Spans[i] = record.Span{Off: uint32(off), End: uint32(len(r.Arena.Buf)), Arena: true, Enc: record.Text}
}

// isRFC3339 tells whether text has the outer form of RFC 3339, with zone.
func isRFC3339(text []byte) bool {
	n := len(text)
	if n < 20 || text[10] != 'T' || text[4] != '-' || text[19] != '.' && text[19] != 'Z' && text[19] != '+' && text[19] != '-' {
		return false
	}
	return text[n-1] == 'Z' || text[n-3] == ':' && (text[n-6] == '+' || text[n-6] == '-')
}

// isDash tells whether text stands for no value.
func isDash(text []byte) bool {
	return len(text) == 0 || len(text) == 1 && text[0] == '-'
}
