package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/logpipe/logpipe/pkg/catalog"
	"github.com/logpipe/logpipe/pkg/cli"
	"github.com/logpipe/logpipe/pkg/demo"
	"github.com/logpipe/logpipe/pkg/op"
	"github.com/logpipe/logpipe/pkg/option"
)

// demoExamples are those of the help.
func demoExamples() []op.Example {
	return []op.Example{{
		Note:    "the first row for other programs; only its rank is known beforehand",
		Command: `logpipe demo -q | logpipe head 1 | logpipe drop course country browser count window_start window_end`,
		Output:  "{\"rank\":1}\n",
	}}
}

// newDemo makes the command that shows the whole system.
func newDemo(app *cli.App) *cobra.Command {
	var o demo.Options
	var own, common, defaults option.Set
	own.Duration(&o.For, "for", 0, "end after this `duration`; 0 = with Ctrl-C")
	own.Float(&o.Rate, "rate", 1000, "`lines` per second that the log grows by")
	app.Shared.Options(&defaults) // those of the pipeline
	app.Shared.Common(&common)
	cmd := &cobra.Command{
		Use:   "demo [--for 20s] [--rate 1000]",
		Short: "see the whole system work: a log, an agent, a broker and a live table",
		Long: "A web server's log grows, an agent follows it into a topic of an embedded Kafka broker, and a " +
			"pipeline reads the topic and ranks the courses of the site by country and browser, every two " +
			"seconds: `logpipe demo` draws a live table on a terminal until q or Ctrl-C, `logpipe demo --for 20s " +
			">rows.ndjson` writes NDJSON rows.\n\n" +
			"The commands that do the same are printed first, to be pasted one by one. The demo itself works in " +
			"a temporary folder and on a free port, and leaves no process, file or port behind.",
		GroupID:               string(catalog.Run),
		Args:                  noArgs,
		DisableFlagsInUseLine: true,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := fill(app, cmd, &common); err != nil {
				return err
			}
			return runDemo(cmd.Context(), app, o)
		},
	}
	addFlags(cmd, &own)
	addShared(cmd, &common)
	return cmd
}

// runDemo prints the commands and runs the demo.
func runDemo(ctx context.Context, app *cli.App, o demo.Options) error {
	app.Begin()
	app.Spare()
	app.Closing(5 * time.Second)
	if err := o.Check(); err != nil {
		return err
	}
	if !app.Shared.Quiet {
		if err := printCommands(app, o); err != nil {
			return err
		}
	}
	o.Settings, o.Messages, o.Log = app.Settings(), app.Err, app.Log
	o.Quietly, o.AtLeave = app.OutTerminal, app.AtLeave
	o.Compute = func(ctx context.Context, p *catalog.Pipeline) error {
		return app.Run(ctx, cli.Job{Pipeline: p, Fixed: true})
	}
	var kept bytes.Buffer // messages that only a failure makes worth reading
	if app.Shared.Quiet {
		o.Messages = &kept
	}
	var ledger demo.Ledger
	err := whileTerminal(ctx, func(ctx context.Context) (err error) {
		ledger, err = demo.Run(ctx, o)
		return err
	})
	switch {
	case errors.As(err, new(cli.ExitStatus)): // nobody is there to read more
	case err != nil:
		if _, writeErr := kept.WriteTo(app.Err); writeErr != nil {
			return errors.Join(err, writeErr)
		}
	case !app.Shared.Quiet:
		app.Say("%s lines were written and %s records read; nothing is left behind",
			cli.Count(ledger.Written), cli.Count(ledger.Read))
	}
	return err
}

// whileTerminal runs f, whose context ends too when the terminal is closed
// (SIGHUP) or the program is told to quit (SIGQUIT): neither may leave a folder
// behind.
func whileTerminal(ctx context.Context, f func(ctx context.Context) error) error {
	ends := []os.Signal{syscall.SIGQUIT}
	if !signal.Ignored(syscall.SIGHUP) { // not nohup
		ends = append(ends, syscall.SIGHUP)
	}
	came := make(chan os.Signal, 1)
	signal.Notify(came, ends...)
	defer signal.Stop(came)
	inner, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	go func() {
		select {
		case s := <-came:
			cancel(cli.ExitStatus(128 + int(s.(syscall.Signal))))
		case <-inner.Done():
		}
	}()
	err := f(inner)
	var status cli.ExitStatus
	if err == nil && errors.As(context.Cause(inner), &status) {
		return status
	}
	return err
}

// printCommands tells what the demo does, as commands for a shell.
func printCommands(app *cli.App, o demo.Options) error {
	commands, err := demo.Commands(o)
	if err != nil {
		return err
	}
	app.Say("the same as these commands, which a shell takes one by one:\n\n%s", strings.Join(commands, "\n"))
	if _, err := io.WriteString(app.Err, "\n"); err != nil {
		return nil // nobody reads it
	}
	if _, err := exec.LookPath("logpipe"); err != nil {
		app.Hint("go install ./cmd/logpipe puts logpipe where the shell may find it")
	}
	until := "until Ctrl-C"
	if o.For > 0 {
		until = "for " + option.FormatDuration(o.For)
	}
	app.Say("runs %s; the first rows come within 5 seconds", until)
	return nil
}
