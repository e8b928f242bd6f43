package gen

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// write is one call of Write, with the time since the writer was made.
type write struct {
	after time.Duration
	lines int
	size  int
}

// recorder notes when what was written.
type recorder struct {
	begin  time.Time
	writes []write
	text   bytes.Buffer
	slow   time.Duration // how long each write takes
	fail   error
}

func (r *recorder) Write(p []byte) (int, error) {
	if r.fail != nil {
		return 0, r.fail
	}
	r.writes = append(r.writes, write{time.Since(r.begin), bytes.Count(p, []byte("\n")), len(p)})
	if r.slow > 0 {
		timer := time.NewTimer(r.slow)
		<-timer.C
	}
	return r.text.Write(p)
}

// run runs a generator inside a bubble of testing/synctest.
func run(t *testing.T, ctx context.Context, name string, o Options, r *recorder) error {
	t.Helper()
	g, err := New(name, o)
	if err != nil {
		t.Fatal(err)
	}
	r.begin = time.Now()
	return g.Run(ctx, r)
}

func TestRunUnpacedWritesBlocks(t *testing.T) {
	for _, n := range []int64{1, 1000, 30_000} {
		var r recorder
		if err := run(t, t.Context(), "access", Options{N: n}, &r); err != nil {
			t.Fatal(err)
		}
		if want := strings.Join(makeLines(t, "access", Options{N: n}), "\n") + "\n"; r.text.String() != want {
			t.Errorf("%d lines: Run and Next differ", n)
		}
		for i, w := range r.writes {
			if i < len(r.writes)-1 && (w.size < block || w.size > block+4096) {
				t.Errorf("write %d has %d bytes", i, w.size)
			}
		}
	}
}

func TestRunRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var r recorder
		if err := run(t, t.Context(), "behavior", Options{N: 21, Rate: 10, JSON: true}, &r); err != nil {
			t.Fatal(err)
		}
		if len(r.writes) != 21 {
			t.Fatalf("%d writes: %v", len(r.writes), r.writes)
		}
		for i, w := range r.writes {
			if want := time.Duration(i) * 100 * time.Millisecond; w.after != want || w.lines != 1 {
				t.Errorf("write %d: %v", i, w)
			}
		}
		for i, line := range strings.Split(strings.TrimSpace(r.text.String()), "\n") {
			var v struct{ TS int64 }
			if err := json.Unmarshal([]byte(line), &v); err != nil {
				t.Fatal(err)
			}
			now := r.begin.Add(time.Duration(i) * 100 * time.Millisecond).UnixMilli()
			if v.TS > now || v.TS < now-jitterMax {
				t.Errorf("line %d bears %d at %d", i, v.TS, now)
			}
		}
	})
}

// High rates are exact in number, late by a tick at most, and not one write a record.
func TestRunHighRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var r recorder
		const rate, n = 200_000, 100_000
		if err := run(t, t.Context(), "behavior", Options{N: n, Rate: rate}, &r); err != nil {
			t.Fatal(err)
		}
		total := 0
		for _, w := range r.writes {
			total += w.lines
			if due := 1 + int(w.after.Seconds()*rate+0.5); total > due || total < due-rate/500 {
				t.Fatalf("%d lines after %v", total, w.after)
			}
		}
		if total != n || len(r.writes) > 600 {
			t.Errorf("%d lines in %d writes", total, len(r.writes))
		}
	})
}

func TestRunBatches(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var r recorder
		o := Options{N: 5000, Every: 5 * time.Second, BatchMin: 0, BatchMax: 50}
		if err := run(t, t.Context(), "behavior", o, &r); err != nil {
			t.Fatal(err)
		}
		total, sizes := 0, map[int]bool{}
		for i, w := range r.writes {
			if w.after%o.Every != 0 || w.lines > 50 {
				t.Errorf("write %d: %v", i, w)
			}
			total += w.lines
			sizes[w.lines] = true
		}
		if total != 5000 || len(sizes) < 40 {
			t.Errorf("%d lines, %d sizes", total, len(sizes))
		}
		// 5000 lines in batches of 25 on average, the empty ones included
		if seconds := r.writes[len(r.writes)-1].after.Seconds(); seconds < 800 || seconds > 1250 {
			t.Errorf("took %v s", seconds)
		}
		if want := strings.Join(makeLines(t, "behavior", Options{N: 5000}), "\n") + "\n"; r.text.String() != want {
			t.Error("pacing changed the records")
		}
	})
}

