package main

import (
	"context"
	"io"
	"strconv"
	"strings"

	"github.com/logpipe/logpipe/pkg/kafka"
	"github.com/logpipe/logpipe/pkg/option"
)

func (t *topicCommand) describeOptions(s *option.Set) {
	t.formats(s, "json is an object a topic, java what kafka-topics.sh prints", "table", "json", "java")
	s.Bool(&t.showSettings, "configs", "all settings and where each comes from; java is what kafka-configs.sh prints")
}

func (t *topicCommand) checkDescribe(names []string) error {
	if t.showSettings {
		return t.someName(names)
	}
	return nil
}

func (t *topicCommand) describe(ctx context.Context, a *kafka.Admin, names []string) error {
	if t.showSettings {
		return t.describeSettings(ctx, a, names)
	}
	list, err := a.DescribeTopics(ctx, names...)
	if err != nil {
		return err
	}
	switch t.format {
	case "java":
		return kafka.FormatDescribeJava(t.app.Out, list)
	case "json":
		return t.describeJSON(list)
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
func (t *topicCommand) describeJSON(list []kafka.Topic) error {
	for _, topic := range list {
		d := describedTopic{Topic: topic.Name, ID: topic.ID, Internal: topic.Internal, Replication: topic.Replication, Settings: map[string]string{}}
		for _, c := range topic.Configs {
			d.Settings[c.Name] = c.Value
		}
		for _, p := range topic.Partitions {
			q := describedPartition{Partition: p.ID, Replicas: listed(p.Replicas), ISR: listed(p.ISR), Offline: listed(p.Offline)}
			if p.Leader >= 0 {
				q.Leader = &p.Leader
			}
			d.Partitions = append(d.Partitions, q)
		}
		if err := t.encode(d); err != nil {
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

// describedSetting is a setting in --configs --format json.
type describedSetting struct {
	Topic   string `json:"topic"`
	Setting string `json:"setting"`
	Value   string `json:"value"`
	Origin  string `json:"origin"`
}

// describeSettings prints all settings of topics.
func (t *topicCommand) describeSettings(ctx context.Context, a *kafka.Admin, names []string) error {
	rows := [][]string{{"TOPIC", "SETTING", "VALUE", "ORIGIN"}}
	for _, name := range names {
		list, err := a.TopicSettings(ctx, name)
		if err != nil {
			return err
		}
		if t.format == "java" {
			if err := kafka.FormatSettingsJava(t.app.Out, name, list); err != nil {
				return err
			}
			continue
		}
		for _, s := range list {
			if t.format == "json" {
				if err := t.encode(describedSetting{name, s.Name, s.Value, s.Origin}); err != nil {
					return err
				}
			}
			rows = append(rows, []string{name, s.Name, orDash(s.Value), s.Origin})
		}
	}
	if t.format != "table" {
		return nil
	}
	return printRows(t.app.Out, rows)
}
