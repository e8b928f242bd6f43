package broker

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// portHolder finds the process that listens on a TCP port: the kernel's socket
// tables give the inode, and the open files of the processes that this user may
// look into give its owner. 0 = not found.
func portHolder(port int) int {
	var inodes []string
	for _, table := range []string{"/proc/net/tcp", "/proc/net/tcp6"} {
		f, err := os.Open(table)
		if err != nil {
			continue
		}
		inodes = append(inodes, listening(f, port)...)
		f.Close()
	}
	for _, inode := range inodes {
		if pid := socketOwner(inode); pid != 0 {
			return pid
		}
	}
	return 0
}

// listening reads a table such as /proc/net/tcp and lists the inodes of the
// sockets that listen on port.
func listening(r io.Reader, port int) []string {
	const (
		local, state, inode = 1, 3, 9 // columns
		listen              = "0A"
	)
	var inodes []string
	suffix := fmt.Sprintf(":%04X", port)
	for lines := bufio.NewScanner(r); lines.Scan(); {
		f := strings.Fields(lines.Text())
		if len(f) > inode && f[state] == listen && strings.HasSuffix(f[local], suffix) {
			inodes = append(inodes, f[inode])
		}
	}
	return inodes
}

func socketOwner(inode string) int {
	want := "socket:[" + inode + "]"
	files, err := filepath.Glob("/proc/[0-9]*/fd/*")
	if err != nil {
		return 0
	}
	for _, file := range files {
		if target, err := os.Readlink(file); err != nil || target != want {
			continue
		}
		if pid, err := strconv.Atoi(strings.Split(file, "/")[2]); err == nil {
			return pid
		}
	}
	return 0
}
