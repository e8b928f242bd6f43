//go:build unix

package cli

import (
	"os"

	"golang.org/x/sys/unix"
)

// watchReader calls gone when nobody reads the pipe f any more. The function
// that it returns ends the watch.
func watchReader(f *os.File, gone func()) (stop func()) {
	// The second pipe wakes the watch up at its end.
	woken, wake, err := os.Pipe()
	if err != nil {
		return func() {} // the next write will notice
	}
	fds := []unix.PollFd{{Fd: int32(f.Fd())}, {Fd: int32(woken.Fd())}}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			if _, err := unix.Poll(fds, -1); err != nil && err != unix.EINTR {
				return
			}
			if fds[1].Revents != 0 {
				return
			}
			if fds[0].Revents&(unix.POLLERR|unix.POLLHUP|unix.POLLNVAL) != 0 {
				gone()
				return
			}
		}
	}()
	return func() {
		wake.Close()
		<-done
		woken.Close()
	}
}
