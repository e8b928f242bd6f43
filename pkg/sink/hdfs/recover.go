package hdfs

import (
	"errors"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/logpipe/logpipe/pkg/filesystem"
)

// mostFolders bounds the search for files of a dead run; the newest folders come
// first.
const mostFolders = 10_000

// recover looks for files that a dead run has left, and makes orphans of them.
// It looks below the part of the path before the first escape, into folders
// that an expansion could be; not into those of headers with a slash.
func (s *Sink) recover() {
	if s.inUsePrefix == "" && s.tail == "" {
		return // nobody can tell which files were not finished
	}
	begun := s.env // the sink may be closed and opened again meanwhile
	full := s.dirs.Pattern() + "/" + s.names.Pattern()
	fixed := fixedFolder(s.dirs.Fixed())
	if !s.dirs.NeedsTime() && !s.dirs.NeedsHeaders() {
		fixed = s.dirs.Fixed()
	}
	pattern, err := regexp.Compile(`^` + full + `$`)
	if err != nil {
		return
	}
	depth := strings.Count(full, "/") - strings.Count(fixed, "/")
	if fixed == "/" {
		depth++
	}
	w := &walker{s: s, stem: pattern}
	w.walk(fixed, depth-1)
	if w.folders >= mostFolders {
		begun.Logf("looked for files of a dead run in the newest %d folders below %s only", mostFolders, fixed)
	}
	if w.err != nil && s.life.Err() == nil && !s.calls.lost() { // the end is no news
		begun.Logf("cannot look for files of a dead run: %v", w.err)
	}
}

// fixedFolder is the last folder that a beginning of a path names whole.
func fixedFolder(text string) string {
	i := strings.LastIndexByte(text, '/')
	if i <= 0 {
		return "/"
	}
	return text[:i]
}

// walker searches folders.
type walker struct {
	s       *Sink
	stem    *regexp.Regexp // folder and prefix
	folders int
	err     error
}

func (w *walker) walk(folder string, depth int) {
	if w.s.life.Err() != nil || w.folders >= mostFolders || w.err != nil {
		return
	}
	w.folders++
	entries, err := w.s.listFolder(folder)
	if err != nil {
		if !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, fs.ErrPermission) {
			w.err = err
		}
		return
	}
	slices.SortFunc(entries, func(a, b filesystem.Entry) int { return b.Time.Compare(a.Time) })
	for _, e := range entries {
		name := path.Join(folder, e.Name)
		switch {
		case e.Folder && depth > 0:
			w.walk(name, depth-1)
		case !e.Folder:
			if target := w.target(folder, e.Name); target != "" {
				w.s.adopt(name, target)
			}
		}
	}
}

// target is the final name of a file that a dead run has left; "" of another one.
func (w *walker) target(folder, name string) string {
	s := w.s
	middle, ok := strings.CutPrefix(name, s.inUsePrefix)
	if ok {
		middle, ok = strings.CutSuffix(middle, s.suffix+s.tail)
	}
	dot := strings.LastIndexByte(middle, '.')
	if !ok || dot < 0 || strings.HasPrefix(name, asidePrefix) {
		return ""
	}
	n, err := strconv.ParseInt(middle[dot+1:], 10, 64)
	if err != nil || len(middle)-dot-1 < 13 || n < 0 || !w.stem.MatchString(path.Join(folder, middle[:dot])) {
		return ""
	}
	// Numbers count on from the time, with many files faster than it: they do not
	// tell whose a file is.
	if _, ours := s.own.Load(path.Join(folder, name)); ours {
		return ""
	}
	return path.Join(folder, middle+s.suffix)
}

// adopt ends a file of a dead run, or leaves it for later: also what is strange,
// which may be that of another sink that ends it.
func (s *Sink) adopt(name, target string) {
	o := &orphan{name: name, target: target, dead: true}
	if err := s.settle(o); err != nil {
		s.orphans.wait(o, err)
		return
	}
	s.orphans.told(o)
}
