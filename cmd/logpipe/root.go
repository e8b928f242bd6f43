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
	root := newRoot(app)
	root.SetArgs(args)
	var helpErr error // cobra has no way for it
	root.SetHelpFunc(func(cmd *cobra.Command, _ []string) { helpErr = printHelp(app, cmd) })
	cmd, err := root.ExecuteContextC(ctx)
	app.SetCommand(pathOf(cmd)) // for the message, where it failed before it ran
	if err == nil {
		err = helpErr
	}
	return err
}

// newRoot makes the tree of commands.
func newRoot(app *cli.App) *cobra.Command {
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
	root.AddCommand(subcommands(app)...)
	return root
}

// subcommands makes the commands, in the order in which help shows them.
func subcommands(app *cli.App) []*cobra.Command {
	var list []*cobra.Command
	for _, c := range catalog.Commands() {
		stage := newStage(app, c)
		switch c.Name {
		case "produce":
			completeTopics(app, stage, 1)
		case "consume":
			completeTopics(app, stage, -1)
			completeOffset(stage)
		}
		list = append(list, stage)
	}
	list = append(list,
		newTopic(app),
		newGroup(app),
		newBroker(app),
		newRun(app),
		newAgent(app),
		newAvroClient(app),
		newDemo(app),
		newConfig(app),
		newVersion(app),
		newCompletion(app),
	)
	for i, c := range list {
		c.Annotations = map[string]string{orderKey: fmt.Sprintf("%03d", i)}
	}
	return list
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
