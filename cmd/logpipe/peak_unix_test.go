//go:build unix

package main

import (
	"os/exec"
	"syscall"
)

// peak is the largest memory of a process that has ended, in KB on Linux.
func peak(cmd *exec.Cmd) int64 {
	u, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage)
	if !ok {
		return 0
	}
	return int64(u.Maxrss)
}
