package hdfs

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/logpipe/logpipe/pkg/filesystem"
	"github.com/logpipe/logpipe/pkg/flume"
)

// faulty is the local file system with failures; each function may be nil.
type faulty struct {
	filesystem.Local
	write, sync, undo, close, rename, create func(name string) error
}

func call(f func(string) error, name string) error {
	if f == nil {
		return nil
	}
	return f(name)
}

func (f *faulty) Create(ctx context.Context, name string) (filesystem.File, error) {
	if err := call(f.create, name); err != nil {
		return nil, err
	}
	file, err := f.Local.Create(ctx, name)
	return &faultyFile{file, f, name}, err
}

func (f *faulty) Rename(ctx context.Context, from, to string) error {
	if err := call(f.rename, from); err != nil {
		return err
	}
	return f.Local.Rename(ctx, from, to)
}

type faultyFile struct {
	filesystem.File
	fs   *faulty
	name string
}

func (f *faultyFile) Write(ctx context.Context, p []byte) (int, error) {
	if err := call(f.fs.write, f.name); err != nil {
		n, _ := f.File.Write(ctx, p[:len(p)/2])
		return n, err
	}
	return f.File.Write(ctx, p)
}

func (f *faultyFile) Sync(ctx context.Context) error {
	if err := call(f.fs.sync, f.name); err != nil {
		return err
	}
	return f.File.Sync(ctx)
}

func (f *faultyFile) Undo(size int64) error {
	if err := call(f.fs.undo, f.name); err != nil {
		return err
	}
	return f.File.Undo(size)
}

func (f *faultyFile) Close(ctx context.Context) error {
	if err := call(f.fs.close, f.name); err != nil {
		return err
	}
	return f.File.Close(ctx)
}

func openFaulty(t *testing.T, fs filesystem.FS, settings ...string) (*Sink, *diary) {
	t.Helper()
	s, d := configure(t, settings...), new(diary)
	s.open = func(context.Context, string, filesystem.Config) (filesystem.FS, error) { return fs, nil }
	if err := s.Open(flume.Env{Logf: d.logf, Counters: new(flume.Counters)}); err != nil {
		t.Fatal(err)
	}
	return s, d
}

// times fails so often.
func times(n int, err error) func(string) error {
	return func(string) error {
		if n--; n < 0 {
			return nil
		}
		return err
	}
}

// A batch that fails comes again: what it left is taken back where that can be
// done, and half an event never stays.
func TestFailedBatch(t *testing.T) {
	tests := []struct {
		name  string
		fs    func() *faulty
		twice bool // events of the batch may be there twice
	}{
		{"write", func() *faulty { return &faulty{write: times(1, syscall.ENOSPC)} }, false},
		{"sync", func() *faulty { return &faulty{sync: times(1, syscall.EIO)} }, false},
		{"create", func() *faulty { return &faulty{create: times(1, syscall.EMFILE)} }, false},
		{"write, no undo", func() *faulty { return &faulty{write: times(1, syscall.ENOSPC), undo: times(9, filesystem.ErrNoUndo)} }, false},
		{"sync, no undo", func() *faulty { return &faulty{sync: times(1, syscall.EIO), undo: times(9, filesystem.ErrNoUndo)} }, true},
		{"write, undo fails", func() *faulty { return &faulty{write: times(1, syscall.ENOSPC), undo: times(1, syscall.EIO)} }, false},
	}
	for _, test := range tests {
		for _, format := range []string{"hdfs.fileType=DataStream", "hdfs.fileType=SequenceFile", "hdfs.fileType=CompressedStream hdfs.codeC=gzip", "hdfs.fileType=DataStream serializer=avro_event"} {
			t.Run(test.name+" "+format, func(t *testing.T) {
				folder := t.TempDir()
				live := &faulty{}
				s, d := openFaulty(t, live, append(strings.Fields(format), "hdfs.path="+folder, "hdfs.rollCount=0", "hdfs.rollSize=0")...)
				if test.name != "create" {
					if err := s.Write(t.Context(), events("first")); err != nil {
						t.Fatal(err)
					}
				}
				*live = *test.fs()
				if err := s.Write(t.Context(), events("second one", "third one")); err == nil {
					t.Fatal("no error")
				}
				*live = faulty{}
				if err := s.Write(t.Context(), events("second one", "third one")); err != nil {
					t.Fatal(err)
				}
				if err := s.Close(); err != nil {
					t.Fatal(err)
				}
				there := map[string]int{}
				for _, line := range tree(t, folder) {
					name, content, _ := strings.Cut(line, ": ")
					if strings.HasSuffix(name, ".tmp") {
						t.Errorf("%s is left", name)
					}
					for _, body := range read(t, s, []byte(content)) {
						there[body]++
					}
					if n, err := s.whole(strings.NewReader(content), int64(len(content))); err != nil || int(n) != len(content) {
						t.Errorf("%s: %d of %d bytes are whole, %v", name, n, len(content), err)
					}
				}
				if test.name != "create" && there["first"] != 1 {
					t.Errorf("first is there %d times", there["first"])
				}
				for _, body := range []string{"second one", "third one"} {
					if n := there[body]; n != 1 && !(test.twice && n == 2) {
						t.Errorf("%s is there %d times; told:\n%s", body, n, d)
					}
				}
			})
		}
	}
}

