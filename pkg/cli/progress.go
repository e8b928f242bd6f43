package cli

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/logpipe/logpipe/pkg/stream"
)

// eraseLine returns to the begin of the terminal's line and clears it.
const eraseLine = "\r\x1b[K"

// progress draws one line on a terminal, about once a second.
type progress struct {
	app   *App
	begun time.Time
	last  time.Time
	count stream.Ledger
	lag   func() int64 // nil = not known
}

func (p *progress) draw(l stream.Ledger) {
	now := time.Now()
	since := now.Sub(p.last).Seconds()
	if p.last.IsZero() {
		since = now.Sub(p.begun).Seconds()
	}
	text := fmt.Sprintf("%s%s records  %s  %s/s", eraseLine, Count(l.In), Bytes(l.Bytes),
		Count(int64(float64(l.In-p.count.In)/max(since, 1e-3))))
	if l.Rejected > 0 {
		text += fmt.Sprintf("  %s rejected", Count(l.Rejected))
	}
	if p.lag != nil {
		text += "  lag " + Count(p.lag())
	}
	p.last, p.count = now, l
	p.app.mu.Lock()
	defer p.app.mu.Unlock()
	p.app.drawn = true
	fmt.Fprint(p.app.Err, text)
}

// Watch returns what draws how far a long piece of work is, on a terminal and
// about once a second, and what takes the line away at its end.
func (a *App) Watch() (moved func(records, bytes int64), clear func()) {
	if !a.ErrTerminal || a.Shared.Quiet {
		return func(int64, int64) {}, func() {}
	}
	p := &progress{app: a, begun: time.Now()}
	next := p.begun.Add(time.Second)
	return func(records, bytes int64) {
		if now := time.Now(); now.After(next) {
			next = now.Add(time.Second)
			p.draw(stream.Ledger{In: records, Bytes: bytes})
		}
	}, p.clear
}

// clear takes the line away.
func (p *progress) clear() {
	p.app.mu.Lock()
	defer p.app.mu.Unlock()
	if p.app.drawn {
		fmt.Fprint(p.app.Err, eraseLine)
		p.app.drawn = false
	}
}

// Count prints a number with thousands apart: 1,234,567.
func Count(n int64) string {
	text := strconv.FormatInt(n, 10)
	sign := ""
	if n < 0 {
		sign, text = "-", text[1:]
	}
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return sign + text
}

// accounts prints what has become of records that are neither out nor refused: those
// of the counts that are not 0.
func accounts(a stream.Account) string {
	var b strings.Builder
	for _, part := range []struct {
		name string
		n    int64
	}{{"dropped", a.Dropped}, {"in rows", a.Folded}, {"rows made", a.Made}, {"taken back", a.Again}, {"open", a.Open}} {
		if part.n != 0 {
			fmt.Fprintf(&b, " %s %s", part.name, Count(part.n))
		}
	}
	return b.String()
}

// Bytes prints a size in decimal units: 1.5 MB.
func Bytes(n int64) string {
	switch {
	case n < 1000:
		return fmt.Sprintf("%d B", n)
	case n < 1_000_000:
		return fmt.Sprintf("%.1f kB", float64(n)/1e3)
	case n < 1_000_000_000:
		return fmt.Sprintf("%.1f MB", float64(n)/1e6)
	}
	return fmt.Sprintf("%.2f GB", float64(n)/1e9)
}

// Elapsed prints how long something took: 0.03 s, 1.2 s, 3m20s.
func Elapsed(d time.Duration) string {
	switch {
	case d < time.Second:
		return fmt.Sprintf("%.2f s", d.Seconds())
	case d < time.Minute:
		return fmt.Sprintf("%.1f s", d.Seconds())
	}
	return d.Round(time.Second).String()
}
