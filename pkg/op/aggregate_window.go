package op

import (
	"io"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/logpipe/logpipe/pkg/state"
	"github.com/logpipe/logpipe/pkg/stream"
	"github.com/logpipe/logpipe/pkg/window"
)

// windowFold aggregates by windows of event time.
//
// Every worker keeps its groups by pane, the piece of time of which windows are
// made. A pane is also told apart by the earliest window that its records count
// for: a record that is late for the first of its windows goes to a pane of its
// own, so that a window that has been emitted never changes and a pane that is
// being emitted is never written.
type windowFold struct {
	*fold
	late    io.Writer // nil: late records are dropped
	arrival bool      // time is the time of arrival
	workers []*windowWorker
	marks   []windowMark // that wait for windows, in order
	pass    stream.Pass  // nil before the first control
	opened  bool         // the stream has marks
	out     int64        // the windows that end up to there are out because of their time
	kept    map[string]int64
	counted atomic.Int64 // records of windows that were out before a reset

	folded    int64 // records all of whose windows are out
	forgotten int64 // records that came again

	mu   sync.Mutex
	next int64 // start of the earliest window that has not been emitted
	any  bool
}

type paneID struct{ start, from int64 }

// Unordered implements stream.Unordered: windows still leave one by one.
func (f *windowFold) Unordered() { f.any = true }

// Worker implements stream.Folder.
func (f *windowFold) Worker() stream.FoldWorker {
	if len(f.workers) == 0 {
		f.next, f.out = stream.MinTime, stream.MinTime
	}
	w := &windowWorker{f: f, gather: newGather(f.fold), panes: make(map[paneID]*state.Group),
		latenessNS: int64(f.spec.lateness)}
	f.workers = append(f.workers, w)
	return w
}

// Advance emits the windows that the watermark has passed.
func (f *windowFold) Advance(maxTime int64, emit stream.Emit) error {
	if f.arrival {
		return nil
	}
	return f.closeBefore(f.spec.windows.FirstOpen(window.Watermark(maxTime, int64(f.spec.lateness))), emit)
}

// Flush emits the windows that are still open.
func (f *windowFold) Flush(emit stream.Emit) error {
	tellCounted(f.env, f.counted.Load())
	return f.closeBefore(1<<63-1, emit)
}

// closeBefore emits the windows that start before open, in their order.
func (f *windowFold) closeBefore(open int64, emit stream.Emit) error {
	f.mu.Lock()
	next := f.next
	f.next = max(f.next, open)
	f.mu.Unlock()
	if open <= next {
		return nil
	}
	windows := f.collect(next, open)
	starts := make([]int64, 0, len(windows))
	for start := range windows {
		starts = append(starts, start)
	}
	slices.Sort(starts)
	for _, start := range starts {
		groups := windows[start]
		if len(groups) > 1 {
			sum := state.NewGroup(f.makers)
			for _, g := range groups {
				sum.Merge(g)
			}
			groups = []*state.Group{sum}
		}
		if err := f.rows.emit(groups, !f.any, rowTimes{start: start, end: start + f.spec.windows.Size}, emit); err != nil {
			return err
		}
	}
	return f.closed(open)
}

// collect returns the groups of the windows that start in [next, open), by their
// start, and takes the panes that no later window reads from the workers.
func (f *windowFold) collect(next, open int64) map[int64][]*state.Group {
	w := f.spec.windows
	windows := make(map[int64][]*state.Group)
	for _, worker := range f.workers {
		worker.mu.Lock()
		for id, g := range worker.panes {
			last := w.Last(id.start)
			for s := max(w.First(id.start), id.from); s <= last && s < open; s += w.Slide {
				if s >= next {
					windows[s] = append(windows[s], g)
				}
			}
			if last < open {
				worker.rejected += g.Rejected()
				f.folded += g.Records
				delete(worker.panes, id)
			}
		}
		worker.mu.Unlock()
	}
	return windows
}

// RejectedValues implements stream.ValueRejecter.
func (f *windowFold) RejectedValues() int64 {
	var n int64
	for _, w := range f.workers {
		w.mu.Lock()
		n += w.rejected
		for _, g := range w.panes {
			n += g.Rejected()
		}
		w.mu.Unlock()
	}
	return n
}

// Holding implements stream.Folder.
func (f *windowFold) Holding() string {
	open := false
	for _, w := range f.workers {
		w.mu.Lock()
		open = open || len(w.panes) > 0
		w.mu.Unlock()
	}
	if !open {
		return ""
	}
	if f.arrival {
		return "the rows of open windows wait until the clock has passed their end; a shorter --window ends sooner, --emit every=2s without --window prints as time goes on"
	}
	return "the rows of open windows wait until a record comes whose event time is past their end, or for the end of the input; --window sets their length, --time now uses the time of arrival"
}

// arrivalFold closes windows by the clock.
type arrivalFold struct{ *windowFold }

// Every implements stream.Ticker.
func (f *arrivalFold) Every() time.Duration {
	return min(max(time.Duration(f.spec.windows.Slide)/20, 10*time.Millisecond), 100*time.Millisecond)
}

// Tick emits the windows that have ended.
func (f *arrivalFold) Tick(now time.Time, emit stream.Emit) error {
	return f.closeBefore(f.spec.windows.FirstOpen(now.UnixNano()), emit)
}
