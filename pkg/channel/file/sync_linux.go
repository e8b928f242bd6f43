package file

import "golang.org/x/sys/unix"

// syncAll returns when all that was written to files before is on disk.
func syncAll() { unix.Sync() }
