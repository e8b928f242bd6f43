package source

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/logpipe/logpipe/pkg/flume"
)

func TestTaildirRename(t *testing.T) {
	x := newTailTest(t)
	x.add("a.log", "one\n")
	r := start(t, x.source(`.*\.log.*`))
	wantBodies(t, r.take(t, 1), "one")
	for i := range 5 {
		// The usual rotation; the writer goes on with the old file for a while.
		old := fmt.Sprintf("a.log.%d", i)
		x.add("a.log", fmt.Sprintf("%d before\n", i))
		x.must(os.Rename(x.path("a.log"), x.path(old)))
		x.add(old, fmt.Sprintf("%d after\n", i))
		x.add("a.log", fmt.Sprintf("%d new\n", i))
		got := r.take(t, 3)
		slices.Sort(got)
		wantBodies(t, got, fmt.Sprintf("%d after", i), fmt.Sprintf("%d before", i), fmt.Sprintf("%d new", i))
	}
	wantBodies(t, x.end(r)) // nothing twice
}

// A file that is renamed to a name that no pattern has is read to its end, also
// when that happens while nobody looks.
func TestTaildirRenamedAway(t *testing.T) {
	x := newTailTest(t)
	x.add("a.log", "one\n")
	r := start(t, x.source(`a\.log`))
	wantBodies(t, r.take(t, 1), "one")
	x.must(os.Rename(x.path("a.log"), x.path("a.old")))
	x.add("a.log", "new\n")
	wantBodies(t, r.take(t, 1), "new")
	x.add("a.old", "late\n")
	wantBodies(t, r.take(t, 1), "late")
	wantBodies(t, x.end(r))

	x.add("a.log", "unread\n")
	x.must(os.Rename(x.path("a.log"), x.path("a.older")))
	x.add("a.log", "newer\n")
	r = start(t, x.source(`a\.log`))
	wantBodies(t, r.take(t, 2), "unread", "newer")
	wantBodies(t, x.end(r))
}

// A new file with the inode of an old one is read from its beginning.
func TestTaildirInodeReuse(t *testing.T) {
	x := newTailTest(t)
	x.add("a.log", "one\n")
	r := start(t, x.source(`.*\.log`))
	wantBodies(t, r.take(t, 1), "one")
	wantBodies(t, x.end(r))
	// The same inode with another name and other bytes, but a line end where
	// the old file had one.
	x.must(os.WriteFile(x.path("a.log"), []byte("two\nthree\n"), 0o666))
	x.must(os.Rename(x.path("a.log"), x.path("b.log")))
	r = start(t, x.source(`.*\.log`))
	wantBodies(t, r.take(t, 2), "two", "three")
	wantBodies(t, x.end(r))
}

// A file that is closed because nothing came for a while, gets a last line and
// is renamed away before anybody looks.
func TestTaildirClosedAndRenamedAway(t *testing.T) {
	x := newTailTest(t)
	x.add("a.log", "one\n")
	x.add("b.log", "x\n")
	r := start(t, x.source(`.*\.log`, "batchSize=1"), "capacity=1", "transactionCapacity=1", "keep-alive=0")
	wantBodies(t, r.take(t, 2), "one", "x")
	wantBodies(t, x.end(r))
	// Now both are known and not open; the source waits for space.
	x.add("b.log", "y\nz\n")
	r = start(t, x.source(`.*\.log`, "batchSize=1"), "capacity=1", "transactionCapacity=1", "keep-alive=0")
	for r.channel.Size() == 0 {
		time.Sleep(time.Millisecond)
	}
	x.add("a.log", "last\n")
	x.must(os.Rename(x.path("a.log"), x.path("a.old")))
	x.add("a.old", "later\n")
	x.add("a.log", "new\n")
	got := r.take(t, 5)
	slices.Sort(got)
	wantBodies(t, got, "last", "later", "new", "y", "z")
	wantBodies(t, x.end(r))
}

