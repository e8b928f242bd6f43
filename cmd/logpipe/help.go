package main

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/logpipe/logpipe/pkg/catalog"
	"github.com/logpipe/logpipe/pkg/cli"
	"github.com/logpipe/logpipe/pkg/fault"
	"github.com/logpipe/logpipe/pkg/op"
)

// newHelp makes `logpipe help`, which also knows topics.
func newHelp(app *cli.App) *cobra.Command {
	cmd := &cobra.Command{
		Use:                   "help [COMMAND | TOPIC]",
		Short:                 "show the help of a command or a topic",
		GroupID:               string(catalog.Run),
		DisableFlagsInUseLine: true,
		RunE: func(cmd *cobra.Command, args []string) error {
			root := cmd.Root()
			if len(args) == 1 {
				for _, t := range topics() {
					if t.name == args[0] {
						_, err := io.WriteString(app.Out, t.text())
						return err
					}
				}
			}
			found, rest, err := root.Find(args)
			switch {
			case found == root && len(args) > 0:
				return unknownCommand(root, args[0])
			case found.HasAvailableSubCommands() && len(rest) > 0:
				return unknownCommand(found, rest[0])
			case err != nil || len(rest) > 0:
				return fault.Hint(fault.Usagef("unknown command %q", strings.Join(args, " ")), "logpipe help %s", pathOf(found))
			}
			return found.Help()
		},
		Annotations: map[string]string{orderKey: "last"},
		ValidArgsFunction: func(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
			var words []string
			if len(args) == 0 {
				for _, c := range cmd.Root().Commands() {
					if c.IsAvailableCommand() {
						words = append(words, c.Name()+"\t"+c.Short)
					}
				}
				for _, t := range topics() {
					words = append(words, t.name+"\t"+t.short)
				}
			}
			return words, cobra.ShellCompDirectiveNoFileComp
		},
	}
	return cmd
}

// printHelp writes the help of cmd to standard output. A command that has others
// below it does not know the words that still stand before --help.
func printHelp(app *cli.App, cmd *cobra.Command) error {
	if words := cmd.Flags().Args(); cmd.HasAvailableSubCommands() && len(words) > 0 {
		return unknownCommand(cmd, words[0])
	}
	_, err := io.WriteString(app.Out, helpText(cmd, app.Color))
	return err
}

// printUsage writes the help of cmd to standard error.
func printUsage(app *cli.App, cmd *cobra.Command) {
	_, _ = io.WriteString(app.Err, "\n"+helpText(cmd, false))
}

// helpText is the help of a command: examples first.
func helpText(cmd *cobra.Command, color bool) string {
	h := &helpWriter{color: color}
	if !cmd.HasParent() {
		h.root(cmd)
		return h.String()
	}
	fmt.Fprintf(h, "%s\n", cmd.Short)
	if list := examplesOf(cmd); len(list) > 0 {
		h.heading("EXAMPLES")
		h.examples(list)
	}
	h.heading("USAGE")
	fmt.Fprintf(h, "  %s\n", cmd.UseLine())
	if cmd.HasAvailableSubCommands() {
		h.heading("COMMANDS")
		h.commands(cmd.Commands())
	}
	if cmd.Long != "" {
		h.heading("ABOUT")
		h.WriteString(indent(wrap(cmd.Long, 88)))
	}
	h.flags(cmd)
	return h.String()
}

type helpWriter struct {
	strings.Builder
	color bool
}

func (h *helpWriter) heading(text string) {
	if h.color {
		text = "\x1b[1m" + text + "\x1b[0m"
	}
	fmt.Fprintf(h, "\n%s\n", text)
}

func (h *helpWriter) root(cmd *cobra.Command) {
	fmt.Fprintf(h, "logpipe: %s\n", cmd.Short)
	h.heading("EXAMPLES")
	h.examples(rootExamples())
	h.heading("USAGE")
	h.WriteString("  logpipe <command> [flags]\n")
	for _, g := range catalog.Groups() {
		h.heading(strings.ToUpper(string(g.Group)) + ": " + g.Purpose)
		var list []*cobra.Command
		for _, c := range cmd.Commands() {
			if c.GroupID == string(g.Group) {
				list = append(list, c)
			}
		}
		h.commands(list)
	}
	h.heading("TOPICS")
	for _, t := range topics() {
		fmt.Fprintf(h, "  %-12s  %s\n", t.name, t.short)
	}
	h.heading("MORE")
	h.WriteString("  logpipe help <command or topic>\n")
}

func (h *helpWriter) commands(list []*cobra.Command) {
	list = slices.SortedStableFunc(slices.Values(list), func(a, b *cobra.Command) int {
		return cmp.Compare(a.Annotations[orderKey], b.Annotations[orderKey])
	})
	for _, c := range list {
		if c.IsAvailableCommand() || c.Name() == "help" {
			fmt.Fprintf(h, "  %-12s  %s\n", c.Name(), c.Short)
		}
	}
}

