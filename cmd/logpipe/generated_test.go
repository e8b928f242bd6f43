package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/logpipe/logpipe/pkg/cli"
)

// TestManPages holds that man/ is what the commands say of themselves.
func TestManPages(t *testing.T) {
	pages := make(map[string]string)
	var walk func(cmd *cobra.Command)
	walk = func(cmd *cobra.Command) {
		if cmd.HasParent() && !cmd.IsAvailableCommand() && cmd.Name() != "help" {
			return
		}
		pages[strings.ReplaceAll(cmd.CommandPath(), " ", "-")+".1"] = manPage(cmd)
		for _, c := range cmd.Commands() {
			walk(c)
		}
	}
	walk(newRoot(cli.New(&cli.Streams{})))
	current(t, top("man"), pages)
}

// TestCompletions holds that completions/ is what the program prints.
func TestCompletions(t *testing.T) {
	files := make(map[string]string)
	for shell, name := range map[string]string{"bash": "logpipe.bash", "zsh": "_logpipe",
		"fish": "logpipe.fish", "powershell": "logpipe.ps1"} {
		var out bytes.Buffer
		if err := execute(t.Context(), cli.New(&cli.Streams{Out: &out}), []string{"completion", shell}); err != nil {
			t.Fatal(err)
		}
		files[name] = out.String()
	}
	current(t, top("completions"), files)
}

// current compares a folder with what its files should hold, both ways; with
// -update it writes them.
func current(t *testing.T, dir string, files map[string]string) {
	t.Helper()
	if *update {
		if err := os.MkdirAll(dir, 0o777); err != nil {
			t.Fatal(err)
		}
		for name, text := range files {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o666); err != nil {
				t.Fatal(err)
			}
		}
	}
	there, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range there {
		if _, ok := files[e.Name()]; ok {
			continue
		}
		if *update {
			if err := os.Remove(filepath.Join(dir, e.Name())); err != nil {
				t.Fatal(err)
			}
			continue
		}
		t.Errorf("%s belongs to no command", filepath.Join(dir, e.Name()))
	}
	for name, want := range files {
		got, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil || string(got) != want {
			t.Errorf("%s is stale: go test ./cmd/logpipe -update", filepath.Join(dir, name))
		}
	}
}

// manPage writes the manual page of a command. It bears no date, so that it
// changes with the command alone.
func manPage(cmd *cobra.Command) string {
	var b strings.Builder
	name := strings.ReplaceAll(cmd.CommandPath(), " ", "-")
	fmt.Fprintf(&b, ".TH %s 1 \"\" logpipe \"logpipe manual\"\n", strings.ToUpper(roff(name)))
	fmt.Fprintf(&b, ".SH NAME\n%s \\- %s\n", roff(name), roff(cmd.Short))
	use := "logpipe <command> [flags]"
	if cmd.HasParent() {
		use = cmd.UseLine()
	}
	fmt.Fprintf(&b, ".SH SYNOPSIS\n.nf\n%s\n.fi\n", roff(use))
	list := examplesOf(cmd)
	if !cmd.HasParent() {
		list = rootExamples()
	}
	if len(list) > 0 {
		b.WriteString(".SH EXAMPLES\n")
		h := &helpWriter{}
		h.examples(list)
		verbatim(&b, h.String())
	}
	if cmd.Long != "" {
		b.WriteString(".SH DESCRIPTION\n")
		verbatim(&b, wrap(cmd.Long, 78))
	}
	if cmd.HasParent() {
		manFlags(&b, cmd)
	}
	if cmd.HasAvailableSubCommands() {
		b.WriteString(".SH COMMANDS\n")
		for _, c := range cmd.Commands() {
			if c.IsAvailableCommand() {
				fmt.Fprintf(&b, ".TP\n.B %s\n%s\n", roff(c.Name()), roff(c.Short))
			}
		}
	}
	if !cmd.HasParent() {
		b.WriteString(".SH EXIT STATUS\n")
		verbatim(&b, exitCodes())
	} else {
		b.WriteString(".SH SEE ALSO\n.BR logpipe (1)\n")
	}
	return b.String()
}

func manFlags(b *strings.Builder, cmd *cobra.Command) {
	b.WriteString(".SH OPTIONS\n")
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		if f.Hidden {
			return
		}
		b.WriteString(".TP\n.B ")
		if f.Shorthand != "" {
			b.WriteString(roff("-"+f.Shorthand) + ", ")
		}
		b.WriteString(roff("--" + f.Name))
		name, usage := pflag.UnquoteUsage(f)
		if f.NoOptDefVal == "" && name != "" {
			b.WriteString(" " + roff(argumentOf(f, name)))
		}
		fmt.Fprintf(b, "\n%s\n", roff(usage+defaultOf(f)))
	})
}

// verbatim writes text line by line as it is.
func verbatim(b *strings.Builder, text string) {
	b.WriteString(".nf\n")
	for line := range strings.Lines(text) {
		b.WriteString(roff(strings.TrimSuffix(line, "\n")) + "\n")
	}
	b.WriteString(".fi\n")
}

// roff escapes what troff would act upon.
func roff(s string) string {
	s = strings.NewReplacer(`\`, `\e`, "-", `\-`, "^", `\(ha`, "~", `\(ti`, "`", `\(ga`, "'", `\(aq`).Replace(s)
	if strings.HasPrefix(s, ".") {
		s = `\&` + s
	}
	return s
}
