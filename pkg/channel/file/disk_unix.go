//go:build unix

package file

import (
	"errors"
	"syscall"
)

// isNoSpace tells the errors that end when something is deleted.
func isNoSpace(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) || errors.Is(err, syscall.EFBIG)
}

// isTooLarge tells that the file is as large as this process may make one.
func isTooLarge(err error) bool { return errors.Is(err, syscall.EFBIG) }
