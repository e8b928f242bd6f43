package gen

import (
	"context"
	"fmt"
	"io"
	"time"
)

const (
	// block is the size from which lines are written where nothing waits.
	block = 64 << 10
	// tick is the shortest wait: a record leaves at most this much late, and
	// high rates are written in groups instead of one by one.
	tick = time.Millisecond
)

// Run writes lines to w until N are made or ctx ends, which is no error. Paced
// data leaves when it is due and is written before every wait; when w was slow,
// the records that are overdue follow at once. Unpaced data is written in
// blocks of at least 64 KiB. Each write holds whole lines, so that w needs no
// buffer of its own.
func (g *Generator) Run(ctx context.Context, w io.Writer) error {
	g.schedule.begin()
	p := pacer{origin: time.Now().Add(-g.schedule.due)}
	defer p.stop()
	buf := make([]byte, 0, block+block/4)
	for !g.done() && ctx.Err() == nil {
		for more := true; more && len(buf) < block && p.ready(g.schedule.due); {
			buf, more = g.Next(buf)
		}
		if len(buf) > 0 {
			if _, err := w.Write(buf); err != nil {
				return fmt.Errorf("write generated records: %w", err)
			}
			buf = buf[:0]
		}
		if !g.done() {
			p.wait(ctx, g.schedule.due)
		}
	}
	return nil
}

// pacer compares due times with the clock.
type pacer struct {
	origin time.Time
	passed time.Duration // since origin, as last read: most calls need no clock
	timer  *time.Timer
}

// ready reports whether a record may leave now.
func (p *pacer) ready(due time.Duration) bool {
	if due > p.passed {
		p.passed = time.Since(p.origin)
	}
	return due <= p.passed
}

// wait returns when a record is due or ctx ends.
func (p *pacer) wait(ctx context.Context, due time.Duration) {
	if p.ready(due) {
		return
	}
	d := max(due-p.passed, tick)
	if p.timer == nil {
		p.timer = time.NewTimer(d)
	} else {
		p.timer.Reset(d)
	}
	select {
	case <-p.timer.C:
	case <-ctx.Done():
	}
}

func (p *pacer) stop() {
	if p.timer != nil {
		p.timer.Stop()
	}
}
