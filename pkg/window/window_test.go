package window

import (
	"math"
	"testing"
	"time"
)

func TestNewRefuses(t *testing.T) {
	for _, c := range []struct{ size, slide time.Duration }{
		{0, 0}, {-time.Second, 0}, {time.Microsecond, 0}, {time.Second, time.Microsecond}, {time.Second, 2 * time.Second},
	} {
		if w, err := New(c.size, c.slide); err == nil {
			t.Errorf("New(%v, %v) = %v", c.size, c.slide, w)
		}
	}
	if w, err := New(time.Minute, 0); err != nil || w.Slide != w.Size {
		t.Errorf("without a slide: %v %v", w, err)
	}
}

// TestAssignment holds First, Last, panes and lateness against the definition:
// the windows [k·slide, k·slide+size).
func TestAssignment(t *testing.T) {
	for _, w := range []Windows{{10, 10}, {10, 3}, {10, 4}, {60, 10}, {7, 7}, {9, 6}} {
		for at := int64(-50); at < 50; at++ {
			first, last := int64(math.MaxInt64), int64(math.MinInt64)
			for k := int64(-100); k < 100; k++ {
				if s := k * w.Slide; s <= at && at < s+w.Size {
					first, last = min(first, s), max(last, s)
				}
			}
			if w.First(at) != first || w.Last(at) != last {
				t.Errorf("%v at %d: windows %d to %d, want %d to %d", w, at, w.First(at), w.Last(at), first, last)
			}
			p := w.PaneOf(at)
			if p > at || at >= p+w.Pane() || w.First(p) != first || w.Last(p) != last || w.First(p+w.Pane()-1) != first {
				t.Errorf("%v at %d: pane %d of %d crosses a border of windows", w, at, p, w.Pane())
			}
			for mark := at - 40; mark < at+40; mark++ {
				if late := last+w.Size <= mark; w.Late(at, mark) != late {
					t.Errorf("%v at %d, watermark %d: late %v, want %v", w, at, mark, !late, late)
				}
			}
		}
	}
}

func TestNothingIsLateBeforeTheFirstRecord(t *testing.T) {
	w := Windows{10, 10}
	if mark := Watermark(math.MinInt64, 5); w.Late(-1<<60, mark) || w.FirstOpen(mark) != math.MinInt64 {
		t.Errorf("watermark %d", mark)
	}
}

// TestWeeksBeginOnMonday holds windows of whole weeks against the calendar.
func TestWeeksBeginOnMonday(t *testing.T) {
	const day = 24 * time.Hour
	for _, c := range []struct {
		size, slide time.Duration
		at          string
		first, last string
	}{
		{7 * day, 0, "2026-11-16T00:00:00Z", "2026-11-16", "2026-11-16"},
		{7 * day, 0, "2026-11-19T12:00:00Z", "2026-11-16", "2026-11-16"},
		{7 * day, 0, "2026-11-22T23:59:59Z", "2026-11-16", "2026-11-16"},
		{7 * day, 0, "1970-01-01T00:00:00Z", "1969-12-29", "1969-12-29"},
		{7 * day, 0, "1969-12-28T23:00:00Z", "1969-12-22", "1969-12-22"},
		{7 * day, 0, "1677-12-26T01:00:00Z", "1677-12-20", "1677-12-20"},
		{14 * day, 0, "1970-01-11T23:00:00Z", "1969-12-29", "1969-12-29"},
		{14 * day, 7 * day, "2026-11-19T12:00:00Z", "2026-11-09", "2026-11-16"},
		{10 * day, 7 * day, "2026-11-19T12:00:00Z", "2026-11-16", "2026-11-16"},
		{10 * day, 7 * day, "2026-11-18T12:00:00Z", "2026-11-09", "2026-11-16"},
		{7 * day, day, "2026-11-19T12:00:00Z", "2026-11-13", "2026-11-19"}, // begin every day
		{8 * day, 0, "1970-01-01T00:00:00Z", "1970-01-01", "1970-01-01"},   // no whole weeks
	} {
		w, err := New(c.size, c.slide)
		if err != nil {
			t.Fatal(err)
		}
		at, err := time.Parse(time.RFC3339, c.at)
		if err != nil {
			t.Fatal(err)
		}
		date := func(ns int64) string { return time.Unix(0, ns).UTC().Format(time.DateOnly) }
		ns := at.UnixNano()
		if first, last := date(w.First(ns)), date(w.Last(ns)); first != c.first || last != c.last {
			t.Errorf("%v every %v, %s: windows from %s to %s, want %s to %s", c.size, c.slide, c.at, first, last, c.first, c.last)
		}
		p := w.PaneOf(ns)
		if p > ns || ns >= p+w.Pane() || w.First(p) != w.First(ns) || w.First(p+w.Pane()-1) != w.First(ns) {
			t.Errorf("%v every %v, %s: pane from %s crosses a border of windows", c.size, c.slide, c.at, date(p))
		}
		if end := w.Last(ns) + w.Size; w.Late(ns, end-1) || !w.Late(ns, end) || w.FirstOpen(end-1) > w.Last(ns) {
			t.Errorf("%v every %v, %s: lateness at the end of its window", c.size, c.slide, c.at)
		}
	}
}
