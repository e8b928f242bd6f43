package source

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/ianaindex"
)

// charset is how text is written, by the names that Java knows.
type charset struct {
	name  string
	utf8  bool
	utf16 binary.ByteOrder  // nil unless it is one of the UTF-16s
	utf32 binary.ByteOrder  // nil unless it is one of the UTF-32s
	other encoding.Encoding // nil unless it is one of the others
}

// javaCharsets are names of Java that are not in IANA's registry.
var javaCharsets = map[string]string{
	"utf8": "utf-8", "ascii": "us-ascii", "iso8859_1": "iso-8859-1", "iso8859-1": "iso-8859-1", "ms932": "shift_jis",
	"x-gbk": "gbk", "x-big5": "big5", "euc_jp": "euc-jp", "euc_kr": "euc-kr", "ms949": "euc-kr",
}

// fixCharset is what to do about a charset that there is not.
const fixCharset = "write a name such as UTF-8, ISO-8859-1 or GBK"

// newCharset finds a charset. In all of them but UTF-16 and UTF-32 a byte 0A is the
// end of a line and nothing else.
func newCharset(name string) (charset, error) {
	c := charset{name: name}
	low := strings.ToLower(name)
	if other, ok := javaCharsets[low]; ok {
		low = other
	}
	if rest, ok := strings.CutPrefix(low, "cp125"); ok {
		low = "windows-125" + rest
	}
	if rest, ok := strings.CutPrefix(low, "iso8859_"); ok {
		low = "iso-8859-" + rest
	}
	switch low {
	case "utf-8":
		c.utf8 = true
		return c, nil
	case "utf-16", "utf-16be", "utf_16be", "unicodebigunmarked":
		c.utf16 = binary.BigEndian
		return c, nil
	case "utf-16le", "utf_16le", "unicodelittleunmarked":
		c.utf16 = binary.LittleEndian
		return c, nil
	case "utf-32", "utf_32", "utf32", "utf-32be", "utf_32be":
		c.utf32 = binary.BigEndian
		return c, nil
	case "utf-32le", "utf_32le":
		c.utf32 = binary.LittleEndian
		return c, nil
	}
	e, err := ianaindex.IANA.Encoding(low)
	if err != nil || e == nil {
		return c, fmt.Errorf("unknown charset %q", name)
	}
	c.other = e
	return c, nil
}

// onMalformed says what becomes of bytes that are no characters.
type onMalformed int

const (
	malformedFails onMalformed = iota
	malformedReplaced
	malformedIgnored
)

var errMalformed = errors.New("bytes that are no character")

// decode returns text as UTF-8, and how many malformed places were replaced or
// left out. at, with an error, is where the first one is, as far as that can be
// known.
func (c *charset) decode(text []byte, on onMalformed) (out []byte, bad, at int, err error) {
	switch {
	case c.utf8:
		if utf8.Valid(text) {
			return text, 0, 0, nil
		}
		return decodeUTF8(text, on)
	case c.utf16 != nil:
		return c.decodeUTF16(text, on)
	case c.utf32 != nil:
		return c.decodeUTF32(text, on)
	}
	out, err = c.other.NewDecoder().Bytes(text)
	if err != nil {
		return nil, 0, 0, err
	}
	const mark = "\uFFFD"
	if bad = bytes.Count(out, []byte(mark)); bad == 0 {
		return out, 0, 0, nil
	}
	switch on {
	case malformedFails:
		return nil, bad, 0, errMalformed
	case malformedIgnored:
		out = bytes.ReplaceAll(out, []byte(mark), nil)
	}
	return out, bad, 0, nil
}

func decodeUTF8(text []byte, on onMalformed) (out []byte, bad, at int, err error) {
	for i := 0; i < len(text); {
		r, n := utf8.DecodeRune(text[i:])
		if r != utf8.RuneError || n > 1 {
			out = append(out, text[i:i+n]...)
			i += n
			continue
		}
		if on == malformedFails {
			return nil, 1, i, errMalformed
		}
		bad++
		if on == malformedReplaced {
			out = append(out, "\uFFFD"...)
		}
		i += malformedUTF8(text[i:])
	}
	return out, bad, 0, nil
}

// malformedUTF8 is the length of what Java takes for one mistake: the longest
// beginning of a character, half of a surrogate pair, or a byte.
func malformedUTF8(text []byte) int {
	low, high, more := byte(0x80), byte(0xBF), 0
	switch b := text[0]; {
	case b >= 0xC2 && b <= 0xDF:
		more = 1
	case b >= 0xE0 && b <= 0xEF:
		more = 2
		if b == 0xE0 {
			low = 0xA0
		}
	case b >= 0xF0 && b <= 0xF4:
		more = 3
		if b == 0xF0 {
			low = 0x90
		} else if b == 0xF4 {
			high = 0x8F
		}
	}
	n := 1
	for ; n <= more && n < len(text); n++ {
		if text[n] < low || text[n] > high {
			break
		}
		low, high = 0x80, 0xBF
	}
	return n
}

func (c *charset) decodeUTF16(text []byte, on onMalformed) (out []byte, bad, at int, err error) {
	out = make([]byte, 0, len(text))
	for i := 0; i < len(text); {
		r, n := utf8.RuneError, len(text)-i
		if n >= 2 {
			r, n = rune(c.utf16.Uint16(text[i:])), 2
			if utf16.IsSurrogate(r) {
				second := rune(0)
				if i+3 < len(text) {
					second = rune(c.utf16.Uint16(text[i+2:]))
				}
				if r = utf16.DecodeRune(r, second); r != utf8.RuneError {
					n = 4
				}
			} else if r == utf8.RuneError { // written as such
				out = utf8.AppendRune(out, r)
				i += n
				continue
			}
		}
		if r == utf8.RuneError {
			if on == malformedFails {
				return nil, 1, i, errMalformed
			}
			bad++
		}
		if r != utf8.RuneError || on == malformedReplaced {
			out = utf8.AppendRune(out, r)
		}
		i += n
	}
	return out, bad, 0, nil
}

// encode writes UTF-8 in the charset; a character that it has not becomes a
// question mark, as in Java.
func (c *charset) encode(text []byte) []byte {
	switch {
	case c.utf8:
		return text
	case c.utf16 != nil:
		var out []byte
		if strings.EqualFold(c.name, "UTF-16") && len(text) > 0 {
			out = append(out, 0xFE, 0xFF) // Java marks it, unless it is empty
		}
		for _, r := range string(text) {
			for _, u := range utf16.AppendRune(nil, r) {
				var b [2]byte
				c.utf16.PutUint16(b[:], u)
				out = append(out, b[:]...)
			}
		}
		return out
	case c.utf32 != nil:
		var out []byte
		for _, r := range string(text) {
			var b [4]byte
			c.utf32.PutUint32(b[:], uint32(r))
			out = append(out, b[:]...)
		}
		return out
	}
	e := c.other.NewEncoder()
	if out, err := e.Bytes(text); err == nil {
		return out
	}
	var out []byte
	for _, r := range string(text) {
		e.Reset()
		b, err := e.Bytes(utf8.AppendRune(nil, r))
		if err != nil {
			b = []byte{'?'}
		}
		out = append(out, b...)
	}
	return out
}
