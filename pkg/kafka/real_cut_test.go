package kafka

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/logpipe/logpipe/pkg/logpipetest"
)

// TestRealLogThatWasCut elects a replica that has a third of a log, and lets the log grow
// past the place of its readers: a group's next member, one for which marks commit and a
// reader without a group that is held up meanwhile all read each of the new records.
func TestRealLogThatWasCut(t *testing.T) {
	real := logpipetest.StartKafka(t, 3)
	cfg := Config{Brokers: real.Brokers(), Wait: contactWait}
	said := &heard{}
	told := cfg
	told.Logger = tellTo(said.say)
	a := admin(t, cfg)
	if err := a.CreateTopic(t.Context(), "x", 1, 2, map[string]string{"min.insync.replicas": "1", "unclean.leader.election.enable": "true"}); err != nil {
		t.Fatal(err)
	}
	produce(t, cfg, "x", 0, 300)
	// One that was held up, and left out for it, is behind until it is in sync again.
	awaits(t, "two replicas in sync", func() bool {
		topics, err := a.DescribeTopics(t.Context(), "x")
		return err == nil && len(topics[0].Partitions[0].ISR) == 2
	})
	topics, err := a.DescribeTopics(t.Context(), "x")
	if err != nil {
		t.Fatal(err)
	}
	leader := topics[0].Partitions[0].Leader
	other := topics[0].Partitions[0].Replicas[0]
	if other == leader {
		other = topics[0].Partitions[0].Replicas[1]
	}
	real.KillNode(t, int(other))
	produce(t, cfg, "x", 300, 900)

	groups := []ConsumerConfig{{Group: "g"}, {Group: "marks", Same: true}}
	for i := range groups {
		groups[i].Topics, groups[i].From = []string{"x"}, Beginning
		c := consumer(t, cfg, groups[i])
		_, b := readValues(t, c, 900)
		if err := errors.Join(c.Commit(soon(t), b), c.Close()); err != nil {
			t.Fatal(err)
		}
	}
	alone := consumer(t, told, ConsumerConfig{Topics: []string{"x"}, From: Beginning})
	readValues(t, alone, 900)

	real.KillNode(t, int(leader))
	real.StartNode(t, int(other))
	awaits(t, "an unclean election", func() bool { return leaderOf(t, cfg, "x", 0) == int(other) })
	produce(t, cfg, "x", 10000, 11200)

	want := numbered(10000, 11200)
	got, _ := readValues(t, alone, len(want))
	if !slices.Equal(got, want) {
		t.Errorf("without a group: %d records, from %s to %s", len(got), got[0], got[len(got)-1])
	}
	for _, cc := range groups {
		c := consumer(t, told, cc)
		got, last := readValues(t, c, len(want))
		if !slices.Equal(got, want) {
			t.Errorf("%+v: %d records, from %s to %s", cc, len(got), got[0], got[len(got)-1])
		}
		if start := c.SessionOf(last).Start["x/0"]; cc.Same && start != 300 {
			t.Errorf("the session with marks begins at %d", start)
		}
		if err := errors.Join(c.Commit(soon(t), last), c.Close()); err != nil {
			t.Error(err)
		}
		if got := readAll(t, consumer(t, cfg, ConsumerConfig{Topics: cc.Topics, Group: cc.Group, ExitAtEnd: true})); len(got) > 0 {
			t.Errorf("%+v: the next member reads %d records", cc, len(got))
		}
	}
	text := fmt.Sprintf(`topic "x" partition 0: its log was cut at offset %d, `, 300)
	if n := strings.Count(said.String(), text); n != 3 {
		t.Errorf("told %d times of 3:\n%s", n, said)
	}
}
