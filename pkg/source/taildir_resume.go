package source

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/logpipe/logpipe/pkg/tail"
)

// resuming is the search for the files of stored positions. No file gets two.
type resuming struct {
	*Taildir
	byInode map[uint64][]*tailFile
	taken   map[*tailFile]bool
	strays  strays
}

// resume moves the files to their stored positions. The number of a device may be
// another one than before, in a container or after a mount; inodes are unique on one
// device alone. So a file's name comes first, then what its bytes say.
func (s *Taildir) resume(stored []tailPosition) {
	r := resuming{s, map[uint64][]*tailFile{}, map[*tailFile]bool{}, strays{}}
	for id, f := range s.files {
		r.byInode[id.Inode] = append(r.byInode[id.Inode], f)
	}
	s.storedMarks = s.readMarks()
	left := pairMarks(stored, s.storedMarks)
	for _, near := range []func(knownPosition, *tailFile) bool{knownPosition.named, knownPosition.onDevice, knownPosition.elsewhere} {
		left = slices.DeleteFunc(left, func(p knownPosition) bool { return r.find(p, near) })
	}
	for _, p := range left {
		if !r.begin(p) {
			s.resumeRenamed(p, r.strays.of(filepath.Dir(p.File), s.files)[p.Inode])
		}
	}
	r.printSkipped()
	s.mu.Lock()
	s.keepInodes(stored)
	s.mu.Unlock()
}

// keepInodes notes which files the position file has.
func (s *Taildir) keepInodes(stored []tailPosition) {
	s.stored = make(map[uint64]bool, len(stored))
	for _, p := range stored {
		s.stored[p.Inode] = true
	}
}

// named tells whether a file with the inode of a position has its name too.
func (p knownPosition) named(f *tailFile) bool { return p.File == f.path }

// onDevice tells whether a file with the inode of a position, but another name, may
// be on its device.
func (p knownPosition) onDevice(f *tailFile) bool {
	return p.File != f.path && (p.mark == nil || p.mark.Dev == f.id.Dev)
}

// elsewhere tells whether nothing but its bytes and its inode can say that a file is
// that of a position.
func (p knownPosition) elsewhere(f *tailFile) bool {
	return p.File != f.path && p.mark != nil && p.mark.Dev != f.id.Dev && p.mark.Size > 0
}

// find looks for the file of a position among those that are near.
func (r *resuming) find(p knownPosition, near func(knownPosition, *tailFile) bool) bool {
	for _, f := range r.byInode[p.Inode] {
		if r.taken[f] || !near(p, f) {
			continue
		}
		seen := r.sightOf(p, f)
		if seen.why != "" || seen.failed && p.elsewhere(f) {
			continue
		}
		r.taken[f] = true
		if p.begunAnew() {
			r.placeAnew(f)
		} else {
			r.place(f, p.Pos, seen)
		}
		return true
	}
	return false
}

// begin makes the files that have the name, or inode and device, of a position, but
// are not those that were read, begin at their beginning: what is in them may have
// come while nobody looked.
func (r *resuming) begin(p knownPosition) (any bool) {
	for _, f := range r.byInode[p.Inode] {
		if r.taken[f] || !p.named(f) && !p.onDevice(f) {
			continue
		}
		r.taken[f], any = true, true
		r.beginFile(p, f, r.sightOf(p, f))
	}
	return any
}

// beginFile begins anew in a file that is not as it was when it was read.
func (s *Taildir) beginFile(p knownPosition, f *tailFile, seen sight) {
	if seen.why != "" && (p.named(f) || seen.shorter) {
		s.restart(f, seen.why)
	}
	s.placeAnew(f)
}

// printSkipped notes what files that are not read from their beginning have in front
// of their positions.
func (r *resuming) printSkipped() {
	for _, f := range r.files {
		if r.taken[f] || f.pos == 0 || f.head != nil {
			continue
		}
		if file, _, err := f.openBeside(); err == nil {
			r.mu.Lock()
			f.tailPrint = readPrint(file, f.pos)
			r.mu.Unlock()
			file.Close()
		}
	}
}

// begunAnew tells whether the position may be that of what a file had before it was
// truncated.
func (p knownPosition) begunAnew() bool { return p.mark != nil && p.mark.Anew }

// sight is what a look at a file says of a stored position.
type sight struct {
	failed  bool   // it cannot be judged now
	why     string // it is not the file that was read; "" = it is
	shorter bool   // it has become shorter, and begins as before

	// Of a file that is:
	print    tailPrint
	modified time.Time
}

// sightOf judges whether a file with the inode of a position is the one that was read.
func (s *Taildir) sightOf(p knownPosition, f *tailFile) sight {
	file, st, err := f.openBeside()
	if err != nil {
		if !errors.Is(err, errRenamed) {
			s.tell("open", f.path, "cannot open %s: %v; tries again", f.path, reason(err))
		}
		return sight{failed: true}
	}
	defer file.Close()
	s.over("open", f.path)
	if p.begunAnew() && !p.elsewhere(f) {
		return sight{}
	}
	size := st.Size()
	why, short := "", size < p.Pos
	switch {
	case p.mark != nil:
		why = p.mark.differs(file, size)
		short = short || size < p.mark.Pos
	case p.File != f.path && !s.wasRenamed(file, f, p.tailPosition):
		why = otherHead
	}
	short = short && why != otherHead
	if short && why == "" {
		why = shorter(size, p.Pos)
	}
	if why != "" {
		return sight{why: why, shorter: short}
	}
	return sight{print: readPrint(file, p.Pos), modified: st.ModTime()}
}

// errRenamed says that a path has another file than when its folder was listed.
var errRenamed = errors.New("it was renamed")

// openBeside opens a file for a moment, to look at its bytes.
func (f *tailFile) openBeside() (*os.File, os.FileInfo, error) {
	file, err := tail.OpenFile(f.path)
	if err != nil {
		return nil, nil, err
	}
	st, err := file.Stat()
	var id tail.FileID
	if err == nil {
		id, err = tail.Identify(file, st)
	}
	if err == nil && id != f.id {
		err = errRenamed
	}
	if err != nil {
		file.Close()
		return nil, nil, err
	}
	return file, st, nil
}

// place sets where a file goes on, after a look at it.
func (s *Taildir) place(f *tailFile, pos int64, seen sight) {
	s.mu.Lock()
	f.pos, f.tailPrint, f.seen = pos, seen.print, seen.modified
	s.mu.Unlock()
	s.enqueue(f)
}

// placeAnew makes a file begin at its beginning, in spite of a stored position.
func (s *Taildir) placeAnew(f *tailFile) {
	s.mu.Lock()
	f.begun++
	s.mu.Unlock()
	s.place(f, 0, sight{})
}

// wasRenamed judges without a mark whether a file with another name is the one
// that was read: what was read has to end with a line, and the old name has to
// be gone. A mistake repeats lines, or, with a new file of the same inode that
// happens to have a line end there, leaves some out.
func (s *Taildir) wasRenamed(file *os.File, f *tailFile, p tailPosition) bool {
	var last [1]byte
	if p.Pos == 0 {
		return true
	}
	if _, err := file.ReadAt(last[:], p.Pos-1); err != nil || last[0] != '\n' {
		return false
	}
	st, err := os.Stat(p.File)
	if err != nil {
		return errors.Is(err, fs.ErrNotExist)
	}
	id, err := tail.IdentifyPath(p.File, st)
	return err == nil && id != f.id
}
