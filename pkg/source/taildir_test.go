package source

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/logpipe/logpipe/pkg/flume"
)

// tailTest is a folder with files to follow, and the settings of a source
// that follows them.
type tailTest struct {
	t      *testing.T
	folder string
	pos    string
}

func newTailTest(t *testing.T) *tailTest {
	t.Helper()
	return &tailTest{t, t.TempDir(), filepath.Join(t.TempDir(), "sub", "pos.json")}
}

func (x *tailTest) path(name string) string { return filepath.Join(x.folder, name) }

func (x *tailTest) add(name, text string) {
	x.t.Helper()
	f, err := os.OpenFile(x.path(name), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o666)
	if err == nil {
		_, err = f.WriteString(text)
	}
	if err == nil {
		err = f.Close()
	}
	if err != nil {
		x.t.Fatal(err)
	}
}

func (x *tailTest) must(err error) {
	x.t.Helper()
	if err != nil {
		x.t.Fatal(err)
	}
}

// source makes a source of all files whose names match.
func (x *tailTest) source(names string, settings ...string) Source {
	x.t.Helper()
	return configure(x.t, NewTaildir, append([]string{"filegroups=g", "filegroups.g=" + x.path(names),
		"positionFile=" + x.pos, "maxBackoffSleep=200", "backoffSleepIncrement=50"}, settings...)...)
}

// end stops a source and returns the bodies that are left.
func (x *tailTest) end(r *rig) []string {
	x.t.Helper()
	r.stop()
	return r.rest(x.t)
}

// positions returns file name -> position.
func (x *tailTest) positions() map[string]int64 {
	x.t.Helper()
	data, err := os.ReadFile(x.pos)
	x.must(err)
	list, err := parsePositions(data)
	x.must(err)
	all := map[string]int64{}
	for _, p := range list {
		all[filepath.Base(p.File)] = p.Pos
	}
	return all
}

func wantBodies(t *testing.T, got []string, want ...string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Fatalf("got %q, want %q", got, want)
	}
}

func TestTaildir(t *testing.T) {
	x := newTailTest(t)
	x.add("a.log", "one\ntwo\r\n\nhalf")
	x.add("a.txt", "not this\n")
	r := start(t, x.source(`.*\.log`, "byteOffsetHeader=true", "fileHeader=true", "headers.g.dc=east", "headers.other.x=y", "maxBatchCount=-1"))
	tx, err := r.channel.Take(t.Context(), 3)
	x.must(err)
	var got []string
	for _, e := range tx.Events() {
		got = append(got, fmt.Sprintf("%s %v", e.Body, e.Headers))
	}
	tx.Commit()
	path := x.path("a.log")
	wantBodies(t, got, "one [{dc east} {byteoffset 0} {file "+path+"}]", "two [{dc east} {byteoffset 4} {file "+path+"}]",
		" [{dc east} {byteoffset 9} {file "+path+"}]")
	x.add("a.log", " a line\n")
	wantBodies(t, r.take(t, 1), "half a line")
	x.add("b.log", "new\n")
	wantBodies(t, r.take(t, 1), "new")
	x.add("a.log", "last\nnot whole")
	wantBodies(t, r.take(t, 1), "last")
	wantBodies(t, x.end(r))
	if got := x.positions(); !reflect.DeepEqual(got, map[string]int64{"a.log": 27, "b.log": 4}) {
		t.Fatalf("positions %v", got)
	}
	// Flume's own reader takes exactly these three fields.
	data, _ := os.ReadFile(x.pos)
	var fields []map[string]any
	x.must(json.Unmarshal(data, &fields))
	for _, f := range fields {
		if len(f) != 3 || !strings.HasPrefix(f["file"].(string), "/") && os.PathSeparator == '/' {
			t.Fatalf("position %v", f)
		}
	}
	x.add("a.log", " now\n")
	x.add("c.log", "third\n")
	r = start(t, x.source(`.*\.log`))
	got = r.take(t, 2)
	slices.Sort(got)
	wantBodies(t, got, "not whole now", "third")
	wantBodies(t, x.end(r))
}

