//go:build linux && !race

package main

import (
	"os/exec"
	"syscall"
)

// peak is the largest memory of a process that has ended, in KB.
func peak(cmd *exec.Cmd) int64 {
	u, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage)
	if !ok {
		return 0
	}
	return u.Maxrss
}
