package main

import (
	"os"

	"github.com/spf13/cobra"

	"github.com/logpipe/logpipe/pkg/catalog"
	"github.com/logpipe/logpipe/pkg/cli"
	"github.com/logpipe/logpipe/pkg/fault"
	"github.com/logpipe/logpipe/pkg/option"
)

// newStage makes a command of a stage: a pipeline of one part.
func newStage(app *cli.App, c catalog.Command) *cobra.Command {
	use := c.New()
	var shared option.Set
	cmd := &cobra.Command{
		Use:     c.Usage,
		Short:   c.Short,
		Long:    c.Long,
		GroupID: string(c.Group),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := fill(app, cmd, &use.Settings, &shared); err != nil {
				return err
			}
			part, err := use.Build(args)
			if err != nil {
				return fileHint(c.Name, args, use.ReadsFiles(), err)
			}
			part.Words = args
			return app.Run(cmd.Context(), cli.Job{
				Pipeline: catalog.Single(part),
				Typed:    c.Typed,
				Help:     func() { printUsage(app, cmd) },
			})
		},
		DisableFlagsInUseLine: true,
	}
	addFlags(cmd, &use.Settings)
	app.Shared.Options(&shared)
	addShared(cmd, &shared)
	completeFlags(cmd)
	cmd.ValidArgsFunction = func(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
		switch {
		case len(args) == 0 && len(c.Words) > 0:
			return c.Words, cobra.ShellCompDirectiveNoFileComp
		case use.ReadsFiles():
			return nil, cobra.ShellCompDirectiveDefault
		}
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return cmd
}

// fileHint adds how a stage reads a file to the error of a stage that took the
// name of one for something else.
func fileHint(name string, args []string, readsFiles bool, err error) error {
	if readsFiles || len(args) == 0 {
		return err
	}
	file := args[len(args)-1]
	if info, statErr := os.Stat(file); statErr != nil || info.IsDir() {
		return err
	}
	return fault.Hint(err, "%s reads records from standard input: logpipe %s … < %s", name, name, file)
}
