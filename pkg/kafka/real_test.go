package kafka

import (
	"bytes"
	"regexp"
	"strings"
	"testing"

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

// TestRealTopicRemade holds that Kafka itself tells who reads on, by the topic's id,
// that the topic is another one.
func TestRealTopicRemade(t *testing.T) {
	real := logpipetest.StartKafka(t, 1)
	remadeBehindReader(t, Config{Brokers: real.Brokers()})
}

// TestRealMarkOfATopicThatWasRemade holds that nothing that was read of the old topic is
// committed on the new one.
func TestRealMarkOfATopicThatWasRemade(t *testing.T) {
	real := logpipetest.StartKafka(t, 1)
	markOfRemade(t, Config{Brokers: real.Brokers()})
}
