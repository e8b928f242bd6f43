package source

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/logpipe/logpipe/pkg/tail"
)

// strays are the names of the files in a folder that are not followed, by inode.
// Each folder is listed once, however many positions lead to it.
type strays map[string]map[uint64][]string

func (l strays) of(folder string, followed map[tail.FileID]*tailFile) map[uint64][]string {
	if names, listed := l[folder]; listed {
		return names
	}
	names := map[uint64][]string{}
	l[folder] = names
	eachFile(folder, func(path string, id tail.FileID) {
		if followed[id] == nil {
			names[id.Inode] = append(names[id.Inode], path)
		}
	})
	return names
}

// eachFile tells of the files in a folder that may be ones that were followed, under
// whatever name.
func eachFile(folder string, tell func(path string, id tail.FileID)) {
	entries, _ := os.ReadDir(folder) // one that is gone has none
	for _, e := range entries {
		st, err := e.Info()
		if err != nil || !st.Mode().IsRegular() {
			continue
		}
		path := filepath.Join(folder, e.Name())
		if id, err := tail.IdentifyPath(path, st); err == nil && !compressed(path) {
			tell(path, id)
		}
	}
}

// resumeRenamed looks for a file that was renamed, while nobody looked, to a
// name that no pattern has, and reads its rest.
func (s *Taildir) resumeRenamed(p knownPosition, paths []string) {
	g := s.groupOf(p.File)
	if g == nil {
		return // of a group that there is no longer
	}
	for _, path := range paths {
		st, err := os.Lstat(path)
		if err != nil || st.Size() <= p.Pos && !p.begunAnew() {
			continue
		}
		id, err := tail.IdentifyPath(path, st)
		if err != nil || id.Inode != p.Inode || s.files[id] != nil {
			continue
		}
		if p.mark != nil && p.mark.Dev != id.Dev && p.mark.Size == 0 {
			continue // nothing but an inode of another device speaks for it
		}
		f := s.discover(foundFile{path, g, st, id}, false)
		seen := s.sightOf(p, f)
		if seen.failed || seen.why != "" || !s.openFile(f) {
			s.forget(f)
			continue
		}
		if p.begunAnew() {
			s.placeAnew(f)
		} else {
			s.place(f, p.Pos, seen)
		}
		s.env.Logf("%s was renamed to %s: reads its rest", p.File, path)
		s.mu.Lock()
		f.path = p.File // a next start, after a kill, knows the group by it
		s.mu.Unlock()
		f.gone = true
		// What was written before the rename comes before what is in the new file.
		s.pending = slices.DeleteFunc(s.pending, func(o *tailFile) bool { return o == f })
		s.pending = slices.Insert(s.pending, 0, f)
		s.remind(time.Now().Add(gonePoll))
		return
	}
}

// compressed tells whether a name is that of a packed file, which may have got
// the inode of the one that it was made from.
func compressed(path string) bool {
	return slices.Contains([]string{".gz", ".bz2", ".xz", ".zst", ".zip"}, strings.ToLower(filepath.Ext(path)))
}

// groupOf finds the group whose pattern a path has.
func (s *Taildir) groupOf(path string) *tailGroup {
	for _, g := range s.groups {
		if g.listed[filepath.Dir(path)] != nil && g.names.matchesName(filepath.Base(path)) {
			return g
		}
	}
	return nil
}
