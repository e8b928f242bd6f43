package source

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/logpipe/logpipe/pkg/channel"
	"github.com/logpipe/logpipe/pkg/flume"
)

// settling makes a spooldir source for which a file is young for a minute.
func (x *tailTest) settling(settings ...string) Source {
	s := x.spool(append(settings, "pollDelay=60000")...)
	s.(*Spooldir).settle = time.Minute
	return s
}

// A file whose writer pauses between two lines is read as it is written, and not
// put away before it has been left alone for a while.
func TestSpooldirSlowWriter(t *testing.T) {
	x := newTailTest(t)
	f, err := os.Create(x.path("slow.log"))
	x.must(err)
	defer f.Close()
	fmt.Fprintln(f, "line 0")
	r := start(t, x.settling())
	for i := range 30 {
		wantBodies(t, r.take(t, 1), fmt.Sprint("line ", i))
		if i == 0 {
			time.Sleep(50 * time.Millisecond) // for a source that does not wait: it would be done now
		}
		fmt.Fprintln(f, "line", i+1)
	}
	wantBodies(t, r.take(t, 1), "line 30")
	fmt.Fprint(f, "half a line")
	wantBodies(t, x.end(r)) // an end does not wait, and does not take it for whole
	if names := x.names(); names != "slow.log" {
		t.Fatalf("left %s", names)
	}
	fmt.Fprintln(f)
	r = start(t, x.spool())
	wantBodies(t, r.take(t, 1), "half a line")
	x.await("slow.log.COMPLETED")
	wantBodies(t, x.end(r))
}

// A file that is old, or whose time is still to come, is put away.
func TestSpooldirSettles(t *testing.T) {
	x := newTailTest(t)
	x.put("old", "1\n", time.Hour)
	r := start(t, x.settling())
	wantBodies(t, r.take(t, 1), "1")
	x.await("old.COMPLETED")
	wantBodies(t, x.end(r))
	x.put("to come", "2\n", -time.Hour)
	r = start(t, x.spool())
	wantBodies(t, r.take(t, 1), "2")
	x.await("old.COMPLETED to come.COMPLETED")
	wantBodies(t, x.end(r))
}

// Files that have settled do not wait for one that has not, whatever the order.
func TestSpooldirYoungOnesLast(t *testing.T) {
	for _, order := range []string{"oldest", "youngest", "random"} {
		x := newTailTest(t)
		x.put("young", "3\n", 0)
		x.put("old", "1\n", time.Hour)
		x.put("older", "2\n", 2*time.Hour)
		r := start(t, x.settling("consumeOrder="+order))
		r.take(t, 2)
		wantBodies(t, r.take(t, 1), "3")
		x.await("old.COMPLETED older.COMPLETED young")
		wantBodies(t, x.end(r))
	}
}

// What is written to a file after it was put away is not read, but told.
func TestSpooldirGrownLater(t *testing.T) {
	x := newTailTest(t)
	x.put("a.log", "1\n", time.Hour)
	x.put("b.log", "2\n", time.Hour)
	var counts flume.Counters
	r := startCounted(t, x.spool(), &counts)
	wantBodies(t, r.take(t, 2), "1", "2")
	x.await("a.log.COMPLETED b.log.COMPLETED")
	told := func(want int) func() bool {
		return func() bool { return strings.Count(r.diary.String(), "has grown since") == want }
	}
	x.add("a.log.COMPLETED", "lost")
	x.awaitThat(told(1), r.diary.String)
	if text := r.diary.String(); !strings.Contains(text, "a.log.COMPLETED: the file was put away when it was read to its end (byte 2), and has grown since; what follows (4 bytes so far) is not read") ||
		!strings.Contains(text, "tail -c +3 "+x.path("a.log.COMPLETED")) {
		t.Error(text)
	}
	x.add("a.log.COMPLETED", "more")
	x.must(os.Remove(x.path("b.log.COMPLETED")))
	x.put("c.log", "3\n", time.Hour) // once it is gone, all are looked at again
	wantBodies(t, r.take(t, 1), "3")
	x.await("a.log.COMPLETED c.log.COMPLETED")
	x.add("c.log.COMPLETED", "x\n")
	wantBodies(t, x.end(r)) // tells of it at the latest
	if !told(2)() || counts.Values()["EventReadFail"] != 2 {
		t.Errorf("counted %d; told %s", counts.Values()["EventReadFail"], &r.diary)
	}
}

// A file that is written over while a part of it is read is read from its beginning,
// also where it is no shorter then and its position is in the middle of a character.
func TestSpooldirWrittenOver(t *testing.T) {
	for name, text := range map[string]string{
		"longer": strings.Repeat("tuesday\n", 40), "as long": strings.Repeat("tuesday\n", 20), "shorter": strings.Repeat("tuesday\n", 10),
		"other characters": "xx" + strings.Repeat("\u65e5\n", 100),
	} {
		t.Run(name, func(t *testing.T) {
			x := newTailTest(t)
			x.put("a.log", strings.Repeat("monday.\n", 20), time.Hour)
			s := x.spool().(*Spooldir)
			var d diary
			x.must(s.Open(flume.Env{Name: "r1", Logf: d.logf}))
			r := &reading{spoolFile: spoolFile{path: x.path("a.log"), target: x.path("a.log")}}
			r.f = must(os.Open(r.path))
			defer r.f.Close()
			r.st = must(r.f.Stat())
			x.must(s.track(r))
			defer r.tracker.close()
			r.tracker.pos = 8 * 13
			x.must(s.open(r, r.tracker.pos))
			f := must(os.OpenFile(r.path, os.O_WRONLY, 0))
			must(f.WriteString(text))
			x.must(f.Truncate(int64(len(text))))
			x.must(f.Close())
			c := configure(t, channel.NewMemory, "capacity=1000")
			out := NewOutput(t.Context(), OutputConfig{Required: []flume.Channel{c}, Logf: d.logf})
			done, err := s.readAll(t.Context(), r, out)
			if name == "other characters" {
				if err = s.giveUp(r, err); err == nil {
					t.Fatalf("given up: %s", &d)
				}
				x.must(s.readFile(t.Context(), r.spoolFile, out))
			} else if !done || err != nil {
				t.Fatal(done, err)
			}
			c.Drain()
			var got strings.Builder
			for tx, err := c.Take(t.Context(), 1000); err == nil; tx, err = c.Take(t.Context(), 1000) {
				for _, e := range tx.Events() {
					got.WriteString(string(e.Body) + "\n")
				}
				x.must(tx.Commit())
			}
			if !strings.HasSuffix(got.String(), text) {
				t.Errorf("got %q; told %s", got.String(), &d)
			}
		})
	}
}

// The list of files that are looked at has an end.
func TestSpooldirRetiredBounded(t *testing.T) {
	x := newTailTest(t)
	x.add("f", "")
	st, err := os.Stat(x.path("f"))
	x.must(err)
	var s Spooldir
	for range 3 * mostRetired {
		s.retire(x.path("f"), st)
	}
	if len(s.retired) != mostRetired {
		t.Fatal(len(s.retired))
	}
	for i := range s.retired {
		s.retired[i].until = time.Now().Add(-time.Second)
	}
	if s.lookBack(); len(s.retired) != 0 {
		t.Fatal(len(s.retired))
	}
}