func TestTaildirTruncated(t *testing.T) {
	x := newTailTest(t)
	var counts flume.Counters
	x.add("a.log", "a longer line\n")
	r := startCounted(t, x.source(`.*\.log`), &counts)
	wantBodies(t, r.take(t, 1), "a longer line")
	// copytruncate
	data, err := os.ReadFile(x.path("a.log"))
	x.must(err)
	x.must(os.WriteFile(x.path("copy"), data, 0o666))
	x.must(os.Truncate(x.path("a.log"), 0))
	x.add("a.log", "short\n")
	wantBodies(t, r.take(t, 1), "short")
	// Truncated, and already longer than before when somebody looks.
	x.must(os.WriteFile(x.path("a.log"), []byte("something else of more bytes\n"), 0o666))
	got := r.take(t, 1)
	wantBodies(t, got, "something else of more bytes")
	if n := counts.Values()["FileTruncatedCount"]; n != 2 || !strings.Contains(r.diary.String(), "was truncated") {
		t.Fatalf("counted %d; told %s", n, &r.diary)
	}
	// Truncated, and as long as before.
	x.must(os.WriteFile(x.path("a.log"), []byte("this is just as long as that\n"), 0o666))
	wantBodies(t, r.take(t, 1), "this is just as long as that")
	wantBodies(t, x.end(r))
	// While nobody looks.
	x.must(os.Truncate(x.path("a.log"), 0))
	x.add("a.log", "again\n")
	r = start(t, x.source(`.*\.log`))
	wantBodies(t, r.take(t, 1), "again")
	wantBodies(t, x.end(r))
}

func TestTaildirFolders(t *testing.T) {
	x := newTailTest(t)
	for _, folder := range []string{"a/01", "b/01", "b/02", "deep/x/y/01"} {
		x.must(os.MkdirAll(x.path(folder), 0o777))
		x.add(folder+"/a.log", folder+"\n")
	}
	r := start(t, x.source(`*/01/[ab]\.log`))
	got := r.take(t, 2)
	slices.Sort(got)
	wantBodies(t, got, "a/01", "b/01")
	x.must(os.MkdirAll(x.path("c/01"), 0o777))
	x.add("c/01/b.log", "c/01\n")
	wantBodies(t, r.take(t, 1), "c/01")
	wantBodies(t, x.end(r))

	y := newTailTest(t)
	y.folder = x.folder
	r = start(t, y.source(`**/01/a\.log`))
	got = r.take(t, 3)
	slices.Sort(got)
	wantBodies(t, got, "a/01", "b/01", "deep/x/y/01")
	wantBodies(t, y.end(r))
}

// A folder may come later, go, and come again.
func TestTaildirFolderComes(t *testing.T) {
	x := newTailTest(t)
	x.folder = x.path("later")
	r := start(t, x.source(`.*`))
	for i := range 3 {
		line := fmt.Sprint("line ", i)
		x.must(os.Mkdir(x.folder, 0o777))
		x.add("a", line+"\n")
		wantBodies(t, r.take(t, 1), line)
		x.must(os.RemoveAll(x.folder))
	}
	wantBodies(t, x.end(r))
}

func TestTaildirSkipToEnd(t *testing.T) {
	x := newTailTest(t)
	x.add("a.log", "before\n")
	r := start(t, x.source(`.*`, "skipToEnd=true"))
	x.add("a.log", "after\n")
	x.add("b.log", "of a new file\n")
	got := r.take(t, 2)
	slices.Sort(got)
	wantBodies(t, got, "after", "of a new file")
	wantBodies(t, x.end(r))
}

// After idleTimeout a file is closed, and what it holds without a line end is
// an event, as in Flume.
func TestTaildirIdle(t *testing.T) {
	x := newTailTest(t)
	x.add("a.log", "whole\nhalf")
	s := x.source(`.*`, "idleTimeout=100")
	r := start(t, s)
	wantBodies(t, r.take(t, 2), "whole", "half")
	x.add("a.log", " of it\nmore\n")
	wantBodies(t, r.take(t, 2), " of it", "more")
	wantBodies(t, x.end(r))
}

func TestTaildirMultiline(t *testing.T) {
	x := newTailTest(t)
	const trace = "2026-11-20 ERROR no\njava.lang.Error: x\r\n\tat A.b(A.java:1)\n\tat A.c(A.java:2)"
	x.add("a.log", "2026-11-20 INFO a\n"+trace+"\n2026-11-20 INFO b\n")
	r := start(t, x.source(`.*`, `multilineStart=^\d{4}-`, "multilineTimeout=100"))
	wantBodies(t, r.take(t, 3), "2026-11-20 INFO a", trace, "2026-11-20 INFO b")
	x.add("a.log", "2026-11-20 ERROR half\n\tat B\n\tat")
	wantBodies(t, r.take(t, 1), "2026-11-20 ERROR half\n\tat B")
	wantBodies(t, x.end(r))
	// What comes later goes on with it, too, before the time is over.
	r = start(t, x.source(`.*`, `multilineStart=^\d{4}-`, "multilineTimeout=3600000"))
	x.add("a.log", " C\n2026-11-20 ERROR again\n")
	wantBodies(t, r.take(t, 1), "\tat C")
	x.add("a.log", "\tat D\n")
	x.add("a.log", "2026-11-20 INFO c\n")
	wantBodies(t, r.take(t, 1), "2026-11-20 ERROR again\n\tat D")
	wantBodies(t, x.end(r))

	y := newTailTest(t)
	y.add("a.log", "a\n b\n c\nd\n e\n f\n g\nh\n")
	r = start(t, y.source(`.*`, `multilineContinue=^\s`, "multilineTimeout=20", "multilineMaxLines=3"))
	wantBodies(t, r.take(t, 4), "a\n b\n c", "d\n e\n f", " g", "h")
	wantBodies(t, y.end(r))
}

