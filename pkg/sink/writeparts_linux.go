package sink

import (
	"errors"
	"io"
	"io/fs"
	"os"

	"golang.org/x/sys/unix"
)

// mostParts is how many parts the system takes at once (IOV_MAX).
const mostParts = 1024

// writeParts writes all parts, where it can with one call for many of them: the
// system finds larger pieces of memory for a large write.
func writeParts(w io.Writer, parts [][]byte) (all int64, err error) {
	file, ok := w.(*os.File)
	if !ok || len(parts) == 1 {
		return writeEach(w, parts)
	}
	conn, err := file.SyscallConn()
	if err != nil {
		return 0, err
	}
	for len(parts) > 0 && err == nil {
		n, left := 0, len(parts)
		failed := conn.Write(func(fd uintptr) bool {
			n, err = unix.Writev(int(fd), parts[:min(len(parts), mostParts)])
			return true
		})
		n = max(n, 0)
		all += int64(n)
		parts = behind(parts, n)
		switch {
		case failed != nil:
			err = failed
		case errors.Is(err, unix.EINTR):
			err = nil
		case err != nil:
			err = &fs.PathError{Op: "write", Path: file.Name(), Err: err}
		case n == 0 && len(parts) == left:
			err = io.ErrShortWrite
		}
	}
	return all, err
}

// behind is what is left of the parts when n bytes were written.
func behind(parts [][]byte, n int) [][]byte {
	for len(parts) > 0 && n >= len(parts[0]) {
		n -= len(parts[0])
		parts = parts[1:]
	}
	if n > 0 {
		parts[0] = parts[0][n:]
	}
	return parts
}
