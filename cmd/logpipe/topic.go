package main

import (
	"context"
	"slices"

	"github.com/spf13/cobra"

	"github.com/logpipe/logpipe/pkg/catalog"
	"github.com/logpipe/logpipe/pkg/cli"
	"github.com/logpipe/logpipe/pkg/fault"
	"github.com/logpipe/logpipe/pkg/kafka"
	"github.com/logpipe/logpipe/pkg/op"
	"github.com/logpipe/logpipe/pkg/option"
)

// topicExamples are those of the topic commands, by path.
func topicExamples() map[string][]op.Example {
	return map[string][]op.Example{
		"topic": {{
			Note:    "with a broker for this one line",
			Command: `logpipe broker -- sh -c 'logpipe topic create clicks --partitions 3; logpipe topic list' 2>&1`,
			Output:  "logpipe topic create: created topic \"clicks\"\nclicks\n",
		}},
		"topic create": {{
			Note:    "with a broker for this one line",
			Command: `logpipe broker -- sh -c 'logpipe topic create clicks --partitions 2 --config retention.ms=3600000; logpipe topic describe'`,
			Output: "TOPIC   PARTITION  LEADER  REPLICAS  IN SYNC  SETTINGS\n" +
				"clicks  0          0       0         0        retention.ms=3600000\nclicks  1          0       0         0        retention.ms=3600000\n",
		}},
		"topic list": {{
			Command: `logpipe broker -- sh -c 'logpipe topic create -q clicks && logpipe topic create -q users && logpipe topic list'`,
			Output:  "clicks\nusers\n",
		}},
		"topic describe": {{
			Command: `logpipe broker -- sh -c 'logpipe topic create -q clicks --partitions 2 && logpipe topic describe clicks'`,
			Output:  "TOPIC   PARTITION  LEADER  REPLICAS  IN SYNC  SETTINGS\nclicks  0          0       0         0        -\nclicks  1          0       0         0        -\n",
		}, {
			Note:    "as kafka-topics.sh prints it; the first line has the topic's id, which is another one each time",
			Command: `logpipe broker -- sh -c 'logpipe topic create -q clicks && logpipe topic describe clicks --format java' | tail -n 1`,
			Output:  "\tTopic: clicks\tPartition: 0\tLeader: 0\tReplicas: 0\tIsr: 0\tElr: N/A\tLastKnownElr: N/A\n",
		}},
		"topic delete": {{
			Command: `logpipe broker -- sh -c 'logpipe topic create -q clicks && logpipe topic delete -q clicks && logpipe topic list | wc -l'`,
			Output:  "0\n",
		}},
	}
}

// topicCommand holds the settings of the topic commands.
type topicCommand struct {
	app         *cli.App
	cluster     catalog.Kafka
	named       []string // by --topic
	partitions  int
	replication int
	configs     []string
	settings    map[string]string // of configs
	ifNotExists bool
	ifExists    bool
	internal    bool
	format      string
}

// verbs are the topic commands, in the order of help.
func (t *topicCommand) verbs() []topicVerb {
	return []topicVerb{
		{name: "create", use: "create <NAME>", short: "create a topic", options: t.createOptions, check: t.checkCreate, run: t.create},
		{name: "list", use: "list", short: "list the topics", options: t.listOptions, check: noName, run: t.list},
		{name: "describe", use: "describe [NAME…]", short: "show partitions, leaders, replicas and settings of topics",
			options: t.describeOptions, run: t.describe, existing: true},
		{name: "delete", use: "delete <NAME>…", short: "delete topics with their records", options: t.deleteOptions,
			check: someName, run: t.delete, existing: true},
	}
}

// topicVerb is one of the topic commands.
type topicVerb struct {
	name, use, short string
	options          func(*option.Set)
	check            func(names []string) error // of usage, before anything is asked
	run              func(ctx context.Context, a *kafka.Admin, names []string) error
	existing         bool // its words are topics that exist
}

