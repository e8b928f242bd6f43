package kafka

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"
)

// TestRealBrokerIntegration runs the main paths against Apache Kafka.
func TestRealBrokerIntegration(t *testing.T) {
	if os.Getenv("LOGPIPE_REAL") != "1" || os.Getenv("KAFKA_BOOTSTRAP") == "" {
		t.Skip("needs a real broker: set LOGPIPE_REAL=1 and KAFKA_BOOTSTRAP=HOST:PORT")
	}
	cfg := Config{Brokers: strings.Split(os.Getenv("KAFKA_BOOTSTRAP"), ",")}
	topic := fmt.Sprintf("logpipe-test-%d", time.Now().UnixNano())
	a := admin(t, cfg)
	if err := a.CreateTopic(soon(t), topic, 3, 1, map[string]string{"retention.ms": "3600000"}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second) // the test's own context is over
		defer cancel()
		last, err := NewAdmin(ctx, cfg)
		if err != nil {
			t.Fatal(err)
		}
		defer last.Close()
		if err := last.DeleteTopics(ctx, topic); err != nil {
			t.Error(err)
		}
	})
	if err := a.CreateTopic(soon(t), topic, 3, 1, nil); err == nil || !strings.Contains(err.Error(), "exists already") {
		t.Errorf("created twice: %v", err)
	}
	if err := a.CreateTopic(soon(t), topic+"-9", 1, 9, nil); err == nil || !strings.Contains(err.Error(), "larger than the number of brokers") {
		t.Errorf("9 replicas: %v", err)
	}
	if err := a.CreateTopic(soon(t), topic+"-c", 1, 1, map[string]string{"nonsense": "1"}); err == nil || !strings.Contains(err.Error(), "a setting is refused") {
		t.Errorf("unknown setting: %v", err)
	}

	topics, err := a.DescribeTopics(soon(t), topic)
	if err != nil {
		t.Fatal(err)
	}
	var text bytes.Buffer
	if err := FormatDescribeJava(&text, topics); err != nil {
		t.Fatal(err)
	}
	t.Logf("described as\n%s", &text)
	form := regexp.MustCompile(`^Topic: \S+\tTopicId: \S{22}\tPartitionCount: 3\tReplicationFactor: 1\tConfigs: .*retention\.ms=3600000.*\n` +
		`(\tTopic: \S+\tPartition: \d\tLeader: \d+\tReplicas: \d+\tIsr: \d+\tElr: \tLastKnownElr: \n){3}$`)
	if !form.Match(text.Bytes()) {
		t.Error("that is not the Java tool's form")
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
