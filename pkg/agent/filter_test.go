//go:build unix

package agent

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// slowly is a program for a config filter that does not end, and that starts
// another one: it notes the numbers of both.
const slowly = "sleep 333 &\necho $$ $! >part && mv part pids\nwait\n"

// awaitPrograms waits until slowly runs, and returns its numbers.
func awaitPrograms(t *testing.T) []int {
	t.Helper()
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(time.Millisecond) {
		data, err := os.ReadFile("pids")
		if err != nil {
			continue
		}
		var pids []int
		for word := range bytes.FieldsSeq(data) {
			pid, err := strconv.Atoi(string(word))
			if err != nil {
				t.Fatal(err)
			}
			pids = append(pids, pid)
		}
		return pids
	}
	t.Fatal("the program does not run")
	return nil
}

// checkGone holds that no such process runs any more; one that nobody has waited
// for yet counts as gone.
func checkGone(t *testing.T, pids []int) {
	t.Helper()
	for _, pid := range pids {
		end := time.Now().Add(time.Minute)
		for syscall.Kill(pid, 0) == nil && !isZombie(pid) {
			if time.Now().After(end) {
				t.Fatalf("process %d lives on", pid)
			}
			time.Sleep(time.Millisecond)
		}
	}
}

func isZombie(pid int) bool {
	data, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	_, state, _ := strings.Cut(string(data), ") ")
	return err == nil && strings.HasPrefix(state, "Z")
}

// The program of a config filter ends with the agent, and all that it has started
// does; that it said nothing is no finding.
func TestFilterEndsWithAgent(t *testing.T) {
	t.Chdir(t.TempDir())
	t.Setenv("SLOTS", "500")
	t.Setenv("NAME", "x")
	path, _ := filepath.Abs("a.conf")
	write := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write("a.conf", filtered)
	write("ask.sh", slowly)

	told := newScreen()
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	ended := make(chan error, 1)
	go func() { ended <- Run(ctx, Options{Name: "a1", Files: []string{path}, Stderr: told}) }()
	pids := awaitPrograms(t)
	begin := time.Now()
	stop()
	if err := <-ended; err != nil || time.Since(begin) > filterWait*9/10 || told.String() != "" {
		t.Errorf("at the start: %v after %v; told:\n%s", err, time.Since(begin), told)
	}
	checkGone(t, pids)

	// The same while it runs and is to take over a change.
	os.Remove("pids")
	write("ask.sh", "echo 3\n")
	reload := make(chan os.Signal, 1)
	a := startAgent(t, "", func(o *Options) { o.Files, o.Reload, o.NoReload = []string{path}, reload, true })
	a.stderr.await(t, "counted to 3")
	write("ask.sh", slowly)
	write("a.conf", filtered+"a1.channels.c1.transactionCapacity = 50\n")
	reload <- syscall.SIGHUP
	pids = awaitPrograms(t)
	begin = time.Now()
	a.end(t)
	if text := a.stderr.String(); time.Since(begin) > filterWait*9/10 || strings.Contains(text, "goes on as before") || strings.Contains(text, "config filter") {
		t.Errorf("at a reload: ended after %v; told:\n%s", time.Since(begin), text)
	}
	checkGone(t, pids)
}

// A program that does not end in time is not run for each further key.
func TestLateFilter(t *testing.T) {
	t.Chdir(t.TempDir())
	if err := os.WriteFile("ask.sh", []byte("echo asked >>log\nsleep 333\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	f := &externalFilter{command: "sh ask.sh", wait: time.Millisecond}
	if _, err := f.lookup(t.Context(), "a"); err == nil || err.Error() != "sh ask.sh a: it did not end within 1ms" {
		t.Errorf("%v", err)
	}
	f.wait = time.Minute
	if _, err := f.lookup(t.Context(), "b"); err == nil || err.Error() != "sh ask.sh b was not run, as it did not end for a" {
		t.Errorf("%v", err)
	}
}
