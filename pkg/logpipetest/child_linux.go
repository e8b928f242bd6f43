package logpipetest

import (
	"os/exec"
	"syscall"
)

// endWithParent lets the kernel end the process when this one has ended, however
// that came: a test that runs out of time has no cleanup.
func endWithParent(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
}
