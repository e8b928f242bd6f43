package flume

import "golang.org/x/sys/windows"

// The errors of a path that leads through a file, and of writing to what is
// protected.
const (
	notFolder = windows.ERROR_DIRECTORY
	readOnly  = windows.ERROR_WRITE_PROTECT
)

// access is nil: here only writing shows who may, which a survey does not do.
func access(string) error { return nil }
