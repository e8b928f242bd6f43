//go:build unix && !solaris && !illumos && !aix

package logpipetest

import (
	"errors"
	"os"
	"syscall"
)

// lockFile waits for the lock of a file, which ends with the process at the
// latest: tests of two packages run at the same time and want the same download.
func lockFile(path string) (unlock func() error, err error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o666)
	if err != nil {
		return nil, err
	}
	for {
		err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX)
		if !errors.Is(err, syscall.EINTR) {
			break
		}
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f.Close, nil
}
