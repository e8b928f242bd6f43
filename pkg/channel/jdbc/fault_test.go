package jdbc

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/logpipe/logpipe/pkg/database"
	"github.com/logpipe/logpipe/pkg/flume"
	"github.com/logpipe/logpipe/pkg/logpipetest"
)

// faults makes a statement fail, once.
type faults struct {
	mu    sync.Mutex
	word  string // the first one of the statement; "" = none
	after bool   // it was done before the answer was lost
	err   error
	hits  int
}

func (f *faults) set(word string, after bool, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.word, f.after, f.err = word, after, err
}

func (f *faults) check(query string, after bool) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.word == "" || after != f.after || !strings.HasPrefix(query, f.word) {
		return nil
	}
	f.word = ""
	f.hits++
	return f.err
}

// faulty is a connection with faults.
type faulty struct {
	database.Conn
	*faults
}

func (f *faulty) Exec(ctx context.Context, query string, args ...any) (int64, error) {
	if err := f.check(query, false); err != nil {
		return 0, err
	}
	n, err := f.Conn.Exec(ctx, query, args...)
	if err == nil {
		err = f.check(query, true)
	}
	return n, err
}

func (f *faulty) Query(ctx context.Context, row func([]any) error, query string, args ...any) error {
	if err := f.check(query, false); err != nil {
		return err
	}
	return f.Conn.Query(ctx, row, query, args...)
}

func (f *faulty) Insert(ctx context.Context, table string, columns []string, rows int, value func(int, []any)) error {
	if err := f.check("INSERT", false); err != nil {
		return err
	}
	err := f.Conn.Insert(ctx, table, columns, rows, value)
	if err == nil {
		err = f.check("INSERT", true)
	}
	return err
}

// lostConnection is the error of a server that is not there.
func lostConnection(t *testing.T) error {
	t.Helper()
	_, err := database.Open(t.Context(), database.Config{Kind: database.PostgreSQL, Addresses: []string{"127.0.0.1:1"}, Database: "x"})
	if !database.Lost(err) {
		t.Fatal(err)
	}
	return err
}

func openFaulty(t *testing.T, dir string, properties ...string) (*Channel, *faults, *console) {
	t.Helper()
	f := &faults{}
	c := configure(t, append(properties, inFolder(dir))...)
	c.open = func(ctx context.Context, config database.Config) (database.Conn, error) {
		conn, err := database.Open(ctx, config)
		if err != nil {
			return nil, err
		}
		return &faulty{conn, f}, nil
	}
	return c, f, start(t, c)
}

// TestFaults lets each statement fail, by a lost connection before and after it
// was done and by a refusal, and holds that each event comes exactly once.
func TestFaults(t *testing.T) {
	refusal := &database.ServerError{Code: "40001", Message: "not now"}
	for _, word := range []string{"PRAGMA", "BEGIN", "INSERT", "DELETE", "COMMIT", "SELECT id, headers"} {
		for name, err := range map[string]error{"lost": lostConnection(t), "refused": refusal} {
			for _, after := range []bool{false, true} {
				if after && (name == "refused" || strings.HasPrefix(word, "SELECT")) {
					continue // what was refused was not done
				}
				t.Run(fmt.Sprint(word, " ", name, " ", after), func(t *testing.T) {
					dir := t.TempDir()
					c, f, said := openFaulty(t, dir)
					f.set(word, after, err)
					var want, got []string
					ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
					defer cancel()
					for i := range 3 {
						text := fmt.Sprintf("a%d b%d", i, i)
						want = append(want, strings.Fields(text)...)
						if err := c.Put(ctx, logpipetest.Events(text)); err != nil {
							t.Fatal(err)
						}
						tx, err := c.Take(ctx, 1)
						if err != nil {
							t.Fatal(err)
						}
						got = append(got, string(tx.Events()[0].Body))
						if err := tx.Commit(); err != nil {
							t.Fatal(err)
						}
					}
					c.Drain()
					for {
						tx, err := c.Take(ctx, 2)
						if err == io.EOF {
							break
						}
						if err != nil {
							t.Fatal(err)
						}
						for _, e := range tx.Events() {
							got = append(got, string(e.Body))
						}
						if err := tx.Commit(); err != nil {
							t.Fatal(err)
						}
					}
					if fmt.Sprint(got) != fmt.Sprint(want) || f.hits != 1 {
						t.Errorf("%v came, want %v (%d faults)", got, want, f.hits)
					}
					if !strings.Contains(said.text(), "nothing is lost, tries again") {
						t.Errorf("told %s", said.text())
					}
					if err := c.Close(); err != nil {
						t.Fatal(err)
					}
					next, _, _ := openFaulty(t, dir)
					if n := next.Size(); n != 0 {
						t.Errorf("%d events are left", n)
					}
					if err := next.Close(); err != nil {
						t.Fatal(err)
					}
				})
			}
		}
	}
}

