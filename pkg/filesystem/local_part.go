package filesystem

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/logpipe/logpipe/pkg/folder"
)

// stillness is how long a file must not have changed whose writer does not lock
// it, such as a Flume. HDFS gives a writer as long.
const stillness = time.Minute

// isFresh reports whether a file has changed lately.
func isFresh(info fs.FileInfo) bool { return time.Since(info.ModTime()).Abs() < stillness }

// Gone tells by the lock of a file that Create has made. Of others it is never
// sure: their writers may be quiet, or on another machine.
func (l Local) Gone(_ context.Context, name string) (gone bool, err error) {
	path := l.path(name)
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return false, err
	}
	held, err := lock(f)
	info, statErr := f.Stat()
	ours := marked(f)
	// Closed before it is asked who has it open.
	switch err = errors.Join(err, statErr, f.Close()); {
	case err != nil:
		return false, err
	case held && ours:
		return true, nil
	case isFresh(info):
		return false, ErrBusy
	}
	return false, whoWrites(path)
}

// A copy that is not whole yet has a name of its own, which Hadoop's jobs do not see.
const copyPrefix, copySuffix = ".torn.", ".copy"

// Part links the file to its new name before the copy takes the place of the old
// one: at each moment all of it has a name. The lock keeps others of this kind away.
func (l Local) Part(ctx context.Context, name, aside string, whole, size int64) (err error) {
	path, to := l.path(name), l.path(aside)
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, closeAny(f)) }()
	if _, err := lock(f); err != nil {
		return err
	}
	info, err := f.Stat()
	switch {
	case err != nil:
		return err
	case info.Size() != size || !names(path, info):
		return ErrBusy
	}
	// First, as there are file systems where nothing can be linked.
	if err := setLink(ctx, path, to, info); err != nil {
		return err
	}
	c, err := l.copyFile(ctx, f, info, path, whole)
	if err != nil {
		return err
	}
	// Whoever adopts the copy waits for this lock, that is until it has its place.
	defer func() { err = errors.Join(err, closeAny(c)) }()
	if openKeepsName {
		err = errors.Join(f.Close(), c.Close())
	}
	if err == nil {
		err = place(ctx, c.Name(), path, to, info)
	}
	if err != nil {
		return errors.Join(err, closeAny(c), os.Remove(c.Name()))
	}
	return folder.Sync(filepath.Dir(path))
}

// setLink gives a file a second name that outlasts a loss of power. A Part that was
// interrupted may have done so. The name is never taken back: another Part may rely
// on it where there are no locks.
func setLink(ctx context.Context, path, to string, file fs.FileInfo) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if err := os.Link(path, to); err != nil && !(errors.Is(err, fs.ErrExist) && names(to, file)) {
		if neverLinks(err) {
			return fmt.Errorf("%w: %w", ErrNoLink, err)
		}
		return err
	}
	if !names(to, file) {
		return ErrBusy // its writer is back and has renamed it
	}
	return folder.Sync(filepath.Dir(to))
}

// place lets a copy take the name of a file that has the name aside, too.
func place(ctx context.Context, from, path, aside string, file fs.FileInfo) error {
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case !names(path, file):
		return ErrBusy // its writer is back and has renamed it
	case !names(aside, file):
		return fmt.Errorf("%s is gone: %w", aside, ErrBusy) // copying took its time
	}
	return os.Rename(from, path)
}

// closeAny closes a file unless it is closed.
func closeAny(f *os.File) error {
	if err := f.Close(); !errors.Is(err, os.ErrClosed) {
		return err
	}
	return nil
}

// names reports whether a file has this name.
func names(path string, file fs.FileInfo) bool {
	info, err := os.Stat(path)
	return err == nil && os.SameFile(info, file)
}

// copyPiece is how much is copied between two looks at the time.
const copyPiece = 16 << 20

// copyFile makes a file with the beginning of another one, beside it. What a dead
// run has left of such a copy is removed.
func (l Local) copyFile(ctx context.Context, f *os.File, info fs.FileInfo, path string, size int64) (_ *os.File, err error) {
	name := filepath.ToSlash(filepath.Join(filepath.Dir(path), copyPrefix+filepath.Base(path)+copySuffix))
	made, err := l.Create(ctx, name)
	if errors.Is(err, fs.ErrExist) {
		if _, err := l.Gone(ctx, name); err != nil {
			return nil, err
		}
		if err := os.Remove(l.path(name)); err != nil {
			return nil, err
		}
		if made, err = l.Create(ctx, name); errors.Is(err, fs.ErrExist) {
			err = ErrBusy // another one does the same
		}
	}
	if err != nil {
		return nil, err
	}
	c := made.(*localFile).f
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("copy what is whole: %w", err), c.Close(), os.Remove(c.Name()))
		}
	}()
	if err := folder.TakeOver(c, info); err != nil {
		return nil, err
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return nil, err
	}
	for left := size; left > 0; left -= min(left, copyPiece) {
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		if _, err := io.CopyN(c, f, min(left, copyPiece)); err != nil {
			return nil, err
		}
	}
	return c, c.Sync()
}
