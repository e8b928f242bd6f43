package source

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// javaUnknown is what Java writes for half of a surrogate pair, a character that
// UTF-8 cannot say.
const javaUnknown = "?"

// jsonReader reads JSON that is in order, and what else the reader takes that
// Flume's handler uses, Gson's lenient one (google/gson 2.9.1,
// com.google.gson.stream.JsonReader.setLenient): a byte order mark and )]}' in
// front; comments after //, # and in /* */; raw control characters in strings;
// 'single quotes' and text without quotes, for names as well; ; for a comma, = and
// => for a colon; nothing for null in an array; and true, false and null in any
// case. Its text is UTF-8.
type jsonReader struct {
	text []byte
	at   int    // what is before it has been read
	own  []byte // a string that had escapes
}

// newJSONReader skips what may stand in front of the text.
func newJSONReader(text []byte) *jsonReader {
	r := &jsonReader{text: text}
	if bytes.HasPrefix(text, []byte("\uFEFF")) {
		r.at = len("\uFEFF")
	}
	r.next()
	const guard = ")]}'\n" // of servers, against scripts that run what they fetch
	if bytes.HasPrefix(text[r.at:], []byte(guard)) {
		r.at += len(guard)
	}
	return r
}

// wrong says what should stand at the place that is reached.
func (r *jsonReader) wrong(want string) error {
	found := "the end"
	if r.at < len(r.text) {
		found = fmt.Sprintf("%.12q", r.text[r.at:min(r.at+12*utf8.UTFMax, len(r.text))])
	}
	return fmt.Errorf("want %s after %d bytes, found %s", want, r.at, found)
}

// next skips blanks and comments and returns the byte that follows, without
// reading it; -1 at the end. A comment without an end is none: its / stays, which
// is wrong wherever it stands.
func (r *jsonReader) next() int {
	for r.at < len(r.text) {
		rest := r.text[r.at:]
		switch c := rest[0]; {
		case c == ' ' || c == '\t' || c == '\n' || c == '\r':
			r.at++
		case c == '#' || c == '/' && len(rest) > 1 && rest[1] == '/':
			end := bytes.IndexAny(rest, "\r\n") + 1
			if end == 0 {
				end = len(rest)
			}
			r.at += end
		case c == '/' && len(rest) > 1 && rest[1] == '*':
			end := bytes.Index(rest[2:], []byte("*/"))
			if end < 0 {
				return int(c)
			}
			r.at += 2 + end + 2
		default:
			return int(c)
		}
	}
	return -1
}

// end wants nothing more; here, Gson is strict.
func (r *jsonReader) end() error {
	for ; r.at < len(r.text); r.at++ {
		if !strings.ContainsRune(" \t\r\n", rune(r.text[r.at])) {
			return r.wrong("nothing")
		}
	}
	return nil
}

// element goes to the next element of an array, the first one behind its bracket;
// more is false when it has read the array's end.
func (r *jsonReader) element(first bool) (more bool, err error) {
	switch c := r.next(); {
	case c == ']':
		r.at++
		return false, nil
	case first:
		return true, nil
	case c == ',' || c == ';':
		r.at++
		return true, nil
	}
	return false, r.wrong("a comma or ]")
}

// name reads the next name of an object, the first one behind its brace, and the
// colon; more is false when it has read the object's end. The name is valid until
// something else is read.
func (r *jsonReader) name(first bool) (name []byte, more bool, err error) {
	c := r.next()
	switch {
	case c == '}':
		r.at++
		return nil, false, nil
	case first:
	case c == ',' || c == ';':
		r.at++
		c = r.next()
	default:
		return nil, false, r.wrong("a comma or }")
	}
	if c == '"' || c == '\'' {
		name, err = r.quoted(javaUnknown)
	} else if name = r.word(); len(name) == 0 {
		err = r.wrong("a name")
	}
	if err != nil {
		return nil, false, err
	}
	switch r.next() {
	case ':':
		r.at++
	case '=':
		if r.at++; r.at < len(r.text) && r.text[r.at] == '>' {
			r.at++
		}
	default:
		return nil, false, r.wrong("a colon")
	}
	return name, true, nil
}

// scalar reads a text, which a number and a truth value are as well; there is
// false for null. The text is valid until something else is read. half stands for
// half of a surrogate pair.
func (r *jsonReader) scalar(inArray bool, half string) (text []byte, there bool, err error) {
	switch c := r.next(); c {
	case '"', '\'':
		text, err = r.quoted(half)
		return text, true, err
	case ',', ';', ']':
		if inArray {
			return nil, false, nil
		}
	}
	if text = r.word(); len(text) == 0 {
		return nil, false, r.wrong("a text")
	}
	for _, known := range []string{"true", "false", "null"} {
		if len(text) == len(known) && strings.EqualFold(string(text), known) {
			return []byte(known), known != "null", nil
		}
	}
	return text, true, nil
}

