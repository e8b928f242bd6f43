package main

import "syscall"

// childAttributes gives a command its own process group, so that all of it can
// be ended, unless it shares a terminal with us. It is ended with us.
func childAttributes(group bool) *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: group, Pdeathsig: syscall.SIGTERM}
}