// TestProbe holds that a server that refuses is told before the channel is opened,
// and that one that is not there now is waited for.
func TestProbe(t *testing.T) {
	refusal := &database.ServerError{Code: "28P01", Message: "password authentication failed"}
	for _, test := range []struct {
		url       string
		err, want error
	}{
		{"jdbc:postgresql://h/d", refusal, refusal},
		{"jdbc:postgresql://h/d", lostConnection(t), nil},
		{"jdbc:sqlite:" + t.TempDir() + "/x", refusal, nil}, // it can be opened by one alone
	} {
		c := configure(t, "driver.url="+test.url, "db.username=u")
		c.open = func(context.Context, database.Config) (database.Conn, error) { return nil, test.err }
		if err := c.Probe(); !errors.Is(err, test.want) {
			t.Errorf("%s, %v: %v", test.url, test.err, err)
		}
	}
}

// TestTooLarge holds that an event that the database never takes is refused, and
// that others that came with it are stored.
func TestTooLarge(t *testing.T) {
	c, f, _ := openFaulty(t, t.TempDir())
	f.set("INSERT", false, &database.ServerError{Message: "too large", Large: true})
	err := c.Put(t.Context(), logpipetest.Events("large"))
	if err == nil || errors.Is(err, flume.ErrFull) || !strings.Contains(err.Error(), "larger than the database takes") {
		t.Errorf("an event that is too large: %v", err)
	}
	if err := c.Put(t.Context(), logpipetest.Events("small")); err != nil || c.Size() != 1 {
		t.Errorf("%v, size %d", err, c.Size())
	}
	if err := c.Close(); err != nil {
		t.Error(err)
	}
}

