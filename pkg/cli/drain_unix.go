//go:build unix

package cli

import (
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// wake ends the waiting of readers: the reading end of a pipe that becomes
// readable when its writing end is closed.
type wake struct{ read, write *os.File }

func newWake() (*wake, error) {
	r, w, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	return &wake{r, w}, nil
}

// up ends the waiting, once.
func (w *wake) up() { w.write.Close() }

// reader reads f until up.
func (w *wake) reader(f *os.File) io.Reader {
	return &wokenReader{f, []unix.PollFd{{Fd: int32(f.Fd()), Events: unix.POLLIN}, {Fd: int32(w.read.Fd()), Events: unix.POLLIN}}}
}

type wokenReader struct {
	*os.File
	fds []unix.PollFd
}

func (r *wokenReader) Read(p []byte) (int, error) {
	for {
		_, err := unix.Poll(r.fds, -1)
		switch {
		case err == unix.EINTR:
		case err == nil && r.fds[1].Revents != 0:
			return 0, errReadingEnded
		default: // what is wrong with the pipe, the read says
			return r.File.Read(p)
		}
	}
}
