package source

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/logpipe/logpipe/pkg/flume"
)

func (x *tailTest) spool(settings ...string) Source {
	x.t.Helper()
	return configure(x.t, NewSpooldir, append([]string{"spoolDir=" + x.folder, "pollDelay=10"}, settings...)...)
}

// put moves a whole file into the folder.
func (x *tailTest) put(name, text string, age time.Duration) {
	x.t.Helper()
	path := filepath.Join(x.t.TempDir(), "f")
	x.must(os.WriteFile(path, []byte(text), 0o666))
	at := time.Now().Add(-age)
	x.must(os.Chtimes(path, at, at))
	x.must(os.MkdirAll(filepath.Dir(x.path(name)), 0o777))
	x.must(os.Rename(path, x.path(name)))
}

// names lists the files in the folder that do not begin with a dot.
func (x *tailTest) names() string {
	x.t.Helper()
	entries, err := os.ReadDir(x.folder)
	x.must(err)
	var names []string
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), ".") {
			names = append(names, e.Name())
		}
	}
	return strings.Join(names, " ")
}

// await waits until the folder holds these files.
func (x *tailTest) await(names string) {
	x.t.Helper()
	x.awaitThat(func() bool { return x.names() == names }, func() string { return x.names() + ", want " + names })
}

func (x *tailTest) awaitThat(is func() bool, what func() string) {
	x.t.Helper()
	for end := time.Now().Add(time.Minute); !is(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(end) {
			x.t.Fatal(what())
		}
	}
}

func TestSpooldir(t *testing.T) {
	x := newTailTest(t)
	x.put("b.log", "4\n5", time.Minute)
	x.put("a.log", "1\n2\r\n\n3\n", time.Hour)
	x.put("old.log.COMPLETED", "no\n", 0)
	x.put(".hidden", "no\n", 0)
	x.put("below/c.log", "no\n", 0)
	r := start(t, x.spool("fileHeader=true", "basenameHeader=true"))
	tx, err := r.channel.Take(t.Context(), 1)
	x.must(err)
	if h := fmt.Sprint(tx.Events()[0].Headers); h != fmt.Sprintf("[{file %s} {basename a.log}]", x.path("a.log")) {
		t.Fatalf("headers %s", h)
	}
	tx.Commit()
	wantBodies(t, r.take(t, 5), "2\r", "", "3", "4", "5")
	x.await("a.log.COMPLETED b.log.COMPLETED below old.log.COMPLETED")
	x.put("c.log", "6\n", 0)
	wantBodies(t, r.take(t, 1), "6")
	wantBodies(t, x.end(r))
}

func TestSpooldirOrderAndPatterns(t *testing.T) {
	tests := []struct{ settings, want, left string }{
		{"", "1 2 3", "a.COMPLETED b.COMPLETED c.COMPLETED"},
		{"consumeOrder=YOUNGEST", "3 2 1", "a.COMPLETED b.COMPLETED c.COMPLETED"},
		{"includePattern=[ab]", "1 2", "a.COMPLETED b.COMPLETED c"},
		{"ignorePattern=b", "1 3", "a.COMPLETED b c.COMPLETED"},
		{"deletePolicy=immediate", "1 2 3", ""},
		{"trackingPolicy=tracker_dir", "1 2 3", "a b c"},
		{"fileSuffix=.x", "1 2 3", "a.x b.x c.x"},
	}
	for _, test := range tests {
		t.Run(test.settings, func(t *testing.T) {
			x := newTailTest(t)
			x.put("a", "1\n", 3*time.Hour)
			x.put("b", "2\n", 2*time.Hour)
			x.put("c", "3\n", time.Hour)
			var settings []string
			if test.settings != "" {
				settings = append(settings, test.settings)
			}
			r := start(t, x.spool(settings...))
			wantBodies(t, r.take(t, len(strings.Fields(test.want))), strings.Fields(test.want)...)
			x.await(test.left)
			wantBodies(t, x.end(r))
			r = start(t, x.spool(settings...))
			time.Sleep(30 * time.Millisecond)
			wantBodies(t, x.end(r)) // nothing twice
		})
	}
}