func TestRunBatchOfOneIsTheDefault(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var r recorder
		if err := run(t, t.Context(), "tracks", Options{N: 3, Every: time.Minute}, &r); err != nil {
			t.Fatal(err)
		}
		if len(r.writes) != 3 || r.writes[2].after != 2*time.Minute {
			t.Errorf("%v", r.writes)
		}
	})
}

// Paced data bears the wall clock; with a start it bears the same distances
// from there, and a step wins over both.
func TestRunEventTimes(t *testing.T) {
	start := time.Date(2031, 1, 1, 0, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		o    Options
		want []string
	}{
		{Options{Rate: 0.5}, []string{"2000-01-01 00:00:00", "2000-01-01 00:00:02", "2000-01-01 00:00:04"}},
		{Options{Rate: 0.5, Start: start}, []string{"2031-01-01 00:00:00", "2031-01-01 00:00:02", "2031-01-01 00:00:04"}},
		{Options{Rate: 0.5, Step: time.Hour}, []string{"2000-01-01 00:00:00", "2000-01-01 01:00:00", "2000-01-01 02:00:00"}},
		{Options{Every: time.Minute, BatchMin: 2, BatchMax: 2}, []string{"2000-01-01 00:00:00", "2000-01-01 00:00:00", "2000-01-01 00:01:00"}},
		{Options{Every: time.Minute, Start: start, Step: time.Second}, []string{"2031-01-01 00:00:00", "2031-01-01 00:00:01", "2031-01-01 00:00:02"}},
	} {
		synctest.Test(t, func(t *testing.T) { // its clock begins with the year 2000
			var r recorder
			c.o.N = 3
			if err := run(t, t.Context(), "tracks", c.o, &r); err != nil {
				t.Fatal(err)
			}
			for i, line := range strings.Split(strings.TrimSpace(r.text.String()), "\n") {
				if got := strings.Split(line, ",")[3]; got != c.want[i] {
					t.Errorf("%+v line %d: %s, want %s", c.o, i, got, c.want[i])
				}
			}
		})
	}
}

// A slow reader delays records, but none gets lost and the rate holds after it.
func TestRunCatchesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := recorder{slow: 450 * time.Millisecond}
		if err := run(t, t.Context(), "behavior", Options{N: 100, Rate: 10}, &r); err != nil {
			t.Fatal(err)
		}
		total := 0
		for _, w := range r.writes {
			total += w.lines
		}
		if last := r.writes[len(r.writes)-1].after; total != 100 || last < 9*time.Second || last > 11*time.Second {
			t.Errorf("%d lines, the last after %v", total, last)
		}
	})
}

func TestRunEndsWithItsContext(t *testing.T) {
	for _, o := range []Options{{Rate: 10}, {Every: time.Hour}, {Rate: 20_000}} {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 2050*time.Millisecond)
			defer cancel()
			var r recorder
			if err := run(t, ctx, "access", o, &r); err != nil {
				t.Errorf("%+v: %v", o, err)
			}
			if passed := time.Since(r.begin); passed != 2050*time.Millisecond {
				t.Errorf("%+v: ended after %v", o, passed)
			}
			if !bytes.HasSuffix(r.text.Bytes(), []byte("\n")) {
				t.Errorf("%+v: the last line is not whole", o)
			}
		})
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var r recorder
	if err := run(t, ctx, "access", Options{}, &r); err != nil || len(r.writes) > 0 {
		t.Errorf("ended before the start: %v, %d writes", err, len(r.writes))
	}
}

func TestRunTellsWriteErrors(t *testing.T) {
	full := errors.New("no space left on device")
	if err := run(t, t.Context(), "access", Options{}, &recorder{fail: full}); !errors.Is(err, full) {
		t.Error(err)
	}
}

// Run goes on where Next stopped.
func TestRunAfterNext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, err := New("behavior", Options{N: 4, Rate: 1})
		if err != nil {
			t.Fatal(err)
		}
		g.Next(nil)
		g.Next(nil)
		r := recorder{begin: time.Now()}
		if err := g.Run(t.Context(), &r); err != nil {
			t.Fatal(err)
		}
		if len(r.writes) != 2 || r.writes[0].after != 0 || r.writes[1].after != time.Second {
			t.Errorf("%v", r.writes)
		}
	})
}
