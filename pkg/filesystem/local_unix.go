//go:build unix

package filesystem

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// lock marks a file as being written, until it is closed or the process ends.
func lock(f *os.File) error {
	err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	switch {
	case errors.Is(err, unix.EWOULDBLOCK):
		return ErrBusy
	case errors.Is(err, unix.ENOSYS), errors.Is(err, unix.ENOTSUP), errors.Is(err, unix.EINVAL):
		return nil // a file system without locks
	}
	return err
}

// moveFile renames a file unless the name is taken, if not by a move that was
// interrupted half-way.
func moveFile(from, to string) error {
	err := os.Link(from, to)
	switch {
	case err == nil, errors.Is(err, os.ErrExist) && same(from, to):
		return os.Remove(from)
	case errors.Is(err, os.ErrExist), errors.Is(err, os.ErrNotExist):
		return err
	}
	// A file system without links.
	if _, err := os.Lstat(to); err == nil {
		return &os.LinkError{Op: "rename", Old: from, New: to, Err: os.ErrExist}
	}
	return os.Rename(from, to)
}

func same(a, b string) bool {
	infoA, errA := os.Stat(a)
	infoB, errB := os.Stat(b)
	return errA == nil && errB == nil && os.SameFile(infoA, infoB)
}

// syncFolder waits until the disk has the names in a folder.
func syncFolder(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
