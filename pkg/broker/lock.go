package broker

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"github.com/logpipe/logpipe/pkg/folder"
)

// heldError is a lock that another process holds; pid is 0 where it is unknown.
type heldError struct{ pid int }

func (e heldError) Error() string { return "held by another process" + byProcess(e.pid) }

// lockDir takes the lock of a folder by that file in it, which tells others who holds
// it.
func lockDir(path string) (io.Closer, error) {
	f, err := folder.Lock(path)
	if errors.Is(err, folder.ErrHeld) {
		return nil, heldError{holderOf(path)}
	}
	if err != nil {
		return nil, err
	}
	if err := writePID(f); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// holderOf reads the process id in the lock file of that name, or 0.
func holderOf(path string) int {
	f, err := os.Open(path)
	if err != nil {
		return 0
	}
	defer f.Close()
	return pidIn(f)
}

// writePID leaves the holder's process id in its lock file for others to name.
func writePID(f *os.File) error {
	if err := f.Truncate(0); err != nil {
		return err
	}
	_, err := f.WriteAt(fmt.Appendf(nil, "%d\n", os.Getpid()), 0)
	return err
}

// pidIn reads the process id in a lock file, or 0.
func pidIn(r io.Reader) int {
	text, err := io.ReadAll(io.LimitReader(r, 32))
	if err != nil {
		return 0
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil || pid < 0 {
		return 0
	}
	return pid
}
