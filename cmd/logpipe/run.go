package main

import (
	"io"

	"github.com/spf13/cobra"

	"github.com/logpipe/logpipe/pkg/catalog"
	"github.com/logpipe/logpipe/pkg/cli"
	"github.com/logpipe/logpipe/pkg/fault"
	"github.com/logpipe/logpipe/pkg/option"
)

// newRun makes the command that runs a whole pipeline in one process.
func newRun(app *cli.App) *cobra.Command {
	var file string
	var asPipe bool
	var own, shared option.Set
	own.String(&file, "file,f", "", "read the pipeline from this `file`; - is standard input")
	own.Bool(&asPipe, "as-pipe", "print the same pipeline as a line for the shell and move nothing")
	cmd := &cobra.Command{
		Use:   "run {'STAGE | STAGE…' | -f <file>} [FILE…]",
		Short: "run a pipeline in one process",
		Long: "The text is what would stand in a shell between `logpipe` words: the same stages, the same\n" +
			"quoting, the same result byte for byte, without a process and a line of JSON between the stages.\n" +
			"A stage may be written with the word logpipe, as pasted from a shell.\n\n" +
			"Quotes and the backslash work as in a shell; nothing else of a shell does. What a shell would act\n" +
			"upon ($ * ? ( ) < > ; & and more) has to be quoted, and other programs need the shell's pipe.\n" +
			"Within the pipeline a newline may follow |, and # begins a comment.\n\n" +
			"FILEs may be patterns. They and standard input may be compressed with gzip or zstd. One that is not\n" +
			"there is refused before anything is read; where reading one fails, that is told, the others are\n" +
			"read, and the command ends with 1.",
		GroupID:               string(catalog.Run),
		DisableFlagsInUseLine: true,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := fill(app, cmd, &shared); err != nil {
				return err
			}
			name, text, files, err := pipelineText(app, file, args)
			if err != nil {
				return err
			}
			p, err := catalog.Parse(name, text, app.Settings())
			if err != nil {
				return err
			}
			if asPipe {
				line := p.Shell(files, app.Shared.Words())
				_, err := io.WriteString(app.Out, line+"\n")
				return err
			}
			return app.Run(cmd.Context(), cli.Job{Pipeline: p, Files: files, Typed: true})
		},
	}
	addFlags(cmd, &own)
	app.Shared.Options(&shared)
	addShared(cmd, &shared)
	completeFlags(cmd)
	return cmd
}

// pipelineText returns the pipeline, the file that it comes from, and the words
// behind it.
func pipelineText(app *cli.App, file string, args []string) (name, text string, files []string, err error) {
	if file == "" {
		if len(args) == 0 {
			return "", "", nil, fault.Hint(fault.Usagef("say which pipeline to run"),
				"logpipe run 'parse access | head', or -f FILE")
		}
		return "", args[0], args[1:], nil
	}
	b, err := app.ReadFile(file)
	if err != nil {
		return "", "", nil, err
	}
	return file, string(b), args, nil
}
