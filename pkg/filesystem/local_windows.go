package filesystem

import (
	"errors"
	"os"

	"golang.org/x/sys/windows"
)

// lock has nothing to do: Windows does not let others rename an open file.
func lock(*os.File) (held bool, err error) { return false, nil }

// openKeepsName: an open file cannot be renamed here.
const openKeepsName = true

// moveFile renames a file unless the name is taken.
func moveFile(from, to string) error {
	if _, err := os.Lstat(to); err == nil {
		return &os.LinkError{Op: "rename", Old: from, New: to, Err: os.ErrExist}
	}
	return os.Rename(from, to)
}

// neverLinks reports whether a link failed because the file system has none, or no
// more for this file: to try again is of no use.
func neverLinks(err error) bool {
	return errors.Is(err, windows.ERROR_INVALID_FUNCTION) || errors.Is(err, windows.ERROR_TOO_MANY_LINKS) || errors.Is(err, errors.ErrUnsupported)
}
