package source

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/logpipe/logpipe/pkg/flume"
	"github.com/logpipe/logpipe/pkg/folder"
	"github.com/logpipe/logpipe/pkg/tail"
)

// tailGroup is one filegroup: a pattern and the headers of its events.
type tailGroup struct {
	name    string
	folder  string   // absolute; a pattern where glob is set
	glob    bool     // the folder has * ? [ ]
	names   *pattern // of files
	headers flume.Headers

	listed map[string]*tailFolder
}

// tailFolder is what a folder holds that matches.
type tailFolder struct {
	modified time.Time // of the folder, when it was listed
	at       time.Time // when it was listed
	names    []string
}

// newTailGroup reads a pattern: what is behind the last slash is a regular
// expression, as in Flume; * ? and [ ] in the folder are ours.
func newTailGroup(name, pattern string, headers map[string]string) (*tailGroup, error) {
	dir, expression := filepath.Split(pattern)
	if expression == "" {
		return nil, fmt.Errorf("%q has no pattern of file names behind its last slash", pattern)
	}
	names, err := newWholePattern(expression)
	if err != nil {
		return nil, err
	}
	if dir, err = folder.Absolute(dir); err != nil {
		return nil, err
	}
	g := &tailGroup{name: name, folder: dir, names: names, listed: map[string]*tailFolder{}}
	if strings.ContainsAny(dir, "*?[") {
		if _, err := os.Stat(dir); err != nil {
			g.glob = true
		}
		if _, err := filepath.Match(dir, ""); g.glob && err != nil {
			return nil, fmt.Errorf("bad pattern of folders %q: %w", dir, err)
		}
	}
	for _, key := range slices.Sorted(maps.Keys(headers)) {
		if group, header, ok := strings.Cut(key, "."); ok && group == name {
			g.headers.Set(header, headers[key])
		}
	}
	return g, nil
}

// folders lists the folders of the group. One that was there is looked for by its name
// too: the listing above it may fail for a while.
func (g *tailGroup) folders() []string {
	if !g.glob {
		return []string{g.folder}
	}
	all := slices.AppendSeq(g.matches(), maps.Keys(g.listed))
	slices.Sort(all)
	return slices.Compact(all)
}

// matches lists the folders that the pattern leads to.
func (g *tailGroup) matches() []string {
	before, after, deep := strings.Cut(g.folder, string(filepath.Separator)+"**")
	matches, _ := filepath.Glob(before)
	if !deep {
		return onlyFolders(matches)
	}
	var all []string
	for _, top := range matches {
		filepath.WalkDir(top, func(path string, d fs.DirEntry, err error) error {
			if err == nil && d.IsDir() {
				below, _ := filepath.Glob(path + after)
				all = append(all, onlyFolders(below)...)
			}
			return nil // what cannot be read is left out
		})
	}
	return all
}

func onlyFolders(paths []string) []string {
	return slices.DeleteFunc(paths, func(path string) bool {
		st, err := os.Stat(path)
		return err != nil || !st.IsDir()
	})
}

// list returns the names in a folder that match; with cache it reads the folder
// only where that may have changed.
func (g *tailGroup) list(folder string, cache bool) ([]string, error) {
	st, err := os.Stat(folder)
	if errors.Is(err, fs.ErrNotExist) {
		delete(g.listed, folder)
		return nil, err
	}
	// A change within the clock's grain of the last listing may have been missed.
	if l := g.listed[folder]; err == nil && cache && l != nil && l.modified.Equal(st.ModTime()) && l.at.Sub(l.modified) > 2*time.Second {
		return l.names, nil
	}
	l := &tailFolder{at: time.Now()}
	g.listed[folder] = l
	if err != nil {
		return nil, err
	}
	entries, err := os.ReadDir(folder)
	for _, e := range entries {
		if !e.IsDir() && g.names.matchesName(e.Name()) {
			l.names = append(l.names, e.Name())
		}
	}
	if err == nil { // else it is read again: permissions change without its time
		l.modified = st.ModTime()
	}
	return l.names, err
}

