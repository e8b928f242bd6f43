package logpipetest

import (
	"context"
	"errors"
	"fmt"
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
		return b.PutAll(ctx, events, size)
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

// takeNow takes without waiting where the channel offers that.
func takeNow(ctx context.Context, c flume.Channel, max int) (flume.Transaction, error) {
	if t, ok := c.(flume.TryTaker); ok {
		if tx := t.TryTake(max); tx != nil {
			return tx, nil
		}
	}
	return c.Take(ctx, max)
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
// together, and a take that does not wait.
func (s ChannelSuite) batches(t *testing.T) {
	c := s.open(t, 10, 4, false)
	if try, ok := c.(flume.TryTaker); ok {
		if tx := try.TryTake(1); tx != nil {
			t.Errorf("took %d events from an empty channel", len(tx.Events()))
		}
	}
	if b, ok := c.(flume.BatchPutter); ok {
		if n, err := b.PutAll(t.Context(), Events("1 2 3 4 5"), 5); n != 0 || err == nil || errors.Is(err, flume.ErrFull) {
			t.Errorf("batches above transactionCapacity: %d stored, %v", n, err)
		}
	}
	n, err := putBatches(t.Context(), c, Events("a b c d e f g h i j k"), 3)
	if n != 9 || !errors.Is(err, flume.ErrFull) {
		t.Fatalf("%d events of 11 are stored where 9 fit, %v", n, err)
	}
	next := 'a'
	for _, max := range []int{2, 9, 1} {
		tx, err := takeNow(t.Context(), c, max)
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
