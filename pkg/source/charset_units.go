package source

import (
	"bytes"
	"encoding/binary"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/transform"
)

// unit is the number of bytes that text is made of: the places where a character,
// and so the end of a line, may stand.
func (c *charset) unit() int {
	switch {
	case c.utf16 != nil:
		return 2
	case c.utf32 != nil:
		return 4
	}
	return 1
}

// marked finds the byte order of a text that begins with a mark; skip is the
// mark's length.
func (c *charset) marked(head []byte) (skip int) {
	n := c.unit()
	if n == 1 || len(head) < n || !strings.EqualFold(c.name, "UTF-16") && !strings.EqualFold(c.name, "UTF-32") {
		return 0
	}
	for _, order := range []binary.ByteOrder{binary.BigEndian, binary.LittleEndian} {
		switch {
		case n == 2 && order.Uint16(head) == 0xFEFF:
			c.utf16 = order
			return n
		case n == 4 && order.Uint32(head) == 0xFEFF:
			c.utf32 = order
			return n
		}
	}
	return 0
}

// isNewline reports whether the unit at the beginning of text is a line feed.
func (c *charset) isNewline(text []byte) bool {
	switch {
	case c.utf16 != nil:
		return c.utf16.Uint16(text) == '\n'
	case c.utf32 != nil:
		return c.utf32.Uint32(text) == '\n'
	}
	return text[0] == '\n'
}

// lineEnd returns the length of the first line, its end included; 0 = no line
// ends here.
func (c *charset) lineEnd(text []byte) int {
	n := c.unit()
	if n == 1 {
		return bytes.IndexByte(text, '\n') + 1
	}
	for i := 0; i+n <= len(text); i += n {
		if c.isNewline(text[i:]) {
			return i + n
		}
	}
	return 0
}

// lastLineEnd returns the length of all whole lines.
func (c *charset) lastLineEnd(text []byte) int {
	n := c.unit()
	if n == 1 {
		return bytes.LastIndexByte(text, '\n') + 1
	}
	for end := len(text) - len(text)%n; end > 0; end -= n {
		if c.isNewline(text[end-n:]) {
			return end
		}
	}
	return 0
}

// trimEnd takes the line end off.
func (c *charset) trimEnd(line []byte) []byte {
	n := c.unit()
	if len(line) >= n && c.isNewline(line[len(line)-n:]) {
		return line[: len(line)-n : len(line)-n]
	}
	return line
}

func (c *charset) decodeUTF32(text []byte, on onMalformed) (out []byte, bad, at int, err error) {
	out = make([]byte, 0, len(text))
	for i := 0; i < len(text); i += 4 {
		if i+4 <= len(text) {
			if u := c.utf32.Uint32(text[i:]); u <= utf8.MaxRune && utf8.ValidRune(rune(u)) {
				out = utf8.AppendRune(out, rune(u))
				continue
			}
		}
		if on == malformedFails {
			return nil, 1, i, errMalformed
		}
		bad++
		if on == malformedReplaced {
			out = utf8.AppendRune(out, utf8.RuneError)
		}
	}
	return out, bad, 0, nil
}

// unfinished is the number of bytes at the end of text that may be the beginning
// of a character.
func (c *charset) unfinished(text []byte) int {
	switch {
	case c.utf8:
		return unfinishedUTF8(text)
	case c.utf32 != nil:
		return len(text) % 4
	case c.utf16 != nil:
		n := len(text) % 2
		if whole := len(text) - n; whole >= 2 {
			if u := c.utf16.Uint16(text[whole-2:]); u >= 0xD800 && u < 0xDC00 { // the first half of a pair
				n += 2
			}
		}
		return n
	}
	decoder := c.other.NewDecoder()
	for out := make([]byte, 3*len(text)+utf8.UTFMax); ; {
		_, n, err := decoder.Transform(out, text, false)
		if text = text[n:]; err != transform.ErrShortDst {
			return len(text)
		}
	}
}

func unfinishedUTF8(text []byte) int {
	for n := 1; n < utf8.UTFMax && n <= len(text); n++ {
		if tail := text[len(text)-n:]; utf8.RuneStart(tail[0]) {
			if utf8.FullRune(tail) {
				return 0
			}
			return n
		}
	}
	return 0
}
