package source

import (
	"bytes"
	"io"
	"unicode/utf8"

	"github.com/logpipe/logpipe/pkg/flume"
)

// blockSize is how much of a file is read at once into a block.
const blockSize = 128 << 10

// blockWindow is what was read of a file and is not an event yet. Events get the
// memory that was read into: what comes behind them is read into the same block,
// or into the next one.
type blockWindow struct {
	blocks     flume.Blocks
	block      *flume.Block // nil before the first read
	start, end int          // in the block
	seen       int          // up to where the block was looked at for bytes that are no character
	plain      int          // up to where there is none
	events     []flume.Event
}

// rest is what is no event yet.
func (w *blockWindow) rest() []byte {
	if w.block == nil {
		return nil
	}
	return w.block.Bytes[w.start:w.end]
}

// clear empties the window for another file.
func (w *blockWindow) clear() {
	w.start = w.end
	if w.block != nil && len(w.block.Bytes) > 4*blockSize { // of a very long line
		w.use(nil)
	}
}

// use goes on in another block, with what is no event yet.
func (w *blockWindow) use(next *flume.Block) {
	end := 0
	if next != nil {
		end = copy(next.Bytes, w.rest())
	}
	if w.block != nil {
		w.block.Drop()
	}
	w.block, w.start, w.end, w.seen, w.plain = next, 0, end, 0, 0
}

// fill reads on; at is where in the file the window starts. It returns 0 at the
// end of the file.
func (w *blockWindow) fill(r io.ReaderAt, at int64) (int, error) {
	if w.block == nil || len(w.block.Bytes)-w.end < blockSize/2 {
		size := blockSize
		for size < 2*len(w.rest()) {
			size *= 2
		}
		w.use(w.blocks.Get(size))
	}
	n, err := r.ReadAt(w.block.Bytes[w.end:], at+int64(len(w.rest())))
	w.end += n
	if err == io.EOF {
		err = nil
	}
	return n, err
}

// look finds out whether the whole lines in the window are valid UTF-8.
func (w *blockWindow) look() {
	rest := w.rest()
	n := bytes.LastIndexByte(rest, '\n') + 1
	w.seen, w.plain = w.start+n, w.start
	if utf8.Valid(rest[:n]) {
		w.plain = w.seen
	}
}

// lines cuts a file into lines. Only LF ends a line, as in Flume.
type lines struct {
	r      io.ReaderAt
	at     int64 // of the window's start
	w      *blockWindow
	max    int // UTF-16 units of an event
	in     charset
	out    charset
	policy onMalformed
	bad    func(int)
}

func (l *lines) next(most int, final bool) ([]flume.Event, int64, error) {
	w := l.w
	w.events = w.events[:0]
	for {
		err := l.cut(most)
		if err == nil && len(w.events) < most {
			var n int
			if n, err = w.fill(l.r, l.at); n > 0 {
				continue
			}
			if err == nil && final && len(w.events) == 0 && w.start < w.end {
				err = l.cutLine(w.end - w.start)
				w.block.LendPart(w.events)
			}
		}
		if len(w.events) > 0 {
			err = nil // it comes again
		}
		return w.events, l.at, err
	}
}

// cut makes events of the lines in the window, until there are that many.
func (l *lines) cut(most int) (err error) {
	w, first := l.w, len(l.w.events)
	for len(w.events) < most && err == nil {
		if l.in.utf8 && l.out.utf8 && w.start >= w.seen {
			w.look()
		}
		if l.cutPlain(most) {
			continue
		}
		n := l.lineEnd()
		if n == 0 {
			break
		}
		err = l.cutLine(n)
	}
	if w.block != nil {
		w.block.LendPart(w.events[first:])
	}
	return err
}

// cutPlain makes events of lines that are valid UTF-8, and not too long; false =
// of none.
func (l *lines) cutPlain(most int) bool {
	w, begin := l.w, l.w.start
	for w.start < w.plain && len(w.events) < most {
		n := bytes.IndexByte(w.block.Bytes[w.start:w.plain], '\n')
		if n > l.max {
			break
		}
		w.events = append(w.events, w.block.Event(w.start, w.start+n))
		w.start += n + 1
	}
	l.at += int64(w.start - begin)
	return w.start > begin
}

// lineEnd returns the length of the first line in the window, its end included;
// 0 = no line ends there.
func (l *lines) lineEnd() int {
	rest := l.w.rest()
	n := l.in.lineEnd(rest)
	if n > 0 || len(rest) < tailLongest {
		return n
	}
	n = tailLongest &^ 1 // no line is that long
	for l.in.utf8 && n < len(rest) && n > tailLongest-utf8.UTFMax && !utf8.RuneStart(rest[n]) {
		n--
	}
	return n
}

// cutLine makes events of the first n bytes of the window: a line of any kind.
func (l *lines) cutLine(n int) error {
	w := l.w
	text, bad, at, err := l.in.decode(l.in.trimEnd(w.rest()[:n:n]), l.policy)
	if err != nil {
		return &malformedError{l.at + int64(at), err}
	}
	if bad > 0 {
		l.bad(bad)
	}
	for {
		piece, rest := firstUnits(text, l.max)
		w.events = append(w.events, flume.Event{Body: l.out.encode(piece)})
		if text = rest; len(text) == 0 {
			break
		}
	}
	w.start += n
	l.at += int64(n)
	return nil
}

// firstUnits cuts text behind so many UTF-16 units, but not inside a character.
func firstUnits(text []byte, units int) (first, rest []byte) {
	if len(text) <= units {
		return text, nil
	}
	n := 0
	for i := 0; i < len(text); {
		size, width := 1, 1
		switch b := text[i]; {
		case b >= 0xF0:
			size, width = 4, 2
		case b >= 0xE0:
			size = 3
		case b >= 0xC0:
			size = 2
		}
		if n+width > units && i > 0 {
			return text[:i:i], text[i:]
		}
		n += width
		i += size
	}
	return text, nil
}
