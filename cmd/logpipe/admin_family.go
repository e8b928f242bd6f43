package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/logpipe/logpipe/pkg/catalog"
	"github.com/logpipe/logpipe/pkg/cli"
	"github.com/logpipe/logpipe/pkg/fault"
	"github.com/logpipe/logpipe/pkg/kafka"
	"github.com/logpipe/logpipe/pkg/option"
)

// verb is one of the commands of a family, such as `topic create`.
type verb struct {
	name, use, short, long string
	options                func(*option.Set)
	check                  func(names []string) error // of usage, before anything is asked
	run                    func(ctx context.Context, a *kafka.Admin, names []string) error
	direct                 func(ctx context.Context, names []string) error // instead of run, where it connects by itself
	existing               int                                             // so many words are things that exist; -1 = all, 0 = none
	pasted                 string                                          // the Java tool's flag for it; "" = it has none
}

// adminFamily is what commands about the same things have in common: those of topics
// and those of groups.
type adminFamily struct {
	app     *cli.App
	thing   string // topic or group
	cluster catalog.Kafka
	named   []string // by --topic or --group, as the Java tools name them
	format  string
	yes     bool
}

// member makes a family with settings of its own, and its verbs.
type member func() (*adminFamily, []verb)

// newFamily makes the commands of a family. The flags of the Java tool work too:
// topic --create --topic clicks --partitions 3.
func newFamily(app *cli.App, thing, short string, make member) *cobra.Command {
	f, verbs := make()
	f.app, f.thing = app, thing
	var names []string
	for _, v := range verbs {
		names = append(names, v.name)
	}
	own, chosen := f.pasted(verbs)
	cmd := &cobra.Command{
		Use:                   thing + " {" + strings.Join(names, "|") + "}",
		Short:                 short,
		GroupID:               string(catalog.Move),
		DisableFlagsInUseLine: true,
		RunE: func(cmd *cobra.Command, args []string) error {
			var said []verb
			for _, v := range verbs {
				if v.pasted != "" && *chosen[v.pasted] {
					said = append(said, v)
				}
			}
			switch {
			case len(said) == 1:
				if !cmd.Flags().Changed("format") && !cmd.Flags().Changed("json") {
					f.format = "java" // what was pasted expects it
				}
				return f.do(cmd, said[0], args, own)
			case len(said) > 1:
				return fault.Usagef("--%s and --%s are two commands", said[0].pasted, said[1].pasted)
			case len(args) > 0:
				return unknownCommand(cmd, args[0])
			case cmd.Flags().NFlag() > 0:
				return fault.Hint(fault.Usagef("say what to do"), "one of %s", strings.Join(names, ", "))
			}
			return cmd.Help()
		},
	}
	var common option.Set
	app.Shared.Common(&common)
	addFlags(cmd, own)
	addShared(cmd, &common)
	f.completeNames(cmd, 0)
	for i, v := range verbs {
		c := newVerb(app, thing, v.name, make)
		c.Annotations = map[string]string{orderKey: fmt.Sprintf("%03d", i)}
		cmd.AddCommand(c)
	}
	return cmd
}

// pasted declares the settings of the form that the Java tool has: a flag for
// each command, and all their flags.
func (f *adminFamily) pasted(verbs []verb) (own *option.Set, chosen map[string]*bool) {
	own, chosen = new(option.Set), map[string]*bool{}
	f.cluster.Options(own)
	for _, v := range verbs {
		if v.pasted != "" {
			chosen[v.pasted] = new(bool)
			own.Bool(chosen[v.pasted], v.pasted, "the same as "+f.thing+" "+v.name)
		}
		v.options(own)
	}
	f.nameOption(own)
	for _, o := range own.All() {
		o.Hidden = true // they belong to the commands below; this form is for pasting
	}
	return own, chosen
}

// newVerb makes one of the commands with settings of its own.
func newVerb(app *cli.App, thing, name string, make member) *cobra.Command {
	f, verbs := make()
	f.app, f.thing = app, thing
	v := verbs[slices.IndexFunc(verbs, func(v verb) bool { return v.name == name })]
	var own, common option.Set
	v.options(&own)
	f.nameOption(&own)
	f.cluster.Options(&own)
	cmd := &cobra.Command{
		Use:                   v.use,
		Short:                 v.short,
		Long:                  v.long,
		DisableFlagsInUseLine: true,
		RunE:                  func(cmd *cobra.Command, args []string) error { return f.do(cmd, v, args, &own) },
	}
	app.Shared.Common(&common)
	addFlags(cmd, &own)
	addShared(cmd, &common)
	completeFlags(cmd)
	f.completeNames(cmd, v.existing)
	if v.name == "restore" {
		cmd.ValidArgsFunction = nil // files
	}
	return cmd
}

