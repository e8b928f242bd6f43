package kafka

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/IBM/sarama"
	"github.com/logpipe/logpipe/pkg/fault"
)

// AlterTopic sets settings of a topic and takes others back to the cluster's own;
// the rest stays.
func (a *Admin) AlterTopic(ctx context.Context, name string, set map[string]string, unset []string) error {
	return a.alterTopic(ctx, name, set, unset, false)
}

// TryTopic is AlterTopic that changes nothing: it tells what the cluster refuses.
func (a *Admin) TryTopic(ctx context.Context, name string, set map[string]string, unset []string) error {
	return a.alterTopic(ctx, name, set, unset, true)
}

func (a *Admin) alterTopic(ctx context.Context, name string, set map[string]string, unset []string, try bool) error {
	if err := checkName(name); err != nil {
		return err
	}
	entries := map[string]sarama.IncrementalAlterConfigsEntry{}
	for k, v := range set {
		entries[k] = sarama.IncrementalAlterConfigsEntry{Operation: sarama.IncrementalAlterConfigsOperationSet, Value: &v}
	}
	for _, k := range unset {
		if _, both := entries[k]; both {
			return fault.Usagef("topic %q: %s is both set and deleted", name, k)
		}
		entries[k] = sarama.IncrementalAlterConfigsEntry{Operation: sarama.IncrementalAlterConfigsOperationDelete}
	}
	// The library's answer has no topic's name: whether there is one is asked first.
	if _, err := a.conn.topic(ctx, name, false); err != nil {
		return err
	}
	err := a.changeAgain(ctx, func(c sarama.ClusterAdmin) error {
		return c.IncrementalAlterConfig(sarama.TopicResource, name, entries, try)
	})
	if err == nil && !try && len(entries) > 0 {
		a.awaitSettings(ctx, name, set, unset)
	}
	return settingRefused(err, name)
}

// settingRefused words the refusal of a setting.
func settingRefused(err error, name string) error {
	if errors.Is(err, sarama.ErrInvalidConfig) || errors.Is(err, sarama.ErrInvalidRequest) && serverMessage(err) != "" {
		return fault.Hint(topicError{fmt.Sprintf("topic %q: a setting is refused: %s", name, serverMessage(err)), err},
			"--config takes NAME=VALUE of Kafka's topic settings; logpipe topic describe --configs shows them all")
	}
	return explain(err, name)
}

// AddPartitions gives a topic so many partitions in all, which have to be more
// than it has, and returns how many it had.
func (a *Admin) AddPartitions(ctx context.Context, name string, total int32) (before int, err error) {
	t, err := a.conn.topic(ctx, name, false)
	if err != nil {
		return 0, err
	}
	before = len(t.Partitions)
	if int(total) <= before {
		err := fmt.Errorf("topic %q has %d partitions: %d are no more than that", name, before, total)
		return before, fault.Hint(err, "--partitions takes the number of all partitions, from %d; Kafka takes none away", before+1)
	}
	_, err = await(ctx, func() (struct{}, error) {
		return changed(ctx, a, func(c sarama.ClusterAdmin) error { return c.CreatePartitions(name, total, nil, false) })
	})
	if err == nil {
		a.awaitTopic(ctx, name, int(total))
	}
	return before, explain(err, name)
}

// PartitionOffset is an offset of a partition.
type PartitionOffset struct {
	TopicPartition
	Offset int64
}

// PartitionSpan is what a partition holds: the records from offset First to before
// Next.
type PartitionSpan struct {
	TopicPartition
	First, Next int64
}

// Spans tells from where to where the partitions of topics reach.
func (a *Admin) Spans(ctx context.Context, topics []string, partitions []int32) ([]PartitionSpan, error) {
	parts, err := a.conn.partitionsOf(ctx, topics, partitions)
	if err != nil {
		return nil, err
	}
	first, err := a.allOffsetsAt(ctx, parts, sarama.OffsetOldest)
	if err != nil {
		return nil, err
	}
	next, err := a.allOffsetsAt(ctx, parts, sarama.OffsetNewest)
	if err != nil {
		return nil, err
	}
	var list []PartitionSpan
	for _, p := range parts {
		list = append(list, PartitionSpan{TopicPartition{p.topic, p.id}, first[p], next[p]})
	}
	return list, nil
}