// null reads a null if there is one.
func (r *jsonReader) null(inArray bool) bool {
	begin := r.at
	if _, there, err := r.scalar(inArray, javaUnknown); err == nil && !there {
		return true
	}
	r.at = begin
	return false
}

// word reads what may stand without quotes: up to a blank or a sign of JSON's, or
// of its extensions.
func (r *jsonReader) word() []byte {
	begin := r.at
	for ; r.at < len(r.text); r.at++ {
		switch r.text[r.at] {
		case '/', '\\', ';', '#', '=', '{', '}', '[', ']', ':', ',', ' ', '\t', '\f', '\r', '\n':
			return r.text[begin:r.at]
		}
	}
	return r.text[begin:]
}

// quoted reads a string from its quote to the next one of the same kind.
func (r *jsonReader) quoted(half string) ([]byte, error) {
	begin, quote := r.at, r.text[r.at]
	r.at++
	r.own = r.own[:0]
	for end := -1; ; {
		if end < r.at { // not after each escape, which would read a long string many times
			n := bytes.IndexByte(r.text[r.at:], quote)
			if n < 0 {
				return nil, fmt.Errorf("the string that begins after %d bytes has no end", begin)
			}
			end = r.at + n
		}
		part := r.text[r.at:end]
		n := bytes.IndexByte(part, '\\')
		if n < 0 {
			r.at = end + 1
			if len(r.own) == 0 {
				return part, nil
			}
			r.own = append(r.own, part...)
			return r.own, nil
		}
		r.own = append(r.own, part[:n]...)
		r.at += n + 1
		if err := r.escape(half); err != nil {
			return nil, err
		}
	}
}

// escape reads what is behind a backslash into own.
func (r *jsonReader) escape(half string) error {
	if r.at == len(r.text) {
		return r.wrong("a character behind \\")
	}
	c := r.text[r.at]
	if c == 'u' {
		return r.unicode(half)
	}
	if i := strings.IndexByte("tbnrf", c); i >= 0 {
		c = "\t\b\n\r\f"[i]
	} else if !strings.ContainsRune("\n'\"\\/", rune(c)) {
		return r.wrong(`one of "\/bfnrtu behind \`)
	}
	r.at++
	r.own = append(r.own, c)
	return nil
}

// unicode reads u and four digits, or two such escapes that make a pair.
func (r *jsonReader) unicode(half string) error {
	unit, err := r.unit(0)
	if err != nil {
		return r.wrong("u and four hexadecimal digits")
	}
	r.at += 5
	if !utf16.IsSurrogate(unit) {
		r.own = utf8.AppendRune(r.own, unit)
		return nil
	}
	if r.at < len(r.text) && r.text[r.at] == '\\' {
		if second, err := r.unit(1); err == nil {
			if pair := utf16.DecodeRune(unit, second); pair != utf8.RuneError {
				r.at += 6
				r.own = utf8.AppendRune(r.own, pair)
				return nil
			}
		}
	}
	r.own = append(r.own, half...)
	return nil
}

// unit reads u and four digits that stand so many bytes ahead, which stay.
func (r *jsonReader) unit(ahead int) (rune, error) {
	rest := r.text[r.at+ahead:]
	if len(rest) < 5 || rest[0] != 'u' {
		return 0, errors.New("no unit")
	}
	n, err := strconv.ParseUint(string(rest[1:5]), 16, 16)
	return rune(n), err
}

// skip reads a value that nobody asks for, however deep it is.
func (r *jsonReader) skip() error {
	var open []byte // the brackets and braces that are not yet closed
	for first := false; ; {
		if c := r.next(); c == '{' || c == '[' {
			r.at++
			open, first = append(open, byte(c)), true
		} else {
			inArray := len(open) > 0 && open[len(open)-1] == '['
			if _, _, err := r.scalar(inArray, javaUnknown); err != nil {
				return err
			}
			first = false
		}
		for more := false; !more; first = false {
			if len(open) == 0 {
				return nil
			}
			var err error
			if open[len(open)-1] == '[' {
				more, err = r.element(first)
			} else {
				_, more, err = r.name(first)
			}
			if err != nil {
				return err
			}
			if !more {
				open = open[:len(open)-1]
			}
		}
	}
}
