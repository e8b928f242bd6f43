//go:build unix

package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/logpipe/logpipe/pkg/broker"
	"github.com/logpipe/logpipe/pkg/logpipetest"
)

// cluster starts an embedded broker for commands of a test and returns its
// address.
func cluster(t *testing.T) string {
	t.Helper()
	b, err := broker.Start(t.Context(), broker.Config{Listen: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := b.Close(); err != nil {
			t.Errorf("close broker: %v", err)
		}
	})
	return b.Addr()[0]
}

// at makes a command that talks to the broker at addr.
func at(t *testing.T, addr string, args ...string) *exec.Cmd {
	cmd := start(t, "logpipe", args...)
	cmd.Env = append(cmd.Env, "LOGPIPE_BROKERS="+addr)
	return cmd
}

// TestBrokerSignals holds that a broker ends with the exit code of the signal
// and leaves no folder, and that it says how to use it and where its folder is.
func TestBrokerSignals(t *testing.T) {
	for sig, code := range map[syscall.Signal]int{syscall.SIGINT: 130, syscall.SIGTERM: 143, syscall.SIGHUP: 129, syscall.SIGQUIT: 131} {
		if signal.Ignored(sig) {
			continue // under nohup, and so by the broker
		}
		cmd := start(t, "logpipe", "broker", "--listen", "127.0.0.1:0")
		temp := t.TempDir()
		cmd.Env = append(cmd.Env, "TMPDIR="+temp)
		read, write, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		cmd.Stderr = write
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		write.Close()
		line := make([]byte, 1024)
		n, err := read.Read(line)
		if err != nil {
			t.Fatal(err)
		}
		_, addr, ok := strings.Cut(strings.TrimSpace(string(line[:n])), "export LOGPIPE_BROKERS=")
		if !ok || !strings.HasPrefix(string(line[:n]), "logpipe broker: ready on "+addr) || strings.Count(string(line[:n]), "\n") != 1 {
			t.Fatalf("%q", line[:n])
		}
		if !strings.Contains(string(line[:n]), "(records in "+temp) {
			t.Errorf("the folder is not told: %q", line[:n])
		}
		if got := finish(t, at(t, addr, "topic", "create", "t"), ""); got.code != 0 {
			t.Errorf("exit code %d: %s", got.code, got.err)
		}
		if err := cmd.Process.Signal(sig); err != nil {
			t.Fatal(err)
		}
		_ = cmd.Wait() // the code says it
		read.Close()
		if got := cmd.ProcessState.ExitCode(); got != code {
			t.Errorf("%v: exit code %d, want %d", sig, got, code)
		}
		if left, _ := filepath.Glob(filepath.Join(temp, "*")); len(left) > 0 {
			t.Errorf("left: %v", left)
		}
	}
}

// TestBrokerChildSignals holds that signals go to the command of a broker, all
// of them, and that its exit code is the one of the broker.
func TestBrokerChildSignals(t *testing.T) {
	r := begin(t, start(t, "logpipe", "broker", "--", "sh", "-c",
		`n=0; trap 'n=$((n+1)); echo got $n' INT TERM; echo ready; while [ $n -lt 2 ]; do read -r x; done; exit 9`))
	if got := r.read(t); got != "ready" {
		t.Fatal(got)
	}
	// Some shells run a trap when what they wait for has ended. The last line is
	// needed behind the second trap too: it may run just before a read.
	defer again(func() { _, _ = io.WriteString(r.in, "\n") })()
	for i, signal := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM} {
		if err := r.Process.Signal(signal); err != nil {
			t.Fatal(err)
		}
		if got := r.read(t); got != fmt.Sprintf("got %d", i+1) {
			t.Fatal(got)
		}
	}
	if code, _ := r.code(t); code != 9 || r.err.Len() > 0 {
		t.Errorf("exit code %d, %s", code, r.err)
	}
}

// TestBrokerLeavesNothing holds that what a command has left running ends with
// its broker.
func TestBrokerLeavesNothing(t *testing.T) {
	got := logpipe(t, "", "broker", "--", "sh", "-c", `sleep 60 >/dev/null 2>&1 & echo $!`)
	pid := 0
	if _, err := fmt.Sscan(got.out, &pid); err != nil || got.code != 0 {
		t.Fatalf("%q, exit code %d: %s", got.out, got.code, got.err)
	}
	for until := time.Now().Add(time.Minute); !ended(pid); time.Sleep(time.Millisecond) {
		if time.Now().After(until) {
			t.Fatalf("process %d is still there", pid)
		}
	}
}

