package source

import (
	"errors"
	"fmt"
	"io"
	"unicode/utf8"

	"github.com/logpipe/logpipe/pkg/flume"
)

var errLineTooLong = errors.New("line too long")

// netcatLines cuts a connection into lines. Lengths count UTF-16 units, as
// Java's characters do.
type netcatLines struct {
	max int
	in  charset

	buf        []byte // read, not yet cut
	line       int    // lines cut so far, for messages
	start, end int    // of the unread part of buf
	begun      bool   // the mark of the byte order, where there is one, is read
	blocks     flume.Blocks
}

// read adds what the connection has ready.
func (l *netcatLines) read(r io.Reader) error {
	if l.start > 0 {
		copy(l.buf, l.buf[l.start:l.end])
		l.start, l.end = 0, l.end-l.start
	}
	if l.end == len(l.buf) {
		// next refuses a line above the maximum, so this grows to four bytes a
		// character at most.
		l.buf = append(l.buf, make([]byte, max(32<<10, len(l.buf)))...)
	}
	n, err := r.Read(l.buf[l.end:])
	l.end += n
	return err
}

// pending is the number of bytes after the last newline.
func (l *netcatLines) pending() int { return l.end - l.start }

// next returns an event for each complete line, in a slice that may be that of
// the last call. An error is about the line
// after them; nothing can be read then.
func (l *netcatLines) next(used []flume.Event) (events []flume.Event, err error) {
	events = used[:0]
	if !l.begun {
		if l.in.unit() > l.end-l.start {
			return events, nil
		}
		l.begun = true
		l.start += l.in.marked(l.buf[l.start:l.end])
	}
	size := l.in.lastLineEnd(l.buf[l.start:l.end])
	// One copy for all lines: the buffer is used again, the bodies live on.
	block := l.blocks.Copy(l.buf[l.start : l.start+size])
	defer func() { block.Lend(events) }()
	for rest := block.Bytes; len(rest) > 0; {
		i := l.in.lineEnd(rest)
		body, err := l.decode(l.in.trimEnd(rest[:i]))
		l.line++
		if err != nil {
			return events, fmt.Errorf("line %d: %w", l.line, err)
		}
		l.start += i
		events = append(events, flume.Event{Body: body})
		rest = rest[i:]
	}
	if err := l.checkUnfinished(l.buf[l.start:l.end]); err != nil {
		return events, fmt.Errorf("line %d: %w", l.line+1, err)
	}
	return events, nil
}

// decode checks the length and the charset of a line and returns it as UTF-8.
func (l *netcatLines) decode(line []byte) ([]byte, error) {
	text, _, _, err := l.in.decode(line, malformedFails)
	if err != nil {
		return nil, fmt.Errorf("not %s", l.in.name)
	}
	if len(text) >= l.max && utf16Len(text) >= l.max {
		return nil, errLineTooLong
	}
	return text, nil
}

// checkUnfinished is decode for a line without its end, which needs space for a
// newline and may end inside a character.
func (l *netcatLines) checkUnfinished(line []byte) error {
	if len(line) < l.max && !l.in.utf8 { // a character has a byte or more
		return nil
	}
	line = line[:len(line)-l.in.unfinished(line)]
	if l.in.utf8 {
		_, err := l.decode(line)
		return err
	}
	text, _, _, err := l.in.decode(line, malformedReplaced)
	if err == nil && utf16Len(text) >= l.max {
		return errLineTooLong
	}
	return err
}

func utf16Len(text []byte) int {
	n := 0
	for _, b := range text {
		switch {
		case b >= 0xF0: // four bytes: a pair of surrogates
			n += 2
		case utf8.RuneStart(b):
			n++
		}
	}
	return n
}
