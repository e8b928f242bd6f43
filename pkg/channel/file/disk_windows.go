package file

import (
	"errors"

	"golang.org/x/sys/windows"
)

// isNoSpace tells the errors that end when something is deleted.
func isNoSpace(err error) bool {
	return errors.Is(err, windows.ERROR_DISK_FULL) || isTooLarge(err) || errors.Is(err, windows.ERROR_HANDLE_DISK_FULL)
}

// isTooLarge tells that the file is as large as its file system allows.
func isTooLarge(err error) bool { return errors.Is(err, windows.ERROR_FILE_TOO_LARGE) }
