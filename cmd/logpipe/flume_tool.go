package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/logpipe/logpipe/pkg/channel/file"
	"github.com/logpipe/logpipe/pkg/cli"
	"github.com/logpipe/logpipe/pkg/fault"
)

// toolHelp is the help of Flume's only tool, as far as it holds here.
const toolHelp = `Usage: flume-ng tool fcintegritytool -l DIR[,DIR]...

Reads the log of a file channel from its beginning to its end and compares the
sum of every record. The agent must not run. Nothing is changed; damage is told
with file and offset, and ends in exit code 1.

  -l, --dataDirs DIR[,DIR]...   the dataDirs of the channel, all of them
  -e, --eventValidator CLASS    is accepted and told: Java classes do not run here
  -h, --help                    this text
`

// integrity is what fcintegritytool was asked for.
type integrity struct {
	name      string // of the tool; "" = none was named
	dirs      []string
	validator string
	help      bool
}

// flumeTool runs the one tool that Flume has.
func flumeTool(app *cli.App, args []string) error {
	t, err := parseTool(args)
	switch {
	case err != nil:
		return err
	case t.help:
		_, err := fmt.Fprint(app.Out, toolHelp)
		return err
	case t.name != "" && !strings.EqualFold(t.name, "fcintegritytool"):
		return fault.Hint(fault.Usagef("tool: there is no tool %q", t.name), "Flume's one is fcintegritytool: flume-ng tool fcintegritytool -l DIR")
	case len(t.dirs) == 0:
		return fault.Hint(fault.Usagef("tool: no folder given"), "name the dataDirs of a file channel: flume-ng tool fcintegritytool -l DIR,DIR")
	}
	if t.validator != "" {
		app.Say("tool: the event validator %s is a Java class and does not run; the sums of all records are compared", t.validator)
	}
	return verifyLog(app, t.dirs)
}

// parseTool reads the words behind `tool`: the options of Flume's start script
// stand before the name of the tool or behind it.
func parseTool(args []string) (t integrity, err error) {
	for len(args) > 0 {
		word := args[0]
		args = args[1:]
		name, value, joined := strings.Cut(word, "=")
		switch {
		case word == "-h" || word == "--help":
			t.help = true
		case slices.Contains([]string{"-l", "--dataDirs", "-dataDirs", "-e", "--eventValidator", "-c", "--conf", "-C", "--classpath", "--plugins-path"}, name):
			if !joined {
				if len(args) == 0 {
					return t, fault.Usagef("tool: %s needs a value", word)
				}
				value, args = args[0], args[1:]
			}
			t.set(name, value)
		case strings.HasPrefix(word, "-D") || strings.HasPrefix(word, "-X"):
			if !joined && t.name != "" && len(args) > 0 && !strings.HasPrefix(args[0], "-") {
				args = args[1:] // of a validator: -DmaxSize 2000
			}
		case strings.HasPrefix(word, "-"):
			return t, fault.Hint(fault.Usagef("tool: unknown option %s", word), "flume-ng tool --help shows those that there are")
		case t.name == "":
			t.name = word
		default:
			return t, fault.Usagef("tool: %q is too much", word)
		}
	}
	return t, nil
}

// set notes an option; those of the Java machine have no effect.
func (t *integrity) set(name, value string) {
	switch name {
	case "-e", "--eventValidator":
		t.validator = value
	case "-l", "--dataDirs", "-dataDirs":
		for dir := range strings.SplitSeq(value, ",") {
			if dir = strings.TrimSpace(dir); dir != "" {
				t.dirs = append(t.dirs, dir)
			}
		}
	}
}

// verifyLog prints what is found in the folders of a file channel.
func verifyLog(app *cli.App, dirs []string) error {
	v, err := file.Verify(dirs, app.Say)
	if err != nil {
		return err
	}
	for _, damage := range v.Damages {
		app.Say("%v", damage)
	}
	switch {
	case v.Segments == 0:
		return fault.Hint(fault.Usagef("tool: there is no log of a file channel in %s", strings.Join(dirs, ", ")),
			"name the folders of dataDirs; the logs of a Flume's own file channel are for that Flume's tool")
	case len(v.Damages) > 0:
		return fault.Hint(fmt.Errorf("tool: damage at %s in %s; %s in whole records", countOf(int64(len(v.Damages)), "place"),
			countOf(int64(v.Segments), "segment"), countOf(int64(v.Events), "event")),
			"restore the files; or set onCorruption = skip, a property of the channel: the agent leaves out and counts what it cannot read, unless all of it was delivered before")
	}
	_, err = fmt.Fprintf(app.Out, "%s with %s: all sums are right\n", countOf(int64(v.Segments), "segment"), countOf(int64(v.Events), "event"))
	return err
}
