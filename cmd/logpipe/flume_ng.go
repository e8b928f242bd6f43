package main

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/logpipe/logpipe/pkg/cli"
)

// flumeHelp is what the start script of Flume prints, as far as it holds here.
const flumeHelp = `Usage: flume-ng <command> [options]...

commands:
  help                      this text; flume-ng help agent shows the options of agent
  agent                     run a Flume agent
  avro-client               send the lines of a file to an avro source
  tool fcintegritytool      verify the log of a file channel
  version                   show the version

flume-ng is logpipe by another name: ` + "`logpipe help`" + ` lists all that it does.
`

// calledFlume reports whether the program has the name of Flume's start script.
func calledFlume(program string) bool {
	return strings.TrimSuffix(filepath.Base(program), ".exe") == "flume-ng"
}

// flumeWords answers the commands that only the start script of Flume has, and
// ends as it does where no command, or an unknown one, is named: with the help
// and exit code 1. Done tells that there is nothing more to do.
func flumeWords(app *cli.App, args []string) (words []string, done bool, err error) {
	name := ""
	if len(args) > 0 {
		name = args[0]
	}
	switch {
	case name == "node":
		app.Say("node is an older name of agent")
		return append([]string{"agent"}, args[1:]...), false, nil
	case name == "tool":
		return nil, true, flumeTool(app, args[1:])
	case len(args) == 1 && slices.Contains([]string{"help", "--help", "-h"}, name):
		_, err = fmt.Fprint(app.Out, flumeHelp)
		return nil, true, err
	case name != "" && (strings.HasPrefix(name, "-") || knownCommand(app, name)):
		return args, false, nil
	}
	if _, err = fmt.Fprint(app.Out, flumeHelp); err != nil {
		return nil, true, err
	}
	return nil, true, fmt.Errorf("unknown or unspecified command %q", name)
}

// knownCommand reports whether there is a command of that name.
func knownCommand(app *cli.App, name string) bool {
	return name == "help" || strings.HasPrefix(name, "__") || slices.ContainsFunc(commandTable(app, true), func(c namedCommand) bool { return c.name == name })
}
