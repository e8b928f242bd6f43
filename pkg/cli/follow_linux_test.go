package cli

import (
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

// A reader that has read all and ended before anybody looks is known by what it had
// said.
func TestGoneBeforeLook(t *testing.T) {
	for _, c := range []struct {
		name string
		said []bool // whether it stays
		want bool
	}{
		{"stays", []bool{true}, true},
		{"foreign program", nil, false},
		{"has a foreign program behind it", []bool{true, false}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			r, w, err := os.Pipe()
			if err != nil {
				t.Fatal(err)
			}
			for _, stays := range c.said {
				staying(r, stays)
			}
			reader := follow(w)
			w.Close()
			r.Close()
			var told []bool
			got := reader.gone(t.Context(), func(stays bool) { told = append(told, stays) })
			if got != c.want || len(told) != 1 || told[0] != c.want {
				t.Errorf("the end of the pipe is known: %v, told %v, want %v", got, told, c.want)
			}
		})
	}
}

// TestReaderComesBetweenLooks looks after a reader that says that it stays, and ends,
// between two looks.
func TestReaderComesBetweenLooks(t *testing.T) {
	in, out, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	reader := follow(out)
	out.Close()
	begun := make(chan struct{})
	go func() {
		<-begun
		staying(in, true)
		in.Close()
	}()
	if !reader.gone(t.Context(), func(stays bool) {
		if !stays {
			close(begun)
		}
	}) {
		t.Error("it is taken for a stranger")
	}
}

// A pipe with a name is a file of somebody: its mode is left alone.
func TestStayingLeavesFilesAlone(t *testing.T) {
	name := filepath.Join(t.TempDir(), "fifo")
	if err := unix.Mkfifo(name, 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(name, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	staying(f, true)
	if st, err := os.Stat(name); err != nil || st.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", st.Mode(), err)
	}
}

// TestReaderBetweenLooks looks after readers that end before they are seen, and after
// one behind which another reads.
func TestReaderBetweenLooks(t *testing.T) {
	for _, c := range []struct {
		name          string
		stays, others bool
		want          bool
	}{
		{"stays", true, false, true},
		{"does not", false, false, false},
		{"stays, and another reads", true, true, false},
	} {
		in, out, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		reader := follow(out)
		if reader == nil {
			t.Fatal("the reader is not looked after")
		}
		staying(in, true)
		if !c.stays {
			staying(in, false)
		}
		out.Close()
		// Another reader has the pipe open by itself: the lock does not go over to it.
		other, err := os.OpenFile(reader.path, os.O_RDONLY, 0)
		if err != nil {
			t.Fatal(err)
		}
		in.Close()
		seen := make(chan struct{}, 1)
		if c.others {
			go func() {
				<-seen // that it does not stay
				other.Close()
			}()
		} else {
			other.Close()
		}
		if got := reader.gone(t.Context(), func(stays bool) {
			if !stays {
				seen <- struct{}{}
			}
		}); got != c.want {
			t.Errorf("%s: %v", c.name, got)
		}
	}
}

// TestReaderOnItsWayOut looks after a reader whose lock goes before the reader does.
func TestReaderOnItsWayOut(t *testing.T) {
	in, out, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	reader := follow(out)
	staying(in, true)
	out.Close()
	if err := unix.Flock(int(in.Fd()), unix.LOCK_UN); err != nil {
		t.Fatal(err)
	}
	if !reader.gone(t.Context(), func(stays bool) {
		if !stays {
			t.Error("it is taken for a stranger")
		}
		in.Close()
	}) {
		t.Error("it had stayed")
	}
}
