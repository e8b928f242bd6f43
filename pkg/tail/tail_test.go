package tail

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/logpipe/logpipe/pkg/stream"
)

// reader collects what a Tail hands out.
type reader struct {
	t    *testing.T
	tail *Tail
	log  *lockedBuffer
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func open(t *testing.T, cfg Config) *reader {
	t.Helper()
	r := &reader{t: t, log: new(lockedBuffer)}
	cfg.Log = slog.New(slog.NewTextHandler(r.log, nil))
	var err error
	if r.tail, err = Open(cfg); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.close)
	return r
}

func (r *reader) close() {
	r.t.Helper()
	if err := r.tail.Close(); err != nil {
		r.t.Errorf("close: %v", err)
	}
}

// block waits for the next block, unacknowledged.
func (r *reader) block() *stream.Block {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(r.t.Context(), time.Minute)
	defer cancel()
	b, err := r.tail.Read(ctx)
	if err != nil {
		r.t.Fatalf("read: %v\n%s", err, r.log)
	}
	return b
}

// want reads until so many bytes came and compares them.
func (r *reader) want(text string) {
	r.t.Helper()
	var got strings.Builder
	for got.Len() < len(text) {
		b := r.block()
		got.Write(b.Data)
		b.Ack(nil)
	}
	if got.String() != text {
		r.t.Fatalf("got\n%q, want\n%q\n%s", got.String(), text, r.log)
	}
}

func add(t *testing.T, path, text string) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o666)
	if err == nil {
		_, err = f.WriteString(text)
	}
	if err == nil {
		err = f.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestGrowing(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.log")
	add(t, path, "before\nhalf")
	r := open(t, Config{Files: []string{path}})
	add(t, path, " a line\n")
	r.want("half a line\n")
	add(t, path, "x\ny\r\nz")
	r.want("x\ny\r\n")
	add(t, path, "\n")
	r.want("z\n")
}

func TestBeginning(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.log")
	add(t, path, "before\n")
	r := open(t, Config{Files: []string{path, path}, Beginning: true})
	b := r.block()
	if string(b.Data) != "before\n" || b.Name != path || b.Line != 1 {
		t.Errorf("%q of %s:%d", b.Data, b.Name, b.Line)
	}
	add(t, path, "after\n")
	if b = r.block(); string(b.Data) != "after\n" || b.Line != 2 {
		t.Errorf("%q at line %d", b.Data, b.Line)
	}
}

func TestMissing(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.log")
	r := open(t, Config{Files: []string{path}})
	if !strings.Contains(r.log.String(), "is not there: waiting for it") {
		t.Errorf("log: %s", r.log)
	}
	add(t, path, "first\n")
	r.want("first\n")
}

func TestMissingFolder(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "logs")
	path := filepath.Join(folder, "a.log")
	r := open(t, Config{Files: []string{path}})
	must(t, os.Mkdir(folder, 0o777))
	add(t, path, "first\n")
	r.want("first\n")
	add(t, path, "second\n")
	r.want("second\n")
}

// The usual rotation: the file is renamed, its writer goes on with it, and only
// then opens the new one.
func TestRenamed(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.log")
	add(t, path, "")
	r := open(t, Config{Files: []string{path}})
	for i := range 5 {
		old := fmt.Sprintf("%s.%d", path, i)
		add(t, path, fmt.Sprintf("%d before\n", i))
		must(t, os.Rename(path, old))
		add(t, old, fmt.Sprintf("%d after\n", i))
		add(t, path, fmt.Sprintf("%d new\n", i))
		add(t, old, fmt.Sprintf("%d late\n", i))
		got := map[string]bool{}
		for len(got) < 4 {
			b := r.block()
			for line := range strings.Lines(string(b.Data)) {
				if got[line] {
					t.Errorf("twice: %q", line)
				}
				got[line] = true
			}
		}
		for _, what := range []string{"before", "after", "new", "late"} {
			if !got[fmt.Sprintf("%d %s\n", i, what)] {
				t.Errorf("round %d: no line %q in %v", i, what, got)
			}
		}
	}
}

func TestRenamedUnderLoad(t *testing.T) {
	folder := t.TempDir()
	path := filepath.Join(folder, "a.log")
	add(t, path, "")
	r := open(t, Config{Files: []string{path}})
	const rounds, lines = 20, 200
	var writer sync.WaitGroup
	round := make(chan int, rounds) // of which a line was read
	writer.Go(func() {
		for i := range rounds {

			f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o666)
			if err != nil {
				t.Error(err)
				return
			}
			for j := range lines {
				fmt.Fprintf(f, "%d\n", i*lines+j)
				if j == lines/2 {
					// A file that is renamed before anybody has looked is never found.
					for <-round < i {
					}
					os.Rename(path, fmt.Sprintf("%s.%d", path, i))
				}
			}
			f.Close()
		}
	})
	seen := make([]int, rounds*lines)
	for n := 0; n < len(seen); {
		b := r.block()
		for line := range strings.Lines(string(b.Data)) {
			i := -1
			fmt.Sscan(line, &i)
			if i < 0 || i >= len(seen) {
				t.Fatalf("line %q", line)
			}
			if seen[i]++; i%lines == 0 {
				round <- i / lines
			}
			n++
		}
		b.Ack(nil)
	}
	writer.Wait()
	for i, n := range seen {
		if n != 1 {
			t.Fatalf("line %d came %d times", i, n)
		}
	}
}

