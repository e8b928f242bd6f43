package channel

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/logpipe/logpipe/pkg/channel/file"
	"github.com/logpipe/logpipe/pkg/flume"
	"github.com/logpipe/logpipe/pkg/logpipetest"
)

// newSpillable opens a channel in a folder with properties as `name=value`, and
// returns what it tells.
func newSpillable(t testing.TB, dir string, properties ...string) (*Spillable, *[]string) {
	t.Helper()
	return newSpillableOf(t, flume.Env{}, dir, properties...)
}

// newSpillableOf is newSpillable of a channel that has a name.
func newSpillableOf(t testing.TB, env flume.Env, dir string, properties ...string) (*Spillable, *[]string) {
	t.Helper()
	var p flume.Properties
	s := NewSpillable(&p).(*Spillable)
	for _, text := range append(properties, "checkpointDir="+filepath.Join(dir, "checkpoint"),
		"dataDirs="+filepath.Join(dir, "data"), "minimumRequiredSpace=0") {
		name, value, _ := strings.Cut(text, "=")
		q, _ := p.Lookup(name)
		if q == nil {
			t.Fatalf("no property %s", name)
		}
		if err := q.Assign(name, value); err != nil {
			t.Fatal(err)
		}
	}
	if all := s.Check(); len(all) > 0 {
		t.Fatal(all)
	}
	var said []string
	env.Logf = func(format string, args ...any) { said = append(said, fmt.Sprintf(format, args...)) }
	if err := s.Open(env); err != nil {
		t.Fatal(err)
	}
	return s, &said
}

// TestSpillableSuite runs the suite with all in memory, all on disk, and mixed.
func TestSpillableSuite(t *testing.T) {
	for _, where := range []string{"memory", "disk", "mixed"} {
		t.Run(where, func(t *testing.T) {
			logpipetest.ChannelSuite{Durable: where == "disk", Mixed: where == "mixed",
				Open: func(t testing.TB, dir string, capacity, transaction int, wait time.Duration) flume.Channel {
					inMemory, onDisk, timeout := 0, 0, 0
					switch where {
					case "memory":
						inMemory = capacity
					case "disk":
						onDisk = capacity
					case "mixed":
						inMemory, onDisk = capacity/2, capacity
					}
					if where != "mixed" {
						timeout = int(wait.Seconds())
					}
					s, _ := newSpillable(t, dir, fmt.Sprint("memoryCapacity=", inMemory), fmt.Sprint("overflowCapacity=", onDisk),
						fmt.Sprint("transactionCapacity=", transaction), fmt.Sprint("overflowTimeout=", timeout))
					return s
				}}.Run(t)
		})
	}
}

