//go:build unix

package main

import (
	"os"
	"syscall"
)

// killGroup ends a command and what it has started.
func killGroup(p *os.Process) error { return syscall.Kill(-p.Pid, syscall.SIGKILL) }

// setMask sets which rights new files do not have.
func setMask(mask int) { syscall.Umask(mask) }
