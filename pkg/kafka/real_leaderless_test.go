package kafka

import (
	"strings"
	"testing"
	"time"

	"github.com/logpipe/logpipe/pkg/logpipetest"
)

// TestRealLeaderless kills the broker that has the only replica of a partition: groups,
// and topics other than that, are looked at and changed as if nothing had happened, and
// the other partitions are read.
func TestRealLeaderless(t *testing.T) {
	real := logpipetest.StartKafka(t, 3)
	said := &heard{}
	cfg := Config{Brokers: real.Brokers(), Wait: contactWait, Logger: tellTo(said.say)}
	a := admin(t, cfg)
	for topic, replication := range map[string]int16{"lone": 1, "safe": 3} {
		if err := a.CreateTopic(soon(t), topic, 3, replication, nil); err != nil {
			t.Fatal(err)
		}
		produce(t, cfg, topic, 0, 60)
		commitUpTo(t, cfg, ConsumerConfig{Topics: []string{topic}, Group: topic + "-readers", From: Beginning, ExitAtEnd: true}, 0)
	}
	leaders := func() (list []int32) {
		topics, err := a.DescribeTopics(soon(t), "lone")
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range topics[0].Partitions {
			list = append(list, p.Leader)
		}
		return list
	}
	real.KillNode(t, int(leaders()[1]))
	for until := time.Now().Add(time.Minute); leaders()[1] >= 0; time.Sleep(retryPause) {
		if time.Now().After(until) {
			t.Fatal("the cluster has not noticed")
		}
	}
	a = admin(t, cfg) // as the next command

	groups, err := a.DescribeGroups(soon(t))
	if err != nil || len(groups) != 2 {
		t.Fatalf("%v, %v", groups, err)
	}
	for _, g := range groups {
		if want := map[string]int64{"lone-readers": -1, "safe-readers": 0}[g.Name]; g.Lag() != want {
			t.Errorf("%s: the lag is %d, want %d", g.Name, g.Lag(), want)
		}
		for _, o := range g.Offsets {
			if known := o.Topic == "safe" || o.Partition != 1; known != (o.Lag() == 0) || known != (o.End == o.Committed) {
				t.Errorf("%s: %+v", g.Name, o)
			}
		}
	}
	if !strings.Contains(said.String(), "not known where they end: lone/1") {
		t.Errorf("told: %s", said)
	}
	changesOfOthers(t, a)
	for _, group := range []string{"", "late-readers"} { // the partitions that have a leader are read
		cc := ConsumerConfig{Topics: []string{"lone"}, Group: group, From: Beginning}
		if got := commitUpTo(t, cfg, cc, 20); len(got) != 20 {
			t.Errorf("%q reads %d records", group, len(got))
		}
	}
	for what, err := range map[string]error{
		"ends":  second(a.Spans(soon(t), []string{"lone"}, nil)),
		"reset": second(a.PlanReset(soon(t), "lone-readers", Reset{To: &Beginning})),
	} {
		if err == nil || !strings.Contains(err.Error(), `topic "lone": a partition has no leader`) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// changesOfOthers makes, alters, grows and deletes topics beside the one that has a
// partition without a leader, and moves a group that does not read it.
func changesOfOthers(t *testing.T, a *Admin) {
	t.Helper()
	plan, err := a.PlanReset(soon(t), "safe-readers", Reset{To: &Beginning})
	if err == nil {
		err = a.CommitReset(soon(t), "safe-readers", plan)
	}
	if err != nil || len(plan) != 3 {
		t.Errorf("reset: %v, %v", plan, err)
	}
	if err := a.CreateTopic(soon(t), "new", 2, 2, nil); err != nil {
		t.Error(err)
	}
	if err := a.AlterTopic(soon(t), "new", map[string]string{"retention.ms": "3600000"}, nil); err != nil {
		t.Error(err)
	}
	if _, err := a.AddPartitions(soon(t), "new", 3); err != nil {
		t.Error(err)
	}
	if err := a.DeleteRecords(soon(t), []PartitionOffset{{TopicPartition{"safe", 0}, 1}}); err != nil {
		t.Error(err)
	}
	if err := a.DeleteTopics(soon(t), "new"); err != nil {
		t.Error(err)
	}
	if err := a.DeleteGroups(soon(t), "safe-readers"); err != nil {
		t.Error(err)
	}
}

// second is the error of a call.
func second[T any](_ T, err error) error { return err }
