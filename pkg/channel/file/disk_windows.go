package file

import (
	"errors"
	"os"
	"syscall"

	"golang.org/x/sys/windows"
)

func freeSpace(dir string) (int64, error) {
	name, err := windows.UTF16PtrFromString(dir)
	if err != nil {
		return 0, err
	}
	var free uint64
	if err := windows.GetDiskFreeSpaceEx(name, &free, nil, nil); err != nil {
		return 0, os.NewSyscallError("GetDiskFreeSpaceEx", err)
	}
	return int64(min(free, 1<<62)), nil
}

// isNoSpace tells the errors that end when something is deleted.
func isNoSpace(err error) bool {
	return errors.Is(err, windows.ERROR_DISK_FULL) || isTooLarge(err) || errors.Is(err, windows.ERROR_HANDLE_DISK_FULL)
}

// isTooLarge tells that the file is as large as its file system allows.
func isTooLarge(err error) bool { return errors.Is(err, windows.ERROR_FILE_TOO_LARGE) }

// syncDir has nothing to do: the file system keeps its names by itself.
func syncDir(string) error { return nil }

// lockFile opens a file that only one process can have open; Windows closes it
// with the process.
func lockFile(path string) (*os.File, error) {
	name, err := syscall.UTF16PtrFromString(path)
	if err != nil {
		return nil, err
	}
	h, err := syscall.CreateFile(name, syscall.GENERIC_READ|syscall.GENERIC_WRITE, syscall.FILE_SHARE_READ,
		nil, syscall.OPEN_ALWAYS, syscall.FILE_ATTRIBUTE_NORMAL, 0)
	if errors.Is(err, windows.ERROR_SHARING_VIOLATION) {
		return nil, errHeld
	}
	if err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(h), path), nil
}
