package source

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strconv"
	"syscall"
	"time"

	"github.com/logpipe/logpipe/pkg/flume"
	"github.com/logpipe/logpipe/pkg/tail"
)

const (
	// tailHead is how much of a file's beginning tells it from another one.
	tailHead = 256
	// tailLongest is the longest event; a longer line is cut.
	tailLongest = 16 << 20
	// tailMostOpen is how many files are kept open while there is nothing in
	// them to read.
	tailMostOpen = 1000
)

// tailFile is one file that is followed.
type tailFile struct {
	id     tail.FileID
	path   string
	group  *tailGroup
	f      *os.File // nil = closed
	pos    int64    // up to which events are stored
	bare   int64    // bytes behind pos that are no whole event, as last seen
	head   []byte   // the file's beginning, not beyond pos
	active time.Time
	waits  time.Time // since when an event waits for further lines; zero = none does
	gone   bool      // no pattern leads to it any more
	round  int       // in which a pattern led to it
	queued bool
}

// tailEnd says what counts at the end of a file.
type tailEnd int

const (
	wholeEvents tailEnd = iota // what has certainly ended
	wholeLines                 // also an event that could go on with a further line
	everything                 // also a line without its end
)

// drain puts the events of a file until there are no more; more tells that
// other files have to have their turn first. between, if not nil, is called
// about once a second.
func (s *Taildir) drain(ctx context.Context, f *tailFile, out *Output, end tailEnd, between func()) (more bool, err error) {
	if !s.ready(f) {
		return false, nil
	}
	w := &s.window
	w.clear()
	size := min(s.batch, out.MaxBatch())
	last := time.Now()
	for batches := 0; ctx.Err() == nil; {
		if batches >= s.maxBatches {
			return true, nil
		}
		most := out.Ahead(size)
		if left := s.maxBatches - batches; left < most/size {
			most = left * size
		}
		n, err := s.cut(f, most, end)
		if err != nil {
			s.counters.readFail.Add(1)
			s.tell("read "+f.path, "cannot read %s: %v", f.path, reason(err))
			return false, nil
		}
		if n == 0 {
			return false, nil
		}
		batches += (n + size - 1) / size
		events := s.events(f, f.pos)
		next := f.pos + int64(w.ends[n-1]-w.start)
		if err := s.counters.putBatches(out, events, size); err != nil {
			return false, err
		}
		s.move(f, next, w.buf[w.start:w.ends[n-1]])
		w.start = w.ends[n-1]
		if now := time.Now(); now.Sub(last) > time.Second && between != nil {
			between()
			last = now
		}
	}
	return true, nil
}

// move notes that all before pos is stored; read is what was read for it.
func (s *Taildir) move(f *tailFile, pos int64, read []byte) {
	head := f.head
	if len(head) < tailHead {
		head = s.longerHead(f, read)
	}
	s.mu.Lock()
	f.pos, f.head, f.bare, f.waits = pos, head, 0, time.Time{}
	s.mu.Unlock()
	f.active = time.Now()
	s.changed.Store(true)
}

// longerHead is the beginning of a file with what was read behind its position.
// It is not read from the file again, which may have been truncated meanwhile,
// unless that is where nobody could read it so far.
func (s *Taildir) longerHead(f *tailFile, read []byte) []byte {
	if int64(len(f.head)) == f.pos {
		return append(slices.Clip(f.head), read[:min(len(read), tailHead-len(f.head))]...)
	}
	head := make([]byte, min(f.pos+int64(len(read)), tailHead))
	if n, _ := f.f.ReadAt(head, 0); n < len(head) {
		return f.head
	}
	return head
}

// ready opens a file if need be, and finds out whether it is still the one that
// it was.
func (s *Taildir) ready(f *tailFile) bool {
	if f.f == nil {
		if st, err := os.Stat(f.path); err == nil && st.Size() == f.pos || !s.openFile(f) {
			return false // thousands of files that nobody writes need not be opened
		}
	}
	st, err := f.f.Stat()
	if err != nil || st.Size() == f.pos {
		return false
	}
	s.checkSame(f, st.Size())
	return true
}

