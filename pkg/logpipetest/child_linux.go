package logpipetest

import (
	"errors"
	"os"
	"os/exec"
	"os/user"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"
)

// endWithParent lets the kernel end the process when this one has ended, however
// that came: a test that runs out of time has no cleanup.
func endWithParent(cmd *exec.Cmd) {
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	cmd.SysProcAttr.Pdeathsig = syscall.SIGKILL
}

// withoutRoot lets the process of root run as another user, to whom it gives a
// folder: some servers refuse root. Other users stay who they are.
func withoutRoot(cmd *exec.Cmd, name, folder string) error {
	if os.Getuid() != 0 {
		return nil
	}
	u, err := user.Lookup(name)
	if err != nil {
		return err
	}
	uid, err := strconv.Atoi(u.Uid)
	if err != nil {
		return err
	}
	gid, err := strconv.Atoi(u.Gid)
	if err != nil {
		return err
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}}
	cmd.Dir = folder
	return os.Chown(folder, uid, gid)
}

// pause stops a child and returns when none of its threads runs any more.
func pause(p *os.Process) error {
	err := p.Signal(syscall.SIGSTOP)
	if err != nil {
		return err
	}
	for err = unix.EINTR; errors.Is(err, unix.EINTR); {
		err = unix.Waitid(unix.P_PID, p.Pid, nil, unix.WSTOPPED, nil)
	}
	return os.NewSyscallError("waitid", err)
}

// goOn lets a child go on that was stopped.
func goOn(p *os.Process) error { return p.Signal(syscall.SIGCONT) }
