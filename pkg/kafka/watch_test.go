package kafka

import (
	"fmt"
	"log/slog"
	"slices"
	"testing"
	"time"

	"github.com/logpipe/logpipe/pkg/broker"
)

// TestPatterns reads topics by their names while they come, go and come back, and
// while one gets more partitions.
func TestPatterns(t *testing.T) {
	cfg, _ := cluster(t, broker.Config{})
	told := make(warnings, 10)
	cfg.Logger = slog.New(told)
	create(t, cfg, "x-a", 1)
	create(t, cfg, "other", 1)
	produce(t, cfg, "x-a", 0, 2)
	produce(t, cfg, "other", 0, 2)
	c := consumer(t, cfg, ConsumerConfig{Topics: nil, Patterns: []string{"^x-"}, From: Beginning, Rescan: 20 * time.Millisecond})
	next := func(topic string, want []string) {
		t.Helper()
		var got []string
		for len(got) < len(want) {
			b, err := c.Read(soon(t))
			if err != nil {
				t.Fatalf("after %v: %v", got, err)
			}
			if b.Topic != topic {
				t.Fatalf("records of %s, want %s", b.Topic, topic)
			}
			got = append(got, values(b.Records)...)
		}
		slices.Sort(got)
		if !slices.Equal(got, want) {
			t.Fatalf("%s: read %v, want %v", topic, got, want)
		}
	}
	next("x-a", numbered(0, 2))
	create(t, cfg, "x-b", 1)
	produce(t, cfg, "x-b", 0, 3)
	next("x-b", numbered(0, 3))

	a := admin(t, cfg)
	if err := a.DeleteTopics(soon(t), "x-a"); err != nil {
		t.Fatal(err)
	}
	told.await(t, `topic "x-a" was deleted; the other topics are read on`)
	produce(t, cfg, "x-b", 3, 5)
	next("x-b", numbered(3, 5))
	create(t, cfg, "x-a", 1)
	produce(t, cfg, "x-a", 5, 7)
	next("x-a", numbered(5, 7))
	if _, err := a.AddPartitions(soon(t), "x-b", 8); err != nil {
		t.Fatal(err)
	}
	produce(t, cfg, "x-b", 10, 60) // in all of the partitions
	next("x-b", numbered(10, 60))
}

// TestPatternsOfGroup lets two members of a group share topics that come later.
func TestPatternsOfGroup(t *testing.T) {
	cfg, _ := cluster(t, broker.Config{})
	cc := ConsumerConfig{Patterns: []string{"^x-"}, Group: "g", Rescan: 20 * time.Millisecond}
	c := consumer(t, cfg, cc)
	create(t, cfg, "x-a", 1)
	produce(t, cfg, "x-a", 0, 2)
	for _, topic := range []string{"x-a", "x-b"} {
		var got []string
		for len(got) < 2 {
			b, err := c.Read(soon(t))
			if err != nil {
				t.Fatal(err)
			}
			if b.Topic != topic {
				continue // once more, in a new generation
			}
			got = append(got, values(b.Records)...)
			if err := c.Commit(soon(t), b); err != nil {
				t.Fatal(err)
			}
		}
		if !slices.Equal(got, numbered(0, 2)) {
			t.Errorf("%s: read %v", topic, got)
		}
		if topic == "x-a" {
			create(t, cfg, "x-b", 1)
			produce(t, cfg, "x-b", 0, 2)
		}
	}
}

// TestPartitionsThatComeToAGroup holds that a group reads partitions which its topic
// gets from their first record on, whatever -o says, and whoever of its members is
// given them.
func TestPartitionsThatComeToAGroup(t *testing.T) {
	for _, second := range []bool{false, true} {
		t.Run(fmt.Sprintf("another member comes: %t", second), func(t *testing.T) {
			cfg, _ := cluster(t, broker.Config{})
			create(t, cfg, "x", 1)
			produce(t, cfg, "x", 0, 3)
			cc := ConsumerConfig{Topics: []string{"x"}, Group: "g", From: End, Session: time.Second, Rescan: 20 * time.Millisecond}
			if second {
				cc.Rescan = time.Hour
			}
			members := []*Consumer{consumer(t, cfg, cc)}
			awaits(t, "the group", func() bool { return members[0].Session() != nil })
			if _, err := admin(t, cfg).AddPartitions(soon(t), "x", 4); err != nil {
				t.Fatal(err)
			}
			produce(t, cfg, "x", 3, 43)
			if second {
				members = append(members, consumer(t, cfg, cc))
			}
			got := make(chan []string)
			for _, c := range members {
				go func() {
					for {
						b, err := c.Read(soon(t))
						if err != nil {
							return
						}
						got <- values(b.Records)
					}
				}()
			}
			seen := map[string]bool{}
			for len(seen) < 40 {
				select {
				case list := <-got:
					for _, v := range list {
						seen[v] = true
					}
				case <-soon(t).Done():
					t.Fatalf("only %d of 40 records came", len(seen))
				}
			}
		})
	}
}
