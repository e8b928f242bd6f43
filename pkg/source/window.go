package source

import (
	"errors"
	"io"
	"os"
	"path/filepath"

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

// full reports whether fill would need a larger buffer.
func (w *fileWindow) full() bool { return w.start == 0 && w.end == len(w.buf) }

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

// writeWhole replaces a file so that a kill leaves the old one or the new one;
// with durable that holds for a loss of power too, at the cost of waiting for
// the disk.
func writeWhole(name string, data []byte, durable bool) error {
	f, err := os.CreateTemp(filepath.Dir(name), "."+filepath.Base(name)+".*.tmp")
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err == nil && durable {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err == nil {
		if err = os.Rename(f.Name(), name); err == nil {
			return nil
		}
	}
	return errors.Join(err, os.Remove(f.Name()))
}
