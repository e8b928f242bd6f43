package kafka

import (
	"errors"
	"fmt"
	"io"
	"testing"

	"github.com/logpipe/logpipe/pkg/broker"
)

// TestCommitBehindMarkers has partitions that end with the marker of a transaction, or
// with records that one has taken back: a group that has read all has no lag.
func TestCommitBehindMarkers(t *testing.T) {
	cfg, _ := cluster(t, broker.Config{})
	create(t, cfg, "x", 2)
	p, err := NewProducer(soon(t), cfg, ProducerConfig{TransactionalID: "tx"})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	for _, commit := range []bool{true, true, false} { // the last one takes its records back
		err := p.Begin(soon(t))
		for i := range 10 {
			err = errors.Join(err, p.Send(soon(t), Record{Topic: "x", Partition: int32(i % 2), Value: fmt.Append(nil, i)}))
		}
		if err = errors.Join(err, p.End(soon(t), commit)); err != nil {
			t.Fatal(err)
		}
	}
	lag := func(group string) int64 {
		t.Helper()
		groups, err := admin(t, cfg).DescribeGroups(soon(t), group)
		if err != nil {
			t.Fatal(err)
		}
		return groups[0].Lag()
	}
	read := func(cc ConsumerConfig) (n int) {
		t.Helper()
		c, err := NewConsumer(soon(t), cfg, cc)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close() // its partitions go to the next one
		for {
			b, err := c.Read(soon(t))
			if errors.Is(err, io.EOF) {
				return n
			}
			if err != nil {
				t.Fatal(err)
			}
			n += len(b.Records)
			if err := c.Commit(soon(t), b.Last()); err != nil {
				t.Fatal(err)
			}
		}
	}
	if n := read(ConsumerConfig{Topics: []string{"x"}, Group: "g", From: Beginning, ExitAtEnd: true}); n != 20 || lag("g") != 0 {
		t.Errorf("%d records, a lag of %d, want 20 and 0", n, lag("g"))
	}
	// Who leaves earlier has the next record before it, whatever lies between.
	const some = 13
	rest := ConsumerConfig{Topics: []string{"x"}, Group: "h", From: Beginning, ExitAtEnd: true}
	first := rest
	first.MaxRecords = some
	if n := read(first); n != some {
		t.Errorf("%d records, want %d", n, some)
	}
	if n := read(rest); n != 20-some || lag("h") != 0 {
		t.Errorf("then %d records and a lag of %d, want %d and 0", n, lag("h"), 20-some)
	}
}

// TestBatchNext cuts a batch in all ways: what lies behind its last record goes with that.
func TestBatchNext(t *testing.T) {
	b := Batch{Topic: "x", Records: []Record{{Offset: 3}, {Offset: 5}, {Offset: 6}}, gap: gap{6, 11}}
	for _, tt := range []struct {
		from, to int
		want     int64
	}{{0, 1, 4}, {0, 2, 6}, {1, 2, 6}, {0, 3, 11}, {1, 3, 11}, {2, 3, 11}} {
		cut := b
		cut.Records = b.Records[tt.from:tt.to]
		if got := cut.Next(); got != tt.want || cut.Last().Next() != tt.want {
			t.Errorf("records %d to %d: next is %d, then %d, want %d", tt.from, tt.to, got, cut.Last().Next(), tt.want)
		}
	}
	if got := (Batch{Records: []Record{{Offset: 0}}}).Next(); got != 1 {
		t.Errorf("without a gap: %d, want 1", got)
	}
}