// checkSame begins anew in a file that was truncated, also in one that has grown
// beyond its position since; it says whether the file goes on as it was.
func (s *Taildir) checkSame(f *tailFile, size int64) bool {
	switch {
	case size < f.pos:
		s.restart(f, fmt.Sprintf("is shorter than what was read (%d of %d bytes)", size, f.pos))
	case !s.sameHead(f):
		s.restart(f, "begins with other bytes than before")
	default:
		return true
	}
	return false
}

// sameHead tells whether the file begins as it did.
func (s *Taildir) sameHead(f *tailFile) bool {
	if len(f.head) == 0 {
		return true
	}
	var buf [tailHead]byte
	head := buf[:len(f.head)]
	n, _ := f.f.ReadAt(head, 0)
	return n == len(head) && bytes.Equal(head, f.head)
}

// restart begins anew in a file that was truncated.
func (s *Taildir) restart(f *tailFile, why string) {
	s.truncated.Add(1)
	s.env.Logf("%s was truncated: it %s; reads it from its beginning; what was not read of it before is lost", f.path, why)
	s.mu.Lock()
	f.pos, f.bare, f.head = 0, 0, nil
	s.mu.Unlock()
	s.changed.Store(true)
}

// openFile opens a file that is not open. What has the path now may be another
// file.
func (s *Taildir) openFile(f *tailFile) bool { return s.openAt(f, f.path) }

// openAt opens a file that may have another name now than the one under which it
// is known.
func (s *Taildir) openAt(f *tailFile, path string) bool {
	if s.open >= tailMostOpen {
		s.shutOldest(1)
	}
	file, err := tail.OpenFile(path)
	if errors.Is(err, syscall.EMFILE) || errors.Is(err, syscall.ENFILE) {
		s.shutOldest(s.open)
		file, err = tail.OpenFile(path)
	}
	if err != nil {
		if !errors.Is(err, fs.ErrNotExist) { // the next look at the folder finds that
			s.counters.readFail.Add(1)
			s.tell("open "+path, "cannot open %s: %v; tries again", path, reason(err))
		}
		return false
	}
	st, err := file.Stat()
	var id tail.FileID
	if err == nil {
		id, err = tail.Identify(file, st)
	}
	if err != nil || id != f.id {
		file.Close()
		return false // a folder listing brings the new one
	}
	delete(s.told, "open "+path)
	f.f, f.active = file, time.Now()
	s.open++
	s.remind(f.active.Add(s.idle))
	return true
}

// shut closes a file; it is opened again when it grows.
func (s *Taildir) shut(f *tailFile) {
	if f.f != nil {
		f.f.Close()
		f.f = nil
		s.open--
	}
}

// shutOldest closes files in which there was nothing to read for the longest
// time.
func (s *Taildir) shutOldest(n int) {
	for range n {
		var oldest *tailFile
		for _, f := range s.files {
			if f.f == nil || f.gone || f.queued || f.bare > 0 || oldest != nil && !f.active.Before(oldest.active) {
				continue
			}
			if st, err := f.f.Stat(); err == nil && st.Size() == f.pos {
				oldest = f
			}
		}
		if oldest == nil {
			return
		}
		s.shut(oldest)
	}
}

// cut finds the ends of up to max events in the window, reading on as needed,
// and returns their number.
func (s *Taildir) cut(f *tailFile, max int, end tailEnd) (int, error) {
	w := &s.window
	if f.bare > windowSize && w.start == w.end && end == wholeEvents && !s.multi.on() {
		if found, err := s.findLineEnd(f); !found || err != nil {
			return 0, err
		}
	}
	for {
		rest := s.cutWindow(max)
		if len(w.ends) > 0 {
			return len(w.ends), nil
		}
		if w.end > 0 { // channels may have been waited for since the last look
			st, err := f.f.Stat()
			if err != nil {
				return 0, err
			}
			if !s.checkSame(f, st.Size()) {
				w.clear()
			}
		}
		n, err := w.fill(f.f, f.pos)
		if err != nil {
			return 0, err
		}
		if n == 0 {
			s.cutEnd(f, rest, end)
			return len(w.ends), nil
		}
	}
}

