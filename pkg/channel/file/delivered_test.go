package file

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/logpipe/logpipe/pkg/flume"
	"github.com/logpipe/logpipe/pkg/logpipetest"
)

// thisBoot is the boot id of tests.
const thisBoot = "3f7c9c1e-9a52-4d3f-8f1d-0c6a5f3f0a77"

// openBooted opens a channel in a run of the system; synced counts how often all
// was brought to disk.
func openBooted(t *testing.T, dir, boot string, synced *int) *Channel {
	t.Helper()
	c := configure(t, dir, "capacity=100", "transactionCapacity=10")
	c.boot, c.syncAll = func() string { return boot }, func() { *synced++ }
	if err := c.Open(flume.Env{Logf: t.Logf}); err != nil {
		t.Fatal(err)
	}
	return c
}

// takenAll are the bodies that are left in a channel.
func takenAll(t *testing.T, c *Channel) string {
	t.Helper()
	c.Drain()
	var all []string
	for c.Size() > 0 {
		tx, err := c.Take(t.Context(), 10)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range tx.Events() {
			all = append(all, string(e.Body))
		}
		if err := tx.Commit(); err != nil {
			t.Fatal(err)
		}
	}
	return strings.Join(all, " ")
}

// TestDelivered kills a channel whose take has delivered some of its batches, and
// looks what comes again.
func TestDelivered(t *testing.T) {
	other := strings.Replace(thisBoot, "3", "4", 1)
	for _, test := range []struct {
		name, boot string
		use        func(tx flume.Transaction, note func(int))
		again      string
		syncs      int
	}{
		{"nothing was delivered", thisBoot, func(flume.Transaction, func(int)) {}, "a b c d e f g h", 0},
		{"two batches", thisBoot, func(_ flume.Transaction, note func(int)) { note(2); note(4) }, "e f g h", 1},
		{"two batches and the power failed", other, func(_ flume.Transaction, note func(int)) { note(2); note(4) }, "a b c d e f g h", 0},
		{"no boot id", "", func(_ flume.Transaction, note func(int)) { note(4) }, "a b c d e f g h", 0},
		{"taken back", thisBoot, func(_ flume.Transaction, note func(int)) { note(4); note(0) }, "a b c d e f g h", 0},
		{"rolled back", thisBoot, func(tx flume.Transaction, note func(int)) { note(4); tx.Rollback() }, "a b c d e f g h", 0},
		{"committed", thisBoot, func(tx flume.Transaction, note func(int)) { note(4); tx.Commit() }, "g h", 0},
		{"all batches", thisBoot, func(_ flume.Transaction, note func(int)) { note(6) }, "g h", 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			dir, synced := t.TempDir(), 0
			c := openBooted(t, dir, thisBoot, &synced)
			if err := c.Put(t.Context(), logpipetest.Events("a b c d e f g h")); err != nil {
				t.Fatal(err)
			}
			tx, err := c.TakeAll(t.Context(), 2, 6, 1000)
			if err != nil || len(tx.Events()) != 6 {
				t.Fatalf("took %v, %v", tx, err)
			}
			test.use(tx, func(n int) {
				if err := tx.(flume.Witness).Delivered(n); err != nil {
					t.Fatal(err)
				}
			})
			killed := copyOf(t, dir)
			defer c.Close()
			again := openBooted(t, killed, test.boot, &synced)
			if got := takenAll(t, again); got != test.again || synced != test.syncs {
				t.Errorf("%q comes again, behind %d syncs", got, synced)
			}
			if err := again.Close(); err != nil {
				t.Fatal(err)
			}
			last := openBooted(t, killed, thisBoot, &synced)
			defer last.Close()
			if last.Size() != 0 || synced != test.syncs {
				t.Errorf("%d events come a third time, behind %d syncs", last.Size(), synced)
			}
		})
	}
}

