package source

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"

	"github.com/logpipe/logpipe/pkg/kafka"
)

// TestKafkaCommitsWindow holds that no more than a batch of records is stored and
// not committed, whatever becomes of the commits.
func TestKafkaCommitsWindow(t *testing.T) {
	c := newKafkaCommits(&Kafka{batch: 100, commitTime: &atomic.Int64{}}, &kafka.Consumer{})
	over, cancel := context.WithCancel(t.Context())
	cancel()
	fits := func(n int) bool { return c.room(over, n) } // it does not wait
	stored := func(partition int32, offset int64, n int) {
		t.Helper()
		if !fits(n) {
			t.Fatalf("no room for %d records, %d are open", n, c.open)
		}
		records := make([]kafka.Record, n)
		records[n-1].Offset = offset
		c.add(kafka.Batch{Topic: "t", Partition: partition, Records: records})
	}
	stored(0, 59, 60)
	stored(1, 29, 30)
	if !fits(10) || fits(11) {
		t.Error("want room for 10 records and no more")
	}
	stored(0, 69, 10)

	// A commit that failed makes no room, and is tried again with what came after.
	take := func() map[kafkaPlace]kafkaStored {
		<-c.news
		all, _ := c.take()
		return all
	}
	first := kafkaPlace{"t", 0}
	was := take()[first]
	c.settle(first, was, true)
	if fits(1) || c.pending[first].records != 70 || c.pending[first].last.Next() != 70 {
		t.Errorf("after a commit that failed: %d open, pending %+v", c.open, c.pending[first])
	}
	// And one that went through, or can never be made, does.
	go c.settle(first, take()[first], false)
	if !c.room(t.Context(), 70) || fits(71) {
		t.Errorf("want room for 70 records, %d are open", c.open)
	}
	// What is larger than a batch fits where nothing is open.
	c.settle(kafkaPlace{"t", 1}, kafkaStored{records: 30}, false)
	if !fits(1000) {
		t.Error("no room for a large batch")
	}
	for err, want := range map[error]bool{nil: false, kafka.ErrRevoked: false, errors.New("fenced"): false, context.DeadlineExceeded: true} {
		if lost(err) != want {
			t.Errorf("%v: lost %t", err, lost(err))
		}
	}
}
