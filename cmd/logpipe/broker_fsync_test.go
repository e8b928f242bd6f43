//go:build unix

package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestBrokerFsync holds that --fsync waits for the disk at each batch, and that
// the broker does not without it: strace sees the calls.
func TestBrokerFsync(t *testing.T) {
	strace, err := exec.LookPath("strace")
	if err != nil {
		t.Skip("no strace here")
	}
	calls := func(flags ...string) int {
		trace := filepath.Join(t.TempDir(), "trace")
		args := append([]string{"-f", "-e", "trace=fsync,fdatasync", "-o", trace, "logpipe", "broker"}, flags...)
		args = append(args, "--", "bash", "-c", `for i in 1 2 3 4 5; do echo $i | logpipe produce -q t || exit; done`)
		if got := finish(t, start(t, strace, args...), ""); got.code != 0 {
			if strings.Contains(got.err, "ptrace") || strings.Contains(got.err, "Operation not permitted") {
				t.Skipf("strace does not work here: %s", got.err)
			}
			t.Fatalf("exit code %d, %s", got.code, got.err)
		}
		text, err := os.ReadFile(trace)
		if err != nil {
			t.Fatal(err)
		}
		return strings.Count(string(text), "sync(")
	}
	without, with := calls(), calls("--fsync")
	if with < without+5 {
		t.Errorf("%d calls with --fsync and %d without, for 5 batches", with, without)
	}
	t.Logf("%d calls with --fsync, %d without", with, without)
}
