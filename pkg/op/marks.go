package op

import (
	"math"

	"github.com/logpipe/logpipe/pkg/fault"
	"github.com/logpipe/logpipe/pkg/record"
	"github.com/logpipe/logpipe/pkg/stream"
)

// Operators that keep records back keep marks back with them: a mark passes when
// the rows that the records before it have gone into are out. What is in no row yet
// at a reset is forgotten: it comes again.

// heldMark is the latest mark that waits. A mark says more than all before it, so
// that these need not pass.
type heldMark struct {
	mark *stream.Control
	pass stream.Pass
}

// hold keeps c.
func (h *heldMark) hold(c *stream.Control, pass stream.Pass) { h.mark, h.pass = c, pass }

// release passes the mark that waits.
func (h *heldMark) release() error {
	if h.mark == nil {
		return nil
	}
	c := h.mark
	h.mark = nil
	return h.pass(c)
}

// untilEnd is the Control of an operator whose rows leave at the end of the input.
func (h *heldMark) untilEnd(c *stream.Control, pass stream.Pass, forget func()) error {
	switch c.Kind {
	case stream.ControlSource, stream.ControlWatermark:
		return nil // the rows come from no single source and at no time
	case stream.ControlMark:
		h.hold(c, pass)
		return nil
	case stream.ControlCut:
		h.mark = nil
	case stream.ControlReset:
		h.mark = nil
		forget()
	}
	return pass(c)
}

// Control implements stream.Controller.
func (o *sorter) Control(c *stream.Control, _ stream.Emit, pass stream.Pass) error {
	return o.held.untilEnd(c, pass, func() {
		o.again += int64(len(o.rows))
		o.rows, o.values, o.lines = nil, nil, newLineStore()
	})
}

// Control implements stream.Controller.
func (o *gridPrinter) Control(c *stream.Control, _ stream.Emit, pass stream.Pass) error {
	return o.held.untilEnd(c, pass, func() {
		o.again += int64(len(o.grid.rows))
		o.grid = newGrid(o.grid.fields)
	})
}

// Control implements stream.Controller: what is printed behind the last mark it would
// not cover, so the header of no records comes before it.
func (o *rowPrinter) Control(c *stream.Control, emit stream.Emit, pass stream.Pass) error {
	if c.Kind == stream.ControlMark && c.Last {
		if err := o.Flush(emit); err != nil {
			return err
		}
	}
	return pass(c)
}

// Control implements stream.Controller: a mark waits for the end of the window at
// hand.
func (o *ranker) Control(c *stream.Control, emit stream.Emit, pass stream.Pass) error {
	switch c.Kind {
	case stream.ControlSource:
		o.again.source = c.Source
		return nil
	case stream.ControlWatermark:
		if end := o.windows.end(); c.Time == 0 || end == math.MinInt64 || end > c.Time {
			return nil
		}
		o.again.until = max(o.again.until, o.windows.end())
		if err := o.complete(emit); err != nil {
			return err
		}
		return pass(c)
	case stream.ControlMark:
		o.held.hold(c, func(c *stream.Control) error { return pass(c.Reached(o.again.until, o.again.kept)) })
		if len(o.groups) == 0 {
			return o.held.release()
		}
		return nil
	case stream.ControlCut:
		o.held.mark = nil
	case stream.ControlReset:
		o.held.mark = nil
		o.forgotten += o.ranking()
		o.clear()
		o.windows = newWindowOrder()
		o.again = keptWindows{until: stream.MinTime, kept: c.Kept(), count: o.again.count}
		c = c.Took()
	}
	return pass(c)
}

// keptWindows are the windows of records that are in order by themselves which are
// out, some of them since before a reset: what comes of those is ranked already.
type keptWindows struct {
	until  int64 // end of the last one; stream.MinTime without
	kept   map[string]int64
	source string // of the records at hand
	count  int64  // records of windows that were out before a reset
}

// windowOut is the order of a record whose window was out before a reset.
const windowOut = 2

func (k *keptWindows) out(w *windowOrder, r *record.Record) bool {
	kept, ok := k.kept[k.source]
	if !ok {
		return false
	}
	if r.Get(w.fields[0]).Kind != record.Null {
		return false // rows of one window leave again and again
	}
	text, end := windowTime(r.Get(w.fields[1]))
	return text != "" && end <= kept
}

