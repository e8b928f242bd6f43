package source

import (
	"bytes"
	"compress/flate"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/logpipe/logpipe/pkg/avrofile"
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
	for end := time.Now().Add(5 * time.Second); !is(); time.Sleep(2 * time.Millisecond) {
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
	for deadline := time.Now().Add(10 * time.Second); got != want; time.Sleep(time.Millisecond) {
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
	r := start(t, x.spool("batchSize=10", "pollDelay=100"), "capacity=10", "transactionCapacity=10")
	r.take(t, 1)
	x.add("a.log", "behind\nand")
	if got := r.take(t, 50); got[49] != "behind" {
		t.Fatalf("got %q", got)
	}
	x.add("a.log", " more\n")
	wantBodies(t, r.take(t, 1), "and more")
	x.await("a.log.COMPLETED")
	if !strings.Contains(r.diary.String(), "changes while it is read") {
		t.Fatalf("told %s", &r.diary)
	}
	wantBodies(t, x.end(r))
}

func TestSpooldirDecodeErrors(t *testing.T) {
	const text = "good\nb\xffd\xe4\xb8\nnext\n"
	tests := []struct {
		policy string
		want   []string
	}{
		{"REPLACE", []string{"good", "b\uFFFDd\uFFFD", "next"}},
		{"ignore", []string{"good", "bd", "next"}},
	}
	for _, test := range tests {
		x := newTailTest(t)
		x.put("a.log", text, 0)
		r := start(t, x.spool("decodeErrorPolicy="+test.policy))
		wantBodies(t, r.take(t, 3), test.want...)
		x.await("a.log.COMPLETED")
		wantBodies(t, x.end(r))
	}
	// FAIL leaves the file, tells where, and goes on with others.
	x := newTailTest(t)
	var counts flume.Counters
	x.put("a.log", text, time.Hour)
	x.put("b.log", "other\n", 0)
	r := startCounted(t, x.spool(), &counts)
	wantBodies(t, r.take(t, 2), "good", "other")
	x.await("a.log b.log.COMPLETED")
	time.Sleep(50 * time.Millisecond)
	wantBodies(t, x.end(r))
	if n := counts.Values()["EventReadFail"]; n != 1 || !strings.Contains(r.diary.String(), "at byte 6") {
		t.Fatalf("counted %d; told %s", n, &r.diary)
	}
	// After a restart with another policy it goes on where it failed.
	r = start(t, x.spool("decodeErrorPolicy=REPLACE"))
	wantBodies(t, r.take(t, 2), "b\uFFFDd\uFFFD", "next")
	x.await("a.log.COMPLETED b.log.COMPLETED")
	wantBodies(t, x.end(r))
}

func TestSpooldirCharsets(t *testing.T) {
	tests := []struct{ in, out, text, want string }{
		{"ISO-8859-1", "UTF-8", "gr\xfc\xdfe\nx\n", "grüße|x"},
		{"Cp1252", "UTF-8", "\x80\n", "€"},
		{"GBK", "UTF-8", "\xd6\xd0\xce\xc4\n", "中文"},
		{"UTF-16", "UTF-8", "\xfe\xff\x4e\x2d\x00\n\xd8\x3d\xde\x00\x00\n\x00x", "中|😀|x"},
		{"UTF-16", "UTF-8", "\xff\xfe\x2d\x4e\n\x00x\x00", "中|x"},
		{"UTF-16LE", "UTF-8", "\x0a\x4e\n\x00", "上"},
		{"UTF-8", "ISO-8859-1", "grüße 中\n", "gr\xfc\xdfe ?"},
		{"UTF-8", "UTF-16BE", "中\n", "\x4e\x2d"},
	}
	for _, test := range tests {
		x := newTailTest(t)
		x.put("a.log", test.text, 0)
		r := start(t, x.spool("inputCharset="+test.in, "deserializer.outputCharset="+test.out))
		want := strings.Split(test.want, "|")
		wantBodies(t, r.take(t, len(want)), want...)
		wantBodies(t, x.end(r))
	}
}

func TestSpooldirLongLines(t *testing.T) {
	x := newTailTest(t)
	x.put("a.log", "1234\n12345\n😀😀😀\nab😀\n\n", 0)
	r := start(t, x.spool("deserializer.maxLineLength=4"))
	wantBodies(t, r.take(t, 7), "1234", "1234", "5", "😀😀", "😀", "ab😀", "")
	x.put("b.log", strings.Repeat("x", 2*windowSize), 0)
	for _, body := range r.take(t, windowSize/2) {
		if body != "xxxx" {
			t.Fatalf("%q", body)
		}
	}
	wantBodies(t, x.end(r))
	x.put("c.log", "12345\n", 0)
	r = start(t, x.spool("bufferMaxLineLength=3"))
	wantBodies(t, r.take(t, 2), "123", "45")
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

func TestSpooldirBlob(t *testing.T) {
	x := newTailTest(t)
	x.put("a.bin", "1\n2\x00\xff3", 0)
	r := start(t, x.spool("deserializer=org.apache.flume.sink.solr.morphline.BlobDeserializer$Builder", "deserializer.maxBlobLength=4"))
	wantBodies(t, r.take(t, 2), "1\n2\x00", "\xff3")
	wantBodies(t, x.end(r))
}

// avroSchema is one of records that hold a string.
const avroSchema = `{"type":"record","name":"R","fields":[{"name":"s","type":"string"}]}`

// avroFile makes a container file of records that hold a string.
func avroFile(codec string, blocks ...[]string) string {
	sync := avrofile.Sync{7}
	data := avrofile.AppendHeader(nil, []avrofile.Entry{{Name: "avro.schema", Value: []byte(avroSchema)}, {Name: "avro.codec", Value: []byte(codec)}}, sync)
	for _, block := range blocks {
		var records []byte
		for _, s := range block {
			records = append(avrofile.AppendLong(records, int64(len(s))), s...)
		}
		if codec == "deflate" {
			var b bytes.Buffer
			w, _ := flate.NewWriter(&b, 6)
			w.Write(records)
			w.Close()
			records = b.Bytes()
		}
		data = avrofile.AppendBlock(data, len(block), records, sync)
	}
	return string(data)
}

func TestSpooldirAvro(t *testing.T) {
	for _, codec := range []string{"null", "deflate"} {
		x := newTailTest(t)
		x.put("a.avro", avroFile(codec, []string{"a", "b", "c"}, []string{"d"}, []string{"e", "f"}), 0)
		r := start(t, x.spool("deserializer=AVRO", "batchSize=2"))
		tx, err := r.channel.Take(t.Context(), 1)
		x.must(err)
		if h := fmt.Sprint(tx.Events()[0].Headers); h != "[{flume.avro.schema.hash 5b9cf4b45f4a6b2d}]" {
			t.Fatalf("headers %s", h)
		}
		tx.Commit()
		wantBodies(t, r.take(t, 5), "\x02b", "\x02c", "\x02d", "\x02e", "\x02f")
		x.await("a.avro.COMPLETED")
		wantBodies(t, x.end(r))
	}
	x := newTailTest(t)
	whole := avroFile("null", []string{"a"}, []string{"b"})
	x.put("a.avro", whole[:len(whole)-3], 0)
	r := start(t, x.spool("deserializer=AVRO", "deserializer.schemaType=LITERAL"))
	tx, err := r.channel.Take(t.Context(), 1)
	x.must(err)
	if h := fmt.Sprint(tx.Events()[0].Headers); h != `[{flume.avro.schema.literal `+avroSchema+`}]` {
		t.Fatalf("headers %s", h)
	}
	tx.Commit()
	x.awaitThat(func() bool { return strings.Contains(r.diary.String(), "cannot be read") }, r.diary.String)
	x.add("a.avro", whole[len(whole)-3:])
	wantBodies(t, r.take(t, 1), "\x02b")
	wantBodies(t, x.end(r))
}

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
	tracker, err := openTracker(name, "/x", strings.NewReader("abc"), 100)
	x.must(err)
	for pos := range int64(10) {
		x.must(tracker.store(pos))
	}
	tracker.close()
	if target, pos, mark, err := readTracker(name); target != "/x" || pos != 9 || *mark != headOf(strings.NewReader("abc"), 3) || err != nil {
		t.Fatal(target, pos, mark, err)
	}
	for _, test := range []struct {
		target string
		file   string
		size   int64
		want   int64
	}{{"/x", "abc and more", 100, 9}, {"/x", "ab", 100, 0}, {"/x", "xbc", 100, 0}, {"/x", "abc", 5, 0}, {"/y", "abc", 100, 0}} {
		x.must(os.WriteFile(name+"2", slices.Clone(must(os.ReadFile(name))), 0o666))
		tracker, err := openTracker(name+"2", test.target, strings.NewReader(test.file), test.size)
		x.must(err)
		if tracker.pos != test.want {
			t.Errorf("%v: position %d", test, tracker.pos)
		}
		tracker.close()
	}
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
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

func FuzzTracker(f *testing.F) {
	sync := avrofile.Sync{1}
	f.Add(avrofile.AppendBlock(avrofile.AppendHeader(nil, []avrofile.Entry{{Name: "file", Value: []byte("/x")}}, sync), 1, []byte{8}, sync))
	f.Fuzz(func(t *testing.T, data []byte) {
		if _, pos, _ := parseTracker(bytes.NewReader(data)); pos < 0 {
			t.Fatal(pos)
		}
	})
}

// FuzzLines holds that no byte of a file is lost between two lines, whatever
// the charset, and that both ways to read UTF-8 agree.
func FuzzLines(f *testing.F) {
	f.Add([]byte("a\nb\xff\xe4\xb8\n\r\n"), 0, 3)
	f.Add([]byte("\xfe\xff\x00\n\xd8\x00"), 1, 1)
	names := []string{"UTF-8", "UTF-16", "UTF-16LE", "ISO-8859-1", "GBK", "Shift_JIS"}
	f.Fuzz(func(t *testing.T, data []byte, name, size int) {
		in := must(newCharset(names[uint(name)%uint(len(names))]))
		d := deserializers{kind: lineDeserializer, maxLine: max(1, size&0xFF), inCharset: in, out: must(newCharset("UTF-8")), policy: malformedReplaced}
		var w fileWindow
		l := must(d.open(bytes.NewReader(data), 0, &w, func(int) {}))
		at := int64(0)
		for {
			events, end, err := l.next(3, true)
			if err != nil {
				t.Fatal(err)
			}
			if len(events) == 0 {
				break
			}
			if end <= at {
				t.Fatalf("position %d after %d", end, at)
			}
			at = end
			for _, e := range events {
				if !in.utf8 && bytes.Count(e.Body, nil) > 4*len(data)+4 {
					t.Fatal("a body is longer than the file")
				}
			}
		}
		if left := int64(len(data)) - at; left != 0 && !(left <= 2 && at == 0) {
			t.Fatalf("%d of %d bytes are read", at, len(data))
		}
	})
}

func FuzzAvroRecords(f *testing.F) {
	f.Add([]byte(avroFile("null", []string{"a", "b"}, []string{"c"})))
	f.Add([]byte(avroFile("deflate", []string{"a", "b"}, []string{"c"})))
	f.Fuzz(func(t *testing.T, data []byte) {
		a, err := newAvroRecords(bytes.NewReader(data), 0, "HASH")
		if err != nil {
			return
		}
		for range 1000 {
			events, _, err := a.next(10, true)
			if err != nil || len(events) == 0 {
				return
			}
		}
	})
}
