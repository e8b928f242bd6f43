package main

import (
	"context"
	"encoding/json"
	"io"
	"strconv"
	"strings"

	"github.com/logpipe/logpipe/pkg/kafka"
	"github.com/logpipe/logpipe/pkg/option"
)

func (t *topicCommand) describeOptions(s *option.Set) {
	s.Choice(&t.format, "format", "table", []string{"table", "json", "java"}, "json is an object a topic, java what kafka-topics.sh prints")
}

func (t *topicCommand) describe(ctx context.Context, a *kafka.Admin, names []string) error {
	list, err := a.DescribeTopics(ctx, names...)
	if err != nil {
		return err
	}
	switch t.format {
	case "java":
		return kafka.FormatDescribeJava(t.app.Out, list)
	case "json":
		return describeJSON(t.app.Out, list)
	}
	return describeTable(t.app.Out, list)
}

// describeTable prints a row a partition.
func describeTable(w io.Writer, list []kafka.Topic) error {
	rows := [][]string{{"TOPIC", "PARTITION", "LEADER", "REPLICAS", "IN SYNC", "SETTINGS"}}
	for _, t := range list {
		var settings []string
		for _, c := range t.Configs {
			settings = append(settings, c.Name+"="+c.Value)
		}
		for _, p := range t.Partitions {
			leader := "none"
			if p.Leader >= 0 {
				leader = strconv.Itoa(int(p.Leader))
			}
			rows = append(rows, []string{t.Name, strconv.Itoa(int(p.ID)), leader, brokerIDs(p.Replicas), brokerIDs(p.ISR),
				orDash(strings.Join(settings, ","))})
		}
	}
	return printRows(w, rows)
}

func brokerIDs(list []int32) string {
	var b strings.Builder
	for i, id := range list {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(strconv.Itoa(int(id)))
	}
	return orDash(b.String())
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

// describedTopic is a topic in --format json.
type describedTopic struct {
	Topic       string               `json:"topic"`
	ID          string               `json:"id,omitempty"`
	Internal    bool                 `json:"internal"`
	Replication int                  `json:"replication_factor"`
	Partitions  []describedPartition `json:"partitions"`
	Settings    map[string]string    `json:"settings"`
}

type describedPartition struct {
	Partition int32   `json:"partition"`
	Leader    *int32  `json:"leader"` // null = none
	Replicas  []int32 `json:"replicas"`
	ISR       []int32 `json:"in_sync"`
	Offline   []int32 `json:"offline"`
}

// describeJSON prints an object a topic.
func describeJSON(w io.Writer, list []kafka.Topic) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	for _, t := range list {
		d := describedTopic{Topic: t.Name, ID: t.ID, Internal: t.Internal, Replication: t.Replication, Settings: map[string]string{}}
		for _, c := range t.Configs {
			d.Settings[c.Name] = c.Value
		}
		for _, p := range t.Partitions {
			q := describedPartition{Partition: p.ID, Replicas: listed(p.Replicas), ISR: listed(p.ISR), Offline: listed(p.Offline)}
			if p.Leader >= 0 {
				q.Leader = &p.Leader
			}
			d.Partitions = append(d.Partitions, q)
		}
		if err := enc.Encode(d); err != nil {
			return err
		}
	}
	return nil
}

// listed makes an empty list of none, for JSON.
func listed(ids []int32) []int32 {
	if ids == nil {
		return []int32{}
	}
	return ids
}
