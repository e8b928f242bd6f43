package hdfs

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/logpipe/logpipe/pkg/filesystem"
)

// leave makes a file of another writer, which was not written lately.
func leave(t testing.TB, path, text string) {
	t.Helper()
	then := time.Now().Add(-time.Hour)
	if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o777), os.WriteFile(path, []byte(text), 0o666), os.Chtimes(path, then, then)); err != nil {
		t.Fatal(err)
	}
}

// leaveOwn makes a file of a sink of ours that is dead, which its lock proves.
func leaveOwn(t testing.TB, path, text string) {
	t.Helper()
	f, err := filesystem.Local{}.Create(t.Context(), filepath.ToSlash(path))
	if err != nil {
		t.Fatal(err)
	}
	_, err = f.Write(t.Context(), []byte(text))
	if err = errors.Join(err, f.Close(t.Context())); err != nil {
		t.Fatal(err)
	}
	if gone, err := (filesystem.Local{}).Gone(t.Context(), filepath.ToSlash(path)); !gone {
		t.Skipf("this file system keeps no marks: %v", err)
	}
}

// Files that a dead run has left get their names; those of others stay.
func TestDeadRun(t *testing.T) {
	folder := t.TempDir()
	put := func(name, text string) {
		t.Helper()
		leave(t, filepath.Join(folder, name), text)
	}
	own := func(name, text string) {
		t.Helper()
		leaveOwn(t, filepath.Join(folder, name), text)
	}
	own("2026/east/log.1234567890123.txt.tmp", "one\ntwo\nthr")
	put("2026/east/.torn.log.1234567890123.txt", "other")
	put("2026/west/log.1234567890122.txt.tmp", "half")
	own("2026/west/log.1234567890123.txt.tmp", "")
	put("2026/west/log.1234567890129.txt.tmp", "")
	put("2026/south/log.1234567890123.txt.tmp", "one\ntwo\nthr")
	put("2026/west/log.1234567890124.txt.tmp", "whole\n")
	put("2026/west/log.1234567890124.txt", "taken\n")
	put("2026/west/other.1234567890123.txt.tmp", "not ours\n")
	put("2026/west/log.123.txt.tmp", "not ours\n")
	put("2026/west/log.1234567890123.csv.tmp", "not ours\n")
	put("x/east/log.1234567890123.txt.tmp", "not ours\n")
	put("2026/east/deep/log.1234567890123.txt.tmp", "not ours\n")
	path := filepath.Join(folder, "2026/east/log.1234567890999.txt.tmp")
	live, err := filesystem.Local{}.Create(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer live.Close(t.Context())
	live.Write(t.Context(), []byte("somebody writes it\n"))
	s, d := open(t, "hdfs.path=file://"+folder+"/%Y/%{dc}", "hdfs.filePrefix=log", "hdfs.fileSuffix=.txt", "hdfs.fileType=DataStream")
	s.work.Wait()
	s.Close()
	want := []string{
		"2026/east/.torn.log.1234567890123.txt: other",
		"2026/east/.torn.log.1234567890124.txt: thr",
		"2026/east/deep/log.1234567890123.txt.tmp: not ours\n",
		"2026/east/log.1234567890123.txt: one\ntwo\n",
		"2026/east/log.1234567890999.txt.tmp: somebody writes it\n",
		"2026/south/.torn.log.1234567890123.txt: one\ntwo\nthr",
		"2026/south/log.1234567890123.txt: one\ntwo\n",
		"2026/west/.torn.log.1234567890129.txt: ",
		"2026/west/log.123.txt.tmp: not ours\n",
		"2026/west/log.1234567890122.txt.tmp: half",
		"2026/west/log.1234567890123.csv.tmp: not ours\n",
		"2026/west/log.1234567890124.txt: taken\n",
		"2026/west/log.1234567890125.txt: whole\n",
		"2026/west/other.1234567890123.txt.tmp: not ours\n",
		"x/east/log.1234567890123.txt.tmp: not ours\n",
	}
	if got := tree(t, folder); !slices.Equal(got, want) {
		t.Errorf("%q, told:\n%s", got, d)
	}
	for _, told := range []string{
		"removed $/2026/west/log.1234567890123.txt.tmp, which held no event",
		"$/2026/east/log.1234567890123.txt.tmp is now called $/2026/east/log.1234567890123.txt, but for the 3 bytes behind its last whole event, which are in $/2026/east/.torn.log.1234567890124.txt",
		"$/2026/south/log.1234567890123.txt.tmp is now called $/2026/south/log.1234567890123.txt, as a copy of its whole events; the file itself is now called $/2026/south/.torn.log.1234567890123.txt, unchanged: nothing proves that its writer is gone, and what that adds is there",
		"$/2026/west/log.1234567890129.txt.tmp held no whole event and is now called $/2026/west/.torn.log.1234567890129.txt",
		"leaves $/2026/west/log.1234567890122.txt.tmp as it is: it has no end of a line, so that another writer or other settings have made it; once nobody writes it, rename it to $/2026/west/log.1234567890122.txt",
	} {
		if told = strings.ReplaceAll(told, "$", filepath.ToSlash(folder)); !strings.Contains(d.String(), told) {
			t.Errorf("not told: %s; but\n%s", told, d)
		}
	}
}

// deadFormats are settings of sinks that die.
var deadFormats = map[string]string{
	"text":      "hdfs.fileType=DataStream",
	"headers":   "hdfs.fileType=DataStream serializer=header_and_text",
	"unended":   "hdfs.fileType=DataStream serializer.appendNewline=false",
	"avro":      "hdfs.fileType=DataStream serializer=avro_event",
	"sequence":  "hdfs.fileType=SequenceFile",
	"blocks":    "hdfs.fileType=SequenceFile hdfs.codeC=snappy",
	"gzip":      "hdfs.fileType=CompressedStream hdfs.codeC=gzip",
	"bzip2":     "hdfs.fileType=CompressedStream hdfs.codeC=bzip2",
	"deflate":   "hdfs.fileType=CompressedStream hdfs.codeC=deflate",
	"snappy":    "hdfs.fileType=CompressedStream hdfs.codeC=snappy",
	"avro gzip": "hdfs.fileType=CompressedStream hdfs.codeC=gzip serializer=avro_event",
}

// written is what stands in the file of a sink with these settings after some
// batches.
func written(t testing.TB, settings string) string {
	t.Helper()
	folder := t.TempDir()
	s, _ := open(t, append(strings.Fields(settings), "hdfs.path=file://"+folder, "hdfs.rollCount=0", "hdfs.rollSize=0")...)
	defer s.Close()
	for n := range 3 {
		var bodies []string
		for i := range 40 {
			bodies = append(bodies, fmt.Sprintf("batch %d event %d", n, i))
		}
		if err := s.Write(t.Context(), events(bodies...)); err != nil {
			t.Fatal(err)
		}
	}
	_, content, _ := strings.Cut(tree(t, folder)[0], ": ")
	return content
}

// A file of a dead run keeps all of its bytes, whatever the settings are now: it
// is ended where it is surely of the format, and left as it is where it is not.
func TestDeadRunOfOtherSettings(t *testing.T) {
	t.Run("own", func(t *testing.T) { deadRunOfOtherSettings(t, leaveOwn) })
	t.Run("foreign", func(t *testing.T) { deadRunOfOtherSettings(t, leave) })
}

func deadRunOfOtherSettings(t *testing.T, leave func(t testing.TB, path, text string)) {
	foreign := strings.HasSuffix(t.Name(), "foreign")
	contents := map[string]string{}
	for name, settings := range deadFormats {
		contents[name] = written(t, settings)
	}
	// What Hadoop writes and is not read here.
	contents["metadata"] = "SEQ\x06\x01k\x01v\x00\x00\x00\x00\x00\x01\x01a\x01b" + strings.Repeat("s", 16) + "\x00\x00\x00\x02\x00\x00\x00\x01kv"
	contents["packed records"] = "SEQ\x06\x01k\x01v\x01\x00\x01c\x00\x00\x00\x00" + strings.Repeat("s", 50)
	contents["parquet"] = "PAR1\x15\x00\x00\n" + strings.Repeat("x", 50)
	family := map[string]string{"headers": "text", "unended": "text", "blocks": "sequence", "avro gzip": "gzip"} // of those that cut alike
	for before, content := range contents {
		for after, settings := range deadFormats {
			for _, cut := range []int{0, 1, 30} { // from the end
				folder, text := t.TempDir(), content[:len(content)-cut]
				leave(t, filepath.Join(folder, "f.1234567890123.x.tmp"), text)
				s, d := open(t, append(strings.Fields(settings), "hdfs.path=file://"+folder, "hdfs.filePrefix=f", "hdfs.fileSuffix=.x")...)
				s.work.Wait()
				s.Close()
				var kept, aside string
				var left bool
				for _, line := range tree(t, folder) {
					name, content, _ := strings.Cut(line, ": ")
					if strings.HasPrefix(name, asidePrefix) {
						aside = content
					} else {
						kept, left = content, strings.HasSuffix(name, ".tmp")
					}
				}
				if all := kept + aside; all != text && !(foreign && aside == text && strings.HasPrefix(text, kept)) {
					t.Errorf("%s, then %s: %d of %d bytes are there; told:\n%s", before, after, len(kept+aside), len(text), d)
				}
				want := cmp.Or(family[before], before) != cmp.Or(family[after], after) || before == "unended" && after != before
				if before == "parquet" && after == "unended" {
					want = false // it cuts nothing
				}
				if left != want || left != strings.Contains(d.String(), "leaves "+folder) || left && aside != "" {
					t.Errorf("%s, then %s, cut by %d: left %t, want %t; told:\n%s", before, after, cut, left, want, d)
				}
				if n, err := s.whole(strings.NewReader(kept), int64(len(kept))); !left && (err != nil || int(n) != len(kept)) {
					t.Errorf("%s, then %s: %d of %d bytes are whole, %v", before, after, n, len(kept), err)
				}
			}
		}
	}
}

// A file of another sink that begins as others do is nothing to tell of once that
// one has ended it.
func TestDeadRunOfOtherSink(t *testing.T) {
	folder := t.TempDir()
	content := written(t, deadFormats["sequence"])
	name := filepath.Join(folder, "f.1234567890123.tmp")
	synctest.Test(t, func(t *testing.T) {
		leave(t, name, content)
		s, d := open(t, "hdfs.path=file://"+folder, "hdfs.filePrefix=f", "hdfs.fileType=DataStream")
		s.work.Wait()
		other, told := open(t, "hdfs.path=file://"+folder, "hdfs.filePrefix=f")
		other.work.Wait()
		time.Sleep(2 * busyPause)
		synctest.Wait()
		if got := tree(t, folder); len(got) != 1 || got[0] != "f.1234567890123: "+content || d.String() != "" {
			t.Errorf("%q; told:\n%s\nand\n%s", got, d, told)
		}
		if err := errors.Join(s.Close(), other.Close()); err != nil || d.String() != "" {
			t.Errorf("%v; told:\n%s", err, d)
		}
	})
	// Nobody else: it is told once, while the sink runs.
	leave(t, name, content)
	synctest.Test(t, func(t *testing.T) {
		s, d := open(t, "hdfs.path=file://"+folder, "hdfs.filePrefix=f", "hdfs.fileType=DataStream")
		s.work.Wait()
		for range 5 {
			time.Sleep(busyPause)
			synctest.Wait()
		}
		s.Close()
		if n := strings.Count(d.String(), "leaves "+filepath.ToSlash(name)+" as it is: it begins as a SequenceFile does"); n != 1 {
			t.Errorf("told %d times:\n%s", n, d)
		}
	})
}

// linkless is a file system where no file has two names.
type linkless struct {
	filesystem.Local
	parts int // calls of Part
}

func (*linkless) Gone(context.Context, string) (bool, error) { return false, nil }

func (l *linkless) Part(context.Context, string, string, int64, int64) error {
	l.parts++
	return fmt.Errorf("%w: %w", filesystem.ErrNoLink, &os.LinkError{Op: "link", Err: syscall.EPERM})
}

// A file that cannot be kept beside a copy of its whole events stays as it is, which
// is told once with what to do; it is not tried for ever.
func TestDeadRunWithoutLinks(t *testing.T) {
	folder := t.TempDir()
	name := filepath.Join(folder, "f.1234567890123.tmp")
	leave(t, name, "one\ntw")
	leave(t, filepath.Join(folder, "f.1234567890124.tmp"), "whole\n")
	synctest.Test(t, func(t *testing.T) {
		l := new(linkless)
		s, d := openFaulty(t, l, "hdfs.path=file://"+folder, "hdfs.filePrefix=f", "hdfs.fileType=DataStream")
		s.work.Wait()
		for range 5 {
			time.Sleep(busyPause)
			synctest.Wait()
		}
		s.Close()
		if got := tree(t, folder); !slices.Equal(got, []string{"f.1234567890123.tmp: one\ntw", "f.1234567890124: whole\n"}) {
			t.Errorf("%q", got)
		}
		told := fmt.Sprintf("leaves %s as it is: it ends in half an event, nothing proves that its writer is gone, and it cannot be kept beside a copy", filepath.ToSlash(name))
		advice := "; once nobody writes it, cut off its last 2 bytes and rename it to " + strings.TrimSuffix(filepath.ToSlash(name), ".tmp")
		if strings.Count(d.String(), told) != 1 || strings.Count(d.String(), advice) != 1 || strings.Contains(d.String(), "cannot end") {
			t.Errorf("told:\n%s", d)
		}
		if l.parts != 2 { // at first, and after a while in which another sink may have ended it
			t.Errorf("tried %d times", l.parts)
		}
	})
}

// A torn end is cut off only when it is safe elsewhere.
func TestDeadRunNoRoom(t *testing.T) {
	folder := t.TempDir()
	name := filepath.Join(folder, "f.1234567890123.tmp")
	leaveOwn(t, name, "one\ntw")
	live := &faulty{write: times(2, syscall.ENOSPC)}
	synctest.Test(t, func(t *testing.T) {
		s, d := openFaulty(t, live, "hdfs.path=file://"+folder, "hdfs.filePrefix=f", "hdfs.fileType=DataStream")
		s.work.Wait()
		if got := tree(t, folder); !slices.Equal(got, []string{"f.1234567890123.tmp: one\ntw"}) {
			t.Errorf("%q", got)
		}
		time.Sleep(3 * busyPause)
		synctest.Wait()
		if got := tree(t, folder); !slices.Equal(got, []string{".torn.f.1234567890123: tw", "f.1234567890123: one\n"}) {
			t.Errorf("%q; told:\n%s", got, d)
		}
		s.Close()
	})
}

// Lines of any bytes are ended where nothing has to be cut off.
func TestDeadLines(t *testing.T) {
	tests := []struct {
		content, settings string
		whole             int
		strange           string
	}{
		{"one\ntwo\n", "", 8, ""},
		{"one\ntw", "", 4, ""},
		{"one\ntw", "serializer.appendNewline=false", 6, ""},
		{"a\x00b\na\x00b\n", "", 8, ""},
		{"a\x00b\na\x00b", "", 0, "it holds more than text, and its last line has no end"},
		{"one", "", 0, "it has no end of a line"},
		{"\x00\x00\x00\x09a\n", "", 0, "it begins as a packed block does"},
		{"SEQUENCE 1\n", "", 11, ""},
		{"SEQ\n", "", 4, ""},
		{"SEQ\x06\n", "", 0, "it begins as a SequenceFile does"},
		{"BZh9 is no head\n", "", 16, ""},
		{"BZh91AY&SY\n", "serializer.appendNewline=false", 0, "it begins as bzip2 does"},
	}
	for _, test := range tests {
		s := configure(t, append(strings.Fields(test.settings), "hdfs.path=/x", "hdfs.fileType=DataStream")...)
		if problems := s.Check(); len(problems) > 0 {
			t.Fatal(problems)
		}
		n, err := s.judge(strings.NewReader(test.content), int64(len(test.content)))
		var strange *strangeError
		errors.As(err, &strange)
		if int(n) != test.whole || (err != nil) != (test.strange != "") || strange != nil && strange.why != test.strange {
			t.Errorf("%q, %s: %d, %v", test.content, test.settings, n, err)
		}
	}
}
