package logpipetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/logpipe/logpipe/pkg/flume"
)

// ChannelSuite is what every channel has to do. Run tests it.
type ChannelSuite struct {
	// Open opens a channel that keeps what it has in a folder. Its puts wait for
	// space for so long: whole seconds, or not at all.
	Open func(t testing.TB, dir string, capacity, transaction int, wait time.Duration) flume.Channel
	// Durable channels have what was inside when they are opened again.
	Durable bool
	// Mixed channels keep their events in several places: a take may be shorter
	// than there are events, and a put may find more room.
	Mixed bool
	// Bubble says that the channel works in testing/synctest.
	Bubble bool
}

// Run runs all tests of the suite.
func (s ChannelSuite) Run(t *testing.T) {
	t.Run("contents", s.contents)
	t.Run("concurrent", s.concurrent)
	t.Run("drain", s.drain)
	if !s.Mixed {
		t.Run("transactions", s.transactions)
		t.Run("rollback", s.rollback)
		t.Run("batches", s.batches)
		t.Run("together", s.together)
		t.Run("full", s.full)
		t.Run("waits", s.waits)
		t.Run("room", s.room)
		t.Run("room comes", s.roomComes)
		t.Run("cancel", s.cancel)
	}
	if s.Durable {
		t.Run("reopen", s.reopen)
	}
}

func (s ChannelSuite) open(t testing.TB, capacity, transaction int, wait time.Duration) flume.Channel {
	c := s.Open(t, t.TempDir(), capacity, transaction, wait)
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return c
}

// Events makes events of the words in a text.
func Events(text string) []flume.Event {
	var all []flume.Event
	for word := range strings.FieldsSeq(text) {
		all = append(all, flume.Event{Body: []byte(word)})
	}
	return all
}

func put(t testing.TB, c flume.Channel, text string) {
	t.Helper()
	if err := c.Put(t.Context(), Events(text)); err != nil {
		t.Fatalf("put %s: %v", text, err)
	}
}

// take takes up to max events and compares them with the words in want.
func take(t testing.TB, c flume.Channel, max int, want string) flume.Transaction {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), awaitLimit)
	defer cancel()
	tx, err := c.Take(ctx, max)
	if err != nil {
		t.Fatalf("take, wanting %s: %v", want, err)
	}
	var got []string
	for _, e := range tx.Events() {
		got = append(got, string(e.Body))
	}
	if text := strings.Join(got, " "); text != want {
		t.Fatalf("took %s, want %s", text, want)
	}
	return tx
}

func commit(t testing.TB, tx flume.Transaction) {
	t.Helper()
	if err := commitTake(tx); err != nil {
		t.Fatalf("commit: %v", err)
	}
}

func rollback(t testing.TB, tx flume.Transaction) {
	t.Helper()
	if err := tx.Rollback(); err != nil {
		t.Fatalf("rollback: %v", err)
	}
}

func (s ChannelSuite) transactions(t *testing.T) {
	c := s.open(t, 10, 4, 0)
	if c.MaxBatch() != 4 {
		t.Errorf("MaxBatch %d", c.MaxBatch())
	}
	put(t, c, "a b c")
	put(t, c, "d")
	put(t, c, "e f")
	if err := c.Put(t.Context(), Events("1 2 3 4 5")); err == nil || errors.Is(err, flume.ErrFull) {
		t.Errorf("a batch above transactionCapacity: %v", err)
	}
	if err := c.Put(t.Context(), nil); err != nil {
		t.Errorf("an empty batch: %v", err)
	}
	tx := take(t, c, 2, "a b")
	if c.Size() != 6 {
		t.Errorf("size %d with an open take", c.Size())
	}
	commit(t, tx)
	// No take has more than the channel's transaction has.
	commit(t, take(t, c, 9, "c d e f"))
	if c.Size() != 0 {
		t.Errorf("size %d at the end", c.Size())
	}
}

