//go:build unix

package flume

import "golang.org/x/sys/unix"

// The errors of a path that leads through a file, and of writing to what is
// mounted for reading alone.
const (
	notFolder = unix.ENOTDIR
	readOnly  = unix.EROFS
)

// access is why this user may not make files in a folder, by its mode.
func access(folder string) error { return unix.Access(folder, unix.W_OK|unix.X_OK) }
