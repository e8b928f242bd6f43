package main

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/logpipe/logpipe/pkg/cli"
	"github.com/logpipe/logpipe/pkg/fault"
	"github.com/logpipe/logpipe/pkg/kafka"
	"github.com/logpipe/logpipe/pkg/option"
)

// topicCommand holds the settings of the topic commands.
type topicCommand struct {
	adminFamily
	partitions   int
	replication  int
	configs      []string
	unset        []string
	settings     map[string]string // of configs
	chosen       []string          // partitions
	at           *kafka.Offset
	ifNotExists  bool
	ifExists     bool
	internal     bool
	showSettings bool
}

// verbs are the topic commands, in the order of help.
func (t *topicCommand) verbs() []verb {
	return []verb{
		{name: "create", pasted: "create", use: "create <NAME>", short: "create a topic",
			options: t.createOptions, check: t.checkCreate, run: t.create},
		{name: "list", pasted: "list", use: "list", short: "list the topics", options: t.listOptions, check: t.noName, run: t.list},
		{name: "describe", pasted: "describe", use: "describe [NAME…]", short: "show partitions, leaders, replicas and settings of topics",
			options: t.describeOptions, check: t.checkDescribe, run: t.describe, existing: -1},
		{name: "alter", pasted: "alter", use: "alter <NAME>", short: "change the settings of a topic, or add partitions",
			options: t.alterOptions, check: t.checkAlter, run: t.alter, existing: 1},
		{name: "add-partitions", use: "add-partitions <NAME>", short: "give a topic more partitions", long: moreMoves,
			options: t.partitionOptions, check: t.checkPartitions, run: t.alter, existing: 1},
		{name: "offsets", use: "offsets [NAME…]", short: "show where partitions begin and end, and which offset a time is",
			options: t.offsetOptions, check: t.checkChosen, run: t.offsets, existing: -1},
		{name: "dump", use: "dump <NAME> [FILE]", short: "write a topic with its settings into a file", long: dumpAbout,
			options: t.dumpOptions, check: t.checkDump, direct: t.dump, existing: 1},
		{name: "restore", use: "restore <FILE> [NAME]", short: "make a topic of such a file", long: restoreAbout,
			options: t.restoreOptions, check: t.checkRestore, direct: t.restore},
		{name: "delete-records", use: "delete-records <NAME>", short: "delete the oldest records of a topic",
			options: t.deleteRecordsOptions, check: t.checkDeleteRecords, run: t.deleteRecords, existing: 1},
		{name: "delete", pasted: "delete", use: "delete <NAME>…", short: "delete topics with their records", options: t.deleteOptions,
			check: t.someName, run: t.delete, existing: -1},
	}
}

// newTopic makes the topic commands.
func newTopic(app *cli.App) *cobra.Command {
	return newFamily(app, "topic", "create, look at, change and delete Kafka topics", func() (*adminFamily, []verb) {
		t := &topicCommand{}
		return &t.adminFamily, t.verbs()
	})
}

// placeOption declares a place in a topic, in the words of consume -o.
func placeOption(s *option.Set, place **kafka.Offset, name, help string) {
	s.Add(name, placed{place}, help)
}

// placed is the value of a place that need not be given.
type placed struct{ place **kafka.Offset }

func (v placed) Set(text string) error {
	o, err := kafka.ParseOffset(text)
	if err == nil {
		*v.place = &o
	}
	return err
}

func (v placed) String() string {
	if *v.place == nil {
		return ""
	}
	return (*v.place).String()
}
func (v placed) Type() string { return "place" }

// partitionNumbers reads the values of --partition.
func partitionNumbers(words []string) ([]int32, error) {
	var list []int32
	for _, text := range words {
		n, err := strconv.ParseInt(text, 10, 32)
		if err != nil || n < 0 {
			return nil, fault.Usagef("--partition: want the number of a partition, not %q", text)
		}
		list = append(list, int32(n))
	}
	return list, nil
}

// settingsIn reads the values of --config.
func settingsIn(words []string) (map[string]string, error) {
	settings := map[string]string{}
	for _, c := range words {
		name, value, ok := strings.Cut(c, "=")
		if !ok || name == "" {
			return nil, fault.Hint(fault.Usagef("--config %q is not NAME=VALUE", c), "as in --config retention.ms=3600000")
		}
		settings[name] = value
	}
	return settings, nil
}

func countOf(n int64, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%s %ss", cli.Count(n), thing)
}
