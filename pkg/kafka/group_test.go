package kafka

import (
	"errors"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/logpipe/logpipe/pkg/broker"
)

// commitUpTo reads n records, commits them, and leaves.
func commitUpTo(t *testing.T, cfg Config, cc ConsumerConfig, n int) []string {
	t.Helper()
	cc.MaxRecords = int64(n)
	c := consumer(t, cfg, cc)
	var got []string
	for {
		b, err := c.Read(soon(t))
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, values(b.Records)...)
		if err := c.Commit(soon(t), b); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	return got
}

func TestGroupResumes(t *testing.T) {
	cfg, _ := cluster(t, broker.Config{})
	create(t, cfg, "x", 1)
	produce(t, cfg, "x", 0, 100)
	cc := ConsumerConfig{Topics: []string{"x"}, Group: "g", From: Beginning, ExitAtEnd: true}
	if got := commitUpTo(t, cfg, cc, 30); !slices.Equal(got, numbered(0, 30)) {
		t.Errorf("first: %q", got)
	}
	// From counts only where nothing is committed, even where it would be wrong.
	cc.From = AtOffset(1000)
	if got := commitUpTo(t, cfg, cc, 20); !slices.Equal(got, numbered(30, 50)) {
		t.Errorf("second: %q", got)
	}
	// What was read and not committed comes again.
	c := consumer(t, cfg, cc)
	if _, err := c.Read(soon(t)); err != nil {
		t.Fatal(err)
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	if got := commitUpTo(t, cfg, cc, 0); !slices.Equal(got, numbered(50, 100)) {
		t.Errorf("third: %q", got)
	}
	if got := commitUpTo(t, cfg, cc, 0); len(got) != 0 {
		t.Errorf("after all: %q", got)
	}
}

// A group that starts at the end keeps that place before its first commit: the
// records that come while nobody reads are not skipped.
func TestGroupKeepsItsStart(t *testing.T) {
	cfg, _ := cluster(t, broker.Config{})
	create(t, cfg, "x", 1)
	produce(t, cfg, "x", 0, 10)
	cc := ConsumerConfig{Topics: []string{"x"}, Group: "g", ExitAtEnd: true}
	if got := commitUpTo(t, cfg, cc, 0); len(got) != 0 {
		t.Errorf("from the end: %q", got)
	}
	produce(t, cfg, "x", 10, 20)
	if got := commitUpTo(t, cfg, cc, 0); !slices.Equal(got, numbered(10, 20)) {
		t.Errorf("after the pause: %q", got)
	}
}

func TestGroupAtTheWrongOffset(t *testing.T) {
	cfg, _ := cluster(t, broker.Config{})
	create(t, cfg, "x", 1)
	if _, err := NewConsumer(soon(t), cfg, ConsumerConfig{Topics: []string{"x"}, Group: "g", From: AtOffset(5)}); err == nil || !strings.Contains(err.Error(), "past the end") {
		t.Errorf("%v", err)
	}
}

// Two members share the partitions; a member that a rebalance took a partition
// from may not commit it any more.
func TestGroupShares(t *testing.T) {
	t.Parallel()
	cfg, _ := cluster(t, broker.Config{})
	create(t, cfg, "x", 2)
	produce(t, cfg, "x", 0, 1000)
	cc := ConsumerConfig{Topics: []string{"x"}, Group: "g", From: Beginning}
	first := consumer(t, cfg, cc)
	old, err := first.Read(soon(t))
	if err != nil {
		t.Fatal(err)
	}
	second := consumer(t, cfg, cc)
	type answer struct {
		Batch
		error
	}
	read := func(c *Consumer) chan answer {
		out := make(chan answer)
		ctx := soon(t)
		go func() {
			for {
				b, err := c.Read(ctx)
				select {
				case out <- answer{b, err}:
				case <-ctx.Done():
					return
				}
				if err != nil {
					return
				}
			}
		}()
		return out
	}
	fromFirst, fromSecond := read(first), read(second)
	next := func(from chan answer) Batch {
		t.Helper()
		var a answer
		select {
		case a = <-from:
		case <-soon(t).Done():
			t.Fatal("no batch comes")
		}
		if a.error != nil {
			t.Fatal(a.error)
		}
		return a.Batch
	}
	theirs := next(fromSecond) // so the group has a new generation
	if err := first.Commit(soon(t), old); !errors.Is(err, ErrRevoked) {
		t.Errorf("commit of an old generation: %v, want ErrRevoked", err)
	}
	if err := second.Commit(soon(t), theirs); err != nil {
		t.Errorf("commit of the new member: %v", err)
	}
	// It may have handed out all that there was in the old generation.
	produce(t, cfg, "x", 1000, 1100)
	mine := next(fromFirst)
	for mine.session.over() || mine.session.generation == old.session.generation {
		mine = next(fromFirst)
	}
	if mine.Partition == theirs.Partition {
		t.Errorf("both members read partition %d", mine.Partition)
	}
}