// nameOption declares --topic or --group, which the Java tools name things by,
// where a command has no such flag of its own.
func (f *adminFamily) nameOption(s *option.Set) {
	s.Strings(&f.named, f.thing, "the same as the argument `NAME`").Hidden = true
}

// completeNames offers the names of the things for a command's words and flags.
func (f *adminFamily) completeNames(cmd *cobra.Command, words int) {
	switch {
	case words == 0:
		cmd.ValidArgsFunction = cobra.NoFileCompletions
	case f.thing == "group":
		completeWords(f.app, cmd, words, groupNames)
	default:
		completeWords(f.app, cmd, words, topicNames)
	}
	completeNameFlag(f.app, cmd, "topic", topicNames)
	completeNameFlag(f.app, cmd, "group", groupNames)
}

// do runs a command.
func (f *adminFamily) do(cmd *cobra.Command, v verb, args []string, own *option.Set) error {
	f.app.SetCommand(f.thing + " " + v.name)
	if err := fill(f.app, cmd, own); err != nil {
		return err
	}
	f.app.Begin()
	names := append(slices.Clone(f.named), args...)
	if v.check != nil {
		if err := v.check(names); err != nil {
			return err
		}
	}
	if v.direct != nil {
		return v.direct(cmd.Context(), names)
	}
	a, err := kafka.NewAdmin(cmd.Context(), f.cluster.Config(f.app.Log))
	if err != nil {
		return err
	}
	defer a.Close()
	return v.run(cmd.Context(), a, names)
}

// formats declares --format and --json. The first word is the default.
func (f *adminFamily) formats(s *option.Set, help string, words ...string) {
	s.Choice(&f.format, "format", words[0], words, help)
	o := s.Add("json", asJSON{&f.format}, "the same as --format json")
	o.Bare = "true"
}

// asJSON is the value of --json.
type asJSON struct{ format *string }

func (v asJSON) Set(text string) error {
	if text == "true" {
		*v.format = "json"
	}
	return nil
}
func (v asJSON) String() string { return "false" }
func (v asJSON) Type() string   { return "bool" }

// encode prints a value as a line of JSON.
func (f *adminFamily) encode(v any) error {
	enc := json.NewEncoder(f.app.Out)
	enc.SetEscapeHTML(false)
	return enc.Encode(v)
}

// say tells what was done, where nobody asked for silence.
func (f *adminFamily) say(format string, args ...any) {
	if !f.app.Shared.Quiet {
		f.app.Say(format, args...)
	}
}

// yesOption declares --yes.
func (f *adminFamily) yesOption(s *option.Set) {
	s.Bool(&f.yes, "yes", "do not ask on a terminal; scripts are never asked")
}

// errKept ends a command that somebody did not want after all.
var errKept = fault.Hint(fmt.Errorf("nothing was deleted"), "--yes does not ask")

// confirm asks somebody who sits at a terminal whether to delete something.
func (f *adminFamily) confirm(what string) error {
	if f.yes || !f.app.InTerminal || !f.app.ErrTerminal {
		return nil
	}
	fmt.Fprintf(f.app.Err, "logpipe %s: delete %s? [y/N] ", f.thing, fault.Visible(what))
	answer, _ := bufio.NewReader(f.app.In).ReadString('\n') // nothing is no
	switch strings.ToLower(strings.TrimSpace(answer)) {
	case "y", "yes":
		return nil
	}
	return errKept
}

// someName wants a name, and oneName exactly one.
func (f *adminFamily) someName(names []string) error {
	if len(names) == 0 {
		return fault.Hint(fault.Usagef("say which %s", f.thing), "logpipe %s list shows the %[1]ss", f.thing)
	}
	return nil
}

func (f *adminFamily) oneName(names []string) error {
	if len(names) > 1 {
		return fault.Usagef("want one name of a %s, not %d", f.thing, len(names))
	}
	return f.someName(names)
}

func (f *adminFamily) noName(names []string) error {
	if len(names) > 0 {
		return fault.Hint(fault.Usagef("takes no name, but got %q", names[0]), "logpipe %s describe %s", f.thing, names[0])
	}
	return nil
}
