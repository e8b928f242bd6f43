package source

import (
	"io"

	"github.com/logpipe/logpipe/pkg/flume"
)

// windowSize is how much of a file is read at once.
const windowSize = 256 << 10

// fileWindow is what was read of a file and is not an event yet.
type fileWindow struct {
	buf        []byte
	start, end int
	ends       []int // of events, in buf

	blocks flume.Blocks
	events []flume.Event // of the last batch
}

// clear empties the window for another file.
func (w *fileWindow) clear() {
	w.start, w.end = 0, 0
	if len(w.buf) > 4*windowSize {
		w.buf = nil // of a very long line
	}
}

// fill reads on; at is where in the file the window starts. It returns 0 at the
// end of the file.
func (w *fileWindow) fill(r io.ReaderAt, at int64) (int, error) {
	if w.start > 0 {
		w.end = copy(w.buf, w.buf[w.start:w.end])
		w.start = 0
	}
	if w.end == len(w.buf) {
		w.buf = append(w.buf, make([]byte, max(windowSize, len(w.buf)))...)
	}
	n, err := r.ReadAt(w.buf[w.end:], at+int64(w.end))
	w.end += n
	if err == io.EOF {
		err = nil
	}
	return n, err
}
