package kafka

import (
	"bytes"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/logpipe/logpipe/pkg/broker"
	"github.com/logpipe/logpipe/pkg/logpipetest"
)

// TestRealBrokerIntegration runs the main paths against Apache Kafka.
func TestRealBrokerIntegration(t *testing.T) {
	real := logpipetest.StartKafka(t, 1)
	cfg, topic := Config{Brokers: real.Brokers()}, "logpipe-test"
	a := admin(t, cfg)
	if err := a.CreateTopic(soon(t), topic, 3, 1, map[string]string{"retention.ms": "3600000"}); err != nil {
		t.Fatal(err)
	}
	if err := a.CreateTopic(soon(t), topic, 3, 1, nil); err == nil || !strings.Contains(err.Error(), "exists already") {
		t.Errorf("created twice: %v", err)
	}
	if err := a.CreateTopic(soon(t), topic+"-9", 1, 9, nil); err == nil || !strings.Contains(err.Error(), "larger than the number of brokers") {
		t.Errorf("9 replicas: %v", err)
	}
	if err := a.CreateTopic(soon(t), topic+"-c", 1, 1, map[string]string{"nonsense": "1"}); err == nil || !strings.Contains(err.Error(), "a setting is refused") {
		t.Errorf("unknown setting: %v", err)
	}

	text := describedAsJava(t, a, topic)
	form := regexp.MustCompile(`^Topic: \S+\tTopicId: \S{22}\tPartitionCount: 3\tReplicationFactor: 1\tConfigs: .*retention\.ms=3600000.*\n` +
		`(\tTopic: \S+\tPartition: \d\tLeader: \d+\tReplicas: \d+\tIsr: \d+\tElr: \tLastKnownElr: \n){3}$`)
	if !form.MatchString(text) {
		t.Errorf("that is not the Java tool's form:\n%s", text)
	}
	if want := real.Tools.Run(t, "", "kafka-topics", "--bootstrap-server", real.Bootstrap(), "--describe", "--topic", topic); text != want {
		t.Errorf("described as\n%s\nand by the Java tool as\n%s", text, want)
	}

	const n = 5000
	produce(t, cfg, topic, 0, n)
	if got := readAll(t, consumer(t, cfg, ConsumerConfig{Topics: []string{topic}, From: Beginning, ExitAtEnd: true})); len(got) != n {
		t.Errorf("%d records, want %d", len(got), n)
	}
	cc := ConsumerConfig{Topics: []string{topic}, Group: topic, From: Beginning, ExitAtEnd: true}
	first, second := commitUpTo(t, cfg, cc, 2000), commitUpTo(t, cfg, cc, 0)
	seen := map[string]int{}
	for _, v := range append(first, second...) {
		seen[v]++
	}
	if len(seen) != n || len(first)+len(second) != n {
		t.Errorf("the group read %d and %d records, %d different, want %d in all", len(first), len(second), len(seen), n)
	}

	produce(t, cfg, topic+"-auto", 0, 3) // created on demand
	if err := a.DeleteTopics(soon(t), topic+"-auto"); err != nil {
		t.Error(err)
	}
	if _, err := NewConsumer(soon(t), cfg, ConsumerConfig{Topics: []string{topic + "-absent"}}); err == nil {
		t.Error("an unknown topic was read")
	}
}

func describedAsJava(t *testing.T, a *Admin, topic string) string {
	t.Helper()
	topics, err := a.DescribeTopics(soon(t), topic)
	if err != nil {
		t.Fatal(err)
	}
	var text bytes.Buffer
	if err := FormatDescribeJava(&text, topics); err != nil {
		t.Fatal(err)
	}
	return text.String()
}

// TestRealJavaToolsOnEmbeddedBroker uses the embedded broker with the tools of
// Apache Kafka, as somebody does who has them already.
func TestRealJavaToolsOnEmbeddedBroker(t *testing.T) {
	tools := logpipetest.NewKafkaTools(t)
	cfg, b := cluster(t, broker.Config{})
	run := func(in, tool string, args ...string) string {
		t.Helper()
		begun := time.Now()
		out := tools.Run(t, in, tool, append([]string{"--bootstrap-server", b.Addr()[0]}, args...)...)
		t.Logf("%s %s: %.1f s", tool, strings.Join(args, " "), time.Since(begun).Seconds())
		return out
	}
	if out := run("", "kafka-topics", "--create", "--topic", "typed", "--partitions", "3", "--replication-factor", "1",
		"--config", "retention.ms=3600000"); out != "Created topic typed.\n" {
		t.Errorf("create: %q", out)
	}
	if out := run("", "kafka-topics", "--list"); out != "typed\n" {
		t.Errorf("list: %q", out)
	}
	if theirs, ours := run("", "kafka-topics", "--describe", "--topic", "typed"), describedAsJava(t, admin(t, cfg), "typed"); theirs != ours {
		t.Errorf("described by the Java tool as\n%s\nand by us as\n%s", theirs, ours)
	}

	// Both ways: what one side sends, the other reads.
	run("one\ntwo\n\n", "kafka-console-producer", "--topic", "typed")
	got := values(readAll(t, consumer(t, cfg, ConsumerConfig{Topics: []string{"typed"}, From: Beginning, ExitAtEnd: true})))
	slices.Sort(got)
	if want := []string{"", "one", "two"}; !slices.Equal(got, want) {
		t.Errorf("we read %q, want %q", got, want)
	}
	produce(t, cfg, "typed", 0, 100)
	out := run("", "kafka-console-consumer", "--topic", "typed", "--from-beginning", "--max-messages", "103", "--timeout-ms", "60000")
	lines := strings.Split(strings.TrimSuffix(out, "\n"), "\n")
	want := append(numbered(0, 100), got...)
	slices.Sort(lines)
	slices.Sort(want)
	if !slices.Equal(lines, want) {
		t.Errorf("the Java consumer read %d lines %q, want %d %q", len(lines), lines, len(want), want)
	}

	// A group of theirs goes on where it has committed.
	group := []string{"--topic", "typed", "--group", "theirs", "--timeout-ms", "60000"}
	run("", "kafka-console-consumer", append(group, "--from-beginning", "--max-messages", "103")...)
	produce(t, cfg, "typed", 100, 105)
	lines = strings.Fields(run("", "kafka-console-consumer", append(group, "--max-messages", "5")...))
	slices.Sort(lines)
	if !slices.Equal(lines, numbered(100, 105)) {
		t.Errorf("the group went on with %q, want %q", lines, numbered(100, 105))
	}
}
