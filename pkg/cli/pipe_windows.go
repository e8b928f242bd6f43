package cli

import (
	"errors"
	"syscall"

	"golang.org/x/sys/windows"
)

// brokenPipe reports that nobody reads the other end any more.
func brokenPipe(err error) bool {
	return errors.Is(err, syscall.EPIPE) || errors.Is(err, windows.ERROR_BROKEN_PIPE) || errors.Is(err, windows.ERROR_NO_DATA)
}
