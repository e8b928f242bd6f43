package kafka

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/logpipe/logpipe/pkg/broker"
)

// TestPatterns reads topics by their names while they come, go and come back, and
// while one gets more partitions.
func TestPatterns(t *testing.T) {
	cfg, _ := cluster(t, broker.Config{})
	told := make(chan string, 10)
	cfg.Logger = tellTo(func(_ string, text ...any) { told <- fmt.Sprint(text...) })
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
	select {
	case text := <-told:
		if text != `topic "x-a" was deleted; the other topics are read on` {
			t.Error(text)
		}
	case <-soon(t).Done():
		t.Fatal("the deletion was not noticed")
	}
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
