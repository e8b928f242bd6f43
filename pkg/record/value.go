package record

import (
	"bytes"
	"math"
	"math/big"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

// Kind is the type of a Value.
type Kind uint8

// The kinds, in the order in which values of different kinds sort.
const (
	Null Kind = iota // absent, or null
	Bool
	Int   // within int64, exact
	Float // every other number
	String
	Object // raw JSON
	Array  // raw JSON
)

// Value is a decoded value. Bytes are borrowed from the record.
type Value struct {
	Kind  Kind
	Num   uint64 // Bool: 0 or 1; Int: the int64's bits; Float: the float64's bits
	Bytes []byte // String: the text; Object, Array: the JSON text
}

// BoolValue, IntValue, FloatValue and StringValue make values.
func BoolValue(b bool) Value {
	if b {
		return Value{Kind: Bool, Num: 1}
	}
	return Value{Kind: Bool}
}

// IntValue makes an integer.
func IntValue(n int64) Value { return Value{Kind: Int, Num: uint64(n)} }

// FloatValue makes a number of f as JSON can express it: NaN and infinities are
// null, integral values within int64 are integers.
func FloatValue(f float64) Value {
	if f == math.Trunc(f) && f >= -1<<63 && f < 1<<63 {
		return IntValue(int64(f))
	}
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return Value{}
	}
	return Value{Kind: Float, Num: math.Float64bits(f)}
}

// StringValue makes a text of b, which the value borrows.
func StringValue(b []byte) Value { return Value{Kind: String, Bytes: b} }

// Int returns the integer of an Int.
func (v Value) Int() int64 { return int64(v.Num) }

// Float returns a number as float64; 0 where v is no number.
func (v Value) Float() float64 {
	switch v.Kind {
	case Int:
		return float64(int64(v.Num))
	case Float:
		return math.Float64frombits(v.Num)
	}
	return 0
}

// IsNumber reports whether v is an Int or a Float.
func (v Value) IsNumber() bool { return v.Kind == Int || v.Kind == Float }

// True reports whether v is the boolean true.
func (v Value) True() bool { return v.Kind == Bool && v.Num == 1 }

// Clone returns v with bytes of its own.
func (v Value) Clone() Value {
	if v.Bytes != nil {
		v.Bytes = bytes.Clone(v.Bytes)
	}
	return v
}

// decode reads the value of s. Escaped and invalid text is decoded into the
// arena.
func (r *Record) decode(s *Span) Value {
	switch s.Enc {
	case JSONString, Text, TextEscape:
		return Value{Kind: String, Bytes: r.bytesOf(s)}
	case JSONInt:
		n := int64(s.Mant)
		if s.Neg {
			n = -n
		}
		return Value{Kind: Int, Num: uint64(n)}
	case JSONFloat, JSONNumber:
		return number(s, r.bytesOf(s))
	case Double:
		return Value{Kind: Float, Num: s.Mant}
	case JSONUnread:
		return readNumber(r.bytesOf(s))
	case JSONTrue:
		return Value{Kind: Bool, Num: 1}
	case JSONFalse:
		return Value{Kind: Bool}
	case JSONHigh, JSONEscape:
		b := r.bytesOf(s)
		if s.Enc == JSONHigh && utf8.Valid(b) {
			return Value{Kind: String, Bytes: b}
		}
		off := len(r.Arena.Buf)
		r.Arena.Buf = appendDecoded(r.Arena.Buf, b)
		return Value{Kind: String, Bytes: r.Arena.Buf[off:len(r.Arena.Buf):len(r.Arena.Buf)]}
	case JSONObject:
		return Value{Kind: Object, Bytes: r.bytesOf(s)}
	case JSONArray:
		return Value{Kind: Array, Bytes: r.bytesOf(s)}
	}
	return Value{}
}

// number reads a number that is no JSONInt: what Exact does not do is strconv's.
// Beyond float64 there is no value: null.
func number(s *Span, text []byte) Value {
	if f, ok := s.Exact(); ok {
		return FloatValue(f)
	}
	f, err := strconv.ParseFloat(string(text), 64)
	if err != nil {
		return Value{}
	}
	return FloatValue(f)
}

// readNumber reads the digits of a valid number.
func readNumber(text []byte) Value {
	if len(text) >= 32 {
		return DecodeJSON(text)
	}
	return decodeNumber(text)
}

// decodeNumber reads text of less than 32 bytes; Null where it is no number.
func decodeNumber(text []byte) Value {
	var buf [32 + Padding]byte
	copy(buf[:], text)
	buf[len(text)] = '\n'
	var s Span
	if scanNumber(buf[:len(text)+1], 0, 0, &s) != len(text) {
		return Value{}
	}
	if s.Enc == JSONInt {
		n := int64(s.Mant)
		if s.Neg {
			n = -n
		}
		return IntValue(n)
	}
	return number(&s, text)
}