// TestBrokerInterrupted holds that SIGINT leaves nothing behind: a shell's
// background commands do not hear it.
func TestBrokerInterrupted(t *testing.T) {
	r := begin(t, start(t, "logpipe", "broker", "--", "sh", "-c", `sleep 60 >/dev/null 2>&1 & echo $!; wait`))
	pid := 0
	if _, err := fmt.Sscan(r.read(t), &pid); err != nil {
		t.Fatal(err)
	}
	if err := r.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	if code, _ := r.code(t); code != 130 {
		t.Errorf("exit code %d, %s", code, r.err)
	}
	for until := time.Now().Add(time.Minute); !ended(pid); time.Sleep(time.Millisecond) {
		if time.Now().After(until) {
			t.Fatalf("process %d is still there", pid)
		}
	}
}

// TestTimeout holds that what `timeout` does, a signal to its command and the
// same to the whole group, leaves no folder.
func TestTimeout(t *testing.T) {
	if _, err := exec.LookPath("timeout"); err != nil {
		t.Skip("no timeout here")
	}
	const patience = 500 * time.Millisecond
	for range 5 {
		begun := time.Now()
		cmd := start(t, "timeout", fmt.Sprint(patience.Seconds()), "logpipe", "broker", "--listen", "127.0.0.1:0")
		cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
		temp := t.TempDir()
		cmd.Env = append(cmd.Env, "TMPDIR="+temp)
		got := finish(t, cmd, "")
		// Where more time went by, a busy machine may have made two signals of them.
		together := time.Since(begun) < patience+patience/2
		if got.code != 124 || together && strings.Contains(got.err, "left at once") {
			t.Errorf("exit code %d, %s", got.code, got.err)
		}
		if left, _ := filepath.Glob(filepath.Join(temp, "*")); len(left) > 0 {
			t.Errorf("left: %v", left)
		}
	}
}

// ended tells whether a process is gone, or is a zombie that its new parent has
// not looked at.
func ended(pid int) bool {
	if errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) {
		return true
	}
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err == nil && strings.Contains(string(stat), ") Z ")
}

// TestTopicFlush holds that a record goes through a topic at once, in pipes and
// in one process: each arrives before the next one is written.
func TestTopicFlush(t *testing.T) {
	addr := cluster(t)
	for name, line := range map[string]string{
		"pipe": `logpipe consume pipe -o beginning | logpipe where 'n >= 0'`,
		"run":  `logpipe run "consume run -o beginning | where 'n >= 0'"`,
	} {
		t.Run(name, func(t *testing.T) {
			if got := finish(t, at(t, addr, "topic", "create", name), ""); got.code != 0 {
				t.Fatal(got.err)
			}
			produce := begin(t, at(t, addr, "produce", name))
			cmd := start(t, bash(t), "-c", line)
			cmd.Env = append(cmd.Env, "LOGPIPE_BROKERS="+addr)
			consume := begin(t, cmd)
			for i := range 5 {
				want := fmt.Sprintf(`{"n":%d}`, i)
				produce.write(t, want)
				if got := consume.read(t); got != want {
					t.Fatalf("%s, want %s", got, want)
				}
			}
			produce.in.Close()
			if code, _ := produce.code(t); code != 0 || produce.err.Len() > 0 {
				t.Errorf("produce: exit code %d, %s", code, produce.err)
			}
		})
	}
}

// TestConsumeSignal holds that consume commits what it has written when a
// signal ends it.
func TestConsumeSignal(t *testing.T) {
	addr := cluster(t)
	if got := finish(t, at(t, addr, "produce", "t"), "1\n2\n"); got.code != 0 {
		t.Fatal(got.err)
	}
	r := begin(t, at(t, addr, "consume", "t", "-g", "g", "-o", "beginning", "-q"))
	r.read(t)
	r.read(t)
	if err := r.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if code, _ := r.code(t); code != 143 || r.err.Len() > 0 {
		t.Errorf("exit code %d, %s", code, r.err)
	}
	if got := finish(t, at(t, addr, "produce", "t"), "3\n"); got.code != 0 {
		t.Fatal(got.err)
	}
	if got := finish(t, at(t, addr, "consume", "t", "-g", "g", "-e", "-q"), ""); got.out != "3\n" || got.code != 0 {
		t.Errorf("%q, exit code %d: %s", got.out, got.code, got.err)
	}
}

