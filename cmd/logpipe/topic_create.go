package main

import (
	"context"
	"fmt"
	"math"
	"strconv"

	"github.com/logpipe/logpipe/pkg/fault"
	"github.com/logpipe/logpipe/pkg/kafka"
	"github.com/logpipe/logpipe/pkg/option"
)

func (t *topicCommand) createOptions(s *option.Set) {
	s.Int(&t.partitions, "partitions", -1, "`number` of partitions; -1 = the cluster's own")
	s.Int(&t.replication, "replication-factor", -1, "`number` of brokers that hold each partition; -1 = the cluster's own")
	s.Repeated(&t.configs, "config", "a setting of the topic, `NAME=VALUE` as retention.ms=3600000; may be repeated")
	s.Bool(&t.ifNotExists, "if-not-exists", "be content with a topic that exists")
	s.Add("partition", &oneOf{&t.partitions}, "the same as --partitions").Hidden = true
	s.Int(&t.replication, "replica", -1, "the same as --replication-factor").Hidden = true
}

func (t *topicCommand) checkCreate(names []string) error {
	if len(names) != 1 {
		return fault.Hint(fault.Usagef("want one name of a topic, not %d", len(names)), "logpipe topic create NAME --partitions 3")
	}
	if t.partitions > math.MaxInt32 || t.replication > math.MaxInt16 {
		return fault.Usagef("--partitions or --replication-factor is too large")
	}
	var err error
	t.settings, err = settingsIn(t.configs)
	return err
}

func (t *topicCommand) create(ctx context.Context, a *kafka.Admin, names []string) error {
	err := a.CreateTopic(ctx, names[0], int32(t.partitions), int16(t.replication), t.settings)
	if err != nil && t.ifNotExists {
		if _, seen := a.DescribeTopics(ctx, names[0]); seen == nil {
			t.say("topic %q exists already", names[0])
			return nil
		}
	}
	if err != nil {
		return err
	}
	t.say("created topic %q", names[0])
	return nil
}

// oneOf is --partition where it is pasted for --partitions.
type oneOf struct{ n *int }

func (v *oneOf) Set(text string) error {
	n, err := strconv.Atoi(text)
	if err != nil {
		return fmt.Errorf("want a whole number, not %q", text)
	}
	*v.n = n
	return nil
}
func (v *oneOf) String() string { return "-1" }
func (v *oneOf) Type() string   { return "int" }
