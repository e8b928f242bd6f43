package op

import (
	"errors"
	"fmt"
	"math"
	"sync"
	"time"

	"github.com/logpipe/logpipe/pkg/record"
	"github.com/logpipe/logpipe/pkg/state"
	"github.com/logpipe/logpipe/pkg/stream"
	"github.com/logpipe/logpipe/pkg/window"
)

// windowWorker folds the blocks of one worker: Process gathers a block, Finish
// gives its records to panes once it is known what is late.
type windowWorker struct {
	f          *windowFold
	gather     *gather
	time       *timeReader
	latenessNS int64
	times      []int64
	lines      []uint32 // positions in the block
	raw        []byte   // the records as JSON, for --late file=
	rawEnds    []int
	max        int64
	begun      bool
	asked      bool          // columns is decided
	columns    *columnInputs // or nil

	mu       sync.Mutex
	panes    map[paneID]*state.Group
	rejected int64
}

// Watermarked implements stream.FoldWorker.
func (w *windowWorker) Watermarked() bool { return !w.f.arrival }

// MaxTime implements stream.FoldWorker.
func (w *windowWorker) MaxTime() (int64, bool) { return w.max, len(w.times) > 0 }

// Process gathers times, keys and arguments; records without a time are
// rejected.
func (w *windowWorker) Process(b *stream.Batch, turn func()) error {
	w.begin()
	for _, r := range b.Records {
		ns := b.Time
		if !w.f.arrival {
			if w.time == nil {
				w.time = w.f.clock.reader(r, turn)
			}
			var err error
			if ns, err = w.time.of(r); err == nil && !w.f.inRange(ns) {
				err = errTimeRange
			}
			if err != nil {
				b.Reject(r, err)
				continue
			}
		}
		w.max = max(w.max, ns)
		w.times = append(w.times, ns)
		w.lines = append(w.lines, r.Pos)
		w.gather.keepRecord(r, ns)
		if w.f.late != nil {
			w.raw = append(r.AppendJSON(w.raw), '\n')
			w.rawEnds = append(w.rawEnds, len(w.raw))
		}
	}
	return nil
}

// begin empties what was gathered before the first batch of a block.
func (w *windowWorker) begin() {
	if w.begun {
		return
	}
	w.begun = true
	w.gather.reset()
	w.times, w.lines, w.raw, w.rawEnds = w.times[:0], w.lines[:0], w.raw[:0], w.rawEnds[:0]
	w.max = stream.MinTime
}

var errTimeRange = errors.New("no event time: so far from 1970 that its window has no borders")

// inRange reports whether the windows of ns and the watermark lie within int64.
func (f *windowFold) inRange(ns int64) bool {
	room := 4*f.spec.windows.Size + int64(f.spec.lateness)
	return room > 0 && ns > math.MinInt64+room && ns < math.MaxInt64-room
}

// keepRecord gathers one record whose bytes go with its batch.
func (g *gather) keepRecord(r *record.Record, ns int64) {
	g.keyFor(r)
	for j, p := range g.progs {
		if g.numeric[j] {
			bits, kind := p.Number(r)
			g.numbers[j] = append(g.numbers[j], record.Number{Bits: bits, Kind: kind})
			continue
		}
		v := p.Eval(r)
		if v.Bytes != nil {
			v.Bytes = g.keep(v.Bytes)
		}
		g.values[j] = append(g.values[j], v)
	}
	if g.placed {
		at := g.position(r.Block)
		at.Time = ns
		g.at = append(g.at, at)
	}
}

// Finish gives the gathered records to their panes, in order: what is late is
// decided by the largest event time before each of them.
func (w *windowWorker) Finish(before stream.Clock, late func(stream.Reject)) error {
	w.begun = false
	n := len(w.times)
	w.gather.groups = grow(w.gather.groups, n)
	w.mu.Lock()
	defer w.mu.Unlock()
	c := w.cursor(before)
	run := 0 // records from run on go to the same pane
	var current *state.Group
	for i, t := range w.times {
		g := w.paneFor(&c, t)
		if g != current || g == nil {
			if current != nil {
				w.gather.addTo(current, run, i)
			}
			run, current = i, g
		}
		if g == nil && c.counted(w.f.spec.windows, t) {
			w.f.counted.Add(1)
			continue
		}
		if g == nil {
			late(w.lateRecord(i, t, &c))
			continue
		}
		w.gather.groups[i] = w.gather.upsertOne(g.Table, i)
	}
	if current != nil {
		w.gather.addTo(current, run, n)
	}
	return nil
}

