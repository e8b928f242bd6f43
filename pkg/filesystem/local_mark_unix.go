//go:build linux || darwin || freebsd

package filesystem

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// markName is an extended attribute of the files whose writer locks them.
const markName = "user.logpipe.locked"

// mark says of a file that its writer locks it. Where the file system keeps no
// such marks, nobody can tell, and the lock alone decides.
func mark(f *os.File) {
	_ = unix.Fsetxattr(int(f.Fd()), markName, []byte{1}, 0)
}

// marked reports whether a file was surely made by Create.
func marked(f *os.File) bool {
	_, err := unix.Fgetxattr(int(f.Fd()), markName, make([]byte, 1))
	return err == nil
}

// unmarked reports whether a file was surely not made by Create.
func unmarked(f *os.File) bool {
	_, err := unix.Fgetxattr(int(f.Fd()), markName, make([]byte, 1))
	return err != nil && !errors.Is(err, errors.ErrUnsupported)
}