// cutWindow finds events in the window and returns how many bytes are behind
// the last line end.
func (s *Taildir) cutWindow(max int) (rest int) {
	w := &s.window
	w.ends = w.ends[:0]
	at, lines, begin := w.start, 0, w.start
	for len(w.ends) < max {
		i := bytes.IndexByte(w.buf[at:w.end], '\n')
		if i < 0 {
			if w.end-at >= tailLongest {
				w.ends = append(w.ends, w.end)
				at = w.end
			}
			break
		}
		line, next := w.buf[at:at+i], at+i+1
		if !s.multi.on() {
			w.ends = append(w.ends, next)
			at = next
			continue
		}
		if lines > 0 && s.multi.first(trimReturn(line)) {
			w.ends = append(w.ends, at)
			lines, begin = 0, at
			if len(w.ends) == max {
				break
			}
		}
		lines++
		at = next
		if lines >= s.multi.maxLines || at-begin >= s.multi.maxBytes {
			w.ends = append(w.ends, at)
			lines, begin = 0, at
		}
	}
	return w.end - at
}

// cutEnd ends what is left at the end of the file, as far as end says: behind
// whole lines, whose event could go on, there are rest bytes of a line.
func (s *Taildir) cutEnd(f *tailFile, rest int, end tailEnd) {
	w := &s.window
	lines, left := w.end-rest, int64(w.end-w.start)
	switch {
	case end == everything && left > 0:
		w.ends = append(w.ends, w.end)
		return
	case end == wholeLines && lines > w.start:
		w.ends = append(w.ends, lines)
		return
	case left != f.bare:
		f.bare, f.active = left, time.Now()
		if lines > w.start {
			f.waits = f.active
			s.remind(f.waits.Add(s.multi.timeout))
		}
	}
}

// findLineEnd looks on for the end of a very long line, so that a line that
// grows slowly is not read again and again.
func (s *Taildir) findLineEnd(f *tailFile) (found bool, err error) {
	buf := make([]byte, windowSize)
	for {
		n, err := f.f.ReadAt(buf, f.pos+f.bare)
		if bytes.IndexByte(buf[:n], '\n') >= 0 || f.bare+int64(n) >= tailLongest {
			return true, nil
		}
		f.bare += int64(n)
		if err == io.EOF {
			return false, nil
		}
		if err != nil {
			return false, err
		}
	}
}

// events makes events of the window: all bodies are parts of one copy, and all
// headers parts of one list. The slice is valid until the next call.
func (s *Taildir) events(f *tailFile, begin int64) []flume.Event {
	w := &s.window
	block := w.blocks.Copy(w.buf[w.start:w.ends[len(w.ends)-1]])
	w.events = w.events[:0]
	template := f.group.headers
	each := len(template)
	if s.byteOffset {
		each++
	}
	if s.fileHeader {
		each++
	}
	headers := make(flume.Headers, 0, each*len(w.ends))
	at := 0
	for _, end := range w.ends {
		end -= w.start
		body := block.Bytes[at:end:end]
		if n := len(body); n > 0 && body[n-1] == '\n' {
			body = trimReturn(body[: n-1 : n-1])
		}
		e := flume.Event{Body: body}
		if each > 0 {
			first := len(headers)
			headers = append(headers, template...)
			if s.byteOffset {
				headers = append(headers, flume.Header{Key: "byteoffset", Value: strconv.FormatInt(begin+int64(at), 10)})
			}
			if s.fileHeader {
				headers = append(headers, flume.Header{Key: s.fileKey, Value: f.path})
			}
			e.Headers = headers[first:len(headers):len(headers)]
		}
		w.events = append(w.events, e)
		at = end
	}
	block.Lend(w.events)
	return w.events
}

// trimReturn takes the carriage return of a Windows line end off.
func trimReturn(line []byte) []byte {
	if n := len(line); n > 0 && line[n-1] == '\r' {
		return line[: n-1 : n-1]
	}
	return line
}

// reason takes the system call and the path off an error.
func reason(err error) error {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	return err
}
