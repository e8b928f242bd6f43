package kafka

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/logpipe/logpipe/pkg/logpipetest"
)

// TestRealEveryBrokerKnows asks each broker of a cluster about a topic right after it
// was made, got settings and more partitions, and was deleted: a script's next command may ask any.
func TestRealEveryBrokerKnows(t *testing.T) {
	real := logpipetest.StartKafka(t, 3)
	a := admin(t, Config{Brokers: real.Brokers(), Wait: contactWait})
	each := func(then func(*Admin)) {
		t.Helper()
		for _, broker := range real.Brokers() {
			one := admin(t, Config{Brokers: []string{broker}, Wait: contactWait})
			then(one)
		}
	}
	for round := range 8 {
		topic := fmt.Sprintf("t%d", round)
		if err := a.CreateTopic(soon(t), topic, 3, 3, nil); err != nil {
			t.Fatal(err)
		}
		each(func(one *Admin) {
			if topics, err := one.Topics(soon(t), []string{topic}); err != nil || len(topics[0].Partitions) != 3 {
				t.Errorf("%s: %v, %v, want 3 partitions", topic, topics, err)
			}
		})
		if err := a.AlterTopic(soon(t), topic, map[string]string{"retention.ms": "3600000", "cleanup.policy": "compact,delete"}, nil); err != nil {
			t.Fatal(err)
		}
		settings := func(want ...Setting) {
			t.Helper()
			each(func(one *Admin) {
				topics, err := one.DescribeTopics(soon(t), topic)
				if err != nil {
					t.Fatal(err)
				}
				got := slices.DeleteFunc(topics[0].Configs, func(s Setting) bool { return s.Name == "min.insync.replicas" }) // of the cluster
				if slices.SortFunc(got, func(x, y Setting) int { return strings.Compare(x.Name, y.Name) }); !slices.Equal(got, want) {
					t.Errorf("%s: %v, want %v", topic, got, want)
				}
			})
		}
		settings(Setting{"cleanup.policy", "compact,delete"}, Setting{"retention.ms", "3600000"})
		if err := a.AlterTopic(soon(t), topic, nil, []string{"cleanup.policy"}); err != nil {
			t.Fatal(err)
		}
		settings(Setting{"retention.ms", "3600000"})
		if _, err := a.AddPartitions(soon(t), topic, 5); err != nil {
			t.Fatal(err)
		}
		each(func(one *Admin) {
			if topics, err := one.Topics(soon(t), []string{topic}); err != nil || len(topics[0].Partitions) != 5 {
				t.Errorf("%s: %v, %v, want 5 partitions", topic, topics, err)
			}
		})
		if err := a.DeleteTopics(soon(t), topic); err != nil {
			t.Fatal(err)
		}
		each(func(one *Admin) {
			if topics, err := one.Topics(soon(t), []string{topic}); err == nil {
				t.Errorf("%s was deleted, and is there: %v", topic, topics)
			}
		})
	}
}