// newTopic makes the topic commands. The flags of the Java tool work too:
// topic --create --topic clicks --partitions 3.
func newTopic(app *cli.App) *cobra.Command {
	t := &topicCommand{app: app}
	chosen := map[string]*bool{}
	var own, common option.Set
	t.cluster.Options(&own)
	for _, v := range t.verbs() {
		chosen[v.name] = new(bool)
		own.Bool(chosen[v.name], v.name, "the same as topic "+v.name)
		v.options(&own)
	}
	t.nameOption(&own)
	for _, o := range own.All() {
		o.Hidden = true // they belong to the commands below; this form is for pasting
	}
	cmd := &cobra.Command{
		Use:                   "topic {create|list|describe|delete}",
		Short:                 "create, list, describe and delete Kafka topics",
		GroupID:               string(catalog.Move),
		DisableFlagsInUseLine: true,
		RunE: func(cmd *cobra.Command, args []string) error {
			var verbs []topicVerb
			for _, v := range t.verbs() {
				if *chosen[v.name] {
					verbs = append(verbs, v)
				}
			}
			switch {
			case len(verbs) == 1:
				if !cmd.Flags().Changed("format") {
					t.format = "java" // what was pasted expects it
				}
				return t.do(cmd, verbs[0], args, &own)
			case len(verbs) > 1:
				return fault.Usagef("--%s and --%s are two commands", verbs[0].name, verbs[1].name)
			case len(args) > 0:
				return unknownCommand(cmd, args[0])
			case cmd.Flags().NFlag() > 0:
				return fault.Hint(fault.Usagef("say what to do"), "one of create, list, describe, delete")
			}
			return cmd.Help()
		},
	}
	app.Shared.Common(&common)
	addFlags(cmd, &own)
	addShared(cmd, &common)
	completeTopicFlag(app, cmd)
	for _, v := range t.verbs() {
		cmd.AddCommand(newTopicVerb(app, v.name))
	}
	return cmd
}

// newTopicVerb makes one of them with settings of its own.
func newTopicVerb(app *cli.App, name string) *cobra.Command {
	t := &topicCommand{app: app}
	verbs := t.verbs()
	v := verbs[slices.IndexFunc(verbs, func(v topicVerb) bool { return v.name == name })]
	var own, common option.Set
	v.options(&own)
	t.nameOption(&own)
	t.cluster.Options(&own)
	cmd := &cobra.Command{
		Use:                   v.use,
		Short:                 v.short,
		DisableFlagsInUseLine: true,
		RunE:                  func(cmd *cobra.Command, args []string) error { return t.do(cmd, v, args, &own) },
	}
	app.Shared.Common(&common)
	addFlags(cmd, &own)
	addShared(cmd, &common)
	completeFlags(cmd)
	if v.existing {
		completeTopics(app, cmd, 0)
	} else {
		cmd.ValidArgsFunction = cobra.NoFileCompletions
	}
	return cmd
}

// nameOption declares --topic, which the Java tool names topics by.
func (t *topicCommand) nameOption(s *option.Set) {
	s.Strings(&t.named, "topic", "the same as the argument `NAME`").Hidden = true
}

// do runs a command.
func (t *topicCommand) do(cmd *cobra.Command, v topicVerb, args []string, own *option.Set) error {
	t.app.SetCommand("topic " + v.name)
	if err := fill(t.app, cmd, own); err != nil {
		return err
	}
	t.app.Begin()
	names := append(slices.Clone(t.named), args...)
	if v.check != nil {
		if err := v.check(names); err != nil {
			return err
		}
	}
	a, err := kafka.NewAdmin(cmd.Context(), t.cluster.Config(t.app.Log))
	if err != nil {
		return err
	}
	defer a.Close()
	return v.run(cmd.Context(), a, names)
}

// say tells what was done, where nobody asked for silence.
func (t *topicCommand) say(format string, args ...any) {
	if !t.app.Shared.Quiet {
		t.app.Say(format, args...)
	}
}
