package record

import (
	"bytes"
	"math"
	"strconv"
	"unicode/utf8"
)

// AppendJSON appends r as one JSON object without line end. A line that no
// operator has edited is appended as it is. In an edited one untouched fields
// keep their bytes, the blanks around them too, and added fields go to the end:
// what is printed does not depend on whether the record was printed and read
// between two edits. An unindexed record is its line.
func (r *Record) AppendJSON(dst []byte) []byte {
	switch {
	case r.Shape == nil || r.Shape.json && len(r.Edits) == 0 && !r.dropped:
		return append(dst, r.Line...)
	case r.Shape.json:
		dst, first := r.appendLine(dst)
		return r.appendAdded(dst, first, true)
	}
	first := true
	for i := range r.Shape.Names {
		s, ok := r.printed(i)
		if !ok {
			continue
		}
		key := r.Shape.Keys[i]
		if first != (i == 0) {
			dst = append(dst, separator(first))
			key = key[1:]
		}
		first = false
		dst = r.appendValue(append(dst, key...), s)
	}
	return r.appendAdded(dst, first, !first)
}

// printed returns the value that field i of the shape has on output; false where
// it has none there: dropped, or a duplicate of an edited one.
func (r *Record) printed(i int) (*Span, bool) {
	s := &r.Spans[i]
	if s.Enc == Absent {
		return nil, false // an edit, if any, adds it
	}
	if len(r.Edits) > 0 {
		if e := r.edit(r.Shape.Names[i]); e != nil {
			return &e.Span, !r.Shape.dup || r.Shape.firstOf(i) == i
		}
	}
	return s, true
}

// appendLine appends the fields of a JSON line with what stands between them,
// without the closing brace. What lies before a dropped field goes with it.
func (r *Record) appendLine(dst []byte) (out []byte, first bool) {
	if r.onlyAdds() {
		return append(dst, r.Line[:max(1, r.endOf(len(r.Spans)-1))]...), len(r.Spans) == 0
	}
	first = true
	from := uint32(0) // the end of the value before
	for i := range r.Spans {
		lit := r.Line[from:r.startOf(i)]
		from = r.endOf(i)
		s, ok := r.printed(i)
		if !ok {
			continue
		}
		if first {
			dst = append(dst, '{')
			lit = lit[bytes.IndexAny(lit, "{,")+1:]
		}
		first = false
		dst = r.appendValue(append(dst, lit...), s)
	}
	if first {
		dst = append(dst, '{')
	}
	return dst, first
}

func separator(first bool) byte {
	if first {
		return '{'
	}
	return ','
}

func (s *Shape) firstOf(i int) int {
	for k, n := range s.Names {
		if n == s.Names[i] {
			return k
		}
	}
	return i
}

// onlyAdds reports whether the line is JSON and no edit touches its fields.
func (r *Record) onlyAdds() bool {
	if !r.Shape.json || r.dropped {
		return false
	}
	for i := range r.Edits {
		if r.Shape.indexOf(r.Edits[i].Name) >= 0 {
			return false
		}
	}
	return true
}

// appendAdded appends the fields that the line did not have, and the brace.
// opened tells that the opening brace is there.
func (r *Record) appendAdded(dst []byte, first, opened bool) []byte {
	for i := range r.Edits {
		e := &r.Edits[i]
		if r.inLine(e.Name) {
			continue
		}
		if !opened || !first {
			dst = append(dst, separator(first))
		}
		opened, first = true, false
		dst = append(append(dst, e.Name.quoted...), ':')
		dst = r.appendValue(dst, &e.Span)
	}
	if !opened {
		dst = append(dst, '{')
	}
	return append(dst, '}')
}

// startOf and endOf are the ends of value i in a JSON line, with its quotes. A
// dropped value keeps its place, and in Neg whether it had quotes.
func (r *Record) startOf(i int) uint32 {
	if s := &r.Spans[i]; quoted(s) {
		return s.Off - 1
	}
	return r.Spans[i].Off
}

func (r *Record) endOf(i int) uint32 {
	if i < 0 {
		return 0
	}
	if s := &r.Spans[i]; quoted(s) {
		return s.End + 1
	}
	return r.Spans[i].End
}

func quoted(s *Span) bool {
	switch s.Enc {
	case JSONString, JSONHigh, JSONEscape:
		return true
	case Absent:
		return s.Neg
	}
	return false
}

