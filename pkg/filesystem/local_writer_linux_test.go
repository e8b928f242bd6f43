package filesystem

import (
	"errors"
	"testing"

	"golang.org/x/sys/unix"
)

// A lease that a file server does not grant says nothing of a writer.
func TestJudgeLease(t *testing.T) {
	other := &HeldError{PID: 1, Command: "init"}
	tests := []struct {
		what  string
		lease error
		held  *HeldError
		fsys  uint32
		want  error
	}{
		{"ext4, somebody writes", unix.EAGAIN, nil, unix.EXT4_SUPER_MAGIC, &HeldError{}},
		{"ext4, a file of others", unix.EACCES, nil, unix.EXT4_SUPER_MAGIC, nil},
		{"ext4, init writes", unix.EAGAIN, other, unix.EXT4_SUPER_MAGIC, other},
		{"nfs", unix.EAGAIN, nil, 0x6969, nil},
		{"nfs, init writes", unix.EAGAIN, other, 0x6969, other},
		{"cifs", unix.EAGAIN, nil, 0xff534d42, nil},
		{"smb 2", unix.EAGAIN, nil, 0xfe534d42, nil},
		{"smb 2, init writes", unix.EINVAL, other, 0xfe534d42, other},
	}
	for _, test := range tests {
		got := judgeLease(test.lease, test.held, isShared(test.fsys))
		held, ok := errors.AsType[*HeldError](got)
		want, wanted := errors.AsType[*HeldError](test.want)
		if ok != wanted || ok && *held != *want {
			t.Errorf("%s: %v, want %v", test.what, got, test.want)
		}
	}
}
