//go:build unix

package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
)

// running is a process whose input and output a test holds.
type running struct {
	*exec.Cmd
	in  io.WriteCloser
	out *bufio.Reader
	err *strings.Builder
}

func begin(t *testing.T, cmd *exec.Cmd) *running {
	t.Helper()
	r := &running{Cmd: cmd, err: &strings.Builder{}}
	cmd.Stderr = r.err
	var err error
	if r.in, err = cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	r.out = bufio.NewReader(out)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return r
}

func (r *running) write(t *testing.T, line string) {
	t.Helper()
	if _, err := io.WriteString(r.in, line+"\n"); err != nil {
		t.Fatalf("%v\n%s", err, r.err)
	}
}

func (r *running) read(t *testing.T) string {
	t.Helper()
	line, err := r.out.ReadString('\n')
	if err != nil {
		t.Fatalf("%v\n%s", err, r.err)
	}
	return strings.TrimSuffix(line, "\n")
}

// code waits for the end and returns the exit code.
func (r *running) code(t *testing.T) (code int, rest string) {
	t.Helper()
	b, err := io.ReadAll(r.out)
	if err != nil {
		t.Fatal(err)
	}
	_ = r.Wait() // the code says it
	return r.ProcessState.ExitCode(), string(b)
}

// TestFlush holds that a record passes five stages while its input stays open:
// each arrives before the next one is written.
func TestFlush(t *testing.T) {
	stage := "logpipe where 'n >= 0' | "
	for name, line := range map[string]string{
		"pipe": stage + "logpipe set m=n*2 | " + stage + "logpipe rename k=n | logpipe select k m",
		"run":  `logpipe run "where 'n >= 0' | set 'm=n*2' | where true | rename k=n | select k m"`,
	} {
		t.Run(name, func(t *testing.T) {
			r := begin(t, start(t, bash(t), "-c", line))
			for i := range 5 {
				r.write(t, fmt.Sprintf(`{"n":%d}`, i))
				if got, want := r.read(t), fmt.Sprintf(`{"k":%d,"m":%d}`, i, 2*i); got != want {
					t.Fatalf("%s, want %s", got, want)
				}
			}
			r.in.Close()
			if code, _ := r.code(t); code != 0 {
				t.Errorf("exit code %d: %s", code, r.err)
			}
		})
	}
}

