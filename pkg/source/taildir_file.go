package source

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"slices"
	"syscall"
	"time"

	"github.com/logpipe/logpipe/pkg/tail"
)

const (
	// tailHead is how much of a file's beginning, and as much of what was read of
	// it last, tells it from another one.
	tailHead = 256
	// tailLongest is the longest event; a longer line is cut.
	tailLongest = 16 << 20
	// tailMostOpen is how many files are kept open while there is nothing in
	// them to read.
	tailMostOpen = 1000
)

// tailFile is one file that is followed.
type tailFile struct {
	tailPrint
	id     tail.FileID
	path   string
	group  *tailGroup
	f      *os.File // nil = closed
	pos    int64    // up to which events are stored
	bare   int64    // bytes behind pos that are no whole event, as last seen
	begun  int      // how often it has begun anew, where a position was stored
	known  int      // begun, as of the positions that were written last
	active time.Time
	seen   time.Time // when it was modified, as of the last look that found nothing new
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
			s.tell("read", f.path, "cannot read %s: %v", f.path, reason(err))
			return false, nil
		}
		s.over("read", f.path)
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
	f.grow(read)
	s.mu.Unlock()
	f.active = time.Now()
	s.positionMoved()
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
		if st, err := os.Stat(f.path); err == nil && f.unchanged(st) || !s.openFile(f) {
			return false // thousands of files that nobody writes need not be opened
		}
	}
	st, err := f.f.Stat()
	if err != nil {
		return false
	}
	if st.Size() == f.pos && f.differs(f.f, f.pos) == "" {
		f.seen = st.ModTime()
		return false
	}
	s.checkSame(f, st.Size())
	return true
}

// unchanged tells of a file that is not open whether there can be nothing new in it.
// One that is written again may become as long as it was.
func (f *tailFile) unchanged(st os.FileInfo) bool {
	return st.Size() == f.pos && (f.pos == 0 || st.ModTime().Equal(f.seen))
}

// checkSame begins anew in a file that was truncated, also in one that has grown
// beyond its position since; it says whether the file goes on as it was.
func (s *Taildir) checkSame(f *tailFile, size int64) bool {
	why := ""
	if size < f.pos {
		why = shorter(size, f.pos)
	} else {
		why = f.differs(f.f, f.pos)
	}
	if why != "" {
		s.restart(f, why)
	}
	return why == ""
}

// restart begins anew in a file that was truncated.
func (s *Taildir) restart(f *tailFile, why string) {
	s.truncated.Add(1)
	s.env.Logf("%s was truncated: it %s; reads it from its beginning; what was not read of it before is lost", f.path, why)
	s.mu.Lock()
	f.pos, f.bare, f.tailPrint = 0, 0, tailPrint{}
	f.begun++
	s.mu.Unlock()
	s.positionMoved()
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
			s.tell("open", path, "cannot open %s: %v; tries again", path, reason(err))
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
	s.over("open", path)
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

// reason takes the system call and the path off an error.
func reason(err error) error {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	return err
}
