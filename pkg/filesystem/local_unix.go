//go:build unix

package filesystem

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// lock marks a file as being written, until it is closed or the process ends. It
// reports whether it could: there are file systems without locks.
func lock(f *os.File) (held bool, err error) {
	err = unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	switch {
	case errors.Is(err, unix.EWOULDBLOCK):
		return false, ErrBusy
	case errors.Is(err, unix.ENOSYS), errors.Is(err, unix.ENOTSUP), errors.Is(err, unix.EINVAL):
		return false, nil
	}
	return err == nil, err
}

// openKeepsName: an open file can be renamed here.
const openKeepsName = false

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

// neverLinks reports whether a link failed because the file system has none, or no
// more for this file: to try again is of no use.
func neverLinks(err error) bool {
	return errors.Is(err, unix.EPERM) || errors.Is(err, unix.EMLINK) || errors.Is(err, errors.ErrUnsupported)
}

func same(a, b string) bool {
	infoA, errA := os.Stat(a)
	infoB, errB := os.Stat(b)
	return errA == nil && errB == nil && os.SameFile(infoA, infoB)
}
