package file

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/logpipe/logpipe/pkg/flume"
	"github.com/logpipe/logpipe/pkg/logpipetest"
)

// retain takes up to max events and retains them.
func retain(t testing.TB, c *Channel, max int) (behind uint64, words string) {
	t.Helper()
	tx, words := take(t, c, max)
	behind, err := tx.(flume.Retainer).Retain()
	if err != nil {
		t.Fatal(err)
	}
	return behind, words
}

// Retained events stay inside until they are committed; a kill brings those again
// that are not, in order, with a checkpoint and without.
func TestRetain(t *testing.T) {
	for _, checkpoint := range []bool{false, true} {
		dir := t.TempDir()
		c, _ := open(t, dir, "maxFileSize=300")
		put(t, c, "a b c d")
		put(t, c, "e f g")
		at, _ := retain(t, c, 3)
		retain(t, c, 3) // d e f, of two puts
		if n := c.Size(); n != 7 {
			t.Errorf("%d inside", n)
		}
		if err := c.CommitRetained(at - 1); err != nil {
			t.Fatal(err)
		}
		if n := c.Size(); n != 5 || len(c.retained) != 1 {
			t.Errorf("%d inside, retained %v", n, c.retained)
		}
		if checkpoint {
			if err := c.checkpoint(); err != nil {
				t.Fatal(err)
			}
		}
		again, _ := open(t, copyFolder(t, dir), "maxFileSize=300")
		if got := rest(t, again); got != "c d e f g" {
			t.Errorf("after a kill: %s", got)
		}
		c.ReturnRetained()
		if got := rest(t, c); got != "c d e f g" {
			t.Errorf("returned: %s", got)
		}
	}
}

// A transaction that is retained is over.
func TestRetainOnce(t *testing.T) {
	c, _ := open(t, t.TempDir())
	defer c.Close()
	put(t, c, "a b")
	tx, _ := take(t, c, 2)
	if _, err := tx.(flume.Retainer).Retain(); err != nil {
		t.Fatal(err)
	}
	if _, err := tx.(flume.Retainer).Retain(); !errors.Is(err, errSettled) {
		t.Errorf("retained again: %v", err)
	}
	if err := errors.Join(tx.Commit()); !errors.Is(err, errSettled) {
		t.Errorf("committed: %v", err)
	}
}

// The end of the channel comes when all that is inside is retained.
func TestRetainDrained(t *testing.T) {
	c, _ := open(t, t.TempDir())
	defer c.Close()
	put(t, c, "a b")
	retain(t, c, 1)
	retain(t, c, 1)
	ended := make(chan error, 1)
	go func() {
		_, err := c.Take(t.Context(), 1)
		ended <- err
	}()
	c.Drain()
	if err := <-ended; err != io.EOF {
		t.Errorf("a drained channel with retained events: %v", err)
	}
	if n := c.Size(); n != 2 {
		t.Errorf("%d inside", n)
	}
}

// Retained spans that touch are one, up to a size, so that a window of millions of
// events is a few spans.
func TestRetainMerges(t *testing.T) {
	q := queue{synced: mark{next: 1000}}
	for range 100 {
		s := q.picked(q.pick(10), 10, place{}, place{})
		q.end(s)
		q.retain(s, 500)
	}
	if len(q.retained) != 2 || q.retainedEvents() != 1000 || len(q.open) != 0 || q.count(1000) != 1000 || q.lowest() != 0 {
		t.Errorf("%+v", q)
	}
	s, ok := q.oldest(1<<64-1, 700)
	q.settle(s)
	if !ok || s.from != 0 || s.to != 500 || q.lowest() != 500 {
		t.Errorf("%v, left %+v", s, q)
	}
	if s, ok = q.oldest(600, 700); !ok || s.from != 500 || s.to != 600 {
		t.Errorf("%v", s)
	}
	if s, ok = q.oldest(500, 700); ok {
		t.Errorf("%v", s)
	}
}

// A put that finds no room because events are retained gets some, and that is told.
func TestRetainStalled(t *testing.T) {
	for _, wait := range []string{"keep-alive=60", "keep-alive=0"} {
		dir := t.TempDir()
		c, said := open(t, dir, "capacity=8", "transactionCapacity=4", wait)
		put(t, c, "a b c d")
		put(t, c, "e f g")
		retain(t, c, 4)
		retain(t, c, 4)
		stored := make(chan error, 1)
		go func() {
			err := c.Put(t.Context(), logpipetest.Events("h i"))
			for ; errors.Is(err, flume.ErrFull) && t.Context().Err() == nil; time.Sleep(time.Millisecond) { // as a source does
				err = c.Put(t.Context(), logpipetest.Events("h i"))
			}
			stored <- err
		}()
		if _, got := retain(t, c, 4); got != "h i" {
			t.Errorf("%s: took %q", wait, got)
		}
		if err := <-stored; err != nil {
			t.Errorf("%s: put: %v", wait, err)
		}
		if n := c.Size(); n != 7 {
			t.Errorf("%s: %d inside", wait, n)
		}
		if said.count("a sink holds what it makes") != 1 {
			t.Errorf("%s: told %q", wait, said.lines)
		}
		if n := c.env.Counters.Values()["EventUnretainedCount"]; n != 2 {
			t.Errorf("%s: %d unretained", wait, n)
		}
		again, _ := open(t, copyFolder(t, dir), "capacity=8", "transactionCapacity=4")
		if got := rest(t, again); got != "c d e f g h i" {
			t.Errorf("%s: after a kill: %s", wait, got)
		}
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	}
}

