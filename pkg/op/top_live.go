package op

import (
	"fmt"
	"io"
	"time"

	"github.com/logpipe/logpipe/pkg/fault"
	"github.com/logpipe/logpipe/pkg/record"
	"github.com/logpipe/logpipe/pkg/stream"
)

// lookEvery is how soon a key or another size of the terminal is noticed.
const lookEvery = 100 * time.Millisecond

// liveTop draws the ranking of the window at hand on a terminal instead of
// emitting records.
type liveTop struct {
	*ranker
	every  time.Duration
	screen *screen
	keys   *keys
	drawn  time.Time // last refresh
	shown  int64     // records ranked then
	past   int64     // records of windows that were on the screen before
}

func newLiveTop(o *ranker, every time.Duration, env *stream.Env) *liveTop {
	acceptEscapes(env.Stdout)
	size := func() (int, int) { return terminalSize(env.Stdout) }
	return &liveTop{ranker: o, every: every, screen: &screen{out: env.Stdout, size: size}, keys: openKeys()}
}

// Process ranks; a window that is complete makes room for the next one.
func (o *liveTop) Process(b *stream.Batch, _ stream.Emit) error {
	return o.ranker.Process(b, func(b *stream.Batch) error {
		o.past += int64(len(b.Records))
		return nil
	})
}

// Every is how often Tick is due.
func (o *liveTop) Every() time.Duration { return min(o.every, lookEvery) }

// Tick refreshes the table when it is time to, and ends the run on q.
func (o *liveTop) Tick(now time.Time, _ stream.Emit) error {
	if o.keys.quit() {
		return stream.ErrStop
	}
	resized := o.screen.resized()
	if !resized && (now.Sub(o.drawn) < o.every || o.taken == o.shown) {
		return nil
	}
	o.drawn, o.shown = now, o.taken
	lines, err := o.frame(o.screen.columns, ", q quits")
	if err != nil {
		return err
	}
	return o.screen.draw(lines[:min(len(lines), o.screen.rows-1)])
}

// Flush leaves the last state on the screen.
func (o *liveTop) Flush(stream.Emit) error {
	defer o.keys.close()
	o.screen.resized()
	if o.taken == 0 && o.screen.below == 0 {
		return nil
	}
	lines, err := o.frame(o.screen.columns, "")
	if err != nil {
		return err
	}
	return o.screen.draw(lines)
}

// Close gives the terminal back where a run ends without Flush.
func (o *liveTop) Close() error {
	o.keys.close()
	return nil
}

// Holding is nothing: what is known is on the screen.
func (o *liveTop) Holding() string { return "" }

// frame is the title, the window where there is one, and the table.
func (o *liveTop) frame(width int, note string) ([]string, error) {
	by := ""
	if o.by != nil {
		by = " by " + o.by.String()
	}
	lines := []string{fmt.Sprintf("top %d%s, %d records%s", o.n, by, o.taken, note)}
	if o.windows.known() {
		lines = append(lines, o.windows.String())
	}
	g := newGrid(nil)
	b := stream.NewBatch()
	for _, group := range o.ranked() {
		for i, e := range group.best {
			b.Reset()
			if err := addLine(b, o.scanner, e.line); err != nil {
				return nil, err
			}
			g.begin()
			g.addField(rankName.String(), record.IntValue(int64(i+1)))
			b.Records[0].Each(func(name string, v record.Value) {
				if name != rankName.String() && !isWindowName(name) {
					g.addField(name, v)
				}
			})
			g.end()
		}
	}
	for i, line := range lines {
		lines[i] = cutText(fault.Visible(line), width-1)
	}
	for _, line := range alignedLines(g, width-1) {
		lines = append(lines, cutText(line, width-1))
	}
	return lines, nil
}

// screen draws a block of lines over the one before, with ANSI's control
// sequences, where the cursor is: what stood above stays.
type screen struct {
	out           io.Writer
	size          func() (columns, rows int)
	columns, rows int
	below         int // lines between the block's first one and the cursor
	buf           []byte
}

// resized asks for the size and tells whether it is another one. The terminal
// has then wrapped the lines in its own way: the block starts on a clear screen.
func (s *screen) resized() bool {
	c, r := s.size()
	if c == s.columns && r == s.rows {
		return false
	}
	s.columns, s.rows = c, max(r, 2)
	if s.below > 0 {
		s.buf = append(s.buf, "\x1b[2J\x1b[H"...)
		s.below = 0
	}
	return true
}

// draw replaces the block by lines and leaves the cursor behind it.
func (s *screen) draw(lines []string) error {
	if s.below > 0 {
		s.buf = fmt.Appendf(s.buf, "\x1b[%dA\r", s.below)
	}
	for _, line := range lines {
		s.buf = append(append(s.buf, line...), "\x1b[K\n"...)
	}
	s.buf = append(s.buf, "\x1b[J"...)
	s.below = len(lines)
	_, err := s.out.Write(s.buf)
	s.buf = s.buf[:0]
	return err
}
