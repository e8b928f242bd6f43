package filesystem

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// whoWrites returns a *HeldError where a process has a file open to write it, and
// ErrBusy where that is this one. The caller must not have it open itself. A read
// lease is what the kernel grants only where nobody writes; it asks for one's own
// file, or root. Otherwise the open files are seen of those processes that this
// user may look into.
func whoWrites(path string) (err error) {
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }() // gives the lease back
	info, err := f.Stat()
	if err != nil {
		return err
	}
	_, leaseErr := unix.FcntlInt(f.Fd(), unix.F_SETLEASE, unix.F_RDLCK)
	if leaseErr == nil {
		return nil
	}
	var fsys unix.Statfs_t
	shared := unix.Fstatfs(int(f.Fd()), &fsys) == nil && isShared(uint32(fsys.Type))
	return judgeLease(leaseErr, findWriter(filepath.Base(path), info), shared)
}

// isShared reports whether a type of file system is one that a server lends to many
// machines. Its kernel does not know all writers and refuses a lease with EAGAIN
// where nobody writes, too: NFS without a delegation, SMB without an oplock.
func isShared(fsys uint32) bool {
	return slices.Contains([]uint32{unix.NFS_SUPER_MAGIC, unix.CIFS_SUPER_MAGIC, unix.SMB2_SUPER_MAGIC}, fsys)
}

// judgeLease tells by the error of a lease, and the process that was found, who
// writes a file.
func judgeLease(leaseErr error, held *HeldError, shared bool) error {
	switch {
	case held == nil && errors.Is(leaseErr, unix.EAGAIN) && !shared:
		return &HeldError{}
	case held == nil:
		return nil
	case held.PID == os.Getpid():
		return ErrBusy
	}
	return held
}

// findWriter looks for a process that has a file open to write it; nil = not seen.
// Only files of the same name are looked at: others may be on a disk that hangs.
func findWriter(base string, file fs.FileInfo) *HeldError {
	fds, err := filepath.Glob("/proc/[0-9]*/fd/*")
	if err != nil {
		return nil
	}
	for _, fd := range fds {
		link, err := os.Lstat(fd)
		if err != nil || link.Mode()&0o200 == 0 { // the mode says how it is open
			continue
		}
		if target, err := os.Readlink(fd); err != nil || filepath.Base(target) != base {
			continue
		}
		if info, err := os.Stat(fd); err != nil || !os.SameFile(info, file) {
			continue
		}
		process, _, _ := strings.Cut(strings.TrimPrefix(fd, "/proc/"), "/")
		pid, err := strconv.Atoi(process)
		if err != nil {
			continue
		}
		command, _ := os.ReadFile("/proc/" + process + "/comm")
		return &HeldError{pid, strings.TrimSpace(string(command))}
	}
	return nil
}