// tellCounted tells how many records were left out because the rows of their windows
// had been committed before a reset.
func tellCounted(env *stream.Env, n int64) {
	if n > 0 {
		env.Log.Warn("records of windows whose rows had been committed before: they are in those rows, or too late for them", "records", n)
	}
}

// Control implements stream.Controller: what is on the screen is out.
func (o *liveTop) Control(c *stream.Control, _ stream.Emit, pass stream.Pass) error {
	if c.Kind == stream.ControlReset {
		o.forgotten += o.ranking()
		o.clear()
		o.windows = newWindowOrder()
	}
	return pass(c)
}

// end is the end of the window at hand, math.MinInt64 without one.
func (w *windowOrder) end() int64 {
	if !w.begun || w.texts[0] != "" || w.texts[1] == "" {
		return math.MinInt64
	}
	return w.times[1]
}

// Control implements stream.Controller. Rows that leave at the end of a stream
// without end would keep back its marks for ever.
func (f *groupFold) Control(c *stream.Control, _ stream.Emit, pass stream.Pass) error {
	switch c.Kind {
	case stream.ControlSource, stream.ControlWatermark:
		return nil
	case stream.ControlOpen:
		return fault.Hint(fault.Usagef("the input has marks, and an aggregate without windows is never done with a record: nothing would be committed"),
			"--window 1m has rows that are final; consume without --marks commits what it has written")
	}
	return pass(c)
}

// windowMark is a mark that waits for the windows that its records are in.
type windowMark struct {
	control *stream.Control
	last    int64 // start of the last of them
}

// Control implements stream.Controller: a mark passes when every window with an
// earlier record has been emitted.
func (f *windowFold) Control(c *stream.Control, _ stream.Emit, pass stream.Pass) error {
	f.pass = pass
	switch c.Kind {
	case stream.ControlSource, stream.ControlWatermark:
		return nil // what follows of it is told when windows close
	case stream.ControlOpen:
		f.opened = true
		if f.arrival {
			own := *c
			own.Again = "aggregate --time now"
			c = &own
		}
	case stream.ControlMark:
		f.marks = append(f.marks, windowMark{c, f.lastWindow(c)})
		return f.passMarks()
	case stream.ControlCut:
		f.marks = nil
	case stream.ControlReset:
		f.forget()
		f.kept, c = c.Kept(), c.Took()
	}
	return pass(c)
}

// lastWindow is the start of the last window that has records from before c;
// stream.MinTime without one.
func (f *windowFold) lastWindow(c *stream.Control) int64 {
	last := int64(stream.MinTime)
	if !f.arrival {
		if latest := c.Latest(); latest > last {
			last = f.spec.windows.Last(latest)
		}
		return last
	}
	for _, w := range f.workers {
		w.mu.Lock()
		for id := range w.panes {
			last = max(last, f.spec.windows.Last(id.start))
		}
		w.mu.Unlock()
	}
	return last
}

// passMarks passes the latest mark all of whose windows are out.
func (f *windowFold) passMarks() error {
	f.mu.Lock()
	next := f.next
	f.mu.Unlock()
	n := 0
	for n < len(f.marks) && (f.marks[n].last == stream.MinTime || f.marks[n].last < next) {
		n++
	}
	if n == 0 {
		return nil
	}
	c := f.marks[n-1].control
	f.marks = f.marks[n:]
	if f.arrival {
		return f.pass(c)
	}
	return f.pass(c.Reached(f.out, f.kept))
}

// closed tells what comes behind that the windows that start before open are out.
func (f *windowFold) closed(open int64) error {
	if open < stream.MaxTime { // else the windows are out because the input has ended: they may go on in the next run
		f.out = open - f.spec.windows.Slide + f.spec.windows.Size
	}
	if f.opened && open < stream.MaxTime {
		if err := f.pass(&stream.Control{Kind: stream.ControlWatermark, Time: f.out}); err != nil {
			return err
		}
	}
	return f.passMarks()
}

// forget drops the open windows: their records come again.
func (f *windowFold) forget() {
	f.marks, f.out = nil, stream.MinTime
	for _, w := range f.workers {
		w.mu.Lock()
		for id, g := range w.panes {
			w.rejected += g.Rejected()
			f.forgotten += g.Records
			delete(w.panes, id)
		}
		w.mu.Unlock()
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.next = stream.MinTime
}
