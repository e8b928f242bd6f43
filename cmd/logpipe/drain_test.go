//go:build unix

package main

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// shellPipe is a pipe whose commands share a process group, as those of a shell
// do, with what each of them tells.
type shellPipe struct {
	stages []*exec.Cmd
	errs   []*strings.Builder
	out    string // file of what the last one writes
}

// beginPipe starts logpipe once with each list of words.
func beginPipe(t *testing.T, stages [][]string) *shellPipe {
	t.Helper()
	p := &shellPipe{out: filepath.Join(t.TempDir(), "out")}
	var from *os.File
	for i, words := range stages {
		cmd := start(t, "logpipe", words...)
		cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
		if i > 0 {
			cmd.SysProcAttr.Pgid = p.stages[0].Process.Pid
			cmd.Stdin = from
		}
		errs := &strings.Builder{}
		cmd.Stderr = errs
		read, write, err := os.Pipe()
		if err == nil && i == len(stages)-1 {
			read.Close()
			write.Close()
			write, err = os.Create(p.out)
		}
		if err != nil {
			t.Fatal(err)
		}
		cmd.Stdout = write
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		write.Close()
		if from != nil {
			from.Close()
		}
		from = read
		p.stages, p.errs = append(p.stages, cmd), append(p.errs, errs)
	}
	return p
}

// signal goes to all commands, as Ctrl-C does.
func (p *shellPipe) signal(t *testing.T, s syscall.Signal) {
	t.Helper()
	if err := syscall.Kill(-p.stages[0].Process.Pid, s); err != nil {
		t.Fatal(err)
	}
}

// wrote waits for the first bytes of the last command.
func (p *shellPipe) wrote(t *testing.T) {
	t.Helper()
	for until := time.Now().Add(time.Minute); time.Now().Before(until); time.Sleep(time.Millisecond) {
		if st, err := os.Stat(p.out); err != nil {
			t.Fatal(err)
		} else if st.Size() > 0 {
			return
		}
	}
	t.Fatal("nothing comes out")
}

// TestCtrlC holds that a signal to all commands of a pipe loses nothing: what
// the first one has read comes out of the last one.
func TestCtrlC(t *testing.T) {
	for _, c := range []struct {
		signal syscall.Signal
		code   int
		stages [][]string
	}{
		{syscall.SIGINT, 130, [][]string{{"gen", "access"}, {"parse", "access"}, {"set", "n=1"}, {"where", "n==1"}}},
		{syscall.SIGTERM, 143, [][]string{{"gen", "access"}, {"run", "parse access | set n=1"}, {"aggregate", "--emit", "every=10ms"}, {"head", "1000000"}}},
	} {
		t.Run(c.signal.String(), func(t *testing.T) {
			t.Parallel()
			for i := range c.stages {
				c.stages[i] = append(c.stages[i], "-v")
			}
			p := beginPipe(t, c.stages)
			p.wrote(t)
			p.signal(t, c.signal)
			before := int64(-1)
			for i, cmd := range p.stages {
				_ = cmd.Wait() // the code says it
				told := p.errs[i].String()
				if code := cmd.ProcessState.ExitCode(); code != c.code {
					t.Errorf("%v: exit code %d: %s", c.stages[i], code, told)
				}
				in, out := ledger(t, told)
				if i > 0 && in != before {
					t.Errorf("%v has read %d of %d records: %s", c.stages[i], in, before, told)
				}
				before = out
			}
			text, err := os.ReadFile(p.out)
			if n := int64(strings.Count(string(text), "\n")); err != nil || n != before {
				t.Errorf("%d records came out, want %d (%v)", n, before, err)
			}
		})
	}
}

// ledger reads the counts that a command told last.
func ledger(t *testing.T, text string) (in, out int64) {
	t.Helper()
	at := strings.LastIndex(text, ": in ")
	if at < 0 {
		t.Fatalf("no counts in %q", text)
	}
	if _, err := fmt.Sscanf(strings.ReplaceAll(text[at:], ",", ""), ": in %d out %d", &in, &out); err != nil {
		t.Fatalf("%q: %v", text, err)
	}
	return in, out
}

// TestOpenPipe holds that a pipe whose writer does not end is left after half of
// the grace, that this is told, and that a line without its end is told, counted
// and kept.
func TestOpenPipe(t *testing.T) {
	t.Parallel() // it waits for half of its grace
	bad := filepath.Join(t.TempDir(), "bad")
	r := begin(t, start(t, "logpipe", "parse", "text", "--grace", "20s", "--on-error", "file="+bad))
	defer r.in.Close()
	r.write(t, "one")
	r.read(t)
	if _, err := io.WriteString(r.in, "ha"); err != nil {
		t.Fatal(err)
	}
	if err := r.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(r.in, "lf of two\nhalf"); err != nil { // it is read still
		t.Fatal(err)
	}
	code, rest := r.code(t)
	want := "logpipe parse: the writer of the input has not ended within 10s: what comes now is not read\n" +
		"logpipe parse: stdin:3: reading ended within the line, after 4 bytes of it: `half`\nlogpipe parse: in 3 out 2 rejected 1"
	if code != 143 || rest != "{\"line\":\"half of two\"}\n" || !strings.HasPrefix(r.err.String(), want) {
		t.Errorf("exit code %d, %q, %s", code, rest, r.err)
	}
	if kept, err := os.ReadFile(bad); err != nil || string(kept) != "half\n" {
		t.Errorf("kept %q, %v", kept, err)
	}
}

// TestOpenPipeSecondSignal holds that a second signal does not wait for the
// writer of a pipe.
func TestOpenPipeSecondSignal(t *testing.T) {
	r := begin(t, start(t, "logpipe", "where", "true", "--grace", "4m"))
	defer r.in.Close()
	r.write(t, `{"n":1}`)
	r.read(t) // it runs
	begun := time.Now()
	stop := r.insist(syscall.SIGINT) // those that come together count as one
	code, _ := r.code(t)
	stop()
	if took := time.Since(begun); code != 130 || took > time.Minute || !strings.Contains(r.err.String(), "left at once") {
		t.Errorf("exit code %d after %v: %s", code, took, r.err)
	}
}