// cursor goes through the records of a block.
type cursor struct {
	before   stream.Clock
	maxTime  int64 // of the source
	open     int64 // start of the first window that is open
	late     int64 // the same, but for what was out before a reset
	nextOpen int64 // maxTime from which open moves on
	lo, hi   int64 // times that go to pane
	pane     *state.Group
}

func (w *windowWorker) cursor(before stream.Clock) cursor {
	c := cursor{before: before, maxTime: before.Own, open: stream.MinTime, nextOpen: stream.MinTime}
	if w.f.arrival {
		w.f.mu.Lock()
		c.open, c.nextOpen = w.f.next, 1<<63-1
		c.late = c.open
		w.f.mu.Unlock()
		return c
	}
	w.move(&c)
	return c
}

// move finds the first open window anew.
func (w *windowWorker) move(c *cursor) {
	win := w.f.spec.windows
	reached := c.before.At(c.maxTime)
	c.late = win.FirstOpen(window.Watermark(reached, w.latenessNS))
	open := c.late
	if c.before.Kept != stream.MinTime {
		open = max(open, win.FirstOpen(c.before.Kept))
	}
	if open != c.open {
		c.open = open
		c.lo, c.hi = 0, 0
	}
	if c.maxTime >= c.before.Others {
		c.nextOpen = stream.MaxTime // it waits for the other sources
		return
	}
	if open == stream.MinTime || open > c.late || open > 1<<63-1-win.Size-w.latenessNS {
		c.nextOpen = c.maxTime
		return
	}
	c.nextOpen = open + win.Size + w.latenessNS
}

// paneFor returns the pane of a record of time t, or nil where it is late.
func (w *windowWorker) paneFor(c *cursor, t int64) *state.Group {
	if w.f.arrival {
		t = max(t, c.open) // its window has just been closed: it counts for the next
	}
	if t >= c.lo && t < c.hi {
		if t > c.maxTime {
			c.maxTime = t
			if t >= c.nextOpen {
				w.move(c)
			}
		}
		return c.pane
	}
	win := w.f.spec.windows
	var g *state.Group
	start := win.PaneOf(t)
	if win.Last(t) >= c.open {
		id := paneID{start, max(win.First(t), c.open)}
		if g = w.panes[id]; g == nil {
			g = state.NewGroup(w.f.makers)
			w.panes[id] = g
		}
	}
	c.lo, c.hi, c.pane = start, start+win.Pane(), g
	if t > c.maxTime {
		c.maxTime = t
		if t >= c.nextOpen {
			w.move(c)
		}
	}
	return g
}

// counted reports whether a record of time t, which has no window that is open, came
// before a reset too: all its windows were out then, and none of them has been passed since.
func (c *cursor) counted(win window.Windows, t int64) bool { return win.Last(t) >= c.late }

// lateError is how far a late record is behind the latest one.
type lateError time.Duration

func (e lateError) Error() string {
	return fmt.Sprintf("late: its event time is %v behind the latest, its window has ended", time.Duration(e).Round(time.Millisecond))
}

func (w *windowWorker) lateRecord(i int, t int64, c *cursor) stream.Reject {
	r := stream.Reject{Pos: w.lines[i], Late: true, Err: lateError(c.maxTime - t)}
	if w.f.late != nil {
		from := 0
		if i > 0 {
			from = w.rawEnds[i-1]
		}
		r.Line = w.raw[from : w.rawEnds[i]-1]
		r.To = func(line []byte) error {
			_, err := w.f.late.Write(append(line[:len(line):len(line)], '\n'))
			return err
		}
	}
	return r
}
