package logpipetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/logpipe/logpipe/pkg/flume"
)

// commitTake commits a take, and lets the memory of its events be used again
// where the channel can do that.
func commitTake(tx flume.Transaction) error {
	err := tx.Commit()
	if r, ok := tx.(flume.Recycler); ok && err == nil {
		r.Recycle()
	}
	return err
}

// putBatches puts batch after batch as sources do, together where the channel
// offers that. It returns how many events are stored.
func putBatches(ctx context.Context, c flume.Channel, events []flume.Event, size int) (stored int, err error) {
	if b, ok := c.(flume.BatchPutter); ok {
		for stored < len(events) && err == nil {
			var n int
			n, err = b.PutAll(ctx, events[stored:], size)
			stored += n
		}
		return stored, err
	}
	for stored < len(events) {
		n := min(size, len(events)-stored)
		if err := c.Put(ctx, events[stored:stored+n]); err != nil {
			return stored, err
		}
		stored += n
	}
	return stored, nil
}

// takeAll takes batches of that size together, where the channel offers that.
func takeAll(ctx context.Context, c flume.Channel, batch, most, bytes int) (flume.Transaction, error) {
	if t, ok := c.(flume.BatchTaker); ok {
		return t.TakeAll(ctx, batch, most, bytes)
	}
	return c.Take(ctx, batch)
}

// inBlock makes events of texts that share a block.
func inBlock(blocks *flume.Blocks, texts ...string) []flume.Event {
	var all []byte
	for _, text := range texts {
		all = append(all, text...)
	}
	block := blocks.Copy(all)
	var events []flume.Event
	rest := block.Bytes
	for _, text := range texts {
		events = append(events, flume.Event{Body: rest[:len(text):len(text)]})
		rest = rest[len(text):]
	}
	block.Lend(events)
	return events
}

// batches holds what channels offer beside Put and Take: several batches
// together.
func (s ChannelSuite) batches(t *testing.T) {
	c := s.open(t, 10, 4, 0)
	if b, ok := c.(flume.BatchPutter); ok {
		if n, err := b.PutAll(t.Context(), Events("1 2 3 4 5"), 5); n != 0 || err == nil || errors.Is(err, flume.ErrFull) {
			t.Errorf("batches above transactionCapacity: %d stored, %v", n, err)
		}
	}
	if b, ok := c.(flume.BatchPutter); ok {
		// What finds space is known at once, however long the rest has to wait.
		n, err := b.PutAll(t.Context(), Events("a b c d e f g h i j k"), 3)
		if n != 9 || err != nil {
			t.Fatalf("%d events of 11 are stored at once where 9 fit, %v", n, err)
		}
		commit(t, take(t, c, 4, "a b c d"))
		commit(t, take(t, c, 4, "e f g h"))
		commit(t, take(t, c, 4, "i"))
	}
	n, err := putBatches(t.Context(), c, Events("a b c d e f g h i j k"), 3)
	if n != 9 || !errors.Is(err, flume.ErrFull) {
		t.Fatalf("%d events of 11 are stored where 9 fit, %v", n, err)
	}
	next := 'a'
	for _, max := range []int{2, 9, 1} {
		tx, err := c.Take(t.Context(), max)
		if err != nil {
			t.Fatal(err)
		}
		if want := min(max, 4); len(tx.Events()) != want {
			t.Errorf("a take of %d has %d events", max, len(tx.Events()))
		}
		for _, e := range tx.Events() {
			if string(e.Body) != string(next) {
				t.Errorf("took %s, want %c", e.Body, next)
			}
			next++
		}
		if err := commitTake(tx); err != nil {
			t.Fatal(err)
		}
	}
	if n, err := putBatches(t.Context(), c, Events("j k l"), 2); n != 3 || err != nil {
		t.Fatalf("%d events of 3 are stored, %v", n, err)
	}
	commit(t, take(t, c, 4, "h i j k"))
	commit(t, take(t, c, 4, "l"))
}

// together holds what a take of several batches takes.
func (s ChannelSuite) together(t *testing.T) {
	all := s.open(t, 10, 4, 0)
	c, ok := all.(flume.BatchTaker)
	if !ok {
		t.Skip("the channel offers no take of several batches")
	}
	if _, err := putBatches(t.Context(), all, Events("a b c d e f g h i j"), 2); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		batch, most, bytes int
		want               string
	}{
		{1, 3, 100, "a b c"},
		{2, 9, 1, "a b"},         // a batch has any number of bytes
		{1, 9, 2, "a b|a"},       // others do not
		{3, 9, 100, "a b c d e"}, // half of the capacity is left to the sources
		{9, 9, 1, "a b c d"},     // a batch is one of the channel
		{1, 1, 1, "a"},           //
		{4, 2, 100, "a b c d"},   // what is beyond a batch is never less
	} {
		tx, err := c.TakeAll(t.Context(), test.batch, test.most, test.bytes)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, e := range tx.Events() {
			got = append(got, string(e.Body))
		}
		if !slices.Contains(strings.Split(test.want, "|"), strings.Join(got, " ")) {
			t.Errorf("%+v: took %q", test, got)
		}
		rollback(t, tx)
	}
	tx, err := c.TakeAll(t.Context(), 1, 5, 100)
	if err != nil {
		t.Fatal(err)
	}
	if err := commitTake(tx); err != nil {
		t.Fatal(err)
	}
	if n, err := putBatches(t.Context(), all, Events("k l m n o p"), 2); n != 4 || !errors.Is(err, flume.ErrFull) {
		t.Errorf("%d events are stored where 5 fit, %v", n, err)
	}
}

// putNumbered puts n events of a source in batches of ten, some of them together.
func putNumbered(ctx context.Context, t testing.TB, c flume.Channel, source, n int) {
	var blocks flume.Blocks
	for i := 0; i < n; {
		count := min(10*(1+i/10%4), n-i)
		var texts []string
		for j := range count {
			texts = append(texts, fmt.Sprintf("%d %06d", source, i+j+1))
		}
		for events := inBlock(&blocks, texts...); len(events) > 0; {
			stored, err := putBatches(ctx, c, events, 10)
			if err != nil && !errors.Is(err, flume.ErrFull) {
				t.Error(err)
				return
			}
			events = events[stored:]
		}
		i += count
	}
}