// An event that waits for further lines is read again after a restart.
func TestTaildirMultilineRestart(t *testing.T) {
	x := newTailTest(t)
	x.add("a.log", "a\n 1\nb\n 1\n")
	r := start(t, x.source(`.*`, `multilineContinue=^\s`, "multilineTimeout=3600000"))
	wantBodies(t, r.take(t, 1), "a\n 1")
	wantBodies(t, x.end(r))
	x.add("a.log", " 2\nc\n")
	r = start(t, x.source(`.*`, `multilineContinue=^\s`, "multilineTimeout=3600000"))
	wantBodies(t, r.take(t, 1), "b\n 1\n 2")
	wantBodies(t, x.end(r))
}

func TestTaildirLongLine(t *testing.T) {
	x := newTailTest(t)
	long := strings.Repeat("x", 3*windowSize)
	x.add("a.log", "a\n"+long)
	r := start(t, x.source(`.*`))
	wantBodies(t, r.take(t, 1), "a")
	x.add("a.log", long)
	time.Sleep(50 * time.Millisecond)
	x.add("a.log", "\nb\n")
	wantBodies(t, r.take(t, 2), long+long, "b")
	wantBodies(t, x.end(r))
}

// The position moves only with what the channel has stored.
func TestTaildirWaitsForSpace(t *testing.T) {
	x := newTailTest(t)
	for i := range 100 {
		x.add("a.log", fmt.Sprintf("%02d\n", i))
	}
	r := start(t, x.source(`.*`, "batchSize=10", "writePosInterval=10"), "capacity=20", "transactionCapacity=20", "keep-alive=0")
	deadline := time.Now().Add(time.Minute)
	for x.positions()["a.log"] != 60 && time.Now().Before(deadline) {
		time.Sleep(5 * time.Millisecond)
	}
	time.Sleep(50 * time.Millisecond)
	if p := x.positions()["a.log"]; p != 60 {
		t.Fatalf("position %d with 20 events in the channel", p)
	}
	for i, body := range r.take(t, 100) {
		if body != fmt.Sprintf("%02d", i) {
			t.Fatalf("event %d is %q", i, body)
		}
	}
	wantBodies(t, x.end(r))
}

func TestTaildirCheck(t *testing.T) {
	tests := []struct {
		settings []string
		want     string
	}{
		{[]string{"filegroups=a", `filegroups.a=/x/.*\.log`}, ""},
		{[]string{"filegroups=a b", `filegroups.a=/x/.*`}, "group b has no files"},
		{[]string{"filegroups=a", `filegroups.a=/x/.*`, `filegroups.b=/x/.*`}, "group b is not in filegroups"},
		{[]string{"filegroups=a", `filegroups.a=/x/.*`, `headers.b.k=v`}, "there is no group b"},
		{[]string{"filegroups=a", `filegroups.a=/x/*.log`}, "nothing stands in front of *"},
		{[]string{"filegroups=a", `filegroups.a=/x/`}, "has no pattern of file names"},
		{[]string{"filegroups=a", `filegroups.a=/x/y`, "headers.a=b"}, "want headers.GROUP.KEY"},
		{[]string{"filegroups=a", `filegroups.a=/x/y`, "multilineStart=("}, "a ( is not closed"},
		{[]string{"filegroups=a", `filegroups.a=/x/y`, "multilineStart=a", "multilineContinue=b"}, "exclude each other"},
	}
	for _, test := range tests {
		var got []string
		for _, p := range configure(t, NewTaildir, test.settings...).(flume.Checker).Check() {
			got = append(got, p.Message)
		}
		if all := strings.Join(got, "; "); (all == "") != (test.want == "") || !strings.Contains(all, test.want) {
			t.Errorf("%v: %q, want %q", test.settings, all, test.want)
		}
	}
}

// A file that is truncated while the channel is full, and has grown beyond its
// position again when there is space, is read from its beginning.
func TestTaildirTruncatedWhileFull(t *testing.T) {
	x := newTailTest(t)
	x.add("a.log", "first\nsecond\n")
	r := start(t, x.source(`.*\.log`, "batchSize=1"), "capacity=1", "transactionCapacity=1", "keep-alive=0")
	for r.channel.Size() == 0 {
		time.Sleep(time.Millisecond)
	}
	x.must(os.Truncate(x.path("a.log"), 0))
	x.add("a.log", "this line is much longer\nand so is this one\n")
	got := r.take(t, 4)
	wantBodies(t, got, "first", "second", "this line is much longer", "and so is this one")
	wantBodies(t, x.end(r))
}
