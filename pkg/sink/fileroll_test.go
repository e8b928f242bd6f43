package sink

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/logpipe/logpipe/pkg/fault"
	"github.com/logpipe/logpipe/pkg/flume"
	"github.com/logpipe/logpipe/pkg/logpipetest"
)

// rolled returns the files of a folder: names in the order of their numbers, and
// contents.
func rolled(t *testing.T, folder string) (names, texts []string) {
	t.Helper()
	files, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	number := func(name string) (mark string, n int) {
		mark, rest, _ := strings.Cut(name, "-")
		fmt.Sscan(rest, &n)
		return mark, n
	}
	for _, f := range files {
		names = append(names, f.Name())
	}
	slices.SortFunc(names, func(a, b string) int {
		markA, a1 := number(a)
		markB, b1 := number(b)
		if markA != markB {
			return strings.Compare(markA, markB)
		}
		return a1 - b1
	})
	for _, name := range names {
		b, err := os.ReadFile(filepath.Join(folder, name))
		if err != nil {
			t.Fatal(err)
		}
		texts = append(texts, string(b))
	}
	return names, texts
}

func TestFileRollSuite(t *testing.T) {
	logpipetest.FileSink{Kills: 25,
		New: func(t *testing.T, folder string) logpipetest.EventSink {
			return configure(t, NewFileRoll, "sink.directory="+folder)
		},
		Read: func(t *testing.T, folder string, _ bool) (bodies []string) {
			_, texts := rolled(t, folder)
			for _, text := range texts {
				for line := range strings.Lines(text) {
					if body, whole := strings.CutSuffix(line, "\n"); whole {
						bodies = append(bodies, body)
					}
				}
			}
			return bodies
		}}.Test(t)
}

// TestFileRollRolls holds the names and the times that Flume 1.11 has.
func TestFileRollRolls(t *testing.T) {
	tests := []struct {
		settings []string
		names    []string
		texts    []string
	}{
		{nil, []string{"946684800000-1", "946684800000-2", "946684800000-3"}, []string{"a\n", "b\n", ""}},
		{[]string{"sink.rollInterval=10", "sink.pathManager.prefix=log-", "sink.pathManager.extension=txt"},
			[]string{"log-946684800000-1.txt", "log-946684800000-2.txt", "log-946684800000-3.txt", "log-946684800000-4.txt", "log-946684800000-5.txt", "log-946684800000-6.txt", "log-946684800000-7.txt"},
			[]string{"a\n", "", "", "b\n", "", "", ""}},
		{[]string{"sink.rollInterval=0"}, []string{"946684800000-1"}, []string{"a\nb\n"}},
		{[]string{"sink.pathManager=rolltime", "sink.pathManager.prefix=p"}, []string{"p@0-1", "p@30-1", "p@60-1"}, []string{"a\n", "b\n", ""}},
		{[]string{"sink.serializer=HEADER_AND_TEXT", "sink.serializer.appendNewline=false", "sink.rollInterval=0"}, []string{"946684800000-1"}, []string{"{} a{} b"}},
	}
	for _, test := range tests {
		folder := t.TempDir()
		synctest.Test(t, func(t *testing.T) {
			begin := time.Now()
			counters := new(flume.Counters)
			s := configure(t, NewFileRoll, append(test.settings, "sink.directory="+folder)...)
			if problems := s.(flume.Checker).Check(); len(problems) > 0 {
				t.Fatal(problems)
			}
			if err := s.Open(flume.Env{Counters: counters, Logf: t.Logf}); err != nil {
				t.Fatal(err)
			}
			s.Write(t.Context(), bodies("a"))
			time.Sleep(31 * time.Second)
			s.Write(t.Context(), bodies("b"))
			time.Sleep(30 * time.Second)
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			var want []string
			for _, name := range test.names {
				if p, after, found := strings.Cut(name, "@"); found {
					var seconds int
					fmt.Sscan(after, &seconds)
					_, number, _ := strings.Cut(after, "-")
					name = p + begin.Add(time.Duration(seconds)*time.Second).Format("20060102150405") + "-" + number
				}
				want = append(want, name)
			}
			names, texts := rolled(t, folder)
			if !slices.Equal(names, want) || !slices.Equal(texts, test.texts) {
				t.Errorf("%v:\n%q %q, want\n%q %q", test.settings, names, texts, want, test.texts)
			}
			if n := int64(len(want)); counters.Values()["ConnectionCreatedCount"] != n || counters.Values()["ConnectionClosedCount"] != n {
				t.Errorf("counters %v", counters.Values())
			}
		})
	}
}

// Names that are taken are passed over: Flume writes over such a file.
func TestFileRollKeepsFiles(t *testing.T) {
	folder := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		for range 2 { // both in the same instant
			s := configure(t, NewFileRoll, "sink.directory="+folder)
			s.Open(flume.Env{})
			s.Write(t.Context(), bodies("a"))
			s.Close()
		}
	})
	if _, texts := rolled(t, folder); !slices.Equal(texts, []string{"a\n", "a\n"}) {
		t.Fatalf("%q", texts)
	}
}

// brokenFile fails in one of its ways when it is told to.
type brokenFile struct {
	*os.File
	writes, syncs, truncates *int // how many go well
}

func (f brokenFile) Write(p []byte) (int, error) {
	if *f.writes--; *f.writes < 0 {
		n, _ := f.File.Write(p[:len(p)/2])
		return n, &fs.PathError{Op: "write", Path: f.Name(), Err: syscall.ENOSPC}
	}
	return f.File.Write(p)
}

