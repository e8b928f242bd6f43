package kafka

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/logpipe/logpipe/pkg/logpipetest"
)

// TestRealGroupsIntegration looks at groups and topics, moves and changes them,
// and holds each answer against the one of Apache Kafka's own tools.
func TestRealGroupsIntegration(t *testing.T) {
	real := logpipetest.StartKafka(t, 1)
	cfg := Config{Brokers: real.Brokers()}
	a := admin(t, cfg)
	tool := func(name string, args ...string) string {
		t.Helper()
		return real.Tools.Run(t, "", name, append([]string{"--bootstrap-server", real.Bootstrap()}, args...)...)
	}
	create(t, cfg, "clicks", 3)
	produce(t, cfg, "clicks", 0, 100)
	cc := ConsumerConfig{Topics: []string{"clicks"}, Group: "heat", From: Beginning, ExitAtEnd: true}
	commitUpTo(t, cfg, cc, 0)
	produce(t, cfg, "clicks", 100, 150)

	described := func() string {
		t.Helper()
		groups, err := a.DescribeGroups(soon(t), "heat")
		if err != nil {
			t.Fatal(err)
		}
		var b bytes.Buffer
		if err := FormatGroupsJava(&b, groups); err != nil {
			t.Fatal(err)
		}
		return b.String()
	}
	same := func(what, ours, theirs string) {
		t.Helper()
		if sortedLines(ours) != sortedLines(theirs) {
			t.Errorf("%s: ours\n%s\ntheirs\n%s", what, ours, theirs)
		}
	}
	same("group without members", described(), tool("kafka-consumer-groups", "--describe", "--group", "heat"))
	asked := func(format func(io.Writer, []Group) error) string {
		t.Helper()
		groups, err := a.DescribeGroups(soon(t), "heat")
		var b bytes.Buffer
		if err := errors.Join(err, format(&b, groups)); err != nil {
			t.Fatal(err)
		}
		return b.String()
	}
	states := func(what string) {
		t.Helper()
		same(what+", members", asked(FormatMembersJava), tool("kafka-consumer-groups", "--describe", "--members", "--group", "heat"))
		same(what+", state", asked(FormatStatesJava), tool("kafka-consumer-groups", "--describe", "--state", "--group", "heat"))
		groups, err := a.ListGroups(soon(t))
		var b bytes.Buffer
		if err := errors.Join(err, FormatGroupListJava(&b, groups, true, true)); err != nil {
			t.Fatal(err)
		}
		same(what+", list", b.String(), tool("kafka-consumer-groups", "--list", "--state", "--type"))
	}
	states("group without members")
	if groups, err := a.ListGroups(soon(t)); err != nil || len(groups) != 1 ||
		groups[0].Name != "heat" || groups[0].State != "Empty" || groups[0].Type != "classic" {
		t.Errorf("listed %+v, %v", groups, err)
	}

	// A member is there: it is shown, and the group cannot be moved or deleted.
	cc.ExitAtEnd = false
	c := consumer(t, cfg, cc)
	if _, err := c.Read(soon(t)); err != nil {
		t.Fatal(err)
	}
	same("group with a member", described(), tool("kafka-consumer-groups", "--describe", "--group", "heat"))
	static := cc
	static.Instance, static.Session = "a-member-that-comes-back", 10*time.Second
	second := consumer(t, cfg, static)
	stable := func(members int) {
		t.Helper()
		awaits(t, fmt.Sprint("a stable group of ", members), func() bool {
			groups, err := a.DescribeGroups(soon(t), "heat")
			if err != nil {
				t.Fatal(err)
			}
			return len(groups) == 1 && len(groups[0].Members) == members && groups[0].State == "Stable"
		})
	}
	stable(2)
	states("group with two members")
	if err := second.Close(); err != nil {
		t.Fatal(err)
	}
	stable(1)
	if _, err := a.PlanReset(soon(t), "heat", Reset{To: &Beginning}); err == nil || !strings.Contains(err.Error(), "it has 1 member") {
		t.Errorf("reset of an active group: %v", err)
	}
	if err := a.DeleteGroups(soon(t), "heat"); err == nil || !strings.Contains(err.Error(), "is active") {
		t.Errorf("deletion of an active group: %v", err)
	}
	if err := a.CommitReset(soon(t), "heat", []Move{{TopicPartition{"clicks", 0}, 0, 0}}); err == nil || !strings.Contains(err.Error(), "is active") {
		t.Errorf("commit for an active group: %v", err)
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}

	for _, r := range []struct {
		reset Reset
		flags []string
	}{
		{Reset{To: &Beginning}, []string{"--to-earliest"}},
		{Reset{To: &End}, []string{"--to-latest"}},
		{Reset{Shift: -3}, []string{"--shift-by", "-3"}},
		{Reset{Topics: []string{"clicks"}, Partitions: []int32{1}, To: &Beginning}, nil},
	} {
		plan, err := a.PlanReset(soon(t), "heat", r.reset)
		if err != nil {
			t.Fatal(err)
		}
		if r.flags != nil {
			var b bytes.Buffer
			if err := FormatResetJava(&b, "heat", plan); err != nil {
				t.Fatal(err)
			}
			same(r.flags[0], b.String(), tool("kafka-consumer-groups", append(r.flags, "--reset-offsets", "--group", "heat", "--topic", "clicks", "--dry-run")...))
		}
		if err := a.CommitReset(soon(t), "heat", plan); err != nil {
			t.Fatal(err)
		}
		same("after a reset", described(), tool("kafka-consumer-groups", "--describe", "--group", "heat"))
	}
	if err := a.DeleteGroups(soon(t), "heat"); err != nil {
		t.Error(err)
	}
	if _, err := a.DescribeGroups(soon(t), "heat"); err == nil || !strings.Contains(err.Error(), `group "heat" does not exist`) {
		t.Errorf("described a deleted group: %v", err)
	}

	realTopics(t, a, tool, same)
}

