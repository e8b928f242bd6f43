package stream

import (
	"context"
	"time"
)

// clock drives what happens by time rather than by input.
type clock struct {
	e      *engine
	tick   <-chan time.Time
	ticker *time.Ticker
	due    []time.Time
	held   bool
	count  time.Time
}

func newClock(e *engine) *clock {
	c := &clock{e: e, count: time.Now()}
	every := time.Second
	if f, ok := e.tail.folder.(Ticker); ok {
		e.tail.tickers = append(e.tail.tickers, f)
	}
	for _, t := range e.tail.tickers {
		if d := t.Every(); d > 0 {
			every = min(every, max(d, 10*time.Millisecond))
		}
		c.due = append(c.due, time.Now().Add(t.Every()))
	}
	c.ticker = time.NewTicker(every)
	c.tick = c.ticker.C
	return c
}

func (c *clock) stop() { c.ticker.Stop() }

// act runs the tickers that are due and tells what is held.
func (c *clock) act(ctx context.Context, now time.Time) error {
	t := c.e.tail
	t.ctx = ctx
	for i, tk := range t.tickers {
		if tk.Every() <= 0 || now.Before(c.due[i]) {
			continue
		}
		c.due[i] = c.due[i].Add(tk.Every())
		if c.due[i].Before(now) {
			c.due[i] = now.Add(tk.Every())
		}
		if err := tk.Tick(now, t.after(tk)); err != nil {
			return err
		}
	}
	if c.e.opts.OnCount != nil && now.Sub(c.count) >= time.Second {
		c.count = now
		c.e.opts.OnCount(c.e.ledger)
	}
	c.hold(now)
	return c.e.refused()
}

// after is the Emit behind the operator or folder that ticks.
func (t *tail) after(tk Ticker) Emit {
	for i, op := range t.ops {
		if any(op) == any(tk) {
			return t.emit[i+1]
		}
	}
	return t.emit[0]
}

func (c *clock) hold(now time.Time) {
	t := c.e.tail
	if c.held || c.e.opts.OnHold == nil || c.e.ledger.In == 0 || now.Sub(t.wrote) < c.e.opts.HoldFor {
		return
	}
	if t.folder != nil {
		if text := t.folder.Holding(); text != "" {
			c.held = true
			c.e.opts.OnHold(text)
			return
		}
	}
	for _, op := range t.ops {
		if h, ok := op.(interface{ Holding() string }); ok {
			if text := h.Holding(); text != "" {
				c.held = true
				c.e.opts.OnHold(text)
				return
			}
		}
	}
}
