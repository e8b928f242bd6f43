package logpipetest

import (
	"errors"
	"syscall"
	"testing"
)

// reserve keeps a port of 127.0.0.1 until the test ends for servers that say that they
// share its address (SO_REUSEADDR), as nearly all do, also while they are down: it is
// bound to a socket that does not listen. ok is false where another has it.
func reserve(t testing.TB, port int) (ok bool, err error) {
	t.Helper()
	s, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return false, err
	}
	err = syscall.Bind(s, &syscall.SockaddrInet4{Port: port, Addr: [4]byte{127, 0, 0, 1}})
	if err == nil { // from now on, so that no two tests have it
		err = syscall.SetsockoptInt(s, syscall.SOL_SOCKET, syscall.SO_REUSEADDR, 1)
	}
	if err != nil {
		closed := syscall.Close(s)
		if errors.Is(err, syscall.EADDRINUSE) {
			return false, closed
		}
		return false, errors.Join(err, closed)
	}
	t.Cleanup(func() {
		if err := syscall.Close(s); err != nil {
			t.Error(err)
		}
	})
	return true, nil
}
