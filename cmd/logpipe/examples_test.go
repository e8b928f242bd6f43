package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"github.com/logpipe/logpipe/pkg/catalog"
	"github.com/logpipe/logpipe/pkg/cli"
	"github.com/logpipe/logpipe/pkg/op"
)

// allExamples lists the examples of every command by its path.
func allExamples() map[string][]op.Example {
	all := make(map[string][]op.Example)
	var walk func(cmd *cobra.Command)
	walk = func(cmd *cobra.Command) {
		all[cmd.CommandPath()] = examplesOf(cmd)
		for _, c := range cmd.Commands() {
			walk(c)
		}
	}
	root := newRoot(cli.New(&cli.Streams{}))
	root.InitDefaultHelpCmd()
	walk(root)
	all["logpipe"] = rootExamples()
	return all
}

// TestExamples runs every example of the help; each shows what it prints.
func TestExamples(t *testing.T) {
	sh, err := exec.LookPath("sh")
	if err != nil {
		t.Skip("no sh here")
	}
	for path, list := range allExamples() {
		if len(list) == 0 {
			t.Errorf("%s: no example", path)
		}
		for _, e := range list {
			if e.Output == "" {
				t.Errorf("%s: the help does not say what this prints: %s", path, e.Command)
				continue
			}
			t.Run(path, func(t *testing.T) {
				t.Parallel()
				cmd := start(t, sh, "-c", e.Command)
				cmd.Dir = t.TempDir()
				if got := finish(t, cmd, ""); got.out != e.Output || got.code != 0 {
					t.Errorf("$ %s\n%s%s(exit code %d)\nthe help says:\n%s", e.Command, got.out, got.err, got.code, e.Output)
				}
			})
		}
	}
}

// TestExamplesRun holds that the pipes of all examples give the same bytes in
// one process.
func TestExamplesRun(t *testing.T) {
	sh, err := exec.LookPath("sh")
	if err != nil {
		t.Skip("no sh here")
	}
	for _, c := range catalog.Commands() {
		for _, e := range c.Examples {
			first, stages, ok := pipeOf(e.Command)
			if !ok || e.Output == "" {
				continue
			}
			t.Run(c.Name, func(t *testing.T) {
				t.Parallel()
				file := filepath.Join(t.TempDir(), "example.lp")
				if err := os.WriteFile(file, []byte(stages), 0o666); err != nil {
					t.Fatal(err)
				}
				line := "logpipe run -f " + file
				if first != "" {
					line = first + " | " + line
				}
				cmd := start(t, sh, "-c", line)
				cmd.Dir = t.TempDir()
				if got := finish(t, cmd, ""); got.out != e.Output || got.code != 0 {
					t.Errorf("run gives\n%s%s(exit code %d)\nthe pipe %s gives\n%s", got.out, got.err, got.code, e.Command, e.Output)
				}
			})
		}
	}
}

// pipeOf cuts an example into what a shell has to do and a pipeline of stages
// behind it; ok is false where there is none or more than one line.
func pipeOf(command string) (first, stages string, ok bool) {
	i := strings.Index(command, "logpipe ")
	if i < 0 || strings.Contains(command, "logpipe run ") {
		return "", "", false
	}
	first, stages = command[:i], command[i:]
	if first != "" {
		if first, ok = strings.CutSuffix(strings.TrimRight(first, " \n"), "|"); !ok {
			return "", "", false
		}
	}
	if _, err := catalog.Parse("", stages, nil); err != nil {
		return "", "", false
	}
	return first, stages, true
}
