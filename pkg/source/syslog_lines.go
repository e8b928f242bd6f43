package source

import (
	"bytes"
	"io"
)

// syslogLine is a line; cut tells that it was longer.
type syslogLine struct {
	text []byte
	cut  bool
}

// syslogLines cuts a connection into messages.
type syslogLines struct {
	max        int
	buf        []byte
	start, end int
	list       []syslogLine
}

func (l *syslogLines) read(r io.Reader) error {
	if l.start > 0 {
		l.end = copy(l.buf, l.buf[l.start:l.end])
		l.start = 0
	}
	if l.end == len(l.buf) {
		l.buf = append(l.buf, make([]byte, max(32<<10, len(l.buf)))...)
	}
	n, err := r.Read(l.buf[l.end:])
	l.end += n
	return err
}

// next returns the messages that are whole, or as long as they may be. Empty
// lines are none. A message that ends exactly at the limit counts as cut, as in
// Flume.
func (l *syslogLines) next() []syslogLine {
	l.list = l.list[:0]
	at := l.start
	for {
		n := bytes.IndexByte(l.buf[at:l.end], '\n')
		if n < 0 && l.end-at < l.max {
			break
		}
		if n < 0 || n >= l.max {
			l.list = append(l.list, syslogLine{l.buf[at : at+l.max], true})
			at += l.max
			continue
		}
		if n > 0 {
			l.list = append(l.list, syslogLine{l.buf[at : at+n], false})
		}
		at += n + 1
	}
	// One copy for all lines: the buffer is used again, the bodies live on.
	block := bytes.Clone(l.buf[l.start:at])
	for i, line := range l.list {
		from := cap(l.buf[l.start:]) - cap(line.text)
		l.list[i].text = block[from : from+len(line.text) : from+len(line.text)]
	}
	l.start = at
	return l.list
}

func (l *syslogLines) rest() []byte { return bytes.Clone(l.buf[l.start:l.end]) }
