package source

import (
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// spoolFile is a file to read.
type spoolFile struct {
	path     string
	absolute string
	relative string // to spoolDir
	target   string // as the tracker calls it: as Flume does
	modified time.Time
}

// nextFile returns the next file to read. Listing a folder with many files for
// each of them anew would cost more than reading them: a list is used until it
// is older than pollDelay and than some times what it took to make it.
func (s *Spooldir) nextFile() (spoolFile, bool) {
	if len(s.queue) == 0 || time.Since(s.listedAt) > max(s.poll, 20*s.listedFor) {
		begin := time.Now()
		s.list()
		s.listedAt, s.listedFor = time.Now(), time.Since(begin)
	}
	if len(s.queue) == 0 {
		return spoolFile{}, false
	}
	f := s.queue[0]
	s.queue = s.queue[1:]
	return f, true
}

// list finds the files that are not done.
func (s *Spooldir) list() {
	s.queue = nil
	if s.told["folder"] {
		if err := s.prepare(); err != nil {
			if !errors.Is(err, fs.ErrNotExist) {
				s.tell("prepare", "%v", err)
			}
			return
		}
	}
	err := filepath.WalkDir(s.folder, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return s.unlisted(path, err)
		}
		if d.IsDir() {
			skip := path != s.folder && (!s.recursive || strings.HasPrefix(d.Name(), ".") || s.ignores.matchesName(d.Name()))
			if skip {
				return fs.SkipDir
			}
			return nil
		}
		if f, ok := s.candidate(path, d.Name()); ok {
			s.queue = append(s.queue, f)
		}
		return nil
	})
	if err != nil {
		s.counters.failed.Add(1)
		s.tell("list", "cannot list %s: %v", s.folder, reason(err))
	} else {
		delete(s.told, "list")
	}
	s.sort()
}

// unlisted takes note of a folder that cannot be read; the others are.
func (s *Spooldir) unlisted(path string, err error) error {
	if path == s.folder && errors.Is(err, fs.ErrNotExist) {
		s.prepare()
		return fs.SkipAll
	}
	if !errors.Is(err, fs.ErrNotExist) {
		s.counters.failed.Add(1)
		s.tell("list "+path, "cannot list %s: %v", path, reason(err))
	}
	return nil
}

// candidate tells whether a file is to be read.
func (s *Spooldir) candidate(path, name string) (spoolFile, bool) {
	if strings.HasPrefix(name, ".") || s.suffix != "" && strings.HasSuffix(name, s.suffix) ||
		!s.includes.matchesName(name) || s.ignores.matchesName(name) {
		return spoolFile{}, false
	}
	st, err := os.Stat(path) // a link is its file
	if err != nil || !st.Mode().IsRegular() {
		return spoolFile{}, false
	}
	f := spoolFile{path: path, target: path, modified: st.ModTime()}
	if f.absolute, err = filepath.Abs(path); err != nil {
		f.absolute = path
	}
	if f.relative, err = filepath.Rel(s.folder, path); err != nil {
		f.relative = name
	}
	if s.failures.waits(path, st) {
		return f, false
	}
	return f, s.tracking != "tracker_dir" || !s.marked(f, st)
}

// marked tells whether trackerDir says that a file is done. Flume's marks are
// empty; ours tell which file they mean, so that a new one of the same name is
// read.
func (s *Spooldir) marked(f spoolFile, st os.FileInfo) bool {
	now := string(markOf(st))
	if s.marks[f.path] == now {
		return true
	}
	name := filepath.Join(s.trackFolder, f.relative+s.suffix)
	mark, err := os.ReadFile(name)
	if err != nil {
		return false
	}
	done := string(mark) == now
	if len(mark) == 0 {
		at, err := os.Stat(name)
		done = err == nil && !st.ModTime().After(at.ModTime())
	}
	if done {
		s.marks[f.path] = now
		return true
	}
	s.counters.failed.Add(1)
	s.env.Logf("%s has changed since it was read, or is another file of the same name: reads it", f.path)
	return false
}

