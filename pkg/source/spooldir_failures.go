package source

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"slices"
	"time"

	"github.com/logpipe/logpipe/pkg/folder"
)

// spoolFailure is a file that cannot be read beyond a position.
type spoolFailure struct {
	Path string      `json:"path"`
	Pos  int64       `json:"pos"`
	Mark spoolMark   `json:"mark"`
	st   os.FileInfo // when it failed in this run; nil = it has not

	// Of a version that kept no mark.
	Size     int64     `json:"size,omitempty"`
	Modified time.Time `json:"modified,omitzero"`
	Head     fileHead  `json:"head,omitzero"`
}

// untouched tells of a file that failed before there were marks whether it is as it
// was then.
func (f *spoolFailure) untouched(file *os.File, st os.FileInfo) bool {
	return !f.Modified.IsZero() && f.Size == st.Size() && f.Modified.Equal(st.ModTime()) && f.Pos <= f.Size && f.Head.of(file)
}

// spoolFailures keeps the files that cannot be read, so that after a restart,
// perhaps with other settings, they go on where they failed.
type spoolFailures struct {
	name string
	list []spoolFailure
}

// load reads what an earlier run has left. The error is that it is damaged: nothing
// is known then.
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
		l.list = nil
	}
	return err
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
	return folder.Replace(l.name, append(data, '\n'), true)
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
	return f != nil && f.st != nil && sameState(f.st, st) && os.SameFile(f.st, st)
}

// resume is where to go on in a file that has failed, and how far a file of that
// name was read. What is noted of another one is forgotten.
func (l *spoolFailures) resume(path string, file *os.File, st os.FileInfo) (at, was int64) {
	f := l.find(path)
	if f == nil {
		return 0, 0
	}
	switch was = f.Pos; {
	case f.Mark.Modified != 0:
		at = f.Mark.resume(file, st, was)
	case f.untouched(file, st):
		at = was
	}
	if at != was {
		l.forget(path)
	}
	return at, was
}

func (l *spoolFailures) add(path string, file *os.File, st os.FileInfo, pos int64) error {
	l.drop(func(f *spoolFailure) bool { return f.Path == path })
	l.list = append(l.list, spoolFailure{Path: path, Pos: pos, Mark: markAt(file, st, pos), st: st})
	return l.save()
}

func (l *spoolFailures) forget(path string) {
	if l.drop(func(f *spoolFailure) bool { return f.Path == path }) {
		l.save() // what stays behind is found again, and judged as any other one
	}
}

// forgetGone forgets the files that are not there any more: one that has such a
// name later is another one.
func (l *spoolFailures) forgetGone() {
	if l.drop(func(f *spoolFailure) bool {
		_, err := os.Lstat(f.Path)
		return errors.Is(err, fs.ErrNotExist)
	}) {
		l.save() // as above
	}
}

func (l *spoolFailures) drop(those func(*spoolFailure) bool) (some bool) {
	before := len(l.list)
	l.list = slices.DeleteFunc(l.list, func(f spoolFailure) bool { return those(&f) })
	return len(l.list) < before
}
