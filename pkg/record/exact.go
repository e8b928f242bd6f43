package record

import (
	"bytes"
	"errors"
	"unicode/utf8"
)

// ErrSurrogate says that a text has no bytes: "\ud800" is half of a pair, of which
// only both together are a character.
var ErrSurrogate = errors.New("half of a surrogate pair stands alone: no bytes are that text")

// EachJSON calls f with the fields of r in order and with the JSON text of each as
// it is written, which is f's until it returns. A name that the line has twice
// comes twice.
func (r *Record) EachJSON(f func(name string, raw []byte)) {
	var buf []byte
	for i, n := range r.Shape.Names {
		s := &r.Spans[i]
		if s.Enc == Absent {
			continue
		}
		if e := r.edit(n); e != nil && r.Shape.last[i] == i {
			s = &e.Span
		}
		buf = r.appendValue(buf[:0], s)
		f(n.text, buf)
	}
	for i := range r.Edits {
		if e := &r.Edits[i]; !r.inLine(e.Name) {
			buf = r.appendValue(buf[:0], &e.Span)
			f(e.Name.text, buf)
		}
	}
}

// AppendField appends the JSON text of f as it is written; nothing where r has no
// such field.
func (r *Record) AppendField(dst []byte, f *Field) []byte {
	if s := r.find(f); s != nil && s.Enc != Absent {
		return r.appendValue(dst, s)
	}
	if f.rest != nil {
		if raw, ok := r.nested(f); ok {
			return append(dst, raw...)
		}
	}
	return dst
}

// AppendExact appends a value byte for byte: a string with its escapes resolved and
// what is no UTF-8 as it stands, all else as its JSON text. raw is valid JSON without
// white space around it.
func AppendExact(dst, raw []byte) ([]byte, error) {
	if len(raw) < 2 || raw[0] != '"' {
		return append(dst, raw...), nil
	}
	b := raw[1 : len(raw)-1]
	for {
		i := bytes.IndexByte(b, '\\')
		if i < 0 {
			return append(dst, b...), nil
		}
		dst, b = append(dst, b[:i]...), b[i:]
		if b[1] != 'u' {
			dst, b = append(dst, unescape(b[1])), b[2:]
			continue
		}
		r, n, whole := unicodeEscape(b)
		if !whole {
			return dst, ErrSurrogate
		}
		dst, b = utf8.AppendRune(dst, r), b[n:]
	}
}