// What is left of a file that was renamed away is read after a second kill too.
func TestTaildirRenamedAwayKilledTwice(t *testing.T) {
	x := newTailTest(t)
	x.add("a.log", "one\n")
	r := start(t, x.source(`a\.log`))
	wantBodies(t, r.take(t, 1), "one")
	wantBodies(t, x.end(r))
	x.add("a.log", "two\nthree\nfour\n")
	x.must(os.Rename(x.path("a.log"), x.path("a.old")))
	// It reads the rest, but the channel takes one event alone.
	s := x.source(`a\.log`, "batchSize=1", "writePosInterval=5")
	r = start(t, s, "capacity=1", "transactionCapacity=1", "keep-alive=0")
	for r.channel.Size() == 0 {
		time.Sleep(time.Millisecond)
	}
	killed, err := os.ReadFile(x.pos)
	x.must(err)
	wantBodies(t, r.take(t, 3), "two", "three", "four")
	wantBodies(t, x.end(r))
	x.must(os.WriteFile(x.pos, killed, 0o666)) // as the kill had left it
	r = start(t, x.source(`a\.log`))
	for last := ""; last != "four"; {
		last = r.take(t, 1)[0]
	}
	x.end(r)
}

// A file that is renamed between the listing of its folder and the look at its
// first bytes goes on where it was.
func TestTaildirRenamedWhileItResumes(t *testing.T) {
	x := newTailTest(t)
	x.add("a.log", "one\ntwo\n")
	r := start(t, x.source(`a\.log`))
	wantBodies(t, r.take(t, 2), "one", "two")
	wantBodies(t, x.end(r))
	x.add("a.log", "three\n")
	s := x.source(`a\.log`).(*Taildir)
	x.must(s.Open(flume.Env{Logf: t.Logf}))
	defer s.Close()
	stored, _, err := s.readPositions()
	x.must(err)
	x.must(os.Rename(x.path("a.log"), x.path("a.old")))
	x.add("a.log", "a new file\n")
	s.resume(stored)
	for _, f := range s.files {
		if f.pos != 8 {
			t.Fatalf("goes on at %d", f.pos)
		}
	}
}

// A kill may come between the writing of the marks and that of the positions.
// The position of what a file had before it was truncated, or of a file whose
// inode it got, is then not taken for one of what it has now.
func TestTaildirKilledBetweenMarksAndPositions(t *testing.T) {
	const old, line = "first\nsecond\n", "third is longer than the two"
	for _, test := range []string{"truncated", "truncated, then renamed away", "inode of another", "inode of another, later"} {
		t.Run(test, func(t *testing.T) {
			x := newTailTest(t)
			x.add("a.log", old)
			s := x.source(`a\.log`, "writePosInterval=10", "idleTimeout=20").(*Taildir)
			r := start(t, s)
			wantBodies(t, r.take(t, 2), "first", "second")
			x.awaitThat(func() bool { return x.positions()["a.log"] == int64(len(old)) }, func() string { return fmt.Sprint(x.positions()) })
			stored, err := os.ReadFile(x.pos)
			x.must(err)
			forgotten := func() bool {
				s.mu.Lock()
				defer s.mu.Unlock()
				return len(s.files) == 0
			}
			other := func() { // gets the name and the inode
				x.must(os.WriteFile(x.path("other"), []byte(line+"\n"), 0o666))
				x.must(os.Rename(x.path("other"), x.path("a.log")))
			}

			// From now on positions cannot be written, marks can.
			x.must(os.Remove(x.pos))
			x.must(os.MkdirAll(filepath.Join(x.pos, "in the way"), 0o777))
			if strings.HasPrefix(test, "inode of another") {
				x.must(os.Rename(x.path("a.log"), x.path("other")))
				x.awaitThat(forgotten, func() string { return "it is followed" })
				if test == "inode of another" {
					other()
				}
			} else {
				x.must(os.Truncate(x.path("a.log"), 0))
				x.add("a.log", line+"\n")
			}
			if test != "inode of another, later" {
				wantBodies(t, r.take(t, 1), line)
			}
			r.stop()
			if err := <-r.ended; err == nil || !strings.Contains(err.Error(), "cannot write positionFile") {
				t.Fatalf("ended with %v", err)
			}

			x.must(os.RemoveAll(x.pos))
			x.must(os.WriteFile(x.pos, stored, 0o666))
			if test == "truncated, then renamed away" {
				x.must(os.Rename(x.path("a.log"), x.path("b")))
			}
			if test == "inode of another, later" {
				other()
			}
			r = start(t, x.source(`a\.log`))
			wantBodies(t, r.take(t, 1), line)
			wantBodies(t, x.end(r))
			r = start(t, x.source(`a\.log`)) // its position is known now
			wantBodies(t, x.end(r))
		})
	}
}
