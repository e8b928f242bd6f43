//go:build unix

package broker

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"syscall"
)

// lockDir takes the lock of a folder. It is the kernel's (flock), so it ends
// with the process, however that ends; the file only tells others who holds it.
func lockDir(path string) (io.Closer, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o666)
	if err != nil {
		return nil, err
	}
	err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		err = heldError{pidIn(f)}
	}
	if err == nil {
		err = writePID(f)
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// isOurs tells whether a file belongs to the user of this process.
func isOurs(info fs.FileInfo) bool {
	st, ok := info.Sys().(*syscall.Stat_t)
	return ok && int(st.Uid) == os.Geteuid()
}

func isAddrInUse(err error) bool { return errors.Is(err, syscall.EADDRINUSE) }