// contents holds that every byte of an event comes out, and that the slice of a
// put is the caller's again.
func (s ChannelSuite) contents(t *testing.T) {
	c := s.open(t, 100, 10, 0)
	var want []flume.Event
	for i := range 10 {
		e := flume.Event{Body: bytes.Repeat([]byte{byte(i), 0, 255}, i*i*3000)}
		for j := range i {
			e.Headers.Set(fmt.Sprintf("key %d\n", j), strings.Repeat("v\x00ü", j))
		}
		want = append(want, e)
	}
	batch := slices.Clone(want)
	if err := c.Put(t.Context(), batch); err != nil {
		t.Fatal(err)
	}
	clear(batch)
	for i := 0; i < len(want); {
		tx, err := c.Take(t.Context(), 4)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range tx.Events() {
			if !bytes.Equal(e.Body, want[i].Body) || !slices.Equal(e.Headers, want[i].Headers) {
				t.Fatalf("event %d is not what was put", i)
			}
			e.Headers.Set("more", "set by a sink")
			i++
		}
		commit(t, tx)
	}
}

func (s ChannelSuite) rollback(t *testing.T) {
	c := s.open(t, 100, 10, 0)
	put(t, c, "a b c d")
	put(t, c, "e f g h")
	rollback(t, take(t, c, 3, "a b c"))
	one := take(t, c, 2, "a b")
	two := take(t, c, 3, "c d e")
	three := take(t, c, 1, "f")
	rollback(t, two)
	rollback(t, one)
	again := take(t, c, 1, "a")
	commit(t, three)
	rollback(t, again)
	left := ""
	c.Drain()
	for {
		tx, err := c.Take(t.Context(), 10)
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range tx.Events() {
			left += string(e.Body)
		}
		commit(t, tx)
	}
	if left != "abcdegh" {
		t.Errorf("then took %s", left)
	}
}

// concurrent holds that each event comes once, those of one source in order
// when one sink takes them, whatever happens at the same time.
func (s ChannelSuite) concurrent(t *testing.T) {
	const sources, each = 4, 1000
	for _, takers := range []int{1, 3} {
		c := s.open(t, 50, 10, time.Second)
		ctx, cancel := context.WithTimeout(t.Context(), 3*awaitLimit)
		defer cancel()
		var puts, takes sync.WaitGroup
		for w := range sources {
			puts.Go(func() { putNumbered(ctx, t, c, w, each) })
		}
		var mu sync.Mutex
		seen := map[string]int{}
		last := map[string]string{}
		for r := range takers {
			takes.Go(func() {
				for n := 0; ; n++ {
					tx, err := takeAll(ctx, c, 7, 30, 1<<20)
					if err == io.EOF {
						return
					}
					if err != nil {
						t.Error(err)
						return
					}
					if n%5 == r {
						rollback(t, tx)
						continue
					}
					mu.Lock()
					for _, e := range tx.Events() {
						source, number, _ := strings.Cut(string(e.Body), " ")
						if takers == 1 && number <= last[source] {
							t.Errorf("source %s: %s after %s", source, number, last[source])
						}
						last[source] = number
						seen[string(e.Body)]++
					}
					mu.Unlock()
					if err := commitTake(tx); err != nil {
						t.Error(err)
					}
				}
			})
		}
		puts.Wait()
		c.Drain()
		takes.Wait()
		if len(seen) != sources*each {
			t.Fatalf("%d different events, want %d", len(seen), sources*each)
		}
		if c.Size() != 0 {
			t.Fatalf("size %d at the end", c.Size())
		}
		if n := slices.Max(slices.Collect(maps.Values(seen))); n != 1 {
			t.Fatalf("an event came %d times", n)
		}
	}
}

// reopen holds that what was committed is gone and that all else is there, in
// order, also what was in a take that was open.
func (s ChannelSuite) reopen(t *testing.T) {
	dir := t.TempDir()
	c := s.Open(t, dir, 100, 10, 0)
	again := func(size int) {
		t.Helper()
		if err := c.Close(); err != nil {
			t.Fatal(err)
		}
		c = s.Open(t, dir, 100, 10, 0)
		if c.Size() != size {
			t.Fatalf("size %d, want %d", c.Size(), size)
		}
	}
	again(0)
	put(t, c, "a b c d e f")
	put(t, c, "g h i")
	again(9)
	commit(t, take(t, c, 2, "a b"))
	take(t, c, 2, "c d")
	commit(t, take(t, c, 1, "e"))
	again(6)
	put(t, c, "j")
	tx := take(t, c, 2, "c d")
	again(7)
	if err := tx.Commit(); err == nil {
		t.Error("a take of a channel that was closed commits")
	}
	commit(t, take(t, c, 2, "c d"))
	commit(t, take(t, c, 9, "f g h i j"))
	again(0)
	put(t, c, "k")
	commit(t, take(t, c, 9, "k"))
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
}
