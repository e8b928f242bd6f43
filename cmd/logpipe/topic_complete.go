package main

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/logpipe/logpipe/pkg/catalog"
	"github.com/logpipe/logpipe/pkg/cli"
	"github.com/logpipe/logpipe/pkg/kafka"
	"github.com/logpipe/logpipe/pkg/option"
)

// completeIn is how long somebody who has pressed the tabulator waits at most.
const completeIn = 300 * time.Millisecond

// lookup finds names in the cluster that the flags of a command name.
type lookup func(ctx context.Context, a *kafka.Admin) ([]string, error)

func topicNames(ctx context.Context, a *kafka.Admin) ([]string, error) {
	return a.ListTopics(ctx, false)
}

func groupNames(ctx context.Context, a *kafka.Admin) ([]string, error) {
	groups, err := a.ListGroups(ctx)
	var names []string
	for _, g := range groups {
		names = append(names, g.Name)
	}
	return names, err
}

// completeTopics offers the names of topics for the first so many words of a
// command (-1 = all); behind them come files.
func completeTopics(app *cli.App, cmd *cobra.Command, words int) {
	completeWords(app, cmd, words, topicNames)
	completeNameFlag(app, cmd, "topic", topicNames)
	completeNameFlag(app, cmd, "group", groupNames)
}

// completeWords offers names for the first so many words of a command (-1 =
// all); behind them come files. What goes wrong offers nothing.
func completeWords(app *cli.App, cmd *cobra.Command, words int, find lookup) {
	cmd.ValidArgsFunction = func(cmd *cobra.Command, args []string, begun string) ([]string, cobra.ShellCompDirective) {
		if words > 0 && len(args) >= words {
			return nil, cobra.ShellCompDirectiveDefault
		}
		names := slices.DeleteFunc(found(app, cmd, find), func(name string) bool {
			return !strings.HasPrefix(name, begun) || slices.Contains(args, name)
		})
		return names, cobra.ShellCompDirectiveNoFileComp
	}
}

// completeNameFlag offers names behind a flag, after the commas of a list too.
func completeNameFlag(app *cli.App, cmd *cobra.Command, flag string, find lookup) {
	// It fails only for a flag that the command does not have.
	_ = cmd.RegisterFlagCompletionFunc(flag, func(cmd *cobra.Command, _ []string, begun string) ([]string, cobra.ShellCompDirective) {
		lead := begun[:strings.LastIndexByte(begun, ',')+1]
		var names []string
		for _, name := range found(app, cmd, find) {
			if strings.HasPrefix(lead+name, begun) {
				names = append(names, lead+name)
			}
		}
		return names, cobra.ShellCompDirectiveNoFileComp
	})
}

// completeOffset offers the places with a name.
func completeOffset(cmd *cobra.Command) {
	places := cobra.FixedCompletions([]string{"beginning", "end"}, cobra.ShellCompDirectiveNoFileComp)
	// It fails only for a flag that the command does not have.
	_ = cmd.RegisterFlagCompletionFunc("offset", places)
}

// found asks the cluster that the flags, the environment or the file name.
func found(app *cli.App, cmd *cobra.Command, find lookup) []string {
	var cluster catalog.Kafka
	var settings option.Set
	cluster.Options(&settings)
	for _, name := range []string{"brokers", "bootstrap-server", "broker-list"} {
		if f := cmd.Flags().Lookup(name); f != nil && f.Changed && settings.Lookup(name).Value.Set(f.Value.String()) != nil {
			return nil
		}
	}
	app.Shared.Quiet = true // nothing stands on the terminal but the words
	if app.Settings()(&settings, given(cmd)) != nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(cmd.Context(), completeIn)
	defer cancel()
	answer := make(chan []string, 1)
	go func() {
		var names []string // none where the cluster does not answer
		if a, err := kafka.NewAdmin(ctx, cluster.Config(nil)); err == nil {
			names, _ = find(ctx, a)
			a.Close()
		}
		answer <- names
	}()
	select {
	case names := <-answer:
		return names
	case <-ctx.Done():
		return nil
	}
}
