package source

import "syscall"

// childAttributes gives the command its own process group and lets the kernel
// end it when the agent dies.
func childAttributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
