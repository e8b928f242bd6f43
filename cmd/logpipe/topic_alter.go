package main

import (
	"context"
	"math"
	"slices"

	"github.com/logpipe/logpipe/pkg/fault"
	"github.com/logpipe/logpipe/pkg/kafka"
	"github.com/logpipe/logpipe/pkg/option"
)

// moreMoves is what everybody should know who adds partitions.
const moreMoves = "A key chooses its partition by the number of them: with more partitions the new records of a key may go to " +
	"another one than the old ones, so that they are in order no longer. Kafka takes no partition away."

func (t *topicCommand) alterOptions(s *option.Set) {
	s.Repeated(&t.configs, "config", "set a setting, `NAME=VALUE` as retention.ms=3600000; may be repeated")
	s.Strings(&t.unset, "delete-config", "take the setting `NAME` back to the cluster's own; may be repeated")
	s.Strings(&t.configs, "add-config", "the same as --config").Hidden = true
	t.partitionOptions(s)
}

func (t *topicCommand) partitionOptions(s *option.Set) {
	s.Int(&t.partitions, "partitions", -1, "`number` of partitions to have in all")
}

func (t *topicCommand) checkAlter(names []string) error {
	if err := t.oneName(names); err != nil {
		return err
	}
	if len(t.configs)+len(t.unset) == 0 && t.partitions == -1 {
		return fault.Hint(fault.Usagef("say what to change"), "--config NAME=VALUE, --delete-config NAME or --partitions N")
	}
	if t.partitions != -1 && (t.partitions < 1 || t.partitions > math.MaxInt32) {
		return fault.Usagef("--partitions: want a number of partitions, not %d", t.partitions)
	}
	var err error
	t.settings, err = settingsIn(t.configs)
	return err
}

func (t *topicCommand) checkPartitions(names []string) error {
	if err := t.oneName(names); err != nil {
		return err
	}
	if t.partitions < 1 || t.partitions > math.MaxInt32 {
		return fault.Hint(fault.Usagef("say how many partitions the topic is to have in all"), "logpipe topic add-partitions %s --partitions 6", names[0])
	}
	return nil
}

// alter changes all or nothing, as far as the cluster can tell beforehand: the
// settings are tried before the partitions come, which nobody takes back.
func (t *topicCommand) alter(ctx context.Context, a *kafka.Admin, names []string) error {
	name := names[0]
	settings := int64(len(t.settings) + len(t.unset))
	if t.partitions != -1 {
		if settings > 0 {
			if err := a.TryTopic(ctx, name, t.settings, t.unset); err != nil {
				return err
			}
		}
		before, err := a.AddPartitions(ctx, name, int32(t.partitions))
		if err != nil {
			return err
		}
		t.say("topic %q has %d partitions now, it had %d: new records of a key may go to another partition than its old ones", name, t.partitions, before)
	}
	if settings == 0 {
		return nil
	}
	if err := a.AlterTopic(ctx, name, t.settings, t.unset); err != nil {
		return err
	}
	t.say("changed %s of topic %q", countOf(settings, "setting"), name)
	return nil
}

func (t *topicCommand) offsetOptions(s *option.Set) {
	t.formats(s, "json is an object a partition, java what kafka-get-offsets.sh prints", "table", "json", "java")
	placeOption(s, &t.at, "at", "show which offset this `place` is: beginning, end, -N, @TIME or @-1h")
	s.Strings(&t.chosen, "partition", "only these `partitions`, 0,1,…")
}

func (t *topicCommand) checkChosen([]string) error {
	_, err := partitionNumbers(t.chosen)
	return err
}

// spanRow is a partition in topic offsets --format json.
type spanRow struct {
	Topic     string `json:"topic"`
	Partition int32  `json:"partition"`
	Earliest  int64  `json:"earliest"`
	Latest    int64  `json:"latest"`
	Records   int64  `json:"records"`
}

// placeRow is one with --at.
type placeRow struct {
	Topic     string `json:"topic"`
	Partition int32  `json:"partition"`
	Offset    int64  `json:"offset"`
}

func (t *topicCommand) offsets(ctx context.Context, a *kafka.Admin, names []string) error {
	chosen, err := partitionNumbers(t.chosen)
	if err != nil {
		return err
	}
	if len(names) == 0 {
		if names, err = a.ListTopics(ctx, false); err != nil || len(names) == 0 {
			return err
		}
	}
	if t.at != nil || t.format == "java" {
		return t.offsetsAt(ctx, a, names, chosen)
	}
	spans, err := a.Spans(ctx, names, chosen)
	if err != nil {
		return err
	}
	rows := [][]string{{"TOPIC", "PARTITION", "EARLIEST", "LATEST", "RECORDS"}}
	for _, s := range spans {
		if t.format == "json" {
			if err := t.encode(spanRow{s.Topic, s.Partition, s.First, s.Next, s.Next - s.First}); err != nil {
				return err
			}
			continue
		}
		rows = append(rows, slices.Concat([]string{s.Topic}, numbers(int64(s.Partition), s.First, s.Next, s.Next-s.First)))
	}
	if t.format == "json" {
		return nil
	}
	return printRows(t.app.Out, rows)
}

func (t *topicCommand) offsetsAt(ctx context.Context, a *kafka.Admin, names []string, chosen []int32) error {
	at := kafka.End // as the Java tool
	if t.at != nil {
		at = *t.at
	}
	list, err := a.OffsetsAt(ctx, at, names, chosen)
	if err != nil {
		return err
	}
	rows := [][]string{{"TOPIC", "PARTITION", "OFFSET"}}
	for _, o := range list {
		if t.format == "json" {
			if err := t.encode(placeRow{o.Topic, o.Partition, o.Offset}); err != nil {
				return err
			}
		}
		rows = append(rows, slices.Concat([]string{o.Topic}, numbers(int64(o.Partition), o.Offset)))
	}
	switch t.format {
	case "java":
		return kafka.FormatOffsetsJava(t.app.Out, list)
	case "json":
		return nil
	}
	return printRows(t.app.Out, rows)
}

func (t *topicCommand) deleteRecordsOptions(s *option.Set) {
	placeOption(s, &t.at, "before", "delete what lies before this `place`: end, an offset, -N (keep the last N), @TIME or @-1h")
	s.Strings(&t.chosen, "partition", "only in these `partitions`, 0,1,…")
	t.yesOption(s)
}

func (t *topicCommand) checkDeleteRecords(names []string) error {
	if err := t.oneName(names); err != nil {
		return err
	}
	if t.at == nil {
		return fault.Hint(fault.Usagef("say before which place to delete"), "--before end deletes all records, --before @-7d those of more than a week ago")
	}
	return t.checkChosen(names)
}

func (t *topicCommand) deleteRecords(ctx context.Context, a *kafka.Admin, names []string) error {
	chosen, err := partitionNumbers(t.chosen)
	if err != nil {
		return err
	}
	spans, err := a.Spans(ctx, names, chosen)
	if err != nil {
		return err
	}
	before, err := a.OffsetsAt(ctx, *t.at, names, chosen)
	if err != nil {
		return err
	}
	var n int64
	for i, s := range spans {
		n += max(before[i].Offset-s.First, 0)
	}
	if n > 0 {
		if err := t.confirm(countOf(n, "record") + " of topic " + names[0]); err != nil {
			return err
		}
		if err := a.DeleteRecords(ctx, before); err != nil {
			return err
		}
	}
	t.say("deleted %s of topic %q", countOf(n, "record"), names[0])
	return nil
}