// TestSpillableOrder fills memory, then disk, then memory again: the events come
// in the order of the puts, and a rollback goes to its place.
func TestSpillableOrder(t *testing.T) {
	dir := t.TempDir()
	s, _ := newSpillable(t, dir, "memoryCapacity=4", "transactionCapacity=4", "overflowTimeout=0", "overflowDeactivationThreshold=50")
	put := func(text string, inMemory, onDisk int) {
		t.Helper()
		if err := s.Put(t.Context(), events(strings.Fields(text)...)); err != nil {
			t.Fatal(err)
		}
		if s.memory.Size() != inMemory || s.overflow.Size() != onDisk {
			t.Fatalf("%d events in memory, %d on disk, want %d and %d", s.memory.Size(), s.overflow.Size(), inMemory, onDisk)
		}
	}
	next := func(want string) flume.Transaction {
		t.Helper()
		tx, err := s.Take(t.Context(), 2)
		if err != nil {
			t.Fatal(err)
		}
		text := ""
		for _, e := range tx.Events() {
			text += string(e.Body)
		}
		if text != want {
			t.Fatalf("took %s, want %s", text, want)
		}
		return tx
	}
	put("a b c", 3, 0)
	put("d e", 3, 2)
	put("f", 3, 3) // not in front of what is on disk, and below the threshold
	one := next("ab")
	two := next("c")
	three := next("de")
	if err := three.Rollback(); err != nil {
		t.Fatal(err)
	}
	if err := two.Commit(); err != nil {
		t.Fatal(err)
	}
	put("g", 3, 3) // half of memory is free: it is used again
	if err := one.Rollback(); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"ab", "de", "f", "g"} {
		if err := next(want).Commit(); err != nil {
			t.Fatal(err)
		}
	}
	put("h i", 2, 0)
	put("j k l", 2, 3)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	// What was in memory is on disk now, behind the rest.
	s, said := newSpillable(t, dir, "memoryCapacity=4", "transactionCapacity=4", "overflowTimeout=0")
	left := drained(t, s)
	if left != "jklhi" || len(*said) != 1 {
		t.Errorf("took %s, told %v", left, *said)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestSpillableWithoutDisk touches no folder.
func TestSpillableWithoutDisk(t *testing.T) {
	dir := t.TempDir()
	s, _ := newSpillable(t, dir, "overflowCapacity=0")
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 || s.Folders() != nil {
		t.Errorf("%v %v %v", left, err, s.Folders())
	}
}

// TestSpillableSavesAll ends a channel of which both parts are full: what is in
// memory goes to disk all the same.
func TestSpillableSavesAll(t *testing.T) {
	dir := t.TempDir()
	settings := []string{"memoryCapacity=4", "overflowCapacity=4", "transactionCapacity=3", "overflowTimeout=0"}
	s, said := newSpillable(t, dir, settings...)
	for _, text := range []string{"a b", "c d", "e f", "g h"} {
		if err := s.Put(t.Context(), events(strings.Fields(text)...)); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Put(t.Context(), events("i")); !errors.Is(err, flume.ErrFull) {
		t.Fatalf("a full channel: %v", err)
	}
	tx, err := s.Take(t.Context(), 1)
	if err == nil {
		err = s.Save()
	}
	if err != nil {
		t.Fatal(err)
	}
	if s.Volatile() != 1 || s.Size() != 8 {
		t.Errorf("%d events, %d of them in memory", s.Size(), s.Volatile())
	}
	if err := tx.Rollback(); err != nil { // late
		t.Fatal(err)
	}
	if err := errors.Join(s.Close(), s.Close()); err != nil || len(*said) > 0 {
		t.Errorf("%v, told %v", err, *said)
	}
	s, _ = newSpillable(t, dir, settings...)
	if s.Size() != 8 || s.Volatile() != 0 {
		t.Errorf("%d events are left, %d of them in memory", s.Size(), s.Volatile())
	}
	if err := s.overflow.Put(t.Context(), events("i")); !errors.Is(err, flume.ErrFull) {
		t.Errorf("a later start minds the capacity no more: %v", err)
	}
	left := drained(t, s)
	if err := s.Close(); err != nil || left != "efghbcda" {
		t.Errorf("took %s: %v", left, err)
	}
}

// TestSpillableLeavesOthersOverflow opens channels without overflow where another
// channel has its own, as all do whose folders nobody names.
func TestSpillableLeavesOthersOverflow(t *testing.T) {
	dir := t.TempDir()
	of := func(agent, name string, overflow int) *Spillable {
		s, _ := newSpillableOf(t, flume.Env{Agent: agent, Name: name}, dir, "memoryCapacity=4", "transactionCapacity=4", "overflowTimeout=0",
			fmt.Sprintf("overflowCapacity=%d", overflow))
		return s
	}
	first := of("a1", "c1", 9)
	for range 2 {
		if err := first.Put(t.Context(), events("a", "b", "c")); err != nil {
			t.Fatal(err)
		}
	}
	check := func() {
		t.Helper()
		for _, s := range []*Spillable{of("a1", "c2", 0), of("a2", "c1", 0)} {
			if err := s.Put(t.Context(), events("d")); err != nil || s.Durable() || s.Folders() != nil {
				t.Errorf("%v, durable %v, folders %v", err, s.Durable(), s.Folders())
			}
			if left := drained(t, s); left != "d" {
				t.Errorf("took %s", left)
			}
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		}
	}
	check()
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	check()
	own := of("a1", "c1", 0)
	if left := drained(t, own); len(left) != 6 {
		t.Errorf("took %s of its own", left)
	}
	if err := own.Close(); err != nil {
		t.Error(err)
	}
}

// TestSpillableDrainsOldOverflow opens a channel whose overflowCapacity was not 0
// before: what is on disk comes, with the rest behind it, and nothing is left
// there in the end, not even the folders taken.
func TestSpillableDrainsOldOverflow(t *testing.T) {
	dir := t.TempDir()
	spilling := []string{"memoryCapacity=4", "overflowCapacity=9", "transactionCapacity=4", "overflowTimeout=0"}
	without := []string{"memoryCapacity=4", "overflowCapacity=0", "transactionCapacity=4", "overflowTimeout=0"}
	s, _ := newSpillable(t, dir, spilling...)
	for _, text := range []string{"a b c d", "e f g", "h i"} {
		if err := s.Put(t.Context(), events(strings.Fields(text)...)); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.overflow.Close(); err != nil { // memory is lost, as with a kill
		t.Fatal(err)
	}
	s, said := newSpillable(t, dir, without...)
	if s.Size() != 5 || !s.Durable() || len(s.Holds()) != 2 || s.Folders() != nil || len(*said) != 1 {
		t.Fatalf("%d events, durable %v, holds %v, told %v", s.Size(), s.Durable(), s.Holds(), *said)
	}
	if err := s.Put(t.Context(), events("j", "k")); err != nil {
		t.Fatal(err)
	}
	if err := s.Put(t.Context(), events("l", "m", "n")); !errors.Is(err, flume.ErrFull) || s.overflow.Size() != 5 {
		t.Fatalf("%v, %d on disk: nothing more goes there", err, s.overflow.Size())
	}
	tx, err := s.Take(t.Context(), 3)
	if err == nil {
		err = tx.Commit()
	}
	if err == nil {
		err = s.Close() // memory goes to disk once more
	}
	if err != nil {
		t.Fatal(err)
	}
	s, _ = newSpillable(t, dir, without...)
	if left := drained(t, s); left != "hijk" {
		t.Errorf("took %s", left)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		s, said = newSpillable(t, dir, without...)
		if s.Durable() || s.Folders() != nil || s.Holds() != nil || len(*said) > 0 {
			t.Errorf("holds %v for nothing, told %v", s.Holds(), *said)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	// The log of another channel is none of its business.
	var p flume.Properties
	other := file.New(&p).(*file.Channel)
	for name, value := range map[string]string{"checkpointDir": "checkpoint", "dataDirs": "data"} {
		q, _ := p.Lookup(name)
		if err := q.Assign(name, filepath.Join(dir, value)); err != nil {
			t.Fatal(err)
		}
	}
	if err := other.Open(flume.Env{}); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(other.Put(t.Context(), events("o")), other.Close()); err != nil {
		t.Fatal(err)
	}
	if s, _ = newSpillable(t, dir, without...); s.Size() != 0 || s.Durable() {
		t.Errorf("has %d events of a file channel", s.Size())
	}
}

// drained takes all that is left and joins the bodies.
func drained(t *testing.T, c flume.Channel) (bodies string) {
	t.Helper()
	for c.Drain(); ; {
		tx, err := c.Take(t.Context(), 4)
		if err == io.EOF {
			return bodies
		}
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range tx.Events() {
			bodies += string(e.Body)
		}
		if err := tx.Commit(); err != nil {
			t.Fatal(err)
		}
	}
}
