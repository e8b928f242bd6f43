//go:build unix

package broker

import (
	"errors"
	"io/fs"
	"os"
	"syscall"
)

// isOurs tells whether a file belongs to the user of this process.
func isOurs(info fs.FileInfo) bool {
	st, ok := info.Sys().(*syscall.Stat_t)
	return ok && int(st.Uid) == os.Geteuid()
}

func isAddrInUse(err error) bool { return errors.Is(err, syscall.EADDRINUSE) }
