package folder

import (
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"syscall"
)

// Replace gives a file new content so that a kill leaves the old or the new, whole;
// with durable that holds for a loss of power too, at the cost of waiting for the disk.
// As with content written in place, a file that is there keeps its mode and owner as
// far as this process may give them, and a symbolic link its place: the file that it
// names is replaced. Errors that have a path have that of name; where a file is mounted
// at that place, as containers do with a single file, the error is an ErrMounted.
func Replace(name string, data []byte, durable bool) error {
	path, err := followed(name)
	if err != nil {
		return err
	}
	f, err := createBeside(path)
	if err != nil {
		return asOf(name, err)
	}
	if old, statErr := os.Stat(path); statErr == nil {
		err = TakeOver(f, old)
	}
	if err == nil {
		_, err = f.Write(data)
	}
	if err == nil && durable {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err == nil {
		if err = os.Rename(f.Name(), path); err == nil {
			return nil
		}
	}
	return asOf(name, errors.Join(err, os.Remove(f.Name())))
}

// ErrMounted is a file that is a mount of its own: no other can get its name.
var ErrMounted = errors.New("it is mounted by itself, and can be written in place only")

// Overwrite gives a file new content in place, for what Replace cannot. A kill may
// leave the beginning of the new content before the end of the old.
func Overwrite(name string, data []byte, durable bool) error {
	f, err := os.OpenFile(name, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteAt(data, 0)
	if err == nil {
		err = f.Truncate(int64(len(data)))
	}
	if err == nil && durable {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

// followed is the file that a name stands for: behind its symbolic links, where it is
// one, also where that file is not there yet.
func followed(name string) (string, error) {
	const most = 40 // links, as Linux follows
	for range most {
		to, err := os.Readlink(name)
		if err != nil {
			return name, nil // no link, or the next step says why not
		}
		if dir, _ := filepath.Split(name); !filepath.IsAbs(to) {
			to = dir + to // not Join: a .. behind a linked folder is the system's to follow
		}
		name = to
	}
	return "", &fs.PathError{Op: "follow", Path: name, Err: errors.New("too many symbolic links")}
}

// createBeside makes a file of a name that nothing else has, in the folder of path. It
// has the mode of a new file: os.CreateTemp's are for the owner alone.
func createBeside(path string) (*os.File, error) {
	const tries = 1000
	dir, base := filepath.Split(path)
	for try := 1; ; try++ {
		name := fmt.Sprintf("%s.%s.%08x.tmp", dir, base, rand.Uint32())
		f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o666)
		if !errors.Is(err, fs.ErrExist) || try == tries {
			return f, err
		}
	}
}

// asOf names the file that was to be replaced, not one that only this package knows.
func asOf(name string, err error) error {
	if p, ok := errors.AsType[*fs.PathError](err); ok {
		return &fs.PathError{Op: p.Op, Path: name, Err: p.Err}
	}
	if l, ok := errors.AsType[*os.LinkError](err); ok {
		if errors.Is(l.Err, syscall.EBUSY) {
			l.Err = ErrMounted
		}
		return &fs.PathError{Op: "replace", Path: name, Err: l.Err}
	}
	return err
}
