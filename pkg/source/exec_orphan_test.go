package source

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"testing"
	"time"

	"github.com/logpipe/logpipe/pkg/channel"
	"github.com/logpipe/logpipe/pkg/flume"
)

func envOf(d *diary) flume.Env { return flume.Env{Name: "r1", Logf: d.logf} }

// TestMain lets the test binary be an agent that can be killed.
func TestMain(m *testing.M) {
	if command := os.Getenv("LOGPIPE_TEST_EXEC"); command != "" {
		runOrphanMaker(command)
		return
	}
	os.Exit(m.Run())
}

// runOrphanMaker runs an exec source for ever and prints its events.
func runOrphanMaker(command string) {
	var p, q flume.Properties
	s, c := NewExec(&p).(*Exec), channel.NewMemory(&q)
	s.command, s.shell = command, "/bin/sh -c"
	logf := func(format string, args ...any) { fmt.Fprintf(os.Stderr, format+"\n", args...) }
	if err := s.Open(flume.Env{Logf: logf}); err != nil {
		logf("%v", err)
		os.Exit(1)
	}
	ctx := context.Background()
	go s.Run(ctx, NewOutput(ctx, OutputConfig{Required: []flume.Channel{c}, Logf: logf}))
	for {
		tx, err := c.Take(ctx, 1)
		if err != nil {
			os.Exit(1)
		}
		fmt.Printf("%s\n", tx.Events()[0].Body)
		tx.Commit()
	}
}

// TestExecKilledAgentLeavesNoChild kills the agent in a way that it cannot
// notice.
func TestExecKilledAgentLeavesNoChild(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("looks into /proc")
	}
	killWith(t, stubborn)
}

// deserter prints the ids of processes that leave the command's group: one in a
// session of its own that ignores SIGTERM and keeps the output, and one that has
// lost its parent too.
const deserter = `setsid sh -c 'trap "" TERM; echo $$; while :; do sleep 1; done' & (setsid sh -c 'echo $$; exec sleep 300' &) ; echo $$; wait`

func TestExecEndsWhatLeftTheGroup(t *testing.T) {
	needLinux(t)
	r := start(t, configure(t, NewExec, "command="+deserter, "shell=/bin/sh -c"))
	pids := r.take(t, 3)
	for _, pid := range pids {
		if !alive(pid) {
			t.Fatalf("process %s is not there", pid)
		}
	}
	begin := time.Now()
	r.stop()
	r.rest(t)
	if d := time.Since(begin); d > 10*time.Second {
		t.Errorf("stopping took %v: %s", d, &r.diary)
	}
	waitGone(t, pids...)
}

// A daemon that a command leaves behind ends when the source is closed.
func TestExecCloseEndsDaemons(t *testing.T) {
	needLinux(t)
	s := configure(t, NewExec, "command=setsid sh -c 'exec sleep 300 >&- 2>&-' & echo $!", "shell=/bin/sh -c")
	r := start(t, s)
	pid := r.take(t, 1)[0]
	if err := <-r.ended; err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	waitGone(t, pid)
}

func TestExecKilledAgentLeavesNoDeserter(t *testing.T) {
	needLinux(t)
	killWith(t, deserter)
}

func needLinux(t *testing.T) {
	t.Helper()
	if _, err := exec.LookPath("setsid"); err != nil || runtime.GOOS != "linux" {
		t.Skip("looks into /proc, and needs setsid")
	}
}

// killWith kills an agent whose exec source runs a command that prints three
// process ids, in a way that the agent cannot notice: none of them is left.
func killWith(t *testing.T, command string) {
	t.Helper()
	agent := exec.Command(os.Args[0])
	agent.Env = append(os.Environ(), "LOGPIPE_TEST_EXEC="+command)
	agent.Stderr = os.Stderr
	stdout, err := agent.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := agent.Start(); err != nil {
		t.Fatal(err)
	}
	var pids []string
	lines := bufio.NewScanner(stdout)
	for len(pids) < 3 && lines.Scan() {
		pids = append(pids, lines.Text())
	}
	agent.Process.Kill()
	agent.Wait()
	if len(pids) != 3 {
		t.Fatalf("pids %q", pids)
	}
	waitGone(t, pids...)
}