// OffsetsAt tells which offset a place is in each partition of topics; the place
// is given as for reading.
func (a *Admin) OffsetsAt(ctx context.Context, at Offset, topics []string, partitions []int32) ([]PartitionOffset, error) {
	parts, err := a.conn.partitionsOf(ctx, topics, partitions)
	if err != nil {
		return nil, err
	}
	if err := a.awaitLeaders(ctx, parts); err != nil {
		return nil, err
	}
	found, err := a.resolve(ctx, at, parts)
	if err != nil {
		return nil, err
	}
	var list []PartitionOffset
	for _, p := range parts {
		list = append(list, PartitionOffset{TopicPartition{p.topic, p.id}, found[p]})
	}
	return list, nil
}

// resolve is that of reading, with the next step of who does not read.
func (a *Admin) resolve(ctx context.Context, at Offset, parts []part) (map[part]int64, error) {
	found, err := a.conn.resolve(ctx, at, parts)
	if at.kind == fromNumber && fault.HintOf(err) != "" {
		err = fault.Hint(err, "logpipe topic offsets %s shows where the partitions begin and end", parts[0].topic)
	}
	return found, err
}

// DeleteRecords deletes what lies before the offsets given.
func (a *Admin) DeleteRecords(ctx context.Context, before []PartitionOffset) error {
	byTopic := map[string]map[int32]int64{}
	var topics []string
	for _, p := range before {
		if byTopic[p.Topic] == nil {
			byTopic[p.Topic] = map[int32]int64{}
			topics = append(topics, p.Topic)
		}
		byTopic[p.Topic][p.Partition] = p.Offset
	}
	for _, topic := range topics {
		err := a.changeAgain(ctx, func(c sarama.ClusterAdmin) error { return c.DeleteRecords(topic, byTopic[topic]) })
		if errors.Is(err, sarama.ErrPolicyViolation) {
			return fault.Hint(topicError{fmt.Sprintf("topic %q: its records cannot be deleted while cleanup.policy is compact alone", topic), err},
				"logpipe topic alter %s --config cleanup.policy=compact,delete", topic)
		}
		if err != nil {
			return explain(err, topic)
		}
	}
	return nil
}

// TopicSetting is a setting of a topic with where its value comes from.
type TopicSetting struct {
	Setting
	Origin    string // topic, broker, cluster or default
	ReadOnly  bool
	Sensitive bool      // the value is not shown
	Synonyms  []Synonym // the values that would count one after the other, the one that does first
}

// Synonym is one of the places that a setting may come from, in Kafka's words.
type Synonym struct{ Source, Name, Value string }

// TopicSettings are all settings of a topic, by name.
func (a *Admin) TopicSettings(ctx context.Context, name string) ([]TopicSetting, error) {
	if _, err := a.conn.topic(ctx, name, false); err != nil {
		return nil, err
	}
	results, err := a.conn.describeConfigs(ctx, &sarama.DescribeConfigsRequest{Version: 4, IncludeSynonyms: true,
		Resources: []*sarama.ConfigResource{{Type: sarama.TopicResource, Name: name}}})
	if err != nil {
		return nil, explain(err, name)
	}
	var list []TopicSetting
	for _, r := range results {
		for _, e := range r.Configs {
			s := TopicSetting{Setting: Setting{e.Name, e.Value}, Origin: origin(e), ReadOnly: e.ReadOnly, Sensitive: e.Sensitive}
			for _, y := range e.Synonyms {
				s.Synonyms = append(s.Synonyms, Synonym{sourceName(y.Source), y.ConfigName, y.ConfigValue})
			}
			list = append(list, s)
		}
	}
	slices.SortFunc(list, func(x, y TopicSetting) int {
		if x.Name < y.Name {
			return -1
		}
		return 1
	})
	return list, nil
}

func origin(e *sarama.ConfigEntry) string {
	switch e.Source {
	case sarama.SourceTopic:
		return "topic"
	case sarama.SourceDynamicBroker, sarama.SourceStaticBroker:
		return "broker"
	case sarama.SourceDynamicDefaultBroker:
		return "cluster"
	}
	return "default"
}

// sourceName is the name that Kafka's own tools print.
func sourceName(s sarama.ConfigSource) string {
	switch s {
	case sarama.SourceTopic:
		return "DYNAMIC_TOPIC_CONFIG"
	case sarama.SourceDynamicBroker:
		return "DYNAMIC_BROKER_CONFIG"
	case sarama.SourceDynamicDefaultBroker:
		return "DYNAMIC_DEFAULT_BROKER_CONFIG"
	case sarama.SourceStaticBroker:
		return "STATIC_BROKER_CONFIG"
	case sarama.SourceDefault:
		return "DEFAULT_CONFIG"
	}
	return "UNKNOWN"
}