// markOf tells which file a mark means.
func markOf(st os.FileInfo) []byte {
	return fmt.Appendf(nil, `{"size":%d,"modified":%d}`+"\n", st.Size(), st.ModTime().UnixNano())
}

// sort puts the candidates into the order in which they are read.
func (s *Spooldir) sort() {
	if s.order == "random" {
		rand.Shuffle(len(s.queue), func(i, j int) { s.queue[i], s.queue[j] = s.queue[j], s.queue[i] })
		return
	}
	slices.SortStableFunc(s.queue, func(a, b spoolFile) int {
		c := a.modified.Compare(b.modified)
		if s.order == "youngest" {
			c = -c
		}
		if c == 0 {
			c = strings.Compare(filepath.Base(a.path), filepath.Base(b.path))
		}
		return c
	})
}

// fileHead tells a file from another one of the same name.
type fileHead struct {
	Size int    `json:"size"`
	CRC  uint32 `json:"crc"`
}

// headOf takes the checksum of the first bytes of a file.
func headOf(r io.ReaderAt, size int64) fileHead {
	buf := make([]byte, min(size, tailHead))
	n, _ := r.ReadAt(buf, 0)
	return fileHead{n, crc32.ChecksumIEEE(buf[:n])}
}

// of tells whether it is the head of a file, which may have grown since.
func (h fileHead) of(r io.ReaderAt) bool { return headOf(r, int64(h.Size)) == h }

// spoolFailure is a file that cannot be read beyond a position.
type spoolFailure struct {
	Path     string    `json:"path"`
	Pos      int64     `json:"pos"`
	Size     int64     `json:"size"`
	Modified time.Time `json:"modified"`
	Head     fileHead  `json:"head"`
	now      bool      // it has failed in this run
}

// spoolFailures keeps the files that cannot be read, so that after a restart,
// perhaps with other settings, they go on where they failed.
type spoolFailures struct {
	name string
	list []spoolFailure
}

func (l *spoolFailures) load(name string) error {
	l.name, l.list = name, nil
	data, err := os.ReadFile(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil {
		err = json.Unmarshal(data, &l.list)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", name, reason(err))
	}
	return nil
}

func (l *spoolFailures) save() error {
	if len(l.list) == 0 {
		if err := os.Remove(l.name); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		return nil
	}
	data, err := json.MarshalIndent(l.list, "", "  ")
	if err != nil {
		return err
	}
	return writeWhole(l.name, append(data, '\n'), false)
}

func (l *spoolFailures) find(path string) *spoolFailure {
	for i := range l.list {
		if l.list[i].Path == path {
			return &l.list[i]
		}
	}
	return nil
}

// waits tells whether a file has failed in this run and is still the same.
func (l *spoolFailures) waits(path string, st os.FileInfo) bool {
	f := l.find(path)
	return f != nil && f.now && f.Size == st.Size() && f.Modified.Equal(st.ModTime())
}

// resume is where to go on in a file that has failed.
func (l *spoolFailures) resume(path string, r io.ReaderAt, size int64) int64 {
	f := l.find(path)
	if f == nil || !f.Head.of(r) || f.Pos > size {
		return 0
	}
	return f.Pos
}

func (l *spoolFailures) add(path string, st os.FileInfo, pos int64, head fileHead) error {
	l.list = slices.DeleteFunc(l.list, func(f spoolFailure) bool { return f.Path == path })
	l.list = append(l.list, spoolFailure{path, pos, st.Size(), st.ModTime(), head, true})
	return l.save()
}

func (l *spoolFailures) forget(path string) {
	if l.find(path) != nil {
		l.list = slices.DeleteFunc(l.list, func(f spoolFailure) bool { return f.Path == path })
		l.save() // what stays behind is found again, and judged by its head
	}
}
