package main

import (
	"context"
	"io"
	"strconv"
	"strings"

	"github.com/logpipe/logpipe/pkg/kafka"
	"github.com/logpipe/logpipe/pkg/option"
)

func (t *topicCommand) listOptions(s *option.Set) {
	t.formats(s, "java is what kafka-topics.sh prints", "names", "table", "json", "java")
	s.Bool(&t.internal, "internal", "also those that the brokers keep for themselves")
	var ignored bool
	s.Bool(&ignored, "exclude-internal", "the default").Hidden = true
}

// listedTopic is a topic in --format json.
type listedTopic struct {
	Topic       string `json:"topic"`
	Partitions  int    `json:"partitions"`
	Replication int    `json:"replication_factor"`
	Internal    bool   `json:"internal"`
}

func (t *topicCommand) list(ctx context.Context, a *kafka.Admin, _ []string) error {
	all, err := a.ListTopics(ctx, t.internal)
	if err != nil || len(all) == 0 {
		return err
	}
	if t.format == "names" || t.format == "java" {
		_, err = io.WriteString(t.app.Out, strings.Join(all, "\n")+"\n")
		return err
	}
	list, err := a.Topics(ctx, all)
	if err != nil {
		return err
	}
	rows := [][]string{{"TOPIC", "PARTITIONS", "REPLICATION"}}
	for _, d := range list {
		if t.format == "json" {
			if err := t.encode(listedTopic{d.Name, len(d.Partitions), d.Replication, d.Internal}); err != nil {
				return err
			}
		}
		rows = append(rows, []string{d.Name, strconv.Itoa(len(d.Partitions)), strconv.Itoa(d.Replication)})
	}
	if t.format == "json" {
		return nil
	}
	return printRows(t.app.Out, rows)
}