// foundFile is a file that a pattern leads to.
type foundFile struct {
	path  string
	group *tailGroup
	st    os.FileInfo
	id    tail.FileID
}

// allFolders lists the folders of all groups as last seen.
func (s *Taildir) allFolders() []string {
	var all []string
	for _, g := range s.groups {
		for folder := range g.listed {
			all = append(all, folder)
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// scan looks at everything: which files there are, and which have grown. toEnd
// begins new files at their end.
func (s *Taildir) scan(toEnd bool) {
	s.round++
	s.watchFolders()
	var found []foundFile
	looked := map[string]bool{}
	clear(s.unseen)
	for _, g := range s.groups {
		for _, folder := range g.folders() {
			found = s.find(found, g, folder, s.cache)
			looked[folder] = true
		}
	}
	s.retain("list", func(folder string) bool { return looked[folder] })
	s.clarify()
	s.merge(found, toEnd)
	s.lose(func(f *tailFile) bool { return f.round != s.round })
	s.watchFolders() // those that are new
}

// watchFolders asks to be told of changes. Where a folder is a pattern, its
// parents are not watched: new folders are found by the next scan.
func (s *Taildir) watchFolders() { s.watched = s.folders.Watch(s.allFolders()) }

// relist looks at some folders again.
func (s *Taildir) relist(changed map[string]bool) {
	var found []foundFile
	looked := map[string]bool{}
	maps.DeleteFunc(s.unseen, func(path string, _ bool) bool { return changed[path] || changed[filepath.Dir(path)] })
	for _, g := range s.groups {
		for _, folder := range s.allFolders() {
			if g.listed[folder] != nil && changed[folder] {
				if _, err := os.Stat(folder); err != nil {
					s.folders.Forget(folder)
				}
				found = s.find(found, g, folder, false)
				looked[folder] = true
			}
		}
	}
	s.clarify()
	s.merge(found, false)
	there := make(map[tail.FileID]bool, len(found))
	for _, f := range found {
		there[f.id] = true
	}
	s.lose(func(f *tailFile) bool { return looked[filepath.Dir(f.path)] && !there[f.id] })
}

// find adds the files of a folder that match.
func (s *Taildir) find(found []foundFile, g *tailGroup, folder string, cache bool) []foundFile {
	names, err := g.list(folder, cache)
	switch {
	case errors.Is(err, fs.ErrNotExist): // as a folder of another host of the same file
		s.mention("list", folder, "cannot list %s: %v; waits for it", folder, reason(err))
	case g.glob && err != nil && !hidden(err): // the name is that of a file now
		delete(g.listed, folder)
	case err != nil:
		s.tell("list", folder, "cannot list %s: %v; waits for it", folder, reason(err))
		s.unseen[folder] = true
	default:
		s.over("list", folder)
	}
	if err != nil {
		s.folders.Forget(folder)
	}
	for _, name := range names {
		path := filepath.Join(folder, name)
		st, err := os.Stat(path)
		if hidden(err) {
			s.tell("look at", folder, "cannot look at %s: %v; tries again", path, reason(err))
			s.unseen[path] = true
		}
		if err != nil || !st.Mode().IsRegular() {
			continue
		}
		if id, err := tail.IdentifyPath(path, st); err == nil {
			found = append(found, foundFile{path, g, st, id})
		}
	}
	return found
}

// clarify ends the troubles with files that can be looked at again.
func (s *Taildir) clarify() {
	some := make(map[string]bool, len(s.unseen))
	for path := range s.unseen {
		some[filepath.Dir(path)] = true
	}
	s.retain("look at", func(folder string) bool { return some[folder] })
}

// hidden tells of a look at a file whether it failed without saying that the file is
// gone. A link in a circle leads nowhere.
func hidden(err error) bool {
	return err != nil && !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, syscall.ENOTDIR) && !errors.Is(err, syscall.ELOOP)
}

// merge takes note of what was found: older files first.
func (s *Taildir) merge(found []foundFile, toEnd bool) {
	slices.SortStableFunc(found, func(a, b foundFile) int { return a.st.ModTime().Compare(b.st.ModTime()) })
	seen := make(map[tail.FileID]bool, len(found))
	for _, n := range found {
		if seen[n.id] {
			continue // a second name of the file, or a second group that leads to it
		}
		seen[n.id] = true
		f := s.files[n.id]
		if f == nil {
			f = s.discover(n, toEnd)
		}
		f.round, f.gone = s.round, false
		if f.path != n.path && !sameFile(f.path, n) {
			s.rename(f, n.path)
		}
		s.byPath[f.path] = f
		if n.st.Size() != f.pos+f.bare || f.f == nil && !f.unchanged(n.st) {
			s.enqueue(f)
		} else {
			s.over("open", f.path) // for which there is no reason
		}
	}
}

// sameFile tells whether a file still has its old name too.
func sameFile(old string, n foundFile) bool {
	st, err := os.Stat(old)
	return err == nil && os.SameFile(st, n.st) && n.group.names.matchesName(filepath.Base(old))
}

// discover begins to follow a file.
func (s *Taildir) discover(n foundFile, toEnd bool) *tailFile {
	f := &tailFile{id: n.id, path: n.path, group: n.group, active: time.Now()}
	if toEnd {
		f.pos, f.seen = n.st.Size(), n.st.ModTime()
	}
	s.mu.Lock()
	if s.stored[n.id.Inode] { // by one that has gone
		f.begun++
	}
	s.files[n.id] = f
	s.mu.Unlock()
	s.positionMoved()
	return f
}

// rename follows a file under its new name.
func (s *Taildir) rename(f *tailFile, path string) {
	if s.byPath[f.path] == f {
		delete(s.byPath, f.path)
	}
	s.calm(f.path)
	s.mu.Lock()
	f.path = path
	s.mu.Unlock()
	s.positionMoved()
}

// lose notes that no pattern leads to some files any more. They are read to
// their ends, also what their writers still add; one that is not open has to be
// found under its new name for that.
func (s *Taildir) lose(lost func(*tailFile) bool) {
	var closed []*tailFile
	for _, f := range s.files {
		if f.gone || !lost(f) {
			continue
		}
		if s.unseen[f.path] || s.unseen[filepath.Dir(f.path)] { // nothing says that it is gone
			if f.f != nil {
				s.enqueue(f)
			}
			continue
		}
		f.gone = true
		if s.byPath[f.path] == f {
			delete(s.byPath, f.path)
		}
		if f.f == nil {
			closed = append(closed, f)
			continue
		}
		s.linger(f)
	}
	names := namesOf(closed)
	for _, f := range closed {
		if path := names[f.id]; path != "" && s.openAt(f, path) {
			s.linger(f)
			continue
		} else if path != "" {
			s.calm(path)
		}
		s.forget(f)
	}
}

// calm notes that nothing is wrong with a path: the file has left it.
func (s *Taildir) calm(path string) {
	s.over("open", path)
	s.over("read", path)
}

// linger makes a file be read on that no pattern has.
func (s *Taildir) linger(f *tailFile) {
	s.enqueue(f)
	s.remind(time.Now().Add(gonePoll))
}

// namesOf looks for files that were renamed within their folders.
func namesOf(files []*tailFile) map[tail.FileID]string {
	wanted, folders := map[tail.FileID]bool{}, map[string]bool{}
	for _, f := range files {
		wanted[f.id], folders[filepath.Dir(f.path)] = true, true
	}
	names := map[tail.FileID]string{}
	for folder := range folders {
		eachFile(folder, func(path string, id tail.FileID) {
			if wanted[id] {
				names[id] = path
			}
		})
	}
	return names
}

// forget ends the following of a file.
func (s *Taildir) forget(f *tailFile) {
	s.shut(f)
	if s.byPath[f.path] == f {
		delete(s.byPath, f.path)
	}
	s.calm(f.path)
	s.mu.Lock()
	if s.files[f.id] == f {
		delete(s.files, f.id)
	}
	s.mu.Unlock()
	s.positionMoved()
}