// TestNoSpace fills the database up to the pages that it may have: puts wait until
// takes have made room.
func TestNoSpace(t *testing.T) {
	c, _, said := openFaulty(t, t.TempDir())
	said.told = make(chan string, 100)
	err := c.writer.do(t.Context(), func(conn database.Conn) error {
		return conn.Query(t.Context(), func([]any) error { return nil }, "PRAGMA max_page_count = 50")
	})
	if err != nil {
		t.Fatal(err)
	}
	body := make([]byte, 3000)
	done := make(chan error, 1)
	go func() {
		for range 100 {
			if err := c.Put(t.Context(), []flume.Event{{Body: body}}); err != nil {
				done <- err
				return
			}
		}
		done <- nil
	}()
	if line := <-said.told; !strings.Contains(line, "database or disk is full") || !strings.Contains(line, "nothing is lost") {
		t.Errorf("told %s", line)
	}
	select {
	case err := <-done:
		t.Fatalf("100 events fit: %v", err)
	default:
	}
	for n := 0; n < 100; {
		tx, err := c.Take(t.Context(), 20)
		if err != nil {
			t.Fatal(err)
		}
		n += len(tx.Events())
		if err := tx.Commit(); err != nil {
			t.Fatal(err)
		}
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(said.text(), "the database works again") {
		t.Errorf("told %s", said.text())
	}
	if err := c.Close(); err != nil {
		t.Error(err)
	}
}

// TestSpare holds that puts wait while the disk has little left, that takes go on
// meanwhile, and that the puts come when there is space again.
func TestSpare(t *testing.T) {
	c, _, said := openFaulty(t, t.TempDir())
	if err := c.Put(t.Context(), logpipetest.Events("a b c")); err != nil {
		t.Fatal(err)
	}
	var free atomic.Int64
	free.Store(5 << 20)
	c.free = func() (int64, error) { return free.Load(), nil }
	said.told = make(chan string, 100)
	done := make(chan error, 1)
	go func() { done <- c.Put(t.Context(), logpipetest.Events("d")) }()
	if line := <-said.told; !strings.Contains(line, "puts wait, nothing is lost") || !strings.Contains(line, "has 5 MiB left") {
		t.Errorf("told %s", line)
	}
	for _, want := range []string{"a", "b", "c"} {
		tx, err := c.Take(t.Context(), 1)
		if err != nil || string(tx.Events()[0].Body) != want {
			t.Fatal(want, err)
		}
		if err := tx.Commit(); err != nil {
			t.Fatal(err)
		}
	}
	select {
	case err := <-done:
		t.Fatalf("a put took the last space: %v", err)
	default:
	}
	free.Store(1 << 40)
	if err := <-done; err != nil || c.Size() != 1 {
		t.Errorf("%v, size %d", err, c.Size())
	}
	if err := c.Close(); err != nil {
		t.Error(err)
	}
}

// TestShrink holds that the space of events that were taken is given back.
func TestShrink(t *testing.T) {
	dir := t.TempDir()
	c, _, _ := openFaulty(t, dir)
	body := make([]byte, 1<<20)
	for range 60 {
		if err := c.Put(t.Context(), []flume.Event{{Body: body}}); err != nil {
			t.Fatal(err)
		}
	}
	for c.Size() > 0 {
		tx, err := c.Take(t.Context(), 20)
		if err == nil {
			err = tx.Commit()
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	steps := 0
	for more := true; more; steps++ {
		err := c.writer.do(t.Context(), func(conn database.Conn) (err error) {
			more, err = c.sql.shrink(t.Context(), conn)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	info, err := os.Stat(filepath.Join(dir, "events.sqlite"))
	if err != nil {
		t.Fatal(err)
	}
	if info.Size() > (sparePages+100)*4096 || steps < 2 {
		t.Errorf("the file of an empty channel has %d bytes after %d steps", info.Size(), steps)
	}
	if err := c.Close(); err != nil {
		t.Error(err)
	}
}

// TestCounters holds that the counters have the names of Flume's channels.
func TestCounters(t *testing.T) {
	c := configure(t, inFolder(t.TempDir()), "maximum.capacity=8")
	var counters flume.Counters
	if err := c.Open(flume.Env{Name: "c1", Counters: &counters}); err != nil {
		t.Fatal(err)
	}
	if err := c.Put(t.Context(), logpipetest.Events("a b c d e f")); err != nil {
		t.Fatal(err)
	}
	tx, err := c.Take(t.Context(), 2)
	if err == nil {
		err = tx.Commit()
	}
	if err != nil {
		t.Fatal(err)
	}
	got := fmt.Sprint(counters.Values())
	want := "map[ChannelCapacity:8 ChannelFillPercentage:50 ChannelSize:4 EventPutAttemptCount:6 EventPutSuccessCount:6 EventTakeAttemptCount:2 EventTakeSuccessCount:2 Unhealthy:0]"
	if got != want {
		t.Errorf("%s, want\n%s", got, want)
	}
	if err := c.Close(); err != nil {
		t.Error(err)
	}
}