func TestSpooldirRecursive(t *testing.T) {
	x := newTailTest(t)
	x.put("a/b/c.log", "1\n", time.Hour)
	x.put("a/.no/c.log", "no\n", time.Hour)
	x.put("skip/c.log", "no\n", time.Hour)
	r := start(t, x.spool("recursiveDirectorySearch=true", "ignorePattern=skip", "trackingPolicy=tracker_dir"))
	wantBodies(t, r.take(t, 1), "1")
	x.awaitMark("a/b/c.log")
	wantBodies(t, x.end(r))
}

// awaitMark waits until trackerDir says that the file of this name is done: an
// event is there to take before its file is, and one that is replaced in between
// was taken away while it was read.
func (x *tailTest) awaitMark(name string) {
	x.t.Helper()
	st, err := os.Stat(x.path(name))
	x.must(err)
	want, got := string(markOf(st)), ""
	for deadline := time.Now().Add(time.Minute); got != want; time.Sleep(time.Millisecond) {
		mark, err := os.ReadFile(x.path(".flumespool/" + name + ".COMPLETED"))
		if err != nil && !errors.Is(err, fs.ErrNotExist) || time.Now().After(deadline) {
			x.t.Fatalf("mark %q, want %q: %v", mark, want, err)
		}
		got = string(mark)
	}
}

// A name that comes again is another file, which is read and kept too.
func TestSpooldirNameAgain(t *testing.T) {
	for _, tracking := range []string{"rename", "tracker_dir"} {
		x := newTailTest(t)
		var counts flume.Counters
		r := startCounted(t, x.spool("trackingPolicy="+tracking), &counts)
		for i := range 3 {
			x.put("a.log", fmt.Sprintf("%d\n", i), time.Duration(3-i)*time.Minute)
			wantBodies(t, r.take(t, 1), fmt.Sprint(i))
			if tracking == "rename" {
				x.await([]string{"a.log.COMPLETED", "a.log.1.COMPLETED a.log.COMPLETED",
					"a.log.1.COMPLETED a.log.2.COMPLETED a.log.COMPLETED"}[i])
			} else {
				x.awaitMark("a.log")
			}
		}
		wantBodies(t, x.end(r))
		if n := counts.Values()["GenericProcessingFail"]; n != 2 {
			t.Errorf("%s: counted %d; told %s", tracking, n, &r.diary)
		}
	}
}

// A file that grows while it is read is read to its end.
func TestSpooldirFileChanges(t *testing.T) {
	x := newTailTest(t)
	x.put("a.log", strings.Repeat("x\n", 50), 0)
	r := start(t, x.settling("batchSize=10"), "capacity=10", "transactionCapacity=10")
	r.take(t, 1)
	x.add("a.log", "behind\nand")
	if got := r.take(t, 50); got[49] != "behind" {
		t.Fatalf("got %q", got)
	}
	x.add("a.log", " more\n")
	wantBodies(t, r.take(t, 1), "and more")
	// It is told where reading comes to the end, which may be behind the last event only.
	x.awaitThat(func() bool { return strings.Contains(r.diary.String(), "changes while it is read") }, r.diary.String)
	wantBodies(t, x.end(r))
	r = start(t, x.spool())
	x.await("a.log.COMPLETED")
	wantBodies(t, x.end(r))
}

func TestSpooldirEmptyFileAndMissingFolder(t *testing.T) {
	x := newTailTest(t)
	x.folder = x.path("later")
	r := start(t, x.spool("basenameHeader=true"))
	if !strings.Contains(r.diary.String(), "is not there") {
		t.Fatalf("told %s", &r.diary)
	}
	x.put("empty", "", 0)
	wantBodies(t, r.take(t, 1), "") // as in Flume
	x.await("empty.COMPLETED")
	wantBodies(t, x.end(r))
}

func TestSpooldirCheck(t *testing.T) {
	for _, test := range []struct{ setting, want string }{
		{"deserializer=LINE", ""}, {"deserializer=org.apache.flume.serialization.AvroEventDeserializer$Builder", ""},
		{"deserializer=x", "unknown deserializer"}, {"inputCharset=klingon", "unknown charset"}, {"ignorePattern=(", "a ( is not closed"},
	} {
		var got []string
		for _, p := range configure(t, NewSpooldir, "spoolDir=/x", test.setting).(flume.Checker).Check() {
			got = append(got, p.Message)
		}
		if all := strings.Join(got, "; "); (all == "") != (test.want == "") || !strings.Contains(all, test.want) {
			t.Errorf("%s: %q", test.setting, all)
		}
	}
}
