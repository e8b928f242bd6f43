package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// update writes what is generated, and the expected output of scripts, anew.
var update = flag.Bool("update", false, "write man pages, completions and script outputs anew")

// TestMain puts the program into the PATH as logpipe, and as flume-ng.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"logpipe": main, "flume-ng": main})
}

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