// examples shows command lines with what they print.
func (h *helpWriter) examples(list []op.Example) {
	for i, e := range list {
		if i > 0 {
			h.WriteByte('\n')
		}
		if e.Note != "" {
			fmt.Fprintf(h, "  # %s\n", e.Note)
		}
		fmt.Fprintf(h, "  $ %s\n", strings.ReplaceAll(e.Command, "\n", "\n    "))
		h.WriteString(indent(e.Output))
	}
}

// flags lists the command's own flags, then those of all streaming commands.
func (h *helpWriter) flags(cmd *cobra.Command) {
	var own, common []*pflag.Flag
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		switch {
		case f.Hidden:
		case f.Name == "help" || isShared(f):
			common = append(common, f)
		default:
			own = append(own, f)
		}
	})
	if len(own) > 0 {
		h.heading("FLAGS")
		h.list(own)
	}
	if len(common) > 0 {
		h.heading("COMMON FLAGS")
		h.list(common)
	}
}

func (h *helpWriter) list(flags []*pflag.Flag) {
	heads, width := make([]string, len(flags)), 0
	for i, f := range flags {
		heads[i] = "    --" + f.Name
		if f.Shorthand != "" {
			heads[i] = "-" + f.Shorthand + ", --" + f.Name
		}
		if name, _ := pflag.UnquoteUsage(f); f.NoOptDefVal == "" && name != "" {
			heads[i] += " " + argumentOf(f, name)
		}
		width = max(width, len(heads[i]))
	}
	for i, f := range flags {
		_, usage := pflag.UnquoteUsage(f)
		usage += defaultOf(f)
		if width > 32 && len(heads[i]) > 32 {
			fmt.Fprintf(h, "  %s\n  %-32s  %s\n", heads[i], "", usage)
			continue
		}
		fmt.Fprintf(h, "  %-*s  %s\n", min(width, 32), heads[i], usage)
	}
}

// defaultOf tells the default of a flag that has one.
func defaultOf(f *pflag.Flag) string {
	switch f.DefValue {
	case "", "0", "0s", "false":
		return ""
	}
	return " (default " + f.DefValue + ")"
}

// argumentOf names the argument of a flag: its choices if they are few.
func argumentOf(f *pflag.Flag, name string) string {
	v, ok := f.Value.(flagValue)
	if !ok || len(v.Words) == 0 {
		return name
	}
	words := slices.Clone(v.Words)
	for i, w := range words {
		if strings.HasSuffix(w, "=") {
			words[i] = w + name
		}
	}
	if list := "{" + strings.Join(words, "|") + "}"; len(list) <= 30 {
		return list
	}
	return name
}

// wrap breaks lines that are longer than width characters, at blanks.
func wrap(text string, width int) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		lead := line[:len(line)-len(strings.TrimLeft(line, " "))]
		for utf8.RuneCountInString(line) > width+1 {
			cut := strings.LastIndexByte(string([]rune(line)[:width+1]), ' ')
			if cut <= len(lead) {
				break
			}
			b.WriteString(strings.TrimRight(line[:cut], " ") + "\n")
			line = lead + strings.TrimLeft(line[cut:], " ")
		}
		b.WriteString(line)
	}
	return b.String()
}

func indent(text string) string {
	if text == "" {
		return ""
	}
	var b strings.Builder
	for line := range strings.Lines(text) {
		if line != "\n" {
			b.WriteString("  ")
		}
		b.WriteString(line)
	}
	if !strings.HasSuffix(text, "\n") {
		b.WriteByte('\n')
	}
	return b.String()
}

// topic is a help page that belongs to no command.
type topic struct {
	name, short string
	text        func() string
}

func topics() []topic {
	return []topic{
		{"exit-codes", "what the exit codes mean", exitCodes},
		{"expressions", "how to write an EXPR, with all functions", expressions},
		{"marks", "pipes that lose nothing, and their format for other tools", marksHelp},
	}
}

// exitCodes is the one table of them.
func exitCodes() string {
	var b strings.Builder
	b.WriteString("The exit codes of every command:\n\n")
	for _, row := range []struct {
		code fault.Code
		text string
	}{
		{fault.Done, "done; also where the reader of standard output went away (| head)"},
		{fault.Failed, "failed while it ran"},
		{fault.Usage, "wrong usage or configuration, or a file that is named cannot be opened; nothing was started"},
		{fault.Rejected, "done, but --strict and records were rejected or late, or do not add up"},
		{fault.Unreachable, "a broker or server could not be reached"},
		{fault.Checkpoint, "a checkpoint does not fit the pipeline"},
		{fault.Interrupted, "ended by SIGINT (Ctrl-C), drained"},
		{fault.Terminated, "ended by SIGTERM, drained"},
	} {
		fmt.Fprintf(&b, "  %3d  %s\n", row.code, row.text)
	}
	b.WriteString("\n`broker -- CMD` ends with the exit code of CMD. Rejected and late records alone do not\n" +
		"change the exit code: --strict does. A second signal ends a command at once, undrained.\n" +
		"The first one ends the reading of files, topics and terminals. A pipe is read to its end,\n" +
		"so that Ctrl-C, which goes to all commands of a shell pipe, loses nothing on its way.\n")
	return b.String()
}
