package op

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/logpipe/logpipe/pkg/stream"
	"golang.org/x/sys/unix"
)

// openPTY opens a pair of pseudo-terminals.
func openPTY(t *testing.T) (master, slave *os.File) {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Skip("no pseudo-terminals here: ", err)
	}
	t.Cleanup(func() { master.Close() })
	n := 0
	err = control(master, func(fd int) (err error) {
		if err = unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0); err == nil {
			n, err = unix.IoctlGetInt(fd, unix.TIOCGPTN)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	slave, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Skip("no pseudo-terminals here: ", err)
	}
	t.Cleanup(func() { slave.Close() })
	return master, slave
}

func localFlags(t *testing.T, tty *os.File) (flags uint32) {
	t.Helper()
	err := control(tty, func(fd int) error {
		s, err := unix.IoctlGetTermios(fd, getTermios)
		if err == nil {
			flags = s.Lflag
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return flags
}

func TestTopQuitsOnQ(t *testing.T) {
	master, slave := openPTY(t)
	other, err := os.OpenFile(slave.Name(), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	before := localFlags(t, slave)
	live := liveOperator(t, new(bytes.Buffer))
	live.keys = watchKeys(other)
	if f := localFlags(t, slave); f&(unix.ICANON|unix.ECHO) != 0 || f&unix.ISIG == 0 {
		t.Errorf("flags %#x", f)
	}
	if err := live.Tick(time.Now(), nowhere); err != nil {
		t.Fatal(err)
	}
	if _, err := master.Write([]byte("xq")); err != nil {
		t.Fatal(err)
	}
	select {
	case <-live.keys.pressed:
	case <-time.After(time.Minute):
		t.Fatal("q was not heard")
	}
	if err := live.Tick(time.Now(), nowhere); !errors.Is(err, stream.ErrStop) {
		t.Errorf("got %v", err)
	}
	if err := live.Flush(nowhere); err != nil {
		t.Fatal(err)
	}
	if f := localFlags(t, slave); f != before {
		t.Errorf("flags %#x, before %#x", f, before)
	}
}

func TestTerminalSize(t *testing.T) {
	_, slave := openPTY(t)
	err := control(slave, func(fd int) error {
		return unix.IoctlSetWinsize(fd, unix.TIOCSWINSZ, &unix.Winsize{Row: 33, Col: 99})
	})
	if err != nil {
		t.Fatal(err)
	}
	if c, r := terminalSize(slave); c != 99 || r != 33 {
		t.Errorf("got %d columns, %d rows", c, r)
	}
}