// copyOf is a copy of the folders, as a kill leaves them.
func copyOf(t *testing.T, dir string) string {
	t.Helper()
	to := t.TempDir()
	if err := os.CopyFS(to, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	return to
}

// TestDeliveredOfAnotherChannel makes a channel anew in a folder where a note of
// another one stayed.
func TestDeliveredOfAnotherChannel(t *testing.T) {
	dir, synced := t.TempDir(), 0
	c := openBooted(t, dir, thisBoot, &synced)
	if err := c.Put(t.Context(), logpipetest.Events("a b c d")); err != nil {
		t.Fatal(err)
	}
	tx, err := c.TakeAll(t.Context(), 2, 4, 1000)
	if err != nil {
		t.Fatal(err)
	}
	if err := tx.(flume.Witness).Delivered(4); err != nil {
		t.Fatal(err)
	}
	killed := copyOf(t, dir)
	defer c.Close()
	if err := errors.Join(os.RemoveAll(filepath.Join(killed, "data")), os.Remove(filepath.Join(killed, "checkpoint", checkpointName))); err != nil {
		t.Fatal(err)
	}
	again := openBooted(t, killed, thisBoot, &synced)
	defer again.Close()
	if err := again.Put(t.Context(), logpipetest.Events("e f g h i")); err != nil {
		t.Fatal(err)
	}
	if got := takenAll(t, again); got != "e f g h i" {
		t.Errorf("%q is inside", got)
	}
}

// TestManyTakesAtOnce has more takes open than can note something: the others have
// one batch each.
func TestManyTakesAtOnce(t *testing.T) {
	synced := 0
	c := openBooted(t, t.TempDir(), thisBoot, &synced)
	defer c.Close()
	for n := range 10 {
		if err := c.Put(t.Context(), logpipetest.Events(strings.Repeat(fmt.Sprint(n, " "), 9))); err != nil {
			t.Fatal(err)
		}
	}
	var open []flume.Transaction
	for n := range noteSlots + 2 {
		tx, err := c.TakeAll(t.Context(), 2, 3, 1000)
		if err != nil {
			t.Fatal(err)
		}
		want := 3
		if n >= noteSlots {
			want = 2
		}
		if len(tx.Events()) != want {
			t.Errorf("take %d has %d events", n, len(tx.Events()))
		}
		open = append(open, tx)
	}
	for _, tx := range open {
		if err := tx.Commit(); err != nil {
			t.Fatal(err)
		}
	}
	if tx, err := c.TakeAll(t.Context(), 2, 3, 1000); err != nil || len(tx.Events()) != 3 {
		t.Errorf("took %v, %v behind the others", tx, err)
	}
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	for range 2 * noteSlots {
		if tx, err := c.TakeAll(cancelled, 2, 3, 1000); err == nil {
			tx.Rollback()
		}
	}
	if got := len(c.delivered.free); got != noteSlots-1 {
		t.Errorf("%d slots are free", got)
	}
}

// TestDamagedNotes opens a channel with notes that are no notes.
func TestDamagedNotes(t *testing.T) {
	n := &delivered{boot: thisBoot, channel: 7}
	good := n.encode(3, 9)
	if from, to, ok := n.decode(good); !ok || from != 3 || to != 9 {
		t.Fatalf("read %d to %d, %v", from, to, ok)
	}
	for i := range good {
		bad := append([]byte(nil), good...)
		bad[i] ^= 0x20
		if _, _, ok := n.decode(bad); ok {
			t.Errorf("a note counts whose byte %d is another", i)
		}
	}
	if _, _, ok := n.decode(make([]byte, noteBytes)); ok || len(good) != noteBytes {
		t.Error("an empty slot counts, or a note has another size")
	}
}

// FuzzNotes reads notes of any bytes: none is made up.
func FuzzNotes(f *testing.F) {
	n := &delivered{boot: thisBoot, channel: 7}
	f.Add(n.encode(3, 9))
	f.Add(make([]byte, noteBytes))
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) < noteBytes {
			return
		}
		from, to, ok := n.decode(data[:noteBytes])
		if ok && string(n.encode(from, to)) != string(data[:noteBytes]) {
			t.Errorf("%x is read as %d to %d", data, from, to)
		}
	})
}
