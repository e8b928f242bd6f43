package folder

import (
	"errors"
	"os"
	"time"

	"golang.org/x/sys/windows"
)

// Free is how much more may be written to the disk of a folder, in bytes.
func Free(path string) (int64, error) {
	name, err := windows.UTF16PtrFromString(path)
	if err != nil {
		return 0, err
	}
	var free uint64
	if err := windows.GetDiskFreeSpaceEx(name, &free, nil, nil); err != nil {
		return 0, os.NewSyscallError("GetDiskFreeSpaceEx", err)
	}
	return int64(min(free, 1<<62)), nil
}

// Changed is when the file was last modified: Windows tells no more of it at once.
func Changed(path string) (time.Time, error) {
	st, err := os.Stat(path)
	if err != nil {
		return time.Time{}, err
	}
	return st.ModTime(), nil
}

// Sync has nothing to do: Windows writes names with their files.
func Sync(string) error { return nil }

// Lock opens the file of that name, makes it where it is not there, and locks it:
// until it is closed every other Lock of it fails with ErrHeld. Only one process can
// have it open for writing, and Windows closes it with the process.
func Lock(path string) (*os.File, error) {
	name, err := windows.UTF16PtrFromString(path)
	if err != nil {
		return nil, err
	}
	h, err := windows.CreateFile(name, windows.GENERIC_READ|windows.GENERIC_WRITE, windows.FILE_SHARE_READ,
		nil, windows.OPEN_ALWAYS, windows.FILE_ATTRIBUTE_NORMAL, 0)
	if errors.Is(err, windows.ERROR_SHARING_VIOLATION) {
		return nil, ErrHeld
	}
	if err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(h), path), nil
}

// TakeOver has nothing to do: a new file has the rights of its folder.
func TakeOver(*os.File, os.FileInfo) error { return nil }
