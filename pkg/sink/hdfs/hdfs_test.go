package hdfs

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/logpipe/logpipe/pkg/flume"
	"github.com/logpipe/logpipe/pkg/logpipetest"
)

func configure(t testing.TB, settings ...string) *Sink {
	t.Helper()
	return logpipetest.Configure(t, New, settings...)
}

// diary collects what the sink tells.
type diary struct {
	mu    sync.Mutex
	lines []string
}

func (d *diary) logf(format string, args ...any) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.lines = append(d.lines, fmt.Sprintf(format, args...))
}

func (d *diary) String() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return strings.Join(d.lines, "\n")
}

func open(t testing.TB, settings ...string) (*Sink, *diary) {
	t.Helper()
	s, d := configure(t, settings...), new(diary)
	if err := s.Open(flume.Env{Name: "k1", Logf: d.logf, Counters: new(flume.Counters)}); err != nil {
		t.Fatal(err)
	}
	return s, d
}

func event(body string, headers ...string) flume.Event {
	e := flume.Event{Body: []byte(body)}
	for _, h := range headers {
		key, value, _ := strings.Cut(h, "=")
		e.Headers.Set(key, value)
	}
	return e
}

func events(bodies ...string) (all []flume.Event) {
	for _, body := range bodies {
		all = append(all, event(body))
	}
	return all
}

