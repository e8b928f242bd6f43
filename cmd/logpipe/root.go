package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/logpipe/logpipe/pkg/catalog"
	"github.com/logpipe/logpipe/pkg/cli"
	"github.com/logpipe/logpipe/pkg/fault"
	"github.com/logpipe/logpipe/pkg/option"
)

// execute runs the command that args name.
func execute(ctx context.Context, app *cli.App, args []string) error {
	root := newRoot(app, args...)
	root.SetArgs(gnuWords(root, args))
	var helpErr error // cobra has no way for it
	root.SetHelpFunc(func(cmd *cobra.Command, _ []string) { helpErr = printHelp(app, cmd) })
	cmd, err := root.ExecuteContextC(ctx)
	app.SetCommand(pathOf(cmd)) // for the message, where it failed before it ran
	if err == nil {
		err = helpErr
	}
	return err
}

// newRoot makes the tree of commands, or, where args begin with the name of one, as
// much of it as they need: the whole costs two milliseconds.
func newRoot(app *cli.App, args ...string) *cobra.Command {
	var v bool // --version
	root := &cobra.Command{
		Use:           "logpipe",
		Short:         "collect, carry and compute records in a pipe",
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return unknownCommand(cmd, args[0])
			}
			if v {
				return printVersion(app)
			}
			return cmd.Help()
		},
	}
	root.Flags().BoolVar(&v, "version", false, "print the version")
	root.SetIn(app.In)
	root.SetOut(app.Out)
	root.SetErr(app.Err)
	root.SetFlagErrorFunc(flagError)
	root.PersistentPreRun = func(cmd *cobra.Command, _ []string) { app.SetCommand(pathOf(cmd)) }
	root.Flags().BoolP("help", "h", false, "show this help")
	root.CompletionOptions.DisableDefaultCmd = true
	root.SetHelpCommand(newHelp(app))
	for _, g := range catalog.Groups() {
		root.AddGroup(&cobra.Group{ID: string(g.Group), Title: string(g.Group)})
	}
	root.AddCommand(subcommands(app, args)...)
	return root
}

// subcommands makes the commands, in the order in which help shows them; where args
// begin with the name of one, that one alone.
func subcommands(app *cli.App, args []string) []*cobra.Command {
	var list []*cobra.Command
	table := commandTable(app, listsOnly(args))
	for i, c := range table {
		if len(args) > 0 && c.name == args[0] {
			table = table[i : i+1]
			break
		}
	}
	for i, c := range table {
		cmd := c.make()
		cmd.Annotations = map[string]string{orderKey: fmt.Sprintf("%03d", i)}
		list = append(list, cmd)
	}
	return list
}

// namedCommand makes a command when it is needed.
type namedCommand struct {
	name string
	make func() *cobra.Command
}

// listsOnly reports whether args ask for no more than the list of commands.
func listsOnly(args []string) bool {
	return len(args) == 1 && (args[0] == "--help" || args[0] == "-h" || args[0] == "help")
}

// commandTable lists all commands; those of stages without their flags where short.
func commandTable(app *cli.App, short bool) []namedCommand {
	var list []namedCommand
	for _, c := range catalog.Commands() {
		list = append(list, namedCommand{c.Name, func() *cobra.Command {
			if short {
				return &cobra.Command{Use: c.Usage, Short: c.Short, GroupID: string(c.Group), Run: func(*cobra.Command, []string) {}}
			}
			return newStageOf(app, c)
		}})
	}
	for _, c := range []struct {
		name string
		make func(*cli.App) *cobra.Command
	}{
		{"topic", newTopic},
		{"group", newGroup},
		{"broker", newBroker},
		{"run", newRun},
		{"agent", newAgent},
		{"avro-client", newAvroClient},
		{"demo", newDemo},
		{"config", newConfig},
		{"version", newVersion},
		{"completion", newCompletion},
	} {
		list = append(list, namedCommand{c.name, func() *cobra.Command { return c.make(app) }})
	}
	return list
}

// newStageOf makes the command of a stage, with what completes its words.
func newStageOf(app *cli.App, c catalog.Command) *cobra.Command {
	stage := newStage(app, c)
	switch c.Name {
	case "produce":
		completeTopics(app, stage, 1)
	case "consume":
		completeTopics(app, stage, -1)
		completeOffset(stage)
	}
	return stage
}

// orderKey is the annotation by which help orders commands.
const orderKey = "order"

// pathOf is the command's name in messages: without "logpipe".
func pathOf(cmd *cobra.Command) string {
	_, path, _ := strings.Cut(cmd.CommandPath(), " ")
	return path
}

func unknownCommand(cmd *cobra.Command, name string) error {
	err := fault.Usagef("unknown command %q", name)
	var names []string
	for _, c := range cmd.Commands() {
		if c.IsAvailableCommand() {
			names = append(names, c.Name())
		}
	}
	if near := option.Closest(name, names); near != "" {
		return fault.Hint(err, "did you mean %s?", near)
	}
	return fault.Hint(err, "`logpipe help` lists the commands")
}

// flagError words what pflag refuses as stages of `run` do.
func flagError(cmd *cobra.Command, err error) error {
	var set option.Set
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		o := set.Add(f.Name, f.Value, f.Usage)
		o.Letter, o.Hidden = f.Shorthand, f.Hidden
		if v, ok := f.Value.(flagValue); ok {
			o.Words = v.Words
		}
	})
	var unknown *pflag.NotExistError
	var missing *pflag.ValueRequiredError
	var wrong *pflag.InvalidValueError
	switch {
	case errors.As(err, &unknown):
		if letters := unknown.GetSpecifiedShortnames(); letters != "" {
			return catalog.UnknownLetter(&set, unknown.GetSpecifiedName(), letters)
		}
		return catalog.UnknownOption(&set, unknown.GetSpecifiedName())
	case errors.As(err, &missing):
		f := missing.GetFlag()
		as := "--" + f.Name
		if missing.GetSpecifiedShortnames() != "" {
			as = "-" + f.Shorthand
		}
		return catalog.NeedsValue(as, set.Lookup(f.Name))
	case errors.As(err, &wrong):
		f := wrong.GetFlag()
		return catalog.WrongValue("--"+f.Name, set.Lookup(f.Name), wrong.Unwrap())
	}
	return fault.With(fault.Usage, err)
}
