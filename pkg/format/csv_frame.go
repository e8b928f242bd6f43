package format

import (
	"bytes"
	"fmt"
)

// Cut returns the length of the whole records at the head of data.
func (f *csvFormat) Cut(data []byte) (n int) {
	for {
		k, whole := f.recordAt(data[n:])
		if !whole {
			return n
		}
		n += k
	}
}

// Next returns the record at the head of data, without its line end, and where
// the next one begins. The end of data is the end of a record.
func (f *csvFormat) Next(data []byte) (line []byte, next int) {
	n, _ := f.recordAt(data)
	line = data[:n:n]
	if n > 0 && line[n-1] == '\n' {
		line = trimCR(line[: n-1 : n-1])
	}
	return line, n
}

// recordAt returns the length of the record at the head of b with its line end,
// and whether more bytes behind b could not change it. A quote opens a value only
// where the value begins. The one that closes it has a comma or a line end behind
// it: where the next single quote has not, or where there is none, the record
// ends with the line on which the value opened, and what follows is read anew.
// So a stray quote costs its line, not the rows up to the next quote. Where that
// is far away, rows are told from a long text by their commas.
func (f *csvFormat) recordAt(b []byte) (n int, whole bool) {
	line, ends := 0, false // the end of the line that holds i, and whether it is in b
	for i := 0; ; {
		if i >= line {
			line = len(b)
			k := bytes.IndexByte(b[i:], '\n')
			if ends = k >= 0; ends {
				line = i + k + 1
			}
		}
		q := bytes.IndexByte(b[i:line], '"')
		if q < 0 {
			return line, ends
		}
		open := i + q
		i = open + 1
		if open > 0 && b[open-1] != f.comma {
			continue // a plain byte
		}
		behind, proper, sure := f.closing(b, i)
		if far := open + strayAfter; len(b) >= far && (behind == 0 || behind > far) && f.tabular(b, open) {
			return line, ends
		}
		switch {
		case !proper:
			return line, ends && sure
		case !sure:
			return len(b), false
		}
		i = behind
	}
}

// strayAfter is how many bytes are looked through for the quote that closes a
// value before its lines are looked at.
const strayAfter = 1 << 20

// tabular tells that rows follow the quote at open: most whole lines behind it have
// as many commas as its own.
func (f *csvFormat) tabular(b []byte, open int) bool {
	comma := []byte{f.comma}
	from := bytes.LastIndexByte(b[:open], '\n') + 1
	first, rest, _ := bytes.Cut(b[from:open+strayAfter], []byte{'\n'})
	want, rows, lines := bytes.Count(first, comma), 0, 0
	for want > 0 {
		line, after, whole := bytes.Cut(rest, []byte{'\n'})
		if !whole {
			break
		}
		if lines++; bytes.Count(line, comma) == want {
			rows++
		}
		rest = after
	}
	return 2*rows > lines
}

// closing finds the quote that closes a value that opened before i. proper tells
// that a comma or a line end stands behind it, sure that more bytes could not
// change the answer.
func (f *csvFormat) closing(b []byte, i int) (behind int, proper, sure bool) {
	for {
		k := bytes.IndexByte(b[i:], '"')
		if k < 0 {
			return 0, false, false
		}
		i += k + 1
		switch {
		case i == len(b):
			return i, true, false // or the first of two
		case b[i] == '"':
			i++
		case b[i] == f.comma || b[i] == '\n':
			return i, true, true
		case b[i] == '\r' && i+1 == len(b):
			return i, true, false
		default:
			return i, b[i] == '\r' && b[i+1] == '\n', true
		}
	}
}

// Skip returns what reads over a record that is too long to be held: to the line
// end behind its values. Where a quote is closed wrongly, that is the end of the
// line on which this shows; where it is not closed at all, the end of the input.
func (f *csvFormat) Skip() func(piece []byte) (n int, ended bool, fault string) {
	s := &csvSkip{comma: f.comma, line: 1}
	return s.read
}

// csvSkip follows a record byte by byte.
type csvSkip struct {
	comma  byte
	at     csvPlace
	line   int // of the record
	opened int // the line on which the last quoted value opened
}

// csvPlace is a place in a record.
type csvPlace uint8

const (
	atValue    csvPlace = iota // where a value begins
	inPlain                    // in a value without quotes
	inQuotes                   // in a value with quotes
	behindOne                  // behind a quote in it: the closing one or the first of two
	behindCR                   // behind that and a carriage return
	closedOdly                 // behind a closing quote that has something else behind it
)

func (s *csvSkip) read(piece []byte) (n int, ended bool, fault string) {
	for n, c := range piece {
		if c == '\n' {
			s.line++
			if s.at != inQuotes {
				return n + 1, true, s.fault()
			}
			continue
		}
		s.step(c)
	}
	return len(piece), false, s.fault()
}

func (s *csvSkip) step(c byte) {
	switch {
	case s.at == inQuotes:
		if c == '"' {
			s.at = behindOne
		}
	case s.at == behindOne && c == '"':
		s.at = inQuotes
	case s.at == behindOne && c == '\r':
		s.at = behindCR
	case s.at == behindCR || s.at == behindOne && c != s.comma:
		s.at = closedOdly
	case s.at == closedOdly:
	case c == s.comma:
		s.at = atValue
	case s.at == atValue && c == '"':
		s.at, s.opened = inQuotes, s.line
	default:
		s.at = inPlain
	}
}

func (s *csvSkip) fault() string {
	switch s.at {
	case inQuotes:
		return fmt.Sprintf("the quote that opens on line %d of it is not closed", s.opened)
	case closedOdly:
		return fmt.Sprintf("behind the quote that closes the one on line %d of it stands neither %q nor a line end", s.opened, s.comma)
	}
	return ""
}