// ParseNumber reads text as a JSON number; Null where it is none.
func ParseNumber(text []byte) Value {
	if v := DecodeJSON(text); v.IsNumber() {
		return v
	}
	return Value{}
}

// DecodeJSON reads one JSON value, as found inside a scanned line. The result
// may share raw's bytes. Null where raw is no value.
func DecodeJSON(raw []byte) Value {
	if len(raw) > 0 && len(raw) < 32 && (raw[0] == '-' || raw[0]-'0' <= 9) {
		return decodeNumber(raw)
	}
	var s Span
	padded := make([]byte, len(raw)+1, len(raw)+1+Padding)
	copy(padded, raw)
	padded[len(raw)] = '\n'
	if end := scanValue(padded, 0, 0, &s); end != len(raw) {
		return Value{}
	}
	r := Record{Line: padded, Arena: new(Arena)}
	return r.decode(&s)
}

func decodeText(b []byte, enc Enc) []byte {
	if enc == JSONString || enc == JSONHigh && utf8.Valid(b) {
		return b
	}
	return appendDecoded(nil, b)
}

func hexDigit(c byte) int {
	switch {
	case c-'0' <= 9:
		return int(c - '0')
	case c|0x20-'a' <= 5:
		return int(c|0x20-'a') + 10
	}
	return -1
}

// appendDecoded resolves escapes and replaces invalid UTF-8 and lone
// surrogates by U+FFFD, as encoding/json does.
func appendDecoded(dst, b []byte) []byte {
	for i := 0; i < len(b); {
		c := b[i]
		switch {
		case c == '\\' && b[i+1] == 'u':
			r, n, _ := unicodeEscape(b[i:])
			i += n
			dst = utf8.AppendRune(dst, r)
		case c == '\\':
			dst = append(dst, unescape(b[i+1]))
			i += 2
		case c < utf8.RuneSelf:
			dst = append(dst, c)
			i++
		default:
			r, n := utf8.DecodeRune(b[i:])
			dst = utf8.AppendRune(dst, r)
			i += n
		}
	}
	return dst
}

// unicodeEscape reads the \uXXXX at the head of b, or the two of a pair, and returns
// the character and its length. whole is false for half of a pair, which is U+FFFD.
func unicodeEscape(b []byte) (r rune, n int, whole bool) {
	if r = hex4(b[2:]); !utf16.IsSurrogate(r) {
		return r, 6, true
	}
	if len(b) >= 12 && b[6] == '\\' && b[7] == 'u' {
		if pair := utf16.DecodeRune(r, hex4(b[8:])); pair != utf8.RuneError {
			return pair, 12, true
		}
	}
	return utf8.RuneError, 6, false
}

func hex4(b []byte) rune {
	return rune(hexDigit(b[0])<<12 | hexDigit(b[1])<<8 | hexDigit(b[2])<<4 | hexDigit(b[3]))
}

func unescape(c byte) byte {
	switch c {
	case 'b':
		return '\b'
	case 'f':
		return '\f'
	case 'n':
		return '\n'
	case 'r':
		return '\r'
	case 't':
		return '\t'
	}
	return c
}

// Compare orders values: null first, then false, true, numbers by value, texts
// by their bytes, objects, arrays. It is the order of `sort` and of rows.
func Compare(a, b Value) int {
	ra, rb := rank(a.Kind), rank(b.Kind)
	if ra != rb {
		return int(ra) - int(rb)
	}
	switch a.Kind {
	case Null:
		return 0
	case Bool:
		return int(a.Num) - int(b.Num)
	case Int, Float:
		return compareNumbers(a, b)
	}
	return bytes.Compare(a.Bytes, b.Bytes)
}

func rank(k Kind) Kind {
	if k == Float {
		return Int
	}
	return k
}

func compareNumbers(a, b Value) int {
	if a.Kind == Int && b.Kind == Int {
		switch x, y := a.Int(), b.Int(); {
		case x < y:
			return -1
		case x > y:
			return 1
		}
		return 0
	}
	x, y := a.Float(), b.Float()
	switch {
	case x < y:
		return -1
	case x > y:
		return 1
	case a.Kind == b.Kind:
		return 0
	}
	// An integer above 2^53 beside a float: compare without rounding.
	return exact(a).Cmp(exact(b))
}

func exact(v Value) *big.Float {
	if v.Kind == Int {
		return new(big.Float).SetInt64(v.Int())
	}
	return new(big.Float).SetFloat64(v.Float())
}

// Equal reports whether a and b are the same value; null equals null here.
func Equal(a, b Value) bool { return Compare(a, b) == 0 }