func (r *Record) appendValue(dst []byte, s *Span) []byte {
	b := r.bytesOf(s)
	switch s.Enc {
	case JSONString, JSONHigh, JSONEscape, Text:
		dst = append(dst, '"')
		dst = append(dst, b...)
		return append(dst, '"')
	case TextEscape:
		return AppendString(dst, b)
	case JSONInt:
		if s.Off == s.End {
			if s.Neg {
				dst = append(dst, '-')
			}
			return strconv.AppendUint(dst, s.Mant, 10)
		}
	case Double:
		return AppendFloat(dst, math.Float64frombits(s.Mant))
	case JSONNull:
		return append(dst, "null"...)
	case JSONTrue:
		return append(dst, "true"...)
	case JSONFalse:
		return append(dst, "false"...)
	}
	return append(dst, b...)
}

// Encode returns v as a span whose bytes are in the arena of r. Numbers have no
// bytes: they are printed when the record is, if it is.
func (r *Record) Encode(v Value) Span {
	a := r.Arena
	s := Span{Arena: true, Off: uint32(len(a.Buf))}
	switch v.Kind {
	case Null:
		s.Enc = JSONNull
	case Bool:
		s.Enc = JSONFalse
		if v.Num == 1 {
			s.Enc = JSONTrue
		}
	case Int:
		s.Enc = JSONInt
		s.Mant = v.Num
		if v.Int() < 0 {
			s.Neg, s.Mant = true, -v.Num
		}
	case Float:
		if v = FloatValue(v.Float()); v.Kind != Float {
			return r.Encode(v)
		}
		s.Enc, s.Mant = Double, v.Num
	case String:
		s.Enc = TextEnc(v.Bytes)
		a.Buf = append(a.Buf, v.Bytes...)
	case Object, Array:
		s.Enc = JSONObject
		if v.Kind == Array {
			s.Enc = JSONArray
		}
		a.Buf = append(a.Buf, v.Bytes...)
	}
	s.End = uint32(len(a.Buf))
	return s
}

// TextEnc returns Text or TextEscape for the valid UTF-8 text b.
func TextEnc(b []byte) Enc {
	for _, c := range b {
		if c < ' ' || c == '"' || c == '\\' {
			return TextEscape
		}
	}
	return Text
}

// AppendValue appends v as JSON.
func AppendValue(dst []byte, v Value) []byte {
	switch v.Kind {
	case Bool:
		return strconv.AppendBool(dst, v.Num == 1)
	case Int:
		return strconv.AppendInt(dst, v.Int(), 10)
	case Float:
		return AppendFloat(dst, math.Float64frombits(v.Num))
	case String:
		return AppendString(dst, v.Bytes)
	case Object, Array:
		return append(dst, v.Bytes...)
	}
	return append(dst, "null"...)
}

// AppendPlain appends v as a person reads it: texts without quotes, null as
// nothing.
func AppendPlain(dst []byte, v Value) []byte {
	switch v.Kind {
	case Null:
		return dst
	case String:
		return append(dst, v.Bytes...)
	}
	return AppendValue(dst, v)
}

// AppendFloat appends f as the shortest number that reads back as f, in the
// form of ECMAScript and encoding/json; integral values have no point, NaN and
// infinities are null.
func AppendFloat(dst []byte, f float64) []byte {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return append(dst, "null"...)
	}
	if f == 0 {
		return append(dst, '0')
	}
	if abs := math.Abs(f); abs >= 1e-6 && abs < 1e21 {
		return strconv.AppendFloat(dst, f, 'f', -1, 64)
	}
	dst = strconv.AppendFloat(dst, f, 'e', -1, 64)
	if n := len(dst); n >= 4 && dst[n-4] == 'e' && dst[n-3] == '-' && dst[n-2] == '0' {
		dst[n-2] = dst[n-1]
		dst = dst[:n-1]
	}
	return dst
}

const hexDigits = "0123456789abcdef"

// AppendString appends b as a JSON string, with the escapes of RFC 8259 and
// U+FFFD for bytes that are no UTF-8.
func AppendString(dst, b []byte) []byte {
	dst = append(dst, '"')
	from := 0
	for i := 0; i < len(b); {
		c := b[i]
		if c < utf8.RuneSelf {
			if c >= ' ' && c != '"' && c != '\\' {
				i++
				continue
			}
			dst = appendEscape(append(dst, b[from:i]...), c)
			i++
			from = i
			continue
		}
		r, n := utf8.DecodeRune(b[i:])
		if r == utf8.RuneError && n == 1 {
			dst = append(append(dst, b[from:i]...), "\uFFFD"...)
			from = i + 1
		}
		i += n
	}
	return append(append(dst, b[from:]...), '"')
}

func appendEscape(dst []byte, c byte) []byte {
	switch c {
	case '"', '\\':
		return append(dst, '\\', c)
	case '\n':
		return append(dst, '\\', 'n')
	case '\r':
		return append(dst, '\\', 'r')
	case '\t':
		return append(dst, '\\', 't')
	case '\b':
		return append(dst, '\\', 'b')
	case '\f':
		return append(dst, '\\', 'f')
	}
	return append(dst, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
}
