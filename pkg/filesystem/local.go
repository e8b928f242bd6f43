package filesystem

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/logpipe/logpipe/pkg/folder"
)

// Local is the file system of this machine. A file that is written is locked, so
// that nobody adopts it.
type Local struct{}

func (Local) path(name string) string { return filepath.FromSlash(name) }

// Home is the working folder of the process.
func (Local) Home() string {
	dir, err := os.Getwd()
	if err != nil {
		return "/"
	}
	return filepath.ToSlash(dir)
}

// Create makes a file that outlives a crash of the machine once it is synced.
func (l Local) Create(_ context.Context, name string) (File, error) {
	path := l.path(name)
	if err := makeFolder(filepath.Dir(path)); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o666)
	if err != nil {
		return nil, err
	}
	_, err = lock(f)
	if err == nil {
		mark(f)
		err = folder.Sync(filepath.Dir(path))
	}
	if err != nil {
		return nil, errors.Join(err, f.Close(), os.Remove(path))
	}
	return &localFile{f}, nil
}

// makeFolder makes a folder and waits until the disk has it.
func makeFolder(path string) error {
	if _, err := os.Stat(path); err == nil {
		return nil // where it is no folder, making the file says so
	}
	if parent := filepath.Dir(path); parent != path {
		if err := makeFolder(parent); err != nil {
			return err
		}
	}
	if err := os.Mkdir(path, 0o777); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return folder.Sync(filepath.Dir(path))
}

// Rename links the new name first: a name that is taken is not lost.
func (l Local) Rename(_ context.Context, from, to string) error {
	if err := moveFile(l.path(from), l.path(to)); err != nil {
		return err
	}
	return folder.Sync(filepath.Dir(l.path(to)))
}

// List lists a folder.
func (l Local) List(_ context.Context, folder string) ([]Entry, error) {
	list, err := os.ReadDir(l.path(folder))
	entries := make([]Entry, 0, len(list))
	for _, e := range list {
		info, err := e.Info()
		if err != nil {
			continue // it went away
		}
		entries = append(entries, Entry{e.Name(), e.IsDir(), info.ModTime()})
	}
	return entries, err
}

// Adopt shortens a file that nobody has locked, if it is not surely of a writer that
// takes no lock.
func (l Local) Adopt(_ context.Context, name string, keep func(io.ReaderAt, int64) (int64, error)) (size int64, err error) {
	f, err := os.OpenFile(l.path(name), os.O_RDWR, 0)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if _, err := lock(f); err != nil {
		return 0, err
	}
	info, err := f.Stat()
	if err != nil {
		return 0, err
	}
	foreign := unmarked(f)
	if foreign && isFresh(info) {
		return 0, ErrBusy
	}
	if size, err = keep(f, info.Size()); err != nil {
		return 0, fmt.Errorf("%s: %w", name, err)
	}
	if size < info.Size() {
		if foreign {
			return 0, fmt.Errorf("%s is not shortened: nothing shows that its writer is gone", name)
		}
		if err := f.Truncate(size); err != nil {
			return 0, err
		}
	}
	return size, f.Sync()
}

// Remove removes a file.
func (l Local) Remove(_ context.Context, name string) error { return os.Remove(l.path(name)) }

// Close has nothing to do.
func (Local) Close() error { return nil }

type localFile struct{ f *os.File }

func (l *localFile) Write(_ context.Context, p []byte) (int, error) { return l.f.Write(p) }

func (l *localFile) Sync(context.Context) error { return l.f.Sync() }

func (l *localFile) Undo(size int64) error {
	err := l.f.Truncate(size)
	if err == nil {
		_, err = l.f.Seek(size, io.SeekStart)
	}
	return err
}

// Close may be called a second time.
func (l *localFile) Close(context.Context) error { return closeAny(l.f) }
