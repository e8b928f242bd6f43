package source

import (
	"bytes"
	"io"
	"strconv"
	"time"

	"github.com/logpipe/logpipe/pkg/flume"
)

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
