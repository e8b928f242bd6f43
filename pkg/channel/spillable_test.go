package channel

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/logpipe/logpipe/pkg/flume"
	"github.com/logpipe/logpipe/pkg/logpipetest"
)

// newSpillable opens a channel in a folder with properties as `name=value`, and
// returns what it tells.
func newSpillable(t testing.TB, dir string, properties ...string) (*Spillable, *[]string) {
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
	if err := s.Open(flume.Env{Logf: func(format string, args ...any) { said = append(said, fmt.Sprintf(format, args...)) }}); err != nil {
		t.Fatal(err)
	}
	return s, &said
}

// TestSpillableSuite runs the suite with all in memory, all on disk, and mixed.
func TestSpillableSuite(t *testing.T) {
	for _, where := range []string{"memory", "disk", "mixed"} {
		t.Run(where, func(t *testing.T) {
			logpipetest.ChannelSuite{Durable: where == "disk", Mixed: where == "mixed",
				Open: func(t testing.TB, dir string, capacity, transaction int, wait bool) flume.Channel {
					inMemory, onDisk, timeout := 0, 0, 0
					switch where {
					case "memory":
						inMemory = capacity
					case "disk":
						onDisk = capacity
					case "mixed":
						inMemory, onDisk = capacity/2, capacity
					}
					if wait && where != "mixed" {
						timeout = 1
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
	left := ""
	for s.Drain(); ; {
		tx, err := s.Take(t.Context(), 4)
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range tx.Events() {
			left += string(e.Body)
		}
		if err := tx.Commit(); err != nil {
			t.Fatal(err)
		}
	}
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