// An end that fails is tried again every retryInterval, closeTries times; the
// sink works on meanwhile.
func TestFailedEnd(t *testing.T) {
	tests := []struct {
		name     string
		settings []string
		fs       *faulty
		after    time.Duration
		ended    bool
		told     string
	}{
		{"close", []string{"hdfs.retryInterval=10"}, &faulty{close: times(3, errors.New("busy"))}, 31 * time.Second, true, "is whole and now called"},
		{"rename", []string{"hdfs.retryInterval=10"}, &faulty{rename: times(3, errors.New("busy"))}, 31 * time.Second, true, "is whole and now called"},
		{"too often", []string{"hdfs.retryInterval=10", "hdfs.closeTries=3"}, &faulty{close: times(9, errors.New("busy"))}, time.Minute, false, "gives up ending"},
		{"at the end", nil, &faulty{close: times(1, errors.New("busy"))}, 0, true, ""},
	}
	for _, test := range tests {
		folder := t.TempDir()
		synctest.Test(t, func(t *testing.T) {
			s, d := openFaulty(t, test.fs, append(test.settings, "hdfs.path="+folder, "hdfs.rollCount=1", "hdfs.rollInterval=0", "hdfs.fileType=DataStream")...)
			for _, body := range []string{"a", "b"} {
				if err := s.Write(t.Context(), events(body)); err != nil {
					t.Fatal(err)
				}
			}
			time.Sleep(test.after)
			synctest.Wait()
			if test.after > 0 && strings.HasSuffix(strings.Split(tree(t, folder)[0], ": ")[0], ".tmp") == test.ended {
				t.Errorf("%s: %q", test.name, tree(t, folder))
			}
			if !strings.Contains(d.String(), test.told) {
				t.Errorf("%s: told %s", test.name, d)
			}
			test.fs.close = nil
			s.Close()
			if test.ended && strings.Contains(strings.Join(tree(t, folder), "\n"), ".tmp") {
				t.Errorf("%s: %q", test.name, tree(t, folder))
			}
		})
	}
}

func TestMaxOpenFiles(t *testing.T) {
	folder := t.TempDir()
	s, _ := open(t, "hdfs.path="+folder+"/%{h}", "hdfs.maxOpenFiles=3", "hdfs.fileType=DataStream", "hdfs.rollCount=0", "hdfs.rollSize=0")
	inUse := func() (n int) {
		for _, line := range tree(t, folder) {
			if strings.Contains(line, ".tmp: ") {
				n++
			}
		}
		return n
	}
	for round := range 3 {
		var batch []flume.Event
		for h := range 7 {
			batch = append(batch, event("x", fmt.Sprint("h=", h)))
		}
		if err := s.Write(t.Context(), batch); err != nil {
			t.Fatal(err)
		}
		if n := inUse(); n > 3 {
			t.Fatalf("round %d: %d files are open", round, n)
		}
	}
	s.Close()
	if got := tree(t, folder); len(got) != 21 || inUse() != 0 {
		t.Errorf("%d files: %q", len(got), got)
	}
}

func TestCheck(t *testing.T) {
	tests := []struct {
		settings, property string
	}{
		{"hdfs.path=/a/%Y", ""},
		{"hdfs.path=hdfs://nn:8020/a/%Y/%{h}/%[localhost]", ""},
		{"hdfs.path=file:/a", ""},
		{"hdfs.path=s3://a/b", "hdfs.path"},
		{"hdfs.path=file://a/b", "hdfs.path"},
		{"hdfs.path=/a/%Q", "hdfs.path"},
		{"hdfs.path=hdfs://%{host}/a", "hdfs.path"},
		{"hdfs.filePrefix=%[host]", "hdfs.filePrefix"},
		{"hdfs.fileSuffix=/a", "hdfs.fileSuffix"},
		{"hdfs.timeZone=Mars", "hdfs.timeZone"},
		{"hdfs.round=true hdfs.roundUnit=hour hdfs.roundValue=25", "hdfs.roundValue"},
		{"hdfs.roundUnit=hour hdfs.roundValue=25", ""},
		{"hdfs.codeC=lzo", "hdfs.codeC"},
		{"hdfs.fileType=CompressedStream", "hdfs.fileType"},
		{"hdfs.fileType=CompressedStream hdfs.codeC=none", "hdfs.fileType"},
		{"hdfs.fileType=CompressedStream hdfs.codeC=lzop", "hdfs.codeC"},
		{"hdfs.fileType=DataStream hdfs.codeC=gzip", "hdfs.codeC"},
		{"hdfs.kerberosPrincipal=me", "hdfs.kerberosPrincipal"},
		{"serializer=csv", "serializer"},
	}
	for _, test := range tests {
		problems := configure(t, append([]string{"hdfs.path=/x"}, strings.Fields(test.settings)...)...).Check()
		got := ""
		if len(problems) > 0 {
			got = problems[0].Property
		}
		if got != test.property || len(problems) > 1 {
			t.Errorf("%s: %v", test.settings, problems)
		}
	}
}
