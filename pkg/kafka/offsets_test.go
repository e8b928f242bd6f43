package kafka

import (
	"sync"
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// asked counts the requests of a kind that a cluster gets.
func (f *faulty) asked(key kmsg.Key, counts func(kmsg.Request) bool) func() int {
	var mu sync.Mutex
	n := 0
	f.ControlKey(int16(key), func(r kmsg.Request) (kmsg.Response, error, bool) {
		f.KeepControl()
		mu.Lock()
		defer mu.Unlock()
		if counts(r) {
			n++
		}
		return nil, nil, false
	})
	return func() int {
		mu.Lock()
		defer mu.Unlock()
		return n
	}
}

// A reader asks each leader once for all of its partitions, and looking at a topic
// does not ask about all the others.
func TestFewQuestions(t *testing.T) {
	const partitions = 60
	f := newFaulty(t, 2, partitions)
	load := f.producer(t, ProducerConfig{})
	f.store(t, load, 300, partitions)
	offsets := f.asked(kmsg.ListOffsets, func(kmsg.Request) bool { return true })
	all := f.asked(kmsg.Metadata, func(r kmsg.Request) bool { return r.(*kmsg.MetadataRequest).Topics == nil })
	got := readAll(t, consumer(t, f.cfg, ConsumerConfig{Topics: []string{"x"}, From: Last(3), ExitAtEnd: true}))
	if len(got) != 3*partitions {
		t.Errorf("%d records", len(got))
	}
	if n := offsets(); n > 8 {
		t.Errorf("%d questions for offsets of %d partitions", n, partitions)
	}
	a := admin(t, f.cfg)
	if _, err := a.DescribeTopics(soon(t), "x"); err != nil {
		t.Fatal(err)
	}
	if _, err := a.TopicSettings(soon(t), "x"); err != nil {
		t.Fatal(err)
	}
	if n := all(); n > 0 {
		t.Errorf("%d questions about all topics", n)
	}
}
