// Package filesystem writes files where the HDFS sink of an agent does: into a
// folder of this machine, or of a cluster.
package filesystem

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strings"
	"time"
)

// FS is a file system. Names are absolute paths with slashes. All methods may be
// called by any number of goroutines. Errors match fs.ErrExist and fs.ErrNotExist
// where they should.
type FS interface {
	// Home is the folder of relative paths.
	Home() string
	// Create makes a file and its folders; a file that is there is an error.
	Create(ctx context.Context, name string) (File, error)
	// Rename gives a file another name, which must not be taken.
	Rename(ctx context.Context, from, to string) error
	// List returns what a folder holds, in no order.
	List(ctx context.Context, folder string) ([]Entry, error)
	// Adopt takes over a file whose writer is gone, so that its whole content can
	// be read, and shortens it to what keep returns. ErrBusy says that its
	// writer may still be there.
	Adopt(ctx context.Context, name string, keep func(io.ReaderAt, int64) (int64, error)) (size int64, err error)
	// Remove removes a file.
	Remove(ctx context.Context, name string) error
	// Close gives up what is open.
	Close() error
}

// Unsure is a file system that does not know of every file whether somebody writes
// it: adopting a file does not keep its writer from going on.
type Unsure interface {
	// Gone reports whether the writer of a file is surely gone. ErrBusy says that
	// it may well be there, *HeldError who it is.
	Gone(ctx context.Context, name string) (bool, error)
	// Part puts a copy of the first whole bytes of a file in its place, once the
	// file itself has the name aside, and all that its writer has written or will
	// write with it. ErrBusy says that it has no longer size bytes, ErrNoLink that
	// the file cannot have both names and is as it was. Wherever it is
	// interrupted, name has the file or the whole copy, and the next Part goes on.
	Part(ctx context.Context, name, aside string, whole, size int64) error
}

// HeldError is an ErrBusy that knows who has a file open to write it.
type HeldError struct {
	PID     int    // 0 = a process that cannot be seen
	Command string // its name; may be empty
}

func (e *HeldError) Error() string {
	if e.PID == 0 {
		return "a process that is not seen from here has it open"
	}
	if e.Command == "" {
		return fmt.Sprintf("process %d has it open", e.PID)
	}
	return fmt.Sprintf("process %d (%s) has it open", e.PID, e.Command)
}

// Is makes it an ErrBusy.
func (e *HeldError) Is(target error) bool { return target == ErrBusy }

// Entry is a file or folder in a folder.
type Entry struct {
	Name   string
	Folder bool
	Time   time.Time // of the last change
}

// File is a file that is written from its beginning to its end by one goroutine.
type File interface {
	// Write appends p. After an error, n bytes of it are there, or more.
	Write(ctx context.Context, p []byte) (n int, err error)
	// Sync returns when all that was written is safe from the death of this
	// process, and on a disk where the file system can tell.
	Sync(ctx context.Context) error
	// Undo forgets what was written behind size; ErrNoUndo says that this file
	// system cannot.
	Undo(size int64) error
	// Close ends the file. After an error it may be called again.
	Close(ctx context.Context) error
}

var (
	// ErrBusy says that somebody writes a file.
	ErrBusy = errors.New("its writer may still be there")
	// ErrNoLink says that a file cannot have two names where it is.
	ErrNoLink = errors.New("no second name can be linked to it")
	// ErrNoUndo says that a file system cannot take back what was written.
	ErrNoUndo = errors.New("what was written cannot be taken back")
)

// Config is how a cluster is reached.
type Config struct {
	User    string        // who writes; "" = HADOOP_USER_NAME, or the user of the process
	Timeout time.Duration // of one step of a call; 0 = 5 minutes
}

func (c Config) timeout() time.Duration {
	if c.Timeout > 0 {
		return c.Timeout
	}
	return 5 * time.Minute
}

// Split cuts a path such as hdfs://host:8020/logs into what Open takes and the
// path within the file system. Without a scheme the root is empty, which stands
// for the file system that the settings of Hadoop name, or this machine's. The
// path may be relative then.
func Split(path string) (root, name string, err error) {
	scheme, rest, found := strings.Cut(path, ":/")
	if !found || strings.Contains(scheme, "/") {
		return "", path, nil
	}
	authority, name := "", "/"+rest
	if strings.HasPrefix(rest, "/") { // two slashes: a host comes first
		authority, name, _ = strings.Cut(rest[1:], "/")
		name = "/" + name
	}
	switch scheme = strings.ToLower(scheme); scheme {
	case "file":
		if authority != "" {
			return "", "", fmt.Errorf("%q: a file has no host: write file:///%s%s", path, authority, name)
		}
	case "hdfs", "webhdfs", "swebhdfs":
	default:
		return "", "", fmt.Errorf("%q: file systems are hdfs, webhdfs, swebhdfs and file, not %s", path, scheme)
	}
	if _, err := url.Parse(scheme + "://" + authority); err != nil {
		return "", "", fmt.Errorf("%q: %w", path, err)
	}
	return scheme + "://" + authority, name, nil
}
