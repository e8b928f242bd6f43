package format

import (
	"bytes"

	"github.com/logpipe/logpipe/pkg/record"
)

// The fields of a request variable, by their place in variable.fields.
const (
	methodField = iota
	pathField
	queryField
	protoField
	requestField
)

// http is "HTTP/" as the low bytes of a word.
const (
	http     = 'H' | 'T'<<8 | 'T'<<16 | 'P'<<24 | '/'<<32
	httpMask = 1<<40 - 1
)

// get is "GET " likewise.
const (
	get     = 'G' | 'E'<<8 | 'T'<<16 | ' '<<24
	getMask = 1<<32 - 1
)

// token has the bytes that a method may have (RFC 9110, 5.6.2).
var token = func() (t [256]bool) {
	for _, c := range []byte("!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ") {
		t[c] = true
	}
	return t
}()

// fastRequest reads `METHOD target HTTP/x.y` at i in one pass, up to the closing
// quote, whose place it returns; 0 where the request needs more care.
func fastRequest(v *variable, r *record.Record, b []byte, i, n int) int {
	k := i + len("GET")
	if le64(b, i)&getMask != get {
		for k = i; token[b[k]]; k++ {
		}
	}
	if b[k] != ' ' || k == i {
		return 0
	}
	end, m := untilByte(b, k+1, n, ' ')
	if m&escaped != 0 || end == k+1 || le64(b, end+1)&httpMask != http {
		return 0
	}
	proto := end + 1
	q := proto + len("HTTP/")
	for b[q]-'0' <= 9 || b[q] == '.' {
		q++
	}
	if b[q] != '"' || q == proto+len("HTTP/") {
		return 0
	}
	putText(r, v.fields[methodField], i, k, 0)
	setTarget(v, r, b, k+1, end, m)
	putText(r, v.fields[protoField], proto, q, 0)
	return q
}

// setRequest sets the fields of the request line from i to end. The target lies
// between the first and the last blank, as some clients send blanks in it. What
// is not `METHOD target PROTO` (TLS bytes, scanners, - where none came) was not
// understood by the server either, but its line is a valid line of the log: the
// text goes into the field request, and there is no method and no path.
func setRequest(v *variable, r *record.Record, b []byte, i, end int, m marks) {
	raw := b[i:end]
	if len(raw) == 0 {
		return
	}
	first, last := bytes.IndexByte(raw, ' '), bytes.LastIndexByte(raw, ' ')
	if first <= 0 || last <= first+1 || !isToken(raw[:first]) || !isProto(raw[last+1:]) {
		putText(r, v.fields[requestField], i, end, m)
		return
	}
	putText(r, v.fields[methodField], i, i+first, 0)
	setTarget(v, r, b, i+first+1, i+last, m)
	putText(r, v.fields[protoField], i+last+1, end, 0)
}

func isToken(text []byte) bool {
	for _, c := range text {
		if !token[c] {
			return false
		}
	}
	return true
}

// isProto reports whether text is HTTP/ with a version.
func isProto(text []byte) bool {
	version, ok := bytes.CutPrefix(text, []byte("HTTP/"))
	for _, c := range version {
		if c-'0' > 9 && c != '.' {
			return false
		}
	}
	return ok && len(version) > 0
}

// putText is setText for a field that may not be read.
func putText(r *record.Record, i, off, end int, m marks) {
	if i >= 0 {
		setText(r, i, off, end, m)
	}
}

// setTarget sets the fields path and query of the target from i to end. The
// query is what follows the first question mark; an empty one is none.
func setTarget(v *variable, r *record.Record, b []byte, i, end int, m marks) {
	path, query := v.fields[0], v.fields[1]
	if v.kind == requestKind {
		path, query = v.fields[pathField], v.fields[queryField]
	}
	if q := bytes.IndexByte(b[i:end], '?'); q >= 0 {
		if i+q+1 < end {
			putText(r, query, i+q+1, end, m)
		}
		end = i + q
	}
	if end > i {
		putText(r, path, i, end, m)
	}
}