// TestHold holds that a command which has printed nothing for three seconds,
// while its input is open, says what it waits for and which flag changes that.
func TestHold(t *testing.T) {
	for _, c := range []struct{ args, flag string }{
		{"aggregate --by n count", "--emit"},
		{"aggregate --window 8760h --time now count", "--window"}, // so long that it does not end meanwhile
		{"sort n", "top --by"},
		{"top --by n", "--emit"},
	} {
		t.Run(c.args, func(t *testing.T) {
			t.Parallel()
			args := strings.Fields(c.args)
			cmd := start(t, "logpipe", args...)
			read, write, err := os.Pipe()
			if err != nil {
				t.Fatal(err)
			}
			defer read.Close()
			in, err := cmd.StdinPipe()
			if err != nil {
				t.Fatal(err)
			}
			cmd.Stderr = write
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			write.Close()
			if _, err := io.WriteString(in, "{\"n\":1}\n"); err != nil {
				t.Fatal(err)
			}
			line, err := bufio.NewReader(read).ReadString('\n') // until the line comes
			if err != nil || !strings.HasPrefix(line, "logpipe "+args[0]+": ") || !strings.Contains(line, c.flag) {
				t.Errorf("%q, %v", line, err)
			}
			in.Close()
			if err := cmd.Wait(); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestSignals holds that what was read before a signal is written, that rows of
// an aggregate are too, and which exit code follows.
func TestSignals(t *testing.T) {
	for _, c := range []struct {
		signal syscall.Signal
		code   int
	}{{syscall.SIGINT, 130}, {syscall.SIGTERM, 143}} {
		t.Run(c.signal.String(), func(t *testing.T) {
			t.Parallel() // each waits for its grace
			r := begin(t, start(t, "logpipe", "run", "--grace", "20s", "set a=1 | aggregate --emit every=10ms --by n count"))
			defer r.in.Close()
			r.write(t, `{"n":1}`)
			r.read(t) // its row: the record has been read
			if err := r.Process.Signal(c.signal); err != nil {
				t.Fatal(err)
			}
			code, rest := r.code(t)
			if code != c.code || !strings.Contains(rest, `"n":1`) {
				t.Errorf("exit code %d, rest %q, %s", code, rest, r.err)
			}
			if text := r.err.String(); !strings.HasPrefix(text, "logpipe run: the writer of the input has not ended") || strings.Count(text, "\n") != 1 {
				t.Errorf("standard error: %s", text)
			}
		})
	}
}

// again does something again and again until it is told to stop.
func again(do func()) (stop func()) {
	end, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		tick := time.NewTicker(10 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-end:
				return
			case <-tick.C:
				do()
			}
		}
	}()
	return func() { close(end); <-ended }
}

// insist repeats a signal: nothing tells that an earlier one has been handled.
func (r *running) insist(sig os.Signal) (stop func()) {
	return again(func() { _ = r.Process.Signal(sig) }) // the process may have gone meanwhile
}

// blocked starts a command that cannot write: its output is full and nobody
// reads it. It returns when the command is stuck in a write.
func blocked(t *testing.T, args ...string) *running {
	t.Helper()
	r := begin(t, start(t, "logpipe", append([]string{"gen", "access"}, args...)...))
	r.read(t) // it runs
	return r
}

// TestSecondSignal holds that the second signal ends a command that cannot drain.
func TestSecondSignal(t *testing.T) {
	r := blocked(t)
	if err := r.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	stop := r.insist(syscall.SIGTERM)
	_ = r.Wait() // the exit code is looked at below
	stop()
	text := r.err.String()
	if code := r.ProcessState.ExitCode(); code != 143 || !strings.Contains(text, "left at once; at least ") || strings.Contains(text, "least 0") {
		t.Errorf("exit code %d, %s", code, text)
	}
}

// TestGrace holds that a command that cannot drain leaves after --grace.
func TestGrace(t *testing.T) {
	r := blocked(t, "--grace", "50ms")
	if err := r.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	_ = r.Wait() // the exit code says it
	if code := r.ProcessState.ExitCode(); code != 130 {
		t.Errorf("exit code %d", code)
	}
	if text := r.err.String(); !strings.Contains(text, "not drained within 50ms") || !strings.Contains(text, "records read") {
		t.Errorf("standard error: %s", text)
	}
}

// TestClosedOutput holds that a reader that goes away ends everything quietly.
func TestClosedOutput(t *testing.T) {
	for _, line := range []string{
		"logpipe gen access | head -1",
		"logpipe gen access --json | logpipe where true | logpipe set a=1 | head -n 1",
		"logpipe gen access | logpipe head 1000000000 | head -1",
		"logpipe run 'gen behavior --json | where true | set a=1' | head -1",
		"logpipe gen access | logpipe head 1",
		"logpipe help | head -1",
		"logpipe help gen | head -1",
		"logpipe config | head -1",
		"logpipe completion bash | head -1",
	} {
		got := shell(t, "", "set -o pipefail; "+line)
		if got.code != 0 || got.err != "" || strings.Count(got.out, "\n") != 1 {
			t.Errorf("%s: exit code %d, output %q, %s", line, got.code, got.out, got.err)
		}
	}
}

// TestFullDisk holds that output that cannot be written is an error.
func TestFullDisk(t *testing.T) {
	if _, err := os.Stat("/dev/full"); err != nil {
		t.Skip("no /dev/full here")
	}
	for _, line := range []string{"logpipe gen access -n 1000", "logpipe gen access | logpipe head 5",
		"logpipe gen behavior --json -n 10 | logpipe aggregate count",
		"logpipe --help", "logpipe", "logpipe gen --help", "logpipe help top", "logpipe help exit-codes", "logpipe help expressions",
		"logpipe topic --help", "logpipe topic create --help", "logpipe version", "logpipe --version", "logpipe config",
		"logpipe completion bash", "logpipe completion zsh", "logpipe completion fish", "logpipe completion powershell",
		"logpipe run --as-pipe head", "logpipe run --explain head"} {
		got := shell(t, "", "set -o pipefail; "+line+" >/dev/full")
		if got.code != 1 || !strings.Contains(got.err, "write to standard output: no space left on device") {
			t.Errorf("%s: exit code %d, %s", line, got.code, got.err)
		}
	}
}

// TestChildSignals holds that SIGPIPE is caught, not ignored: a child would
// inherit that, and `yes | head -1` within it would never end.
func TestChildSignals(t *testing.T) {
	if _, err := os.Stat("/proc/self/status"); err != nil {
		t.Skip("no /proc here")
	}
	r := begin(t, start(t, "logpipe", "head"))
	defer r.in.Close()
	r.write(t, "one")
	r.read(t) // it runs, and has said what it does about signals
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", r.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	const pipe, term = 1 << (syscall.SIGPIPE - 1), 1 << (syscall.SIGTERM - 1)
	if caught := mask(t, string(status), "SigCgt"); caught&pipe == 0 || caught&term == 0 {
		t.Errorf("caught are %x", caught)
	}
	if ignored := mask(t, string(status), "SigIgn"); ignored&pipe != 0 {
		t.Error("SIGPIPE is ignored")
	}
}

func mask(t *testing.T, status, name string) (bits uint64) {
	t.Helper()
	for line := range strings.Lines(status) {
		if rest, ok := strings.CutPrefix(line, name+":"); ok {
			if _, err := fmt.Sscanf(rest, "%x", &bits); err != nil {
				t.Fatal(err)
			}
		}
	}
	return bits
}
