//go:build unix

package tail

import (
	"errors"
	"os"
	"syscall"
)

// identity tells files apart on this machine.
type identity struct {
	Dev   uint64 `json:"dev"`
	Inode uint64 `json:"inode"`
}

func identify(_ *os.File, st os.FileInfo) (identity, error) {
	s, ok := st.Sys().(*syscall.Stat_t)
	if !ok {
		return identity{}, errors.New("the system does not tell the file's inode")
	}
	return identity{uint64(s.Dev), uint64(s.Ino)}, nil
}

func identifyPath(_ string, st os.FileInfo) (identity, error) { return identify(nil, st) }
