package source

import (
	"bytes"
	"io"

	"github.com/logpipe/logpipe/pkg/flume"
)

// maxExecLine bounds the memory of a line; longer ones are told and skipped.
const maxExecLine = 16 << 20

// execLines cuts a stream into lines as Java's BufferedReader does: LF, CR LF
// and CR each end one.
type execLines struct {
	logf func(string, ...any)

	buf      []byte
	end      int  // of what was read
	searched int  // no newline before it
	skipping bool // inside a line that was too long

	blocks flume.Blocks
	events []flume.Event
}

// read adds what the stream has ready.
func (l *execLines) read(r io.Reader) error {
	if l.end == len(l.buf) {
		l.buf = append(l.buf, make([]byte, max(64<<10, len(l.buf)))...)
	}
	n, err := r.Read(l.buf[l.end:])
	l.end += n
	return err
}

// next returns an event for each complete line and keeps the rest. The slice is
// valid until the next call.
func (l *execLines) next() []flume.Event {
	size := l.searched + bytes.LastIndexByte(l.buf[l.searched:l.end], '\n') + 1
	if size == l.searched {
		l.searched = l.end
		if l.end > maxExecLine || l.skipping {
			if !l.skipping {
				l.logf("a line of more than %d bytes is skipped", maxExecLine)
			}
			l.skipping, l.end, l.searched = true, 0, 0
		}
		return nil
	}
	begin := 0
	if l.skipping {
		begin = bytes.IndexByte(l.buf[:size], '\n') + 1
		l.skipping = false
	}
	// One copy for all lines: the buffer is used again, the bodies live on.
	block := l.blocks.Copy(l.buf[begin:size])
	l.events = cutLines(l.events[:0], block.Bytes)
	block.Lend(l.events)
	l.end = copy(l.buf, l.buf[size:l.end])
	l.searched = l.end
	return l.events
}

// rest returns what follows the last newline.
func (l *execLines) rest() []flume.Event {
	if l.end == 0 || l.skipping {
		return nil
	}
	events := cutLines(nil, bytes.Clone(l.buf[:l.end]))
	l.end, l.searched = 0, 0
	return events
}

// cutLines appends the lines of a block; its last one may lack the newline.
func cutLines(events []flume.Event, block []byte) []flume.Event {
	returns := bytes.IndexByte(block, '\r') >= 0
	for len(block) > 0 {
		line, after := block, []byte(nil)
		if i := bytes.IndexByte(block, '\n'); i >= 0 {
			line, after = block[:i:i], block[i+1:]
			if returns && i > 0 && block[i-1] == '\r' {
				line = line[: i-1 : i-1]
			}
		}
		if returns {
			for {
				i := bytes.IndexByte(line, '\r')
				if i < 0 {
					break
				}
				events = append(events, flume.Event{Body: line[:i:i]})
				line = line[i+1:]
			}
			if len(line) == 0 && len(after) == 0 && block[len(block)-1] == '\r' {
				return events // the CR ended the last line
			}
		}
		events = append(events, flume.Event{Body: line})
		block = after
	}
	return events
}
