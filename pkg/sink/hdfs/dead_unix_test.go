//go:build unix

package hdfs

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/logpipe/logpipe/pkg/filesystem"
)

// mortal is the local file system in a process that kills itself at a step.
type mortal struct {
	filesystem.Local
	steps int // that are left
}

func (m *mortal) step() {
	if m.steps--; m.steps < 0 {
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
		select {} // for the signal
	}
}

func (m *mortal) Part(ctx context.Context, name, aside string, whole, size int64) error {
	m.step()
	err := m.Local.Part(&stepped{ctx, m}, name, aside, whole, size)
	m.step()
	return err
}

func (m *mortal) Rename(ctx context.Context, from, to string) error {
	if err := os.Link(from, to); err != nil { // as it does itself
		return err
	}
	m.step()
	return m.Local.Rename(ctx, from, to)
}

// stepped is a context whose user asks between two steps whether it goes on.
type stepped struct {
	context.Context
	m *mortal
}

func (s *stepped) Err() error {
	s.m.step()
	return s.Context.Err()
}

// dieAt is the variable that says at which step a process has to die.
const dieAt = "LOGPIPE_TEST_DIE_AT"

// A kill at any step of what is done for a file whose writer may live leaves all of
// it, and the next run leaves its events once, and the file itself beside them.
func TestDeadRunKilled(t *testing.T) {
	settings := func(folder string) []string {
		return []string{"hdfs.path=file://" + filepath.ToSlash(folder), "hdfs.filePrefix=f", "hdfs.fileType=DataStream"}
	}
	if at := os.Getenv(dieAt); at != "" {
		m := new(mortal)
		var folder string
		if _, err := fmt.Sscanf(at, "%d %s", &m.steps, &folder); err != nil {
			t.Fatal(err)
		}
		s, d := openFaulty(t, m, settings(folder)...)
		s.work.Wait()
		if err := s.Close(); err != nil {
			t.Fatal(err, d)
		}
		return
	}
	leaveOwn(t, filepath.Join(t.TempDir(), "probe"), "") // skips where there are no marks
	const text = "one\ntwo\nthr"
	kills := 0
	for killed := true; killed; kills++ {
		folder := t.TempDir()
		name := filepath.Join(folder, "f.1234567890123.tmp")
		leave(t, name, text)
		file, err := os.Stat(name)
		if err != nil {
			t.Fatal(err)
		}
		killed = dies(t, kills, folder)
		if aside := nameOf(t, folder, file); !killed && filepath.Base(aside) != ".torn.f.1234567890123" {
			t.Errorf("not killed: the file is called %q", aside)
		} else if b, err := os.ReadFile(aside); err != nil || string(b) != text {
			t.Errorf("killed at step %d: %s: %q, %v", kills, aside, b, err)
		}
		s, d := open(t, settings(folder)...)
		s.work.Wait()
		s.Close()
		if got, want := tree(t, folder), []string{".torn.f.1234567890123: " + text, "f.1234567890123: one\ntwo\n"}; !slices.Equal(got, want) {
			t.Errorf("killed at step %d: then %q; told:\n%s", kills, got, d)
		}
		if filepath.Base(nameOf(t, folder, file)) != ".torn.f.1234567890123" {
			t.Errorf("killed at step %d: it is not the file itself that stands beside", kills)
		}
	}
	if kills != 7 {
		t.Errorf("%d runs, want 6 that are killed and one that is not", kills)
	}
}

// dies runs this test again in a process that dies at a step, if it comes so far.
func dies(t *testing.T, step int, folder string) bool {
	t.Helper()
	run := exec.Command(os.Args[0], "-test.run=^TestDeadRunKilled$")
	run.Env = append(os.Environ(), fmt.Sprintf("%s=%d %s", dieAt, step, folder))
	out, err := run.CombinedOutput()
	if err == nil {
		return false
	}
	if exit, ok := errors.AsType[*exec.ExitError](err); !ok || exit.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL {
		t.Fatalf("step %d: %v: %s", step, err, out)
	}
	return true
}

// nameOf is the first name of a file in a folder.
func nameOf(t *testing.T, folder string, file os.FileInfo) (name string) {
	t.Helper()
	list, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range list {
		if info, err := e.Info(); err == nil && os.SameFile(info, file) {
			name = filepath.Join(folder, e.Name())
			break
		}
	}
	return name
}

// A file that a process has open stays as it is for so long, and who that is is told
// once.
func TestDeadRunHeld(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("only Linux tells who has a file open")
	}
	cat, err := exec.LookPath("cat")
	if err != nil {
		t.Skip(err)
	}
	folder := t.TempDir()
	names := map[string]string{"whole": "1234567890123", "torn": "1234567890124", "empty": "1234567890125"}
	content := map[string]string{"whole": "one\n", "torn": "one\ntw", "empty": ""}
	holder := exec.Command(cat)
	for what, number := range names {
		name := filepath.Join(folder, "f."+number+".tmp")
		leave(t, name, content[what])
		f, err := os.OpenFile(name, os.O_WRONLY|os.O_APPEND, 0)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		holder.ExtraFiles = append(holder.ExtraFiles, f)
	}
	end, err := holder.StdinPipe()
	if err = errors.Join(err, holder.Start()); err != nil {
		t.Fatal(err)
	}
	for _, f := range holder.ExtraFiles {
		f.Close()
	}
	s, d := open(t, "hdfs.path=file://"+filepath.ToSlash(folder), "hdfs.filePrefix=f", "hdfs.fileType=DataStream")
	defer s.Close()
	s.work.Wait()
	s.orphans.again()
	want := []string{"f.1234567890123.tmp: one\n", "f.1234567890124.tmp: one\ntw", "f.1234567890125.tmp: "}
	if got := tree(t, folder); !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
	for _, number := range names {
		told := fmt.Sprintf("leaves %s/f.%s.tmp as it is as long as process %d (cat) has it open", filepath.ToSlash(folder), number, holder.Process.Pid)
		if strings.Count(d.String(), told) != 1 {
			t.Errorf("not told once: %s; but\n%s", told, d)
		}
	}
	if err := errors.Join(end.Close(), holder.Wait()); err != nil {
		t.Fatal(err)
	}
	s.orphans.again()
	want = []string{".torn.f.1234567890124: one\ntw", ".torn.f.1234567890125: ", "f.1234567890123: one\n", "f.1234567890124: one\n"}
	if got := tree(t, folder); !slices.Equal(got, want) {
		t.Errorf("%q; told:\n%s", got, d)
	}
}
