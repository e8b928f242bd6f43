package source

import (
	"bytes"
	"io"
)

// netcatAnswers tells a client which of its lines are stored, in its own charset.
type netcatAnswers struct {
	w      io.Writer
	in     charset
	silent bool // but for mistakes
	begun  bool
	due    int // lines without an answer
	err    error

	ok, buf []byte // one answer, and those that go out together
}

// give answers the next n lines.
func (a *netcatAnswers) give(n int) {
	n = min(n, a.due)
	a.due -= n
	if n > 0 && !a.silent {
		a.write("OK\n", n)
	}
}

// write sends a text n times, at once.
func (a *netcatAnswers) write(text string, n int) {
	if a.err != nil {
		return
	}
	a.ok = append(a.ok[:0], a.in.encode([]byte(text))...)
	a.buf = a.buf[:0]
	for range n {
		if a.begun && a.in.utf16 != nil {
			a.ok = bytes.TrimPrefix(a.ok, []byte{0xFE, 0xFF}) // a mark stands in front of all alone
		}
		a.buf = append(a.buf, a.ok...)
		a.begun = true
	}
	_, a.err = a.w.Write(a.buf)
}
