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
