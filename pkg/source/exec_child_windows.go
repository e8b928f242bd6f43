package source

import (
	"os"
	"os/exec"
	"strconv"
	"time"
)

// child is a running command.
type child struct {
	cmd    *exec.Cmd
	exited chan struct{} // closed when the command has ended
	err    error         // how it ended; valid after exited
}

// startChild runs argv.
func startChild(argv []string, _ string, stdin, stdout, stderr *os.File) (*child, error) {
	c := &child{cmd: exec.Command(argv[0], argv[1:]...), exited: make(chan struct{})}
	if stdin != nil {
		c.cmd.Stdin = stdin
	}
	c.cmd.Stdout, c.cmd.Stderr = stdout, stderr
	if err := c.cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		c.err = c.cmd.Wait()
		close(c.exited)
	}()
	return c, nil
}

// stop ends the command and every process that it started; Windows has no
// polite way that all programs understand.
func (c *child) stop(time.Duration) {
	if exec.Command("taskkill", "/T", "/F", "/PID", strconv.Itoa(c.cmd.Process.Pid)).Run() != nil {
		c.cmd.Process.Kill()
	}
	<-c.exited
}

// wait returns when the command has ended.
func (c *child) wait() { <-c.exited }

// status says how the command ended.
func (c *child) status() string {
	if c.err == nil {
		return "exit status 0"
	}
	return c.err.Error()
}

// endMarked has nothing to do: taskkill finds all descendants.
func endMarked(string) (left []string) { return nil }