func realTopics(t *testing.T, a *Admin, tool func(string, ...string) string, same func(string, string, string)) {
	t.Helper()
	if err := a.AlterTopic(soon(t), "clicks", map[string]string{"retention.ms": "3600000"}, nil); err != nil {
		t.Fatal(err)
	}
	if err := a.AlterTopic(soon(t), "clicks", map[string]string{"nonsense": "1"}, nil); err == nil ||
		!strings.Contains(err.Error(), `topic "clicks": a setting is refused: Unknown topic config name: nonsense`) {
		t.Errorf("an unknown setting: %v", err)
	}
	settings, err := a.TopicSettings(soon(t), "clicks")
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := FormatSettingsJava(&b, "clicks", settings); err != nil {
		t.Fatal(err)
	}
	same("settings", b.String(), tool("kafka.admin.ConfigCommand", "--describe", "--all", "--topic", "clicks"))

	offsets := func(at Offset, time string) {
		t.Helper()
		list, err := a.OffsetsAt(soon(t), at, []string{"clicks"}, nil)
		if err != nil {
			t.Fatal(err)
		}
		var b bytes.Buffer
		if err := FormatOffsetsJava(&b, list); err != nil {
			t.Fatal(err)
		}
		same("offsets at "+time, b.String(), tool("org.apache.kafka.tools.GetOffsetShell", "--topic", "clicks", "--time", time))
	}
	offsets(Beginning, "-2")
	offsets(End, "-1")
	if err := a.DeleteRecords(soon(t), []PartitionOffset{{TopicPartition{"clicks", 0}, 2}}); err != nil {
		t.Error(err)
	}
	offsets(Beginning, "-2")
	if before, err := a.AddPartitions(soon(t), "clicks", 5); before != 3 || err != nil {
		t.Errorf("partitions: had %d, %v", before, err)
	}
	if out := tool("kafka-topics", "--describe", "--topic", "clicks"); !regexp.MustCompile(`PartitionCount: 5\b`).MatchString(out) {
		t.Errorf("after partitions were added:\n%s", out)
	}
}

// sortedLines is a text with its lines in order: the tools print partitions and
// settings in the order of hash tables.
func sortedLines(text string) string {
	lines := strings.Split(text, "\n")
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}