func (f brokenFile) Sync() error {
	if *f.syncs--; *f.syncs < 0 {
		return errors.New("sync fails")
	}
	return f.File.Sync()
}

func (f brokenFile) Truncate(n int64) error {
	if *f.truncates--; *f.truncates < 0 {
		return errors.New("truncate fails")
	}
	return f.File.Truncate(n)
}

// A batch that fails leaves nothing behind, so that it is there once when it
// comes again.
func TestFileRollDiskFull(t *testing.T) {
	const plenty = 1000
	for name, good := range map[string][3]int{"write": {2, plenty, plenty}, "sync": {plenty, 2, plenty}, "undo": {2, plenty, 0}} {
		for _, format := range []string{"text", "avro_event"} {
			t.Run(name+" "+format, func(t *testing.T) {
				fails := good
				folder := t.TempDir()
				counters := new(flume.Counters)
				s := configure(t, NewFileRoll, "sink.directory="+folder, "sink.serializer="+format).(*FileRoll)
				s.newFile = func(path string) (rollFile, error) {
					f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o666)
					return brokenFile{f, &fails[0], &fails[1], &fails[2]}, err
				}
				if err := s.Open(flume.Env{Counters: counters}); err != nil {
					t.Fatal(err)
				}
				if err := s.Write(t.Context(), bodies("first one")); err != nil {
					t.Fatal(err)
				}
				if err := s.Write(t.Context(), bodies("second one", "third one")); err == nil {
					t.Fatal("no error")
				}
				fails = [3]int{plenty, plenty, plenty}
				if err := s.Write(t.Context(), bodies("second one", "third one")); err != nil {
					t.Fatal(err)
				}
				if err := s.Close(); err != nil {
					t.Fatal(err)
				}
				_, texts := rolled(t, folder)
				all := strings.Join(texts, "")
				half := 0
				if name == "undo" {
					half = 1 // of the batch stays in the file that was given up
				}
				for _, body := range []string{"first one", "second one", "third one"} {
					if n := strings.Count(all, body); n != 1 && !(half == 1 && n == 2) {
						t.Errorf("%q is there %d times: %q", body, n, texts)
					}
				}
				if len(texts) != 1+half || counters.Values()["EventWriteFail"] != 1 || counters.Values()["EventDrainSuccessCount"] != 3 {
					t.Errorf("%d files, counters %v", len(texts), counters.Values())
				}
			})
		}
	}
}

func TestFileRollMistakes(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	os.WriteFile(file, nil, 0o666)
	for dir, want := range map[string]string{filepath.Join(t.TempDir(), "none"): "no such file", file: "it is no folder"} {
		s := configure(t, NewFileRoll, "sink.directory="+dir)
		err := s.Open(flume.Env{})
		if err == nil || !regexp.MustCompile("^sink.directory: .*"+want).MatchString(err.Error()) {
			t.Errorf("%s: %v", dir, err)
		}
		if want == "no such file" && !strings.HasPrefix(fault.HintOf(err), "make the folder") {
			t.Errorf("hint %q", fault.HintOf(err))
		}
	}
	s := configure(t, NewFileRoll, "sink.serializer=csv", "sink.pathManager.prefix=a/b").(flume.Checker)
	if problems := s.Check(); len(problems) != 2 {
		t.Errorf("%v", problems)
	}
}

func BenchmarkFileRoll(b *testing.B) {
	var p flume.Properties
	s := NewFileRoll(&p).(*FileRoll)
	s.directory = b.TempDir()
	s.Check()
	if err := s.Open(flume.Env{}); err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	batch := make([]flume.Event, 100)
	for i := range batch {
		batch[i].Body = []byte(strings.Repeat("x", 250))
	}
	for b.Loop() {
		if err := s.Write(b.Context(), batch); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N)*100/b.Elapsed().Seconds(), "events/s")
}

// A file that is taken away while it is written gets nothing more: what would be
// written to it is lost with it. Without its folder, the events wait.
func TestFileRollTakenAway(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "out")
	if err := os.Mkdir(folder, 0o777); err != nil {
		t.Fatal(err)
	}
	var told []string
	s := configure(t, NewFileRoll, "sink.directory="+folder, "sink.rollInterval=0").(*FileRoll)
	if err := s.Open(flume.Env{Logf: func(format string, args ...any) { told = append(told, fmt.Sprintf(format, args...)) }}); err != nil {
		t.Fatal(err)
	}
	if err := s.Write(t.Context(), bodies("first")); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(s.file.Name()); err != nil {
		t.Fatal(err)
	}
	if err := s.Write(t.Context(), bodies("second")); err != nil {
		t.Fatal(err)
	}
	if err := s.Write(t.Context(), bodies("third")); err != nil {
		t.Fatal(err)
	}
	if _, texts := rolled(t, folder); strings.Join(texts, "|") != "second\nthird\n" || len(told) != 1 {
		t.Errorf("the files have %q, told %q", texts, told)
	}
	if err := os.RemoveAll(folder); err != nil {
		t.Fatal(err)
	}
	if err := s.Write(t.Context(), bodies("fourth")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("without the folder: %v", err)
	}
	if err := os.Mkdir(folder, 0o777); err != nil {
		t.Fatal(err)
	}
	if err := s.Write(t.Context(), bodies("fourth")); err != nil {
		t.Fatal(err)
	}
	if _, texts := rolled(t, folder); strings.Join(texts, "|") != "fourth\n" {
		t.Errorf("the files have %q", texts)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}
