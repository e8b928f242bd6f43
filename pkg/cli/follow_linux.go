package cli

import (
	"fmt"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// follower looks after who reads a pipe that was closed here. The reader needs its
// end of file to finish, and only an open writing end tells whether anybody reads:
// so the pipe is held by a descriptor that can neither read nor write (O_PATH), and
// opened for a moment by way of it.
type follower struct{ path string }

// follow begins to look after the reader of f. It returns nil where f is no pipe of
// a shell.
func follow(f *os.File) *follower {
	own := fmt.Sprintf("/proc/self/fd/%d", f.Fd())
	if name, err := os.Readlink(own); err != nil || !strings.HasPrefix(name, "pipe:[") {
		return nil
	}
	fd, err := unix.Open(own, unix.O_PATH|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil
	}
	return &follower{fmt.Sprintf("/proc/self/fd/%d", fd)}
}

// look reports whether somebody reads the pipe, and whether that has said that it
// stays until nobody reads from itself (staying).
func (f *follower) look() (alive, stays bool) {
	fd, err := unix.Open(f.path, unix.O_WRONLY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return true, false // not known: the wait goes on
	}
	defer unix.Close(fd)
	poll := []unix.PollFd{{Fd: int32(fd)}}
	if n, err := unix.Poll(poll, 0); err != nil || n == 0 || poll[0].Revents&unix.POLLERR == 0 {
		alive = true
	}
	return alive, alive && unix.Flock(fd, unix.LOCK_EX|unix.LOCK_NB) == unix.EWOULDBLOCK
}

// stayed reports whether the reader that told last whether it stays until nobody reads
// from itself has said that it does, be it there or not.
func (f *follower) stayed() bool {
	var st unix.Stat_t
	return unix.Stat(f.path, &st) == nil && st.Mode&trace != 0
}

// trace is a bit of a pipe's mode that means nothing there. It outlives the reader,
// who may have read all and ended before the writer comes to look.
const trace = unix.S_IXUSR

// shared reports whether somebody else writes the pipe too, such as a shell that has
// it open for further commands: the reader then sees no end.
func (f *follower) shared() bool {
	fd, err := unix.Open(f.path, unix.O_RDONLY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return false
	}
	defer unix.Close(fd)
	poll := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
	_, err = unix.Poll(poll, 0)
	return err == nil && poll[0].Revents&unix.POLLHUP == 0
}

// staying tells who writes the pipe f, by a lock on it and a trace in its mode, whether
// this process reads it until nobody reads from itself any more.
func staying(f *os.File, stays bool) {
	c, err := f.SyscallConn()
	if err != nil {
		return
	}
	_ = c.Control(func(fd uintptr) {
		how, mode := unix.LOCK_UN, uint32(0)
		if stays {
			how, mode = unix.LOCK_SH, trace
		}
		_ = unix.Flock(int(fd), how)
		var st unix.Stat_t
		var in unix.Statfs_t
		if unix.Fstatfs(int(fd), &in) != nil || in.Type != unix.PIPEFS_MAGIC {
			return // one with a name is a file of somebody
		}
		if unix.Fstat(int(fd), &st) == nil && st.Mode&trace != mode {
			_ = unix.Fchmod(int(fd), st.Mode&0o7777&^trace|mode) // the pipe may be somebody else's
		}
	})
}