// tree is what stands below a folder: "name: content", without the numbers of
// files but in their order.
func tree(t testing.TB, folder string) []string {
	t.Helper()
	var all []string
	err := filepath.WalkDir(folder, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		name, _ := filepath.Rel(folder, path)
		all = append(all, filepath.ToSlash(name)+": "+string(b))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// start is where the clock of synctest begins: 2000-01-01T00:00:00Z.
const start = 946684800000

func TestRolling(t *testing.T) {
	tests := []struct {
		name     string
		settings []string
		want     []string // with numbers relative to the start
		open     []string // before the end
	}{
		{"count", []string{"hdfs.rollCount=2", "hdfs.rollInterval=0", "hdfs.rollSize=0"},
			[]string{"f.1: aa\nbb\n", "f.2: cc\ndd\n", "f.3: ee\n"},
			[]string{"f.1: aa\nbb\n", "f.2: cc\ndd\n", "f.3.tmp: ee\n"}},
		{"size", []string{"hdfs.rollCount=0", "hdfs.rollInterval=0", "hdfs.rollSize=5"},
			[]string{"f.1: aa\nbb\ncc\n", "f.2: dd\nee\n"},
			[]string{"f.1: aa\nbb\ncc\n", "f.2.tmp: dd\nee\n"}},
		{"interval", []string{"hdfs.rollCount=0", "hdfs.rollInterval=15", "hdfs.rollSize=0"},
			[]string{"f.1: aa\nbb\n", "f.20001: cc\ndd\n", "f.40001: ee\n"},
			[]string{"f.1: aa\nbb\n", "f.20001: cc\ndd\n", "f.40001.tmp: ee\n"}},
		{"idle", []string{"hdfs.rollCount=0", "hdfs.rollInterval=0", "hdfs.rollSize=0", "hdfs.idleTimeout=12"},
			[]string{"f.1: aa\nbb\ncc\ndd\nee\n"}, []string{"f.1.tmp: aa\nbb\ncc\ndd\nee\n"}},
		{"idle between", []string{"hdfs.rollCount=0", "hdfs.rollInterval=0", "hdfs.rollSize=0", "hdfs.idleTimeout=5"},
			[]string{"f.1: aa\n", "f.10001: bb\n", "f.20001: cc\n", "f.30001: dd\n", "f.40001: ee\n"},
			[]string{"f.1: aa\n", "f.10001: bb\n", "f.20001: cc\n", "f.30001: dd\n", "f.40001.tmp: ee\n"}},
		{"names", []string{"hdfs.rollCount=0", "hdfs.rollInterval=0", "hdfs.rollSize=0", "hdfs.inUsePrefix=_", "hdfs.inUseSuffix=.open", "hdfs.fileSuffix=.log"},
			[]string{"f.1.log: aa\nbb\ncc\ndd\nee\n"}, []string{"_f.1.log.open: aa\nbb\ncc\ndd\nee\n"}},
		{"no name in use", []string{"hdfs.rollCount=4", "hdfs.rollInterval=0", "hdfs.rollSize=0", "hdfs.emptyInUseSuffix=true"},
			[]string{"f.1: aa\nbb\ncc\ndd\n", "f.2: ee\n"}, []string{"f.1: aa\nbb\ncc\ndd\n", "f.2: ee\n"}},
	}
	for _, test := range tests {
		folder := t.TempDir()
		synctest.Test(t, func(t *testing.T) {
			s, d := open(t, append(test.settings, "hdfs.path=file://"+filepath.ToSlash(folder)+"/x", "hdfs.filePrefix=f", "hdfs.fileType=DataStream")...)
			check := func(what string, want []string) {
				t.Helper()
				var numbered []string
				for _, line := range want {
					i := strings.Index(line, "f.") + 2
					var n int
					fmt.Sscan(line[i:], &n)
					digits := len(fmt.Sprint(n))
					numbered = append(numbered, fmt.Sprint("x/", line[:i], start+n, line[i+digits:]))
				}
				if got := tree(t, folder); !slices.Equal(got, numbered) {
					t.Errorf("%s, %s: %q, want %q; told:\n%s", test.name, what, got, numbered, d)
				}
			}
			for i, body := range []string{"aa", "bb", "cc", "dd", "ee"} {
				if i > 0 {
					time.Sleep(10 * time.Second)
				}
				if err := s.Write(t.Context(), events(body)); err != nil {
					t.Fatal(err)
				}
			}
			check("open", test.open)
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			check("closed", test.want)
		})
	}
}

// One batch goes through several files, as with Flume's default of ten events a
// file.
func TestRollWithinBatch(t *testing.T) {
	folder := t.TempDir()
	s, _ := open(t, "hdfs.path="+folder, "hdfs.fileType=DataStream", "hdfs.rollSize=0")
	var batch []flume.Event
	for i := range 25 {
		batch = append(batch, event(fmt.Sprint(i)))
	}
	if err := s.Write(t.Context(), batch); err != nil {
		t.Fatal(err)
	}
	s.Close()
	var got []string
	for _, line := range tree(t, folder) {
		_, content, _ := strings.Cut(line, ": ")
		got = append(got, fmt.Sprint(strings.Count(content, "\n")))
	}
	if strings.Join(got, " ") != "10 10 5" {
		t.Fatalf("%v", got)
	}
}

func TestBuckets(t *testing.T) {
	folder := t.TempDir()
	s, _ := open(t, "hdfs.path=file://"+folder+"/%{dc}/%Y-%m-%d/%H%M", "hdfs.filePrefix=%{kind}-log", "hdfs.fileType=DataStream",
		"hdfs.timeZone=GMT+1", "hdfs.round=true", "hdfs.roundValue=10", "hdfs.roundUnit=minute", "hdfs.rollCount=0", "hdfs.rollSize=0")
	at := time.Date(2026, 11, 20, 23, 54, 1, 0, time.UTC).UnixMilli()
	batch := []flume.Event{
		event("a", "dc=east", "kind=web", fmt.Sprint("timestamp=", at)),
		event("b", "dc=west", "kind=web", fmt.Sprint("timestamp=", at)),
		event("c", "dc=east", "kind=web", fmt.Sprint("timestamp=", at+300_000)),
		event("d", "dc=east", "kind=db", fmt.Sprint("timestamp=", at+400_000)),
		event("e", "kind=web", fmt.Sprint("timestamp=", at)),
	}
	if err := s.Write(t.Context(), batch); err != nil {
		t.Fatal(err)
	}
	s.Close()
	var got []string
	for _, line := range tree(t, folder) {
		name, content, _ := strings.Cut(line, ": ")
		stem := name[:strings.LastIndexByte(name, '.')]
		got = append(got, stem+" "+strings.ReplaceAll(content, "\n", ","))
	}
	want := []string{"2026-11-21/0050/web-log e,", "east/2026-11-21/0050/web-log a,c,", "east/2026-11-21/0100/db-log d,", "west/2026-11-21/0050/web-log b,"}
	if !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestEventsWithoutPlace(t *testing.T) {
	folder := t.TempDir()
	settings := []string{"hdfs.path=" + folder + "/%{dc}/%H", "hdfs.fileType=DataStream"}
	bad := []flume.Event{event("no time"), event("bad time", "timestamp=noon"), event("up", "timestamp=1", "dc=../../etc")}
	s, _ := open(t, settings...)
	err := s.Write(t.Context(), bad[:2])
	if err == nil || errors.As(err, new(*RejectedError)) || !strings.Contains(err.Error(), "add a timestamp interceptor to the source, or set hdfs.useLocalTimeStamp = true") {
		t.Errorf("a mistake in the properties: %v", err)
	}
	err = s.Write(t.Context(), append([]flume.Event{event("good", "timestamp=1")}, bad...))
	var rejected *RejectedError
	if !errors.As(err, &rejected) || len(rejected.Events) != 3 || rejected.Events[0].Index != 1 {
		t.Errorf("%v", err)
	}
	if err := s.Write(t.Context(), bad[:1]); !errors.As(err, &rejected) || len(rejected.Events) != 1 {
		t.Errorf("later: %v", err)
	}
	s.Close()
	if got := tree(t, folder); len(got) != 1 || !strings.HasSuffix(got[0], ": good\n") {
		t.Errorf("%q", got)
	}

	s, _ = open(t, append(settings, "hdfs.useLocalTimeStamp=true")...)
	if err := s.Write(t.Context(), bad[:2]); err != nil {
		t.Error(err)
	}
	s.Close()
}

// A check opens no connection: it asks no name server what this machine is called.
func TestCheckAsksNobody(t *testing.T) {
	s := configure(t, "hdfs.path=hdfs://n/%[FQDN]/%[IP]")
	if problems := s.Check(); len(problems) > 0 || s.dirs.Fixed() != "/host.domain/127.0.0.1" {
		t.Errorf("%v %q", problems, s.dirs.Fixed())
	}
}
