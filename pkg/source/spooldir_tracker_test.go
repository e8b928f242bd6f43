package source

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/logpipe/logpipe/pkg/avrofile"
)

// A tracker that a Flume has left is taken over, and the other way round.
func TestSpooldirTracker(t *testing.T) {
	x := newTailTest(t)
	x.put("a.log", "one\ntwo\nthree\n", 0)
	name := x.path(".flumespool/" + trackerName)
	sync := avrofile.Sync{1}
	data := avrofile.AppendHeader(nil, []avrofile.Entry{{Name: "avro.schema", Value: []byte(trackerSchema)}, {Name: "file", Value: []byte(x.path("a.log"))}}, sync)
	data = avrofile.AppendBlock(data, 2, []byte{2, 8}, sync) // at 1, then at 4
	data = append(data, 2, 4)                                // a block that a kill has cut off
	x.must(os.Mkdir(filepath.Dir(name), 0o777))
	x.must(os.WriteFile(name, data, 0o666))
	r := start(t, x.spool())
	wantBodies(t, r.take(t, 2), "two", "three")
	x.await("a.log.COMPLETED")
	wantBodies(t, x.end(r))
	if _, err := os.Stat(name); err == nil {
		t.Fatal("the tracker is still there")
	}
}

// tracked is the tracker of a file, as it is opened for target.
func (x *tailTest) tracked(tracker, target, file string) *spoolTracker {
	x.t.Helper()
	f, err := os.Open(file)
	x.must(err)
	defer f.Close()
	t, err := openTracker(tracker, target, f, must(f.Stat()))
	x.must(err)
	x.t.Cleanup(t.close)
	return t
}

// A position holds for the file that was read, and not for the next one that has
// its name, nor where it was written over.
func TestSpooldirTrackerOfAnother(t *testing.T) {
	banner := strings.Repeat("x", 300) + "\n"
	was := banner + "monday 1\nmonday 2\nmonday 3\n" // 301 + 27 bytes
	day := time.Date(2026, 11, 16, 0, 0, 0, 0, time.UTC)
	for _, test := range []struct {
		name   string
		change func(x *tailTest, path string)
		want   int64
	}{
		{"the same", func(*tailTest, string) {}, 310},
		{"replaced", func(x *tailTest, path string) { x.put("a", banner+"tuesday 1\ntuesday 2\n", 0) }, 0},
		{"replaced by one that ends so", func(x *tailTest, path string) { x.put("a", "tuesday 1\n"+was, 0) }, 0},
		{"replaced by one that is the same", func(x *tailTest, path string) { x.put("a", was, 0) }, 0},
		{"replaced by a shorter one", func(x *tailTest, path string) { x.put("a", banner, 0) }, 0},
		{"written over", func(x *tailTest, path string) {
			x.must(os.WriteFile(path, []byte(banner+"tuesday 1\ntuesday 2\n"), 0o666))
		}, 0},
		{"written over by a shorter one", func(x *tailTest, path string) { x.must(os.WriteFile(path, []byte(banner), 0o666)) }, 0},
		{"added to", func(x *tailTest, path string) { x.add("a", "monday 4\n") }, 310},
		{"copied", func(x *tailTest, path string) {
			x.put("a", was, 0)
			x.must(os.Chtimes(path, day, day))
		}, 310},
		{"replaced by one of that time", func(x *tailTest, path string) {
			x.put("a", strings.ReplaceAll(was, "monday", "sunday"), 0)
			x.must(os.Chtimes(path, day, day))
		}, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			x := newTailTest(t)
			path, name := x.path("a"), filepath.Join(t.TempDir(), "tracker")
			x.put("a", was, 0)
			x.must(os.Chtimes(path, day, day))
			first := x.tracked(name, path, path)
			x.must(first.store(310))
			first.close()
			test.change(x, path)
			if got := x.tracked(name, path, path); got.pos != test.want || got.was != 310 {
				t.Errorf("goes on at %d, was at %d; want %d, 310", got.pos, got.was, test.want)
			}
			if got := x.tracked(name, path+"2", path); got.pos != 0 || got.was != 0 {
				t.Errorf("under another name: %d, %d", got.pos, got.was)
			}
		})
	}
}

// A position behind what the mark knows is not trusted in a file that has changed.
func TestSpooldirTrackerGrown(t *testing.T) {
	x := newTailTest(t)
	path, name := x.path("a"), filepath.Join(t.TempDir(), "tracker")
	x.put("a", "1\n2\n", time.Hour)
	first := x.tracked(name, path, path)
	x.must(first.store(2))
	f := must(os.Open(path))
	defer f.Close()
	x.must(first.renew(f, must(f.Stat())))
	x.add("a", "3\n4\n")
	x.must(first.store(8))
	first.close()
	if got := x.tracked(name, path, path); got.pos != 2 || got.was != 8 {
		t.Errorf("goes on at %d, was at %d", got.pos, got.was)
	}
}

// A tracker of an earlier version tells the first bytes alone.
func TestSpooldirTrackerOfEarlierVersion(t *testing.T) {
	x := newTailTest(t)
	x.put("a", "abc and more", 0)
	x.put("b", "xbc and more", 0)
	name := filepath.Join(t.TempDir(), "tracker")
	head := must(json.Marshal(headOf(strings.NewReader("abc"), 3)))
	for file, want := range map[string]int64{"a": 9, "b": 0} {
		data := avrofile.AppendHeader(nil, []avrofile.Entry{{Name: "avro.schema", Value: []byte(trackerSchema)},
			{Name: "file", Value: []byte("/x")}, {Name: "logpipe.head", Value: head}}, avrofile.Sync{})
		x.must(os.WriteFile(name, avrofile.AppendBlock(data, 1, avrofile.AppendLong(nil, 9), avrofile.Sync{}), 0o666))
		if got := x.tracked(name, "/x", x.path(file)); got.pos != want {
			t.Errorf("%s: %d, want %d", file, got.pos, want)
		}
	}
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func FuzzTracker(f *testing.F) {
	sync := avrofile.Sync{1}
	f.Add(avrofile.AppendBlock(avrofile.AppendHeader(nil, []avrofile.Entry{{Name: "file", Value: []byte("/x")}}, sync), 1, []byte{8}, sync))
	f.Fuzz(func(t *testing.T, data []byte) {
		if _, pos, _ := parseTracker(bytes.NewReader(data)); pos < 0 {
			t.Fatal(pos)
		}
	})
}
