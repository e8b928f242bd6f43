package broker

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"syscall"
)

// What Windows answers for a file, and for a port, that another process has.
const (
	errSharingViolation = syscall.Errno(32)
	errAddressInUse     = syscall.Errno(10048)
)

// lockDir takes the lock of a folder: the file is open for writing in one
// process only, and Windows closes it with the process.
func lockDir(path string) (io.Closer, error) {
	name, err := syscall.UTF16PtrFromString(path)
	if err != nil {
		return nil, err
	}
	h, err := syscall.CreateFile(name, syscall.GENERIC_READ|syscall.GENERIC_WRITE, syscall.FILE_SHARE_READ,
		nil, syscall.OPEN_ALWAYS, syscall.FILE_ATTRIBUTE_NORMAL, 0)
	if errors.Is(err, errSharingViolation) {
		return nil, heldError{holderOf(path)}
	}
	if err != nil {
		return nil, err
	}
	f := os.NewFile(uintptr(h), path)
	if err := writePID(f); err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

func holderOf(path string) int {
	f, err := os.Open(path)
	if err != nil {
		return 0
	}
	defer f.Close()
	return pidIn(f)
}

// isOurs is true: the temporary folder is the user's own here.
func isOurs(fs.FileInfo) bool { return true }

func isAddrInUse(err error) bool {
	return errors.Is(err, errAddressInUse) || errors.Is(err, syscall.EADDRINUSE)
}