func TestTruncated(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.log")
	add(t, path, "")
	r := open(t, Config{Files: []string{path}})
	add(t, path, "a longer line\n")
	r.want("a longer line\n")
	must(t, os.Truncate(path, 0))
	add(t, path, "short\n")
	r.want("short\n")
	if !strings.Contains(r.log.String(), "was truncated") {
		t.Errorf("log: %s", r.log)
	}
}

// A file that is truncated and has grown beyond what was read when somebody
// looks again, or to just that, is read from its beginning.
func TestTruncatedAndGrown(t *testing.T) {
	long := strings.Repeat("x", 300) + "\n"
	tests := []struct {
		name             string
		before, next     string
		beginsAtEnd      bool // reading began behind before
		grows, afterward string
	}{
		{"longer", "one\n", "", false, "something longer\n", "then\n"},
		{"as long", "one\n", "", false, "two\n", "then\n"},
		{"longer than the head", long, long, false, "y" + long + long, "then\n"},
		{"begun at the end", "one\n", "", true, "something longer\n", "then\n"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "a.log")
			add(t, path, test.before+test.next)
			o, err := openFile(path, path)
			must(t, err)
			defer o.close()
			if test.beginsAtEnd {
				must(t, o.toEnd())
			} else if b, _, err := o.next(); err != nil || string(b.Data) != test.before+test.next {
				t.Fatalf("%v, %v", b, err)
			}
			must(t, os.WriteFile(path, []byte(test.grows), 0o666))
			if b, _, err := o.next(); !errors.Is(err, errTruncated) {
				t.Fatalf("%v, %v", b, err)
			}
			o.restart()
			for _, want := range []string{test.grows, test.afterward} {
				if b, _, err := o.next(); err != nil || string(b.Data) != want {
					t.Fatalf("%v, %v, want %q", b, err, want)
				}
				if want == test.grows {
					add(t, path, test.afterward)
				}
			}
		})
	}

	path := filepath.Join(t.TempDir(), "a.log")
	add(t, path, "one\n")
	r := open(t, Config{Files: []string{path}, Beginning: true})
	r.want("one\n")
	must(t, os.WriteFile(path, []byte("something longer\n"), 0o666))
	r.want("something longer\n")
}

func TestRemoved(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.log")
	add(t, path, "")
	r := open(t, Config{Files: []string{path}})
	for i := range 3 {
		line := fmt.Sprintf("%d\n", i)
		add(t, path, line)
		r.want(line)
		must(t, os.Remove(path))
		add(t, path, line)
		r.want(line)
	}
}

// A name that points to another file each day.
func TestSymlink(t *testing.T) {
	folder := t.TempDir()
	path := filepath.Join(folder, "current")
	for _, name := range []string{"1.log", "2.log"} {
		add(t, filepath.Join(folder, name), "")
	}
	must(t, os.Symlink("1.log", path))
	r := open(t, Config{Files: []string{path}})
	add(t, path, "one\n")
	r.want("one\n")
	must(t, os.Symlink("2.log", path+".new"))
	must(t, os.Rename(path+".new", path))
	add(t, path, "two\n")
	r.want("two\n")
}

func TestLongLine(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.log")
	long := strings.Repeat("x", stream.MaxLine+2*stream.BlockSize)
	add(t, path, "short\n"+long+"\nbehind\n")
	r := open(t, Config{Files: []string{path}, Beginning: true})
	r.want("short\n")
	b := r.block()
	if len(b.Long) != 1 || b.Long[0].Size != int64(len(long)) || string(b.Data) != "behind\n" || b.Line != 2 {
		t.Errorf("%d long lines, then %d bytes at line %d", len(b.Long), len(b.Data), b.Line)
	}
	add(t, path, "next\n")
	if b = r.block(); string(b.Data) != "next\n" || b.Line != 4 {
		t.Errorf("%q at line %d", b.Data, b.Line)
	}
}

func TestRefused(t *testing.T) {
	folder := t.TempDir()
	if _, err := Open(Config{Files: []string{folder}}); err == nil || !strings.Contains(err.Error(), "is a folder") {
		t.Errorf("folder: %v", err)
	}
	if _, err := Open(Config{Files: []string{os.DevNull}}); err == nil || !strings.Contains(err.Error(), "not a regular file") {
		t.Errorf("device: %v", err)
	}
	if _, err := Open(Config{}); err == nil {
		t.Error("no file is accepted")
	}
}

// Nothing is left of a Tail: the library's own goroutine, which serves the
// whole process, is there once.
func TestGoroutines(t *testing.T) {
	folder := t.TempDir()
	once := func() {
		there, missing := filepath.Join(folder, "there"), filepath.Join(folder, "missing")
		add(t, there, "a\n")
		tail, err := Open(Config{Files: []string{there, missing}, Beginning: true, Positions: filepath.Join(folder, "pos")})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := tail.Read(t.Context()); err != nil {
			t.Fatal(err)
		}
		must(t, tail.Close())
	}
	once()
	before := runtime.NumGoroutine()
	for range 5 {
		once()
		os.Remove(filepath.Join(folder, "pos"))
	}
	for until := time.Now().Add(time.Minute); runtime.NumGoroutine() > before; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(until) {
			buf := make([]byte, 1<<20)
			t.Fatalf("%d goroutines, before %d\n%s", runtime.NumGoroutine(), before, buf[:runtime.Stack(buf, true)])
		}
	}
}
