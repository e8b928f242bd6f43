package main

import (
	"errors"
	"os/exec"
	"strconv"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/logpipe/logpipe/pkg/logpipetest"
)

// TestScripts runs the scripts, which read as documentation: a file for each
// point of a command. OWN is an address whose host no other script has: nobody takes
// the ports of what is stopped there and started again.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 top("testdata", "script"),
		UpdateScripts:       *update,
		WorkdirRoot:         shortRoot,
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup: func(env *testscript.Env) error {
			env.Vars = append(env.Vars, noRaceSleep, "OWN="+logpipetest.OwnAddress(t))
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"exits": exits},
	})
}

// exits runs a command that has to end with an exit code: exits 2 logpipe …
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE PROGRAM [ARG…]")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	got := 0
	var exit *exec.ExitError
	if err := ts.Exec(args[1], args[2:]...); errors.As(err, &exit) {
		got = exit.ExitCode()
	} else if err != nil {
		ts.Fatalf("%v", err)
	}
	if got != want {
		ts.Fatalf("exit code %d, want %d", got, want)
	}
}
