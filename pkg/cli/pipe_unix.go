//go:build !windows

package cli

import (
	"errors"
	"syscall"
)

// brokenPipe reports that nobody reads the other end any more.
func brokenPipe(err error) bool { return errors.Is(err, syscall.EPIPE) }
