package filesystem

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"
)

// leave makes a file of a writer that takes no lock and is quiet for so long.
func leave(t *testing.T, name, text string, quiet time.Duration) {
	t.Helper()
	then := time.Now().Add(-quiet)
	if err := errors.Join(os.WriteFile(name, []byte(text), 0o640), os.Chtimes(name, then, then)); err != nil {
		t.Fatal(err)
	}
}

// content is what files of a folder hold.
func content(t *testing.T, folder string) map[string]string {
	t.Helper()
	list, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]string{}
	for _, e := range list {
		b, err := os.ReadFile(filepath.Join(folder, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		all[e.Name()] = string(b)
	}
	return all
}

func TestGone(t *testing.T) {
	var l Local
	folder := filepath.ToSlash(t.TempDir())
	name := folder + "/theirs"
	leave(t, name, "x", stillness/2)
	if gone, err := l.Gone(t.Context(), name); gone || !errors.Is(err, ErrBusy) {
		t.Errorf("written lately: %t, %v", gone, err)
	}
	leave(t, name, "x", time.Hour)
	if gone, err := l.Gone(t.Context(), name); gone || err != nil {
		t.Errorf("not written for long: %t, %v", gone, err)
	}
	if _, err := l.Gone(t.Context(), folder+"/none"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
	ours, err := l.Create(t.Context(), folder+"/ours")
	if err != nil {
		t.Fatal(err)
	}
	kept := marked(ours.(*localFile).f)
	if gone, err := l.Gone(t.Context(), folder+"/ours"); gone || !errors.Is(err, ErrBusy) {
		t.Errorf("ours, that is written: %t, %v", gone, err)
	}
	ours.Close(t.Context())
	if gone, err := l.Gone(t.Context(), folder+"/ours"); gone != kept || kept && err != nil {
		t.Errorf("ours, that is closed: %t, %v, want %t", gone, err, kept)
	}
}

// The process that has a file open to write it is known by its number and name;
// one that reads it does no harm.
func TestGoneWhileOpen(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("only Linux tells who has a file open")
	}
	cat, err := exec.LookPath("cat")
	if err != nil {
		t.Skip(err)
	}
	name := filepath.ToSlash(t.TempDir()) + "/theirs"
	leave(t, name, "x", time.Hour)
	for _, how := range []int{os.O_WRONLY | os.O_APPEND, os.O_RDWR, os.O_RDONLY} {
		f, err := os.OpenFile(name, how, 0)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := (Local{}).Gone(t.Context(), name); how != os.O_RDONLY && (!errors.Is(err, ErrBusy) || errors.As(err, new(*HeldError))) {
			t.Errorf("open in this process: %v", err)
		}
		holder := exec.Command(cat)
		holder.ExtraFiles = []*os.File{f}
		end, err := holder.StdinPipe()
		if err = errors.Join(err, holder.Start(), f.Close()); err != nil {
			t.Fatal(err)
		}
		_, err = Local{}.Gone(t.Context(), name)
		held, ok := errors.AsType[*HeldError](err)
		switch {
		case how == os.O_RDONLY:
			if err != nil {
				t.Errorf("it is read: %v", err)
			}
		case !ok || held.PID != holder.Process.Pid || held.Command != "cat" || !errors.Is(err, ErrBusy) || !strings.HasSuffix(err.Error(), "(cat) has it open"):
			t.Errorf("process %d has it open: %v", holder.Process.Pid, err)
		}
		if err := errors.Join(end.Close(), holder.Wait()); err != nil {
			t.Fatal(err)
		}
		if gone, err := (Local{}).Gone(t.Context(), name); gone || err != nil {
			t.Errorf("the process has ended: %t, %v", gone, err)
		}
	}
}

// What a writer without a lock has written and will write stays in its file; the
// file has another name.
func TestPart(t *testing.T) {
	var l Local
	folder := filepath.ToSlash(t.TempDir())
	name := folder + "/a.tmp"
	leave(t, name, "one\ntw", 0)
	live, err := os.OpenFile(name, os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer live.Close()
	if err := l.Part(t.Context(), name, folder+"/.torn.a", 4, 5); !errors.Is(err, ErrBusy) {
		t.Errorf("another size: %v", err)
	}
	if _, err := l.Adopt(t.Context(), name, func(io.ReaderAt, int64) (int64, error) { return 4, nil }); err == nil {
		t.Error("it is cut")
	}
	leave(t, folder+"/.torn.a", "taken", 0)
	if err := l.Part(t.Context(), name, folder+"/.torn.a", 4, 6); !errors.Is(err, fs.ErrExist) {
		t.Errorf("a name that is taken: %v", err)
	}
	for ended := range 4 { // when the time is over
		steps := &counted{Context: t.Context(), left: ended}
		if err := l.Part(steps, name, folder+"/.torn.b", 4, 6); ended < 3 && !errors.Is(err, context.Canceled) || ended == 3 && err != nil {
			t.Errorf("ended at step %d: %v", ended, err)
		}
		if got := content(t, folder); ended < 3 && (got["a.tmp"] != "one\ntw" || got[".torn.a.tmp"+copySuffix] != "") {
			t.Errorf("ended at step %d: %q", ended, got)
		} else if text, linked := got[".torn.b"]; linked != (ended > 0) || linked && text != "one\ntw" {
			t.Errorf("ended at step %d: not linked first: %q", ended, got)
		}
	}
	if _, err := live.WriteString("o\n"); err != nil {
		t.Fatal(err)
	}
	got := content(t, folder)
	if len(got) != 3 || got["a.tmp"] != "one\n" || got[".torn.b"] != "one\ntwo\n" || got[".torn.a"] != "taken" {
		t.Errorf("%q", got)
	}
	info, err := os.Stat(name)
	if err != nil || runtime.GOOS != "windows" && info.Mode().Perm() != 0o640 {
		t.Errorf("the copy: %v, %v", info.Mode(), err)
	}
}

// Nothing is copied where the file cannot be linked, and what can never be is told
// from what may be later.
func TestPartWithoutLinks(t *testing.T) {
	var l Local
	folder := filepath.ToSlash(t.TempDir())
	name := folder + "/a.tmp"
	leave(t, name, "one\ntw", 0)
	steps := &counted{Context: t.Context(), left: 1} // the copy is the second one
	if err := l.Part(steps, name, folder+"/"+strings.Repeat("x", 300), 4, 6); err == nil || errors.Is(err, context.Canceled) || errors.Is(err, ErrNoLink) || errors.Is(err, ErrBusy) {
		t.Errorf("a name that is too long: %v", err)
	}
	if got := content(t, folder); len(got) != 1 || got["a.tmp"] != "one\ntw" {
		t.Errorf("%q", got)
	}
	if runtime.GOOS == "windows" {
		t.Skip("what cannot be linked here has another error")
	}
	info, err := os.Stat(folder) // a folder is linked nowhere
	if err != nil {
		t.Fatal(err)
	}
	if err := setLink(t.Context(), folder, folder+"2", info); !errors.Is(err, ErrNoLink) || !errors.Is(err, fs.ErrPermission) {
		t.Errorf("what cannot be linked: %v", err)
	}
	for errno, never := range map[syscall.Errno]bool{
		syscall.EPERM: true, syscall.ENOTSUP: true, syscall.ENOSYS: true, syscall.EMLINK: true,
		syscall.EACCES: false, syscall.ENOSPC: false, syscall.EEXIST: false, syscall.ENOENT: false, syscall.EIO: false,
	} {
		if got := neverLinks(&os.LinkError{Op: "link", Err: errno}); got != never {
			t.Errorf("%v: %t, want %t", errno, got, never)
		}
	}
}

// A copy does not take the place of a file that has lost its other name meanwhile.
func TestPartAsideRemoved(t *testing.T) {
	folder := filepath.ToSlash(t.TempDir())
	name, aside := folder+"/a.tmp", folder+"/.torn.a"
	leave(t, name, "one\ntw", 0)
	removing := &counted{Context: t.Context(), left: 3, last: func() {
		if err := os.Remove(aside); err != nil {
			t.Error(err)
		}
	}}
	if err := (Local{}).Part(removing, name, aside, 4, 6); !errors.Is(err, ErrBusy) {
		t.Errorf("%v", err)
	}
	if got := content(t, folder); len(got) != 1 || got["a.tmp"] != "one\ntw" {
		t.Errorf("%q", got)
	}
}

// counted is a context that ends when it is asked more often.
type counted struct {
	context.Context
	left int
	last func() // is called when nothing is left; may be nil
}

func (c *counted) Err() error {
	if c.left--; c.left < 0 {
		return context.Canceled
	}
	if c.left == 0 && c.last != nil {
		c.last()
	}
	return nil
}

func (c *counted) Value(key any) any { return nil }
