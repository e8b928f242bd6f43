package gen

import (
	"bytes"
	"strings"
)

// The functions here turn the good line dst[from:] into one that real logs
// have too and that no parser may take for a record.

// spoilAccess leaves four kinds of lines that a web server's log collects and
// that no access-log format reads. (A TLS handshake or "-" in place of the
// request is none of them: such a line is whole, and its status counts.)
func spoilAccess(r *random, dst []byte, from int) []byte {
	line := dst[from:]
	head := from + bytes.IndexByte(line, ']') + 2 // address, user, time
	switch r.below(4) {
	case 0: // bytes of a TLS client alone, escaped as nginx does
		return appendTLS(r, dst[:from])
	case 1: // cut by a full disk, before the request ends: later is common log format
		request := bytes.IndexByte(dst[head+1:], '"')
		return cut(r, dst, from, head+1+request)
	case 2: // the last quote is missing
		return dst[:len(dst)-1]
	default: // a line of the error log in the same file
		return errorLine(dst, from)
	}
}

// errorLine makes of an access line what Apache writes to its error log.
func errorLine(dst []byte, from int) []byte {
	line := string(dst[from:])
	address := line[:strings.IndexByte(line, ' ')]
	at := line[strings.IndexByte(line, '['):]
	dst = append(dst[:from], at[:strings.IndexByte(at, ']')+1]...)
	dst = append(append(dst, " [error] [client "...), address...)
	return append(dst, "] request failed: error reading the headers"...)
}

// spoilJSON makes a line that is no JSON value.
func spoilJSON(r *random, dst []byte, from int) []byte {
	switch r.below(4) {
	case 0:
		return appendTLS(r, dst[:from])
	case 1:
		return cut(r, dst, from, len(dst))
	case 2: // a newline got lost, and the rest of the next line
		half := from + 1 + int(r.below(uint64(len(dst)-from-1)))
		return append(dst, dst[from:half]...)
	default: // an unclosed quote
		quote := from + bytes.LastIndexByte(dst[from:], '"')
		return append(dst[:quote], dst[quote+1:]...)
	}
}

func spoilBehavior(r *random, dst []byte, from int) []byte {
	return spoilDelimited(r, dst, from, '|')
}

func spoilCSV(r *random, dst []byte, from int) []byte {
	return spoilDelimited(r, dst, from, ',')
}

// spoilDelimited makes a line with too few or too many fields.
func spoilDelimited(r *random, dst []byte, from int, delimiter byte) []byte {
	switch r.below(3) {
	case 0:
		return appendTLS(r, dst[:from])
	case 1:
		return cut(r, dst, from, from+bytes.LastIndexByte(dst[from:], delimiter)+1)
	default:
		return append(dst, delimiter)
	}
}

// cut ends the line somewhere behind its first byte and before end.
func cut(r *random, dst []byte, from, end int) []byte {
	return dst[:from+1+int(r.below(uint64(end-from-1)))]
}

// appendTLS writes the begin of a TLS client hello in the escapes of nginx.
func appendTLS(r *random, dst []byte) []byte {
	const hex = "0123456789ABCDEF"
	dst = append(dst, `\x16\x03\x01\x02\x00\x01\x00\x01\xFC\x03\x03`...)
	for range 4 + r.below(20) {
		b := r.below(256)
		dst = append(dst, '\\', 'x', hex[b>>4], hex[b&15])
	}
	return dst
}
