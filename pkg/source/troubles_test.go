package source

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/logpipe/logpipe/pkg/flume"
)

// awaitTrouble waits until a source says of its health what want has.
func awaitTrouble(t *testing.T, s Source, r *rig, want string) {
	t.Helper()
	health := s.(flume.Troubled)
	(&tailTest{t: t}).awaitThat(func() bool {
		got := health.Trouble()
		return (got == "") == (want == "") && strings.Contains(got, want)
	}, func() string { return "health: " + health.Trouble() + "; told:\n" + r.diary.String() })
}

// A command that has failed and does not run again is a source that does not
// work; one that has ended as it should is not.
func TestExecTrouble(t *testing.T) {
	needShell(t)
	for _, test := range []struct{ command, restart, want string }{
		{"echo a", "false", ""},
		{"echo a; echo gone >&2; exit 3", "false", "command ended (exit status 3: gone), nothing more comes"},
		{"echo a; kill -9 $$", "false", "command ended (signal: killed), nothing more comes"},
		{"echo a; exit 1", "true", ""},
	} {
		s := configure(t, NewExec, "command="+test.command, "shell=/bin/sh -c", "restart="+test.restart, "restartThrottle=1")
		r := start(t, s)
		if test.restart == "true" {
			r.take(t, 3)
			r.stop()
		}
		r.rest(t)
		if got := s.(flume.Troubled).Trouble(); got != test.want {
			t.Errorf("%s, restart=%s: %q, want %q", test.command, test.restart, got, test.want)
		}
	}
}

// What keeps a spooldir source from its files is trouble until it is over, or the
// file is gone.
func TestSpooldirTrouble(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "spool")
	s := configure(t, NewSpooldir, "spoolDir="+dir, "trackingPolicy=tracker_dir", "pollDelay=1")
	r := start(t, s)
	awaitTrouble(t, s, r, "spool is not there: waits for it")
	// A folder where the mark of the file has to be.
	stuck := filepath.Join(dir, ".flumespool", "a.log.COMPLETED", "x")
	if err := os.MkdirAll(stuck, 0o777); err != nil {
		t.Fatal(err)
	}
	awaitTrouble(t, s, r, "")
	for _, mend := range []string{filepath.Join(dir, "a.log"), filepath.Dir(stuck)} {
		if err := os.WriteFile(filepath.Join(dir, "a.log"), []byte("line\n"), 0o666); err != nil {
			t.Fatal(err)
		}
		awaitTrouble(t, s, r, "a.log: ")
		if err := os.RemoveAll(mend); err != nil {
			t.Fatal(err)
		}
		awaitTrouble(t, s, r, "")
	}
}

// What keeps a TAILDIR source from a folder or from its positions is trouble; a
// folder that is not there is waited for.
func TestTaildirTrouble(t *testing.T) {
	dir := t.TempDir()
	positions, logs := filepath.Join(dir, "pos"), filepath.Join(dir, "logs")
	s := configure(t, NewTaildir, "filegroups=g", "filegroups.g="+logs+"/.*log", "maxBackoffSleep=1", "writePosInterval=1",
		"positionFile="+filepath.Join(positions, "p.json"))
	r := start(t, s)
	awaitTrouble(t, s, r, "")
	if !strings.Contains(r.diary.String(), "waits for it") {
		t.Errorf("told %s", &r.diary)
	}
	if err := os.RemoveAll(positions); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(logs, 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(logs, "a.log"), []byte("line\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	awaitTrouble(t, s, r, "cannot write positionFile")
	if err := os.Mkdir(positions, 0o777); err != nil {
		t.Fatal(err)
	}
	awaitTrouble(t, s, r, "")
	if err := os.RemoveAll(logs); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(logs, nil, 0o666); err != nil { // a file where a folder was
		t.Fatal(err)
	}
	awaitTrouble(t, s, r, "cannot list")
	if err := os.Remove(logs); err != nil {
		t.Fatal(err)
	}
	awaitTrouble(t, s, r, "")
}