// Nothing is given up while there is something to take, or room.
func TestRetainNotStalled(t *testing.T) {
	c, _ := open(t, t.TempDir(), "capacity=8", "transactionCapacity=4", "keep-alive=0")
	defer c.Close()
	put(t, c, "a b c d")
	retain(t, c, 4)
	put(t, c, "e f")
	if err := c.Put(t.Context(), logpipetest.Events("g h i")); !errors.Is(err, flume.ErrFull) {
		t.Fatalf("put: %v", err)
	}
	if at, _ := retain(t, c, 4); c.CommitRetained(at) != nil { // and so there is room
		t.Error("not committed")
	}
	put(t, c, "j")
	retain(t, c, 1)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if _, err := c.Take(ctx, 1); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("take: %v", err)
	}
	if n := c.Size(); n != 1 {
		t.Errorf("%d inside", n)
	}
}

// Where the disk is full of retained events, some are committed too, until a
// segment can be deleted.
func TestRetainFullDisk(t *testing.T) {
	c, said := open(t, t.TempDir(), "maxFileSize=200", "keep-alive=60")
	defer c.Close()
	c.mu.Lock()
	c.capacity = 8 // a quarter of it goes at once
	c.mu.Unlock()
	for i := range 4 {
		put(t, c, fmt.Sprintf("event-%d", i))
		retain(t, c, 1)
	}
	c.tellSpace(&noSpaceError{"full"})
	taken := make(chan error, 1)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	go func() {
		_, err := c.Take(ctx, 1)
		taken <- err
	}()
	for deadline := time.Now().Add(time.Minute); c.Size() == 4 && time.Now().Before(deadline); time.Sleep(time.Millisecond) {
	}
	cancel()
	<-taken
	if said.count("the disk has no room for more: the oldest 2 are taken") != 1 {
		t.Errorf("told %q", said.lines)
	}
}

// noted is the note of a channel in a folder.
func noted(t *testing.T, dir string) string {
	t.Helper()
	c, _ := open(t, dir)
	defer c.Close()
	return string(c.Note())
}

// A note counts for what had been taken when it was stored, and for no other log.
func TestNote(t *testing.T) {
	dir := t.TempDir()
	c, _ := open(t, dir)
	put(t, c, "a b c d e")
	if c.Note() != nil {
		t.Error("a note before the first")
	}
	first, _ := retain(t, c, 2)
	tx, _ := take(t, c, 2)
	for _, note := range []string{"one", "two", "three"} { // more than there are slots
		if err := c.StoreNote([]byte(note)); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.CommitRetained(first); err != nil {
		t.Fatal(err)
	}
	if got := noted(t, copyFolder(t, dir)); got != "three" {
		t.Errorf("noted %q", got)
	}
	second, err := tx.(flume.Retainer).Retain()
	if err = errors.Join(err, c.CommitRetained(second)); err != nil {
		t.Fatal(err)
	}
	if c.Note() != nil || noted(t, copyFolder(t, dir)) != "" {
		t.Error("a note of events that are committed")
	}
	if got := rest(t, c); got != "e" {
		t.Errorf("left %s", got)
	}
	if err := c.StoreNote([]byte("late")); !errors.Is(err, errClosed) {
		t.Errorf("stored in a closed channel: %v", err)
	}
	if err := (&note{}).store([]byte(strings.Repeat("x", noteMost+1)), 0); err == nil {
		t.Error("a note larger than its slot")
	}
}

// A note that is cut short leaves the one before, and one of another log is none.
func TestNoteDamaged(t *testing.T) {
	dir := t.TempDir()
	c, _ := open(t, dir)
	defer c.Close()
	put(t, c, "a b c d e")
	retain(t, c, 2)
	for _, note := range []string{"one", "two"} {
		if err := c.StoreNote([]byte(note)); err != nil {
			t.Fatal(err)
		}
	}
	torn := copyFolder(t, dir)
	file := filepath.Join(torn, "checkpoint", noteName)
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	b[noteHead+1] ^= 1 // of the second
	if err := os.WriteFile(file, b, 0o666); err != nil {
		t.Fatal(err)
	}
	if got := noted(t, torn); got != "one" {
		t.Errorf("of a slot that is cut short: %q", got)
	}
	other := t.TempDir()
	o, _ := open(t, other)
	put(t, o, "a b c d e")
	if err := o.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(other, "checkpoint", noteName), b, 0o666); err != nil {
		t.Fatal(err)
	}
	if got := noted(t, other); got != "" {
		t.Errorf("of another channel: %q", got)
	}
}

func FuzzRetained(f *testing.F) {
	f.Add(encodeNote(1, 2, 3, []byte("text")))
	f.Add(encodeNote(1, 2, 3, nil)[:30])
	f.Fuzz(func(t *testing.T, b []byte) {
		generation, channel, behind, text, ok := decodeNote(b)
		if !ok {
			return
		}
		again := encodeNote(generation, channel, behind, text)
		if len(again) > len(b) || string(again) != string(b[:len(again)]) {
			t.Errorf("%q is read as %q", b, again)
		}
	})
}
