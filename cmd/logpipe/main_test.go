package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// update writes what is generated, and the expected output of scripts, anew.
var update = flag.Bool("update", false, "write man pages, completions and script outputs anew")

// TestMain puts the program into the PATH as logpipe, and as flume-ng.
func TestMain(m *testing.M) {
	testscript.Main(shortly{m}, map[string]func(){"logpipe": main, "flume-ng": main})
}

// shortly runs tests with temporary folders whose names are short: those of sockets may
// have 103 letters, and some systems' TMPDIR has 50 of them.
type shortly struct{ *testing.M }

func (m shortly) Run() int {
	const enough = 12
	if runtime.GOOS == "windows" || len(os.TempDir()) <= enough {
		return m.M.Run()
	}
	dir, err := os.MkdirTemp("/tmp", "lp")
	if err != nil {
		fmt.Fprintln(os.Stderr, "tests of sockets may fail:", err)
		return m.M.Run()
	}
	defer os.RemoveAll(dir)
	os.Setenv("TMPDIR", dir)
	shortRoot = dir
	return m.M.Run()
}

// shortRoot is the folder of those, where there is one.
var shortRoot string

// noRaceSleep spares every process under the race detector a second at its end.
const noRaceSleep = "GORACE=atexit_sleep_ms=0"

// top is the folder of the repository.
func top(path ...string) string { return filepath.Join(append([]string{"..", ".."}, path...)...) }

// clean is the environment of a test without settings of the user.
func clean(t *testing.T) []string {
	env := []string{"XDG_CONFIG_HOME=" + t.TempDir(), "HOME=" + t.TempDir(), noRaceSleep}
	for _, v := range os.Environ() {
		name, _, _ := strings.Cut(v, "=")
		switch {
		case strings.HasPrefix(name, "LOGPIPE_"):
		case name == "XDG_CONFIG_HOME", name == "HOME", name == "NO_COLOR":
		default:
			env = append(env, v)
		}
	}
	return env
}

// result is what a process left.
type result struct {
	out, err string
	code     int
}

// start prepares a command that is killed when the test is over or takes a minute.
func start(t *testing.T, name string, args ...string) *exec.Cmd {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	t.Cleanup(cancel)
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Env = clean(t)
	return cmd
}

// logpipe runs the program with in as its standard input.
func logpipe(t *testing.T, in string, args ...string) result {
	t.Helper()
	return finish(t, start(t, "logpipe", args...), in)
}

// shell runs a line with bash, or skips the test where there is none.
func shell(t *testing.T, in, line string) result {
	t.Helper()
	return finish(t, start(t, bash(t), "-c", line), in)
}

func bash(t *testing.T) string {
	path, err := exec.LookPath("bash")
	if err != nil {
		t.Skip("no bash here")
	}
	return path
}

func finish(t *testing.T, cmd *exec.Cmd, in string) result {
	t.Helper()
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if cmd.Stdin == nil {
		cmd.Stdin = strings.NewReader(in)
	}
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return result{out.String(), errs.String(), cmd.ProcessState.ExitCode()}
}