// TestProduceGivesUp holds that produce says that its broker is gone, gives up
// after --timeout, and tells how many records are not in the topic.
func TestProduceGivesUp(t *testing.T) {
	t.Parallel() // it waits for as long as it tries
	// Nobody else takes its port when it is gone.
	b, err := broker.Start(t.Context(), broker.Config{Listen: logpipetest.OwnAddress(t)})
	if err != nil {
		t.Fatal(err)
	}
	addr := b.Addr()[0]
	if got := finish(t, at(t, addr, "topic", "create", "t"), ""); got.code != 0 {
		t.Fatal(got.err)
	}
	r := begin(t, at(t, addr, "produce", "t", "--timeout", "6s"))
	r.write(t, "1")
	if got := finish(t, at(t, addr, "consume", "t", "-o", "beginning", "-n", "1"), ""); got.out != "1\n" {
		t.Fatalf("%q, %s", got.out, got.err)
	}
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	r.write(t, "2\n3")
	r.in.Close()
	code, _ := r.code(t)
	for _, want := range []string{
		"logpipe produce: no broker answers (" + addr + ": connection refused) since ",
		"; trying again for 6s\n",
		"logpipe produce: 1 record acknowledged in topic \"t\"; 2 records read and not acknowledged\n",
		"logpipe produce: 2 records were not acknowledged: no broker has acknowledged anything since ",
		"hint: --delivery-timeout sets how long to try; `logpipe broker test` with the same flags shows which step fails\n",
	} {
		if code != 4 || !strings.Contains(r.err.String(), want) {
			t.Errorf("exit code %d, no %q in\n%s", code, want, r.err)
		}
	}
}

// TestIdleOutput holds that commands which wait for their next record notice
// that their reader has gone.
func TestIdleOutput(t *testing.T) {
	addr := cluster(t)
	if got := finish(t, at(t, addr, "produce", "t"), "1\n"); got.code != 0 {
		t.Fatal(got.err)
	}
	file := filepath.Join(t.TempDir(), "a.log")
	if err := os.WriteFile(file, []byte("1\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{
		{"consume", "t", "-o", "beginning"},
		{"run", "consume t -o beginning | where true"},
		{"tail", file, "--from", "beginning"},
	} {
		cmd := at(t, addr, args...)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		if args[0] != "run" { // where takes no number for a record
			if _, err := out.Read(make([]byte, 2)); err != nil {
				t.Fatal(err)
			}
		}
		out.Close()
		if err := cmd.Wait(); err != nil {
			t.Errorf("%v: %v", args, err)
		}
	}
}

// TestCompleteTopics holds that completion knows the topics of the cluster that
// the flags or the environment name, and offers nothing where it is not there.
func TestCompleteTopics(t *testing.T) {
	addr := cluster(t)
	for _, name := range []string{"clicks", "users"} {
		if got := finish(t, at(t, addr, "topic", "create", name), ""); got.code != 0 {
			t.Fatal(got.err)
		}
	}
	for _, c := range []struct{ line, want string }{
		{"consume ", "clicks users"},
		{"consume clicks ", "users"},
		{"produce ", "clicks users"},
		{"produce clicks ", ""},
		{"topic describe u", "users"},
		{"topic delete --if-exists ", "clicks users"},
		{"topic create ", ""},
		{"consume -b 127.0.0.1:1 ", ""},
		{"consume --bootstrap-server " + addr + " ", "clicks users"},
		{"consume -b , ", ""},
		{"consume --topic ", "clicks users"},
		{"consume --from-beginning --topic u", "users"},
		{"consume --topic clicks,", "clicks,clicks clicks,users"},
		{"produce --broker-list " + addr + " --topic ", "clicks users"},
		{"topic --describe --topic ", "clicks users"},
		{"topic describe --topic c", "clicks"},
	} {
		words := strings.Split(c.line, " ")
		var names string
		// It waits for a broker for a moment only, which may pass on a busy machine.
		for end := time.Now().Add(time.Minute); ; {
			got := finish(t, at(t, addr, append([]string{"__complete"}, words...)...), "")
			var list []string
			for line := range strings.Lines(got.out) {
				if line[0] != ':' {
					list = append(list, strings.TrimSpace(line))
				}
			}
			names = strings.Join(list, " ")
			if names == c.want || time.Now().After(end) {
				break
			}
		}
		if names != c.want {
			t.Errorf("%s: %q", c.line, names)
		}
	}
}
