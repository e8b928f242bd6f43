package broker

import (
	"errors"
	"io/fs"
	"syscall"
)

// errAddressInUse is what Windows answers for a port that another process has.
const errAddressInUse = syscall.Errno(10048)

// isOurs is true: the temporary folder is the user's own here.
func isOurs(fs.FileInfo) bool { return true }

func isAddrInUse(err error) bool {
	return errors.Is(err, errAddressInUse) || errors.Is(err, syscall.EADDRINUSE)
}
