package database

import (
	"os"

	"golang.org/x/sys/windows"
)

// freeSpace is how much more may be written to the disk of a folder, in bytes.
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

// syncFolder has nothing to do: Windows writes names with their files.
func syncFolder(string) error { return nil }
