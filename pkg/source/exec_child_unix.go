//go:build unix

package source

import (
	"errors"
	"os"
	"os/exec"
	"runtime"
	"syscall"
	"time"
)

// child is a running command with its process group.
type child struct {
	cmd      *exec.Cmd
	watchdog *exec.Cmd     // member of the group; nil if it could not be started
	alive    *os.File      // the agent's end of the watchdog's standard input, and mostly of the command's
	exited   chan struct{} // closed when the command itself has ended
	err      error         // how it ended; valid after exited
}

// markName is the variable that is in the environment of all processes that a
// command starts, unless one clears it: it tells who has left the group.
const markName = "LOGPIPE_EXEC"

// watchdogScript ends the group, and on Linux what has left it, when the agent's end of its input closes, which
// happens however the agent dies. It ignores the signals that stop the group
// politely, and it keeps the group's number from being given to others. It looks twice:
// a process that is just becoming another program shows no environment. One grep looks
// at all processes: to start one for each takes minutes on a busy machine with many.
const watchdogScript = `trap "" HUP INT TERM
read -r _
for again in no yes; do
  for p in $(grep -ls "LOGPIPE_EXEC=$1" /proc/[0-9]*/environ); do
    p=${p#/proc/}
    kill -KILL "${p%/environ}"
  done
done
kill -KILL 0`

// startChild runs argv in a process group of its own. Its standard input stays
// open and empty as long as the agent lives, if stdin is nil.
func startChild(argv []string, mark string, stdin, stdout, stderr *os.File) (*child, error) {
	life, alive, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	if stdin == nil {
		stdin = life
	}
	c := &child{
		cmd:    exec.Command(argv[0], argv[1:]...),
		alive:  alive,
		exited: make(chan struct{}),
	}
	c.cmd.Stdin, c.cmd.Stdout, c.cmd.Stderr = stdin, stdout, stderr
	c.cmd.SysProcAttr = childAttributes()
	c.cmd.Env = append(os.Environ(), markName+"="+mark)
	started := make(chan error)
	go func() {
		// Linux ties the parent-death signal to the thread that forks: keep
		// that thread for as long as the child lives.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		if err := c.cmd.Start(); err != nil {
			started <- err
			return
		}
		c.guard(life, mark)
		started <- nil
		c.err = c.cmd.Wait()
		close(c.exited)
	}()
	err = <-started
	life.Close()
	if err != nil {
		alive.Close()
		return nil, err
	}
	return c, nil
}

// guard starts the watchdog. Without a shell on this system the command still
// ends with the agent where the kernel sees to it.
func (c *child) guard(life *os.File, mark string) {
	w := exec.Command("/bin/sh", "-c", watchdogScript, "logpipe", mark)
	w.Stdin = life
	w.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pgid: c.cmd.Process.Pid}
	if w.Start() == nil {
		c.watchdog = w
	}
}

func (c *child) signal(s syscall.Signal) { syscall.Kill(-c.cmd.Process.Pid, s) }

// stop asks the group to end, and insists when the command has ended or after
// patience.
func (c *child) stop(patience time.Duration) {
	c.signal(syscall.SIGTERM)
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case <-c.exited:
	case <-timer.C:
	}
	c.signal(syscall.SIGKILL)
}

// wait returns when the command has ended and ends what is left of its group.
// It is called once, after the last stop.
func (c *child) wait() {
	<-c.exited
	if c.watchdog != nil {
		// As long as the watchdog is not reaped, the group is ours.
		c.signal(syscall.SIGKILL)
		c.watchdog.Wait()
	}
	c.alive.Close()
}

// status says how the command ended.
func (c *child) status() string {
	var exit *exec.ExitError
	switch {
	case c.err == nil:
		return "exit status 0"
	case errors.As(c.err, &exit):
		return exit.ProcessState.String()
	default:
		return c.err.Error()
	}
}
