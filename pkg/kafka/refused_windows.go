package kafka

import (
	"errors"
	"syscall"
)

// isRefused knows the code that Windows answers for a refused connection.
func isRefused(err error) bool { return errors.Is(err, syscall.Errno(10061)) }
