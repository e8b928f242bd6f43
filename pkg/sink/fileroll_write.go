package sink

import (
	"fmt"
	"io"

	"github.com/logpipe/logpipe/pkg/flume"
	"github.com/logpipe/logpipe/pkg/sink/serializer"
)

const (
	// wholeWrite is how many bytes are gathered in the buffer before they are
	// written.
	wholeWrite = 256 << 10
	// directWrite is the size from which text is written from where it lies.
	directWrite = 4 << 10
	// mostBuffer is the size of a buffer that is kept for the next batch.
	mostBuffer = 4 << 20
)

// rollWriter writes events into a file: as few writes as can be, of many pages
// each, and without a copy where sources have left the events as they were read.
type rollWriter struct {
	file  rollFile
	buf   []byte
	begin int      // in buf: of what is not in parts
	parts [][]byte // to be written
	size  int64    // of all that was written
}

// start begins with a batch.
func (w *rollWriter) start(file rollFile) {
	w.file, w.buf, w.begin, w.parts, w.size = file, w.buf[:0], 0, w.parts[:0], 0
}

// end keeps the buffer for the next batch, if it is not too large.
func (w *rollWriter) end() {
	clear(w.parts[:cap(w.parts)])
	if cap(w.buf) > mostBuffer {
		w.buf = nil
	}
}

// all writes the events.
func (w *rollWriter) all(format serializer.Serializer, batch []flume.Event) (err error) {
	lines := serializer.Lines(format)
	for len(batch) > 0 {
		n := 0
		if lines {
			var text []byte
			text, n = flume.Lines(batch)
			w.add(text)
		}
		if n == 0 {
			if w.buf, err = format.Append(w.buf, &batch[0]); err != nil {
				return err
			}
			n = 1
		}
		batch = batch[n:]
		if len(w.buf) >= wholeWrite {
			if err := w.flush(); err != nil {
				return err
			}
		}
	}
	if w.buf, err = format.Flush(w.buf); err != nil {
		return err
	}
	return w.flush()
}

// add adds text, without a copy where it is long.
func (w *rollWriter) add(text []byte) {
	if len(text) < directWrite {
		w.buf = append(w.buf, text...)
		return
	}
	w.endPart()
	w.parts = append(w.parts, text)
}

// endPart makes a part of what was added to the buffer.
func (w *rollWriter) endPart() {
	if w.begin < len(w.buf) {
		w.parts = append(w.parts, w.buf[w.begin:])
		w.begin = len(w.buf)
	}
}

// flush writes all that was added.
func (w *rollWriter) flush() error {
	w.endPart()
	if len(w.parts) == 0 {
		return nil
	}
	n, err := writeParts(w.file, w.parts)
	w.size += n
	w.buf, w.begin, w.parts = w.buf[:0], 0, w.parts[:0]
	if err != nil {
		return fmt.Errorf("%w; the batch is kept in the channel", err)
	}
	return nil
}

// writeEach writes part after part.
func writeEach(w io.Writer, parts [][]byte) (all int64, err error) {
	for _, part := range parts {
		n, err := w.Write(part)
		all += int64(n)
		if err != nil {
			return all, err
		}
	}
	return all, nil
}
