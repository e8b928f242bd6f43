//go:build linux || darwin

package op

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// openTTY opens the controlling terminal, if this process is in its foreground:
// another one would be stopped for touching it.
func openTTY() (*os.File, error) {
	tty, err := os.OpenFile("/dev/tty", os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	front := 0
	err = control(tty, func(fd int) (err error) {
		front, err = unix.IoctlGetInt(fd, unix.TIOCGPGRP)
		return err
	})
	if err == nil && front != unix.Getpgrp() {
		err = errors.New("not in the foreground")
	}
	if err != nil {
		tty.Close() //nolint:errcheck // nothing was written
		return nil, err
	}
	return tty, nil
}

// keyByKey turns off the line editing and the echo of tty.
func keyByKey(tty *os.File) (restore func(), err error) {
	var before unix.Termios
	err = control(tty, func(fd int) error {
		t, err := unix.IoctlGetTermios(fd, getTermios)
		if err != nil {
			return err
		}
		before = *t
		t.Lflag &^= unix.ICANON | unix.ECHO
		t.Cc[unix.VMIN], t.Cc[unix.VTIME] = 1, 0
		return unix.IoctlSetTermios(fd, setTermios, t)
	})
	restore = func() {
		_ = control(tty, func(fd int) error { return unix.IoctlSetTermios(fd, setTermios, &before) })
	}
	return restore, err
}

// control calls f with the descriptor of tty, without making it a blocking one
// as Fd does: a read must end when the file is closed.
func control(tty *os.File, f func(fd int) error) error {
	c, err := tty.SyscallConn()
	if err != nil {
		return err
	}
	err2 := c.Control(func(fd uintptr) { err = f(int(fd)) })
	return errors.Join(err, err2)
}
