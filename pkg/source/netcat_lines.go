package source

import (
	"bytes"
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
	max      int
	encoding string

	buf        []byte // read, not yet cut
	line       int    // lines cut so far, for messages
	start, end int    // of the unread part of buf
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
	size := bytes.LastIndexByte(l.buf[l.start:l.end], '\n') + 1
	// One copy for all lines: the buffer is used again, the bodies live on.
	block := l.blocks.Copy(l.buf[l.start : l.start+size])
	defer func() { block.Lend(events) }()
	for rest := block.Bytes; len(rest) > 0; {
		i := bytes.IndexByte(rest, '\n')
		body, err := l.decode(rest[:i:i], true)
		l.line++
		if err != nil {
			return events, fmt.Errorf("line %d: %w", l.line, err)
		}
		l.start += i + 1
		events = append(events, flume.Event{Body: body})
		rest = rest[i+1:]
	}
	if _, err := l.decode(l.buf[l.start:l.end], false); err != nil {
		return events, fmt.Errorf("line %d: %w", l.line+1, err)
	}
	return events, nil
}

// decode checks the length and the encoding of a line and returns it as UTF-8;
// an unfinished line may end inside a character.
func (l *netcatLines) decode(line []byte, finished bool) ([]byte, error) {
	switch l.encoding {
	case "us-ascii":
		for _, b := range line {
			if b >= utf8.RuneSelf {
				return nil, errors.New("not US-ASCII")
			}
		}
	case "iso-8859-1":
		line = latin1(line)
	default:
		if !finished {
			line = line[:len(line)-unfinishedRune(line)]
		}
		if !utf8.Valid(line) {
			return nil, errors.New("not UTF-8")
		}
	}
	// A finished line has a newline, one without needs space for it.
	if len(line) >= l.max && utf16Len(line) >= l.max {
		return nil, errLineTooLong
	}
	return line, nil
}

func latin1(line []byte) []byte {
	text := make([]byte, 0, len(line)+8)
	for _, b := range line {
		text = utf8.AppendRune(text, rune(b))
	}
	return text
}

// unfinishedRune is the number of bytes at the end of text that may be the
// beginning of a character.
func unfinishedRune(text []byte) int {
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
