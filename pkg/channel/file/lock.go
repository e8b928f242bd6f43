package file

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/logpipe/logpipe/pkg/fault"
	"github.com/logpipe/logpipe/pkg/folder"
)

// lockName is the name that Flume's file channel uses too.
const lockName = "in_use.lock"

// folderLock is the lock of one folder.
type folderLock struct{ f *os.File }

// lockFolder makes the folder where needed and locks it. The lock never
// survives its process, so that nothing has to be cleaned up after a kill.
func lockFolder(dir string) (folderLock, error) {
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return folderLock{}, err
	}
	path := filepath.Join(dir, lockName)
	f, err := folder.Lock(path)
	if errors.Is(err, folder.ErrHeld) {
		err = fault.Hint(fmt.Errorf("folder %s is in use by another channel%s", dir, holder(path)),
			"give each file channel folders of its own (checkpointDir, dataDirs), or stop the other agent")
	}
	if err != nil {
		return folderLock{}, err
	}
	if err := f.Truncate(0); err == nil {
		_, err = f.WriteAt(fmt.Appendf(nil, "%d\n", os.Getpid()), 0)
		if err != nil && !isNoSpace(err) { // the text only helps people
			return folderLock{}, errors.Join(err, f.Close())
		}
	}
	return folderLock{f}, nil
}

func (l folderLock) release() error { return l.f.Close() }

// holder names the process that wrote its id into a lock file, where it did.
func holder(path string) string {
	f, err := os.Open(path)
	if err != nil {
		return ""
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, 32))
	if err != nil {
		return ""
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	switch {
	case err != nil || pid <= 0:
		return ""
	case pid == os.Getpid():
		return " of this agent"
	}
	return fmt.Sprintf(" (process %d)", pid)
}
