package main

import (
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/logpipe/logpipe/pkg/catalog"
	"github.com/logpipe/logpipe/pkg/cli"
	"github.com/logpipe/logpipe/pkg/option"
)

// flagValue is a setting as a flag.
type flagValue struct {
	option.Value
	*option.Option
	shared bool // all streaming commands have it
}

func (v flagValue) Set(s string) error {
	if v.Secret {
		return catalog.SecretOnLine(v.Option)
	}
	return v.Value.Set(s)
}

// String is the value's text.
func (v flagValue) String() string { return v.Value.String() }

// addFlags makes flags of settings. Those that the command has already are left
// out: an operator's own --explain stands before that of all commands.
func addFlags(cmd *cobra.Command, s *option.Set) { addFlagsOf(cmd, s, false) }

// addShared makes flags of the settings that all streaming commands have.
func addShared(cmd *cobra.Command, s *option.Set) {
	addFlagsOf(cmd, s, true)
	cmd.Flags().BoolP("help", "h", false, "show this help")
}

func addFlagsOf(cmd *cobra.Command, s *option.Set, shared bool) {
	flags := cmd.Flags()
	flags.SortFlags = false
	for _, o := range s.All() {
		if flags.Lookup(o.Name) != nil {
			continue
		}
		letter := o.Letter
		if letter != "" && flags.ShorthandLookup(letter) != nil {
			letter = ""
		}
		flags.AddFlag(&pflag.Flag{Name: o.Name, Shorthand: letter, Usage: o.Help, Value: flagValue{o.Value, o, shared},
			DefValue: o.Default, NoOptDefVal: o.Bare, Hidden: o.Hidden})
	}
}

// completeFlags offers the words of settings that have a closed list, and the
// usual names of fields where one is wanted.
func completeFlags(cmd *cobra.Command) {
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		v, ok := f.Value.(flagValue)
		switch {
		case ok && v.Field:
			_ = cmd.RegisterFlagCompletionFunc(f.Name, completeFields) // as below
			return
		case !ok || len(v.Words) == 0:
			return
		}
		directive := cobra.ShellCompDirectiveNoFileComp
		for _, w := range v.Words {
			if strings.HasSuffix(w, "=") {
				directive |= cobra.ShellCompDirectiveNoSpace
			}
		}
		// It fails only for a flag that the command does not have.
		_ = cmd.RegisterFlagCompletionFunc(f.Name, cobra.FixedCompletions(v.Words, directive))
	})
}

// completeFields offers the names that parse access, enrich and windows give,
// behind the commas of a list too.
func completeFields(_ *cobra.Command, _ []string, begun string) ([]string, cobra.ShellCompDirective) {
	lead := begun[:strings.LastIndexByte(begun, ',')+1]
	var words []string
	for _, name := range catalog.FieldNames() {
		words = append(words, lead+name)
	}
	return words, cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveNoSpace
}

// given lists the flags that were set on the command line.
func given(cmd *cobra.Command) []string {
	var names []string
	cmd.Flags().Visit(func(f *pflag.Flag) { names = append(names, f.Name) })
	return names
}

// fill takes the settings that no flag named from the environment and the file.
func fill(app *cli.App, cmd *cobra.Command, sets ...*option.Set) error {
	settings, names := app.Settings(), given(cmd)
	for _, s := range sets {
		if err := settings(s, names); err != nil {
			return err
		}
	}
	return nil
}

// isShared reports whether f is one of the flags that all streaming commands
// have, not a flag of the command's own with the same name.
func isShared(f *pflag.Flag) bool {
	v, ok := f.Value.(flagValue)
	return ok && v.shared
}
