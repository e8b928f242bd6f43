package source

import (
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/logpipe/logpipe/pkg/flume"
)

// spoolFile is a file to read.
type spoolFile struct {
	path     string
	absolute string
	relative string // to spoolDir
	target   string // as the tracker calls it: as Flume does
	modified time.Time
	settles  bool // it is too young to be put away
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
	s.lookBack()
	if s.lasts("await", s.folder) {
		if err := s.prepare(); err != nil {
			if !errors.Is(err, fs.ErrNotExist) {
				s.tell("use", s.folder, "%v", err)
			}
			return
		}
	}
	s.unread = map[string]bool{}
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
		s.tell("list", s.folder, "cannot list %s: %v", s.folder, reason(err))
	} else {
		if !s.lasts("await", s.folder) { // it may come back
			s.failures.forgetGone()
		}
		s.forgetTroubles()
	}
	s.sort()
}

// forgetTroubles forgets what was wrong with files and folders that are not to be
// read any more.
func (s *Spooldir) forgetTroubles() {
	if !s.some.Load() {
		return
	}
	queued := make(map[string]bool, len(s.queue))
	for _, f := range s.queue {
		queued[f.path] = true
	}
	s.retain("list", func(path string) bool { return s.unread[path] })
	s.retain("file", func(path string) bool { return queued[path] })
}

// unlisted takes note of a folder that cannot be read; the others are.
func (s *Spooldir) unlisted(path string, err error) error {
	if path == s.folder && errors.Is(err, fs.ErrNotExist) {
		s.prepare()
		return fs.SkipAll
	}
	if !errors.Is(err, fs.ErrNotExist) {
		s.counters.failed.Add(1)
		s.unread[path] = true
		s.tell("list", path, "cannot list %s: %v", path, reason(err))
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
	if hidden(err) {
		folder := filepath.Dir(path)
		s.unread[folder] = true
		s.tell("list", folder, "cannot look at %s: %v; tries again", path, reason(err))
	}
	if err != nil || !st.Mode().IsRegular() {
		return spoolFile{}, false
	}
	f := spoolFile{path: path, target: path, modified: st.ModTime(), settles: s.unsettled(st.ModTime()) > 0}
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

// sort puts the candidates into the order in which they are read. Those that
// still have to settle come last, so that none that has waits for them.
func (s *Spooldir) sort() {
	s.arrange()
	if s.order == "oldest" {
		return // they are the last ones
	}
	slices.SortStableFunc(s.queue, func(a, b spoolFile) int {
		return compareBool(a.settles, b.settles)
	})
}

func compareBool(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return 1
	}
	return -1
}

// arrange does what consumeOrder says.
func (s *Spooldir) arrange() {
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

// Survey looks at the folders; spoolDir is waited for where it is not there.
func (s *Spooldir) Survey() []flume.Problem {
	writes := s.deletes == "immediate" || s.tracking == "rename"
	all := flume.SurveyFolder("spoolDir", s.folder, writes)
	if _, err := os.Stat(s.folder); errors.Is(err, fs.ErrNotExist) {
		for i := range all {
			all[i].Harmless = true
		}
	}
	if filepath.IsAbs(s.tracker) {
		all = append(all, flume.SurveyMade("trackerDir", s.tracker)...)
	}
	return all
}
