// Package window assigns event times to windows and decides what is late.
// Times are nanoseconds since 1970 UTC.
package window

import (
	"fmt"
	"math"
	"time"
)

// Windows are the windows [o+k·Slide, o+k·Slide+Size) for every integer k. Slide
// equal to Size tumbles, a smaller one slides. o is 1970-01-01, or the Monday
// before where Slide is whole weeks, as in the expression trunc_time.
type Windows struct{ Size, Slide int64 }

// New returns windows of a size that begin every slide; slide 0 tumbles.
func New(size, slide time.Duration) (Windows, error) {
	if slide == 0 {
		slide = size
	}
	switch {
	case size < time.Millisecond:
		return Windows{}, fmt.Errorf("a window of %v is too short: the least is 1ms", size)
	case slide < time.Millisecond:
		return Windows{}, fmt.Errorf("a slide of %v is too short: the least is 1ms", slide)
	case slide > size:
		return Windows{}, fmt.Errorf("a slide of %v is longer than the window of %v: records between windows would be lost", slide, size)
	}
	return Windows{int64(size), int64(slide)}, nil
}

// Cuts reports whether windows that divide the day, or are whole days, begin
// where the clocks of loc show it: windows of 1h do in Berlin, those of 1d do
// not, as they begin at midnight UTC. Other windows begin at no time of the day
// anywhere.
func (w Windows) Cuts(loc *time.Location) bool {
	const day = int64(24 * time.Hour)
	if loc == nil || day%w.Slide != 0 && w.Slide%day != 0 {
		return true
	}
	for year := 2000; year <= 2040; year++ {
		for _, month := range []time.Month{time.January, time.July} {
			_, offset := time.Date(year, month, 1, 0, 0, 0, 0, loc).Zone()
			if int64(offset)*int64(time.Second)%w.Slide != 0 {
				return false
			}
		}
	}
	return true
}

// Pane is the length of the pieces of which every window is made: the greatest
// common divisor of Size and Slide.
func (w Windows) Pane() int64 {
	a, b := w.Size, w.Slide
	for b != 0 {
		a, b = b, a%b
	}
	return a
}

// PaneOf returns the start of the pane that t is in.
func (w Windows) PaneOf(t int64) int64 { return w.floor(t, w.Pane()) }

// First returns the start of the earliest window that t is in.
func (w Windows) First(t int64) int64 {
	return w.floor(t-w.Size, w.Slide) + w.Slide
}

// Last returns the start of the latest window that t is in.
func (w Windows) Last(t int64) int64 { return w.floor(t, w.Slide) }

// FirstOpen returns the start of the earliest window that ends after the
// watermark.
func (w Windows) FirstOpen(watermark int64) int64 {
	if watermark < math.MinInt64+2*w.Size {
		return math.MinInt64
	}
	return w.floor(watermark-w.Size, w.Slide) + w.Slide
}

// Late reports whether every window of t ends at or before the watermark.
func (w Windows) Late(t, watermark int64) bool {
	return w.Last(t) < w.FirstOpen(watermark)
}

// floor returns the last time up to t from which a unit, the slide or a pane,
// begins.
func (w Windows) floor(t, unit int64) int64 {
	const (
		week   = int64(7 * 24 * time.Hour)
		behind = int64(3 * 24 * time.Hour) // 1970-01-01 was a Thursday
	)
	m := t % unit
	if w.Slide >= week && w.Slide%week == 0 {
		m = (m + behind%unit) % unit
	}
	if m < 0 {
		m += unit
	}
	return t - m
}

// Watermark is the event time up to which records have come: the largest one so
// far less the lateness that is waited for.
func Watermark(maxTime, lateness int64) int64 {
	if maxTime < math.MinInt64+lateness {
		return math.MinInt64
	}
	return maxTime - lateness
}
