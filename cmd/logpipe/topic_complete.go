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

// completeTopics offers the names of topics for the first so many words of a
// command (0 = all); behind them come files. What goes wrong offers nothing.
func completeTopics(app *cli.App, cmd *cobra.Command, words int) {
	cmd.ValidArgsFunction = func(cmd *cobra.Command, args []string, begun string) ([]string, cobra.ShellCompDirective) {
		if words > 0 && len(args) >= words {
			return nil, cobra.ShellCompDirectiveDefault
		}
		names := slices.DeleteFunc(topicNames(app, cmd), func(name string) bool {
			return !strings.HasPrefix(name, begun) || slices.Contains(args, name)
		})
		return names, cobra.ShellCompDirectiveNoFileComp
	}
	completeTopicFlag(app, cmd)
}

// completeTopicFlag offers the names of topics behind --topic, as it is pasted.
func completeTopicFlag(app *cli.App, cmd *cobra.Command) {
	// It fails only for a flag that the command does not have.
	_ = cmd.RegisterFlagCompletionFunc("topic", func(cmd *cobra.Command, _ []string, begun string) ([]string, cobra.ShellCompDirective) {
		lead := begun[:strings.LastIndexByte(begun, ',')+1]
		var names []string
		for _, name := range topicNames(app, cmd) {
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

// topicNames asks the cluster that the flags, the environment or the file name.
func topicNames(app *cli.App, cmd *cobra.Command) []string {
	var cluster catalog.Kafka
	var settings option.Set
	cluster.Options(&settings)
	for _, name := range []string{"brokers", "bootstrap-server", "broker-list"} {
		if f := cmd.Flags().Lookup(name); f != nil && f.Changed && settings.Lookup(name).Value.Set(f.Value.String()) != nil {
			return nil
		}
	}
	if app.Settings()(&settings, given(cmd)) != nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(cmd.Context(), completeIn)
	defer cancel()
	found := make(chan []string, 1)
	go func() {
		var names []string // none where the cluster does not answer
		if a, err := kafka.NewAdmin(ctx, cluster.Config(nil)); err == nil {
			names, _ = a.ListTopics(ctx, false)
			a.Close()
		}
		found <- names
	}()
	select {
	case names := <-found:
		return names
	case <-ctx.Done():
		return nil
	}
}
