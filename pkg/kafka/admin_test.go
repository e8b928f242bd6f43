package kafka

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/logpipe/logpipe/pkg/broker"
	"github.com/logpipe/logpipe/pkg/fault"
)

func admin(t *testing.T, cfg Config) *Admin {
	t.Helper()
	a, err := NewAdmin(soon(t), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { a.Close() })
	return a
}

func TestTopics(t *testing.T) {
	cfg, _ := cluster(t, broker.Config{Nodes: 3})
	a := admin(t, cfg)
	if got, err := a.ListTopics(soon(t), true); err != nil || len(got) != 0 {
		t.Errorf("topics of a new broker: %q, %v", got, err)
	}
	if err := a.CreateTopic(soon(t), "events", 3, 2, map[string]string{"retention.ms": "60000"}); err != nil {
		t.Fatal(err)
	}
	if err := a.CreateTopic(soon(t), "access", -1, -1, nil); err != nil {
		t.Fatal(err)
	}
	if got, err := a.ListTopics(soon(t), false); err != nil || !slices.Equal(got, []string{"access", "events"}) {
		t.Errorf("topics: %q, %v", got, err)
	}
	all, err := a.DescribeTopics(soon(t))
	if err != nil || len(all) != 2 {
		t.Fatalf("describe all: %v, %v", all, err)
	}
	topics, err := a.DescribeTopics(soon(t), "events")
	if err != nil {
		t.Fatal(err)
	}
	e := topics[0]
	if e.Name != "events" || len(e.ID) != 22 || len(e.Partitions) != 3 || e.Replication != 2 || !slices.Contains(e.Configs, Setting{"retention.ms", "60000"}) {
		t.Errorf("%+v", e)
	}
	for i, p := range e.Partitions {
		if p.ID != int32(i) || p.Leader < 0 || len(p.Replicas) != 2 || len(p.ISR) != 2 {
			t.Errorf("%+v", p)
		}
	}
	if err := a.DeleteTopics(soon(t), "events", "access"); err != nil {
		t.Fatal(err)
	}
	if got, err := a.ListTopics(soon(t), false); err != nil || len(got) != 0 {
		t.Errorf("after the deletion: %q, %v", got, err)
	}
}

func TestTopicMistakes(t *testing.T) {
	cfg, _ := cluster(t, broker.Config{})
	a := admin(t, cfg)
	create(t, cfg, "there", 1)
	describe := func(name string) error { _, err := a.DescribeTopics(soon(t), name); return err }
	for _, v := range []struct {
		err  error
		want string
		hint string
		code fault.Code
	}{
		{a.CreateTopic(soon(t), "x", 1, 3, nil), `topic "x": replication factor 3 is larger than the number of brokers, 1`, "at most 1 here; `logpipe broker --nodes 3` starts", fault.Failed},
		{a.CreateTopic(soon(t), "there", 1, 1, nil), `topic "there" exists already`, "logpipe topic describe there", fault.Failed},
		{a.CreateTopic(soon(t), "a b", 1, 1, nil), `topic name "a b" has ' ' in it`, "letters", fault.Usage},
		{a.CreateTopic(soon(t), "", 1, 1, nil), `topic name "" is empty`, "letters", fault.Usage},
		{a.CreateTopic(soon(t), "..", 1, 1, nil), `topic name ".." is not allowed`, "letters", fault.Usage},
		{a.CreateTopic(soon(t), strings.Repeat("x", 250), 1, 1, nil), `has 250 characters`, "letters", fault.Usage},
		{a.CreateTopic(soon(t), "x", 0, 1, nil), `topic "x": 0 partitions: a topic has at least one`, "", fault.Usage},
		{a.CreateTopic(soon(t), "x", 1, 0, nil), `topic "x": replication factor 0`, "", fault.Usage},
		{describe("absent"), `topic "absent" does not exist`, "logpipe topic create absent", fault.Failed},
		{a.DeleteTopics(soon(t), "absent"), `topic "absent" does not exist`, "logpipe topic list", fault.Failed},
	} {
		if v.err == nil {
			t.Errorf("no error, want %s", v.want)
			continue
		}
		if !strings.Contains(v.err.Error(), v.want) || strings.Contains(v.err.Error(), "kafka server") {
			t.Errorf("got  %s\nwant %s", v.err, v.want)
		}
		if hint := fault.HintOf(v.err); !strings.Contains(hint, v.hint) {
			t.Errorf("%s: hint %q, want %q in it", v.want, hint, v.hint)
		}
		if fault.CodeOf(v.err) != v.code {
			t.Errorf("%s: exit code %d, want %d", v.want, fault.CodeOf(v.err), v.code)
		}
	}
	if !errors.Is(describe("absent"), ErrNoTopic) {
		t.Error("an unknown topic is not ErrNoTopic")
	}
}

// The order is what kafka-topics.sh 4.3.1 printed for such a topic; settings
// that share a bucket stand in the broker's order.
func TestJavaOrder(t *testing.T) {
	var in []Setting
	for _, name := range []string{"compression.type", "segment.bytes", "retention.ms", "flush.ms", "retention.bytes", "delete.retention.ms",
		"segment.ms", "cleanup.policy", "min.insync.replicas", "max.message.bytes", "min.compaction.lag.ms", "message.timestamp.type"} {
		in = append(in, Setting{Name: name})
	}
	var got []string
	for _, s := range javaOrder(in, 33) {
		got = append(got, s.Name)
	}
	want := strings.Split("compression.type,min.insync.replicas,cleanup.policy,flush.ms,segment.bytes,retention.ms,max.message.bytes,"+
		"min.compaction.lag.ms,message.timestamp.type,retention.bytes,delete.retention.ms,segment.ms", ",")
	if !slices.Equal(got, want) {
		t.Errorf("%q\nwant %q", got, want)
	}
}

func TestFormatDescribeJava(t *testing.T) {
	topics := []Topic{
		{Name: "t3", ID: "abcdefghijklmnopqrstuv", Replication: 3, Settings: 33, Configs: []Setting{{"retention.ms", "60000"}, {"cleanup.policy", "compact"}},
			Partitions: []Partition{
				{ID: 0, Leader: 1, Replicas: []int32{1, 2, 3}, ISR: []int32{1, 2, 3}, ELRKnown: true},
				{ID: 1, Leader: -1, Replicas: []int32{2, 3, 1}, ISR: []int32{2}},
			}},
		{Name: "old", Replication: 1, Partitions: []Partition{{ID: 0, Leader: 0, Replicas: []int32{0}, ISR: []int32{0}, ELRKnown: true, ELR: []int32{4, 5}, LastKnownELR: []int32{6}}}},
	}
	var got bytes.Buffer
	if err := FormatDescribeJava(&got, topics); err != nil {
		t.Fatal(err)
	}
	want, err := os.ReadFile(filepath.Join("..", "..", "testdata", "kafka", "describe.txt"))
	if err != nil {
		t.Fatal(err)
	}
	if got.String() != string(want) {
		t.Errorf("got\n%s\nwant\n%s", &got, want)
	}
}
