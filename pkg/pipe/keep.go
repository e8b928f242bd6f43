package pipe

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"sync"
	"sync/atomic"
	"time"

	"github.com/logpipe/logpipe/pkg/catalog"
	"github.com/logpipe/logpipe/pkg/flume"
	"github.com/logpipe/logpipe/pkg/stream"
)

// A pipeline whose only stages that hold records are windows of event time can be
// run again from any event on, as long as it is told up to where its rows are out
// (stream.Control). So its events are retained in their channel, and marks go
// through the pipeline behind them: what comes out with a mark is up to which event
// the rows are out, and up to which time. The time is noted in the channel, and then
// the events are committed.

// How often marks are made.
const (
	markEvery  = 100 * time.Millisecond
	markEvents = 10_000
	markCrowd  = 64 // as many marks that wait make the next one come that much later
)

// markSource is the name of the channel in marks.
const markSource = "channel"

// windowStage is a stage that holds windows of event time alone, and lets marks pass
// when the rows of the records before them are out.
type windowStage interface{ HoldsWindows() bool }

// rankStage is a stage that holds one window of the rows of a windowStage before it.
type rankStage interface{ RanksWindows() bool }

// headerStage is a stage that may read lines by a header before them.
type headerStage interface{ ReadsHeader() bool }

// resumes reports whether the pipeline makes the same rows when it goes on with
// records that come again: one stage has windows, the next may rank their rows, no
// other holds any, and nothing depends on the clock or on what came first.
func resumes(p *catalog.Pipeline) bool {
	windows := false
	for i, part := range p.Parts {
		if clock, ok := part.Stage.(catalog.Clocked); ok && clock.UsesClock() {
			return false
		}
		if h, ok := part.Stage.(headerStage); ok && h.ReadsHeader() {
			return false
		}
		if !part.Holds() {
			continue
		}
		if w, ok := part.Stage.(windowStage); ok && !windows && w.HoldsWindows() {
			windows = true
			continue
		}
		_, ranks := part.Stage.(rankStage)
		if i == 0 || !ranks || !windows || !isWindowStage(p.Parts[i-1]) {
			return false
		}
	}
	return windows
}

func isWindowStage(part catalog.Part) bool {
	_, ok := part.Stage.(windowStage)
	return ok
}

// portion is the events between two marks.
type portion struct {
	behind    uint64 // the place behind them
	delivered int64
}

// keeping is what a sink knows of the events that it retains.
type keeping struct {
	channel flume.Retaining
	command string // its sum
	out     func(delivered int64)
	logf    func(string, ...any)
	pending atomic.Int64 // events that were written and are not out
	every   time.Duration
	again   bool // a note could not be stored, and that was told

	behind  uint64 // the place behind the last event
	events  int64  // since the last mark
	portion int64  // of those, the ones that no stage has refused
	epoch   int64
	marked  time.Time

	mu    sync.Mutex
	marks []portion // that have not come out
}

// note is what a channel keeps of the sink.
type note struct {
	Command string  `json:"command"` // a sum of the pipeline and of all that its rows depend on
	Until   []int64 `json:"until"`   // up to where the rows of each stage with windows are out, ns since 1970 UTC
}

// sum tells pipelines apart.
func (t *text) sum() string {
	all := sha256.Sum256([]byte(t.command + "\x00" + t.zone))
	return hex.EncodeToString(all[:16])
}

// begin is the head of the stream: that there are marks, and what is out already.
func (k *keeping) begin() *stream.Block {
	var stored note
	reset := &stream.Control{Kind: stream.ControlReset, Token: markSource, Offsets: map[string]int64{markSource: 0}}
	if text := k.channel.Note(); text != nil && json.Unmarshal(text, &stored) == nil && stored.Command == k.command {
		reset.Until = map[string][]int64{markSource: stored.Until}
	}
	k.marked = time.Now()
	open := &stream.Control{Kind: stream.ControlOpen, Token: markSource, Version: stream.ControlVersion, Every: markEvery.Milliseconds()}
	return controls(open, reset)
}

func controls(list ...*stream.Control) *stream.Block {
	return &stream.Block{Control: list, Time: time.Now()}
}

// retain takes over a batch, all but refused of which stages have taken.
func (k *keeping) retain(tx flume.Transaction, refused int) error {
	n := int64(len(tx.Events()))
	behind, err := tx.(flume.Retainer).Retain()
	if err != nil {
		return err
	}
	k.pending.Add(n - int64(refused))
	k.behind, k.events, k.portion = behind, k.events+n, k.portion+n-int64(refused)
	return nil
}

// due reports whether it is time for a mark: less often the more of them wait for
// their windows, so that those of a day take no memory to speak of.
func (k *keeping) due() bool {
	k.mu.Lock()
	scale := 1 + len(k.marks)/markCrowd
	k.mu.Unlock()
	return k.events > 0 && (k.events >= markEvents*int64(scale) || time.Since(k.marked) >= k.every*time.Duration(scale))
}

// mark is the mark behind all that was retained.
func (k *keeping) mark(last bool) *stream.Block {
	k.epoch++
	k.mu.Lock()
	k.marks = append(k.marks, portion{k.behind, k.portion})
	k.mu.Unlock()
	k.events, k.portion, k.marked = 0, 0, time.Now()
	return controls(&stream.Control{Kind: stream.ControlMark, Token: markSource, Epoch: k.epoch, Last: last,
		Offsets: map[string]int64{markSource: int64(k.behind)}})
}

// passed takes a mark that has come out: all rows of the events before it are
// durable, and so are those of all windows up to its Until.
func (k *keeping) passed(c *stream.Control) {
	text, err := json.Marshal(note{k.command, c.Until[markSource]})
	if err == nil && !c.Last { // at the end windows are out of which more may come
		err = k.channel.StoreNote(text)
	}
	switch {
	case err != nil && !c.Last:
		if !k.again {
			k.again = true
			k.logf("events stay in their channel though their rows are out, until it can be noted: %v", err)
		}
		return // the next mark says more
	case err == nil && k.again:
		k.again = false
		k.logf("what is out can be noted again")
	}
	behind := uint64(c.Offsets[markSource])
	if err := k.channel.CommitRetained(behind); err != nil {
		k.logf("%v", err)
		return
	}
	k.mu.Lock()
	var sum int64
	for len(k.marks) > 0 && k.marks[0].behind <= behind {
		sum += k.marks[0].delivered
		k.marks = k.marks[1:]
	}
	k.mu.Unlock()
	k.pending.Add(-sum)
	k.out(sum)
}

// markedEnd is the end of a pipeline whose events are retained.
type markedEnd struct {
	stream.Sink
	k   *keeping
	ctx context.Context // ends when the agent gives up
}

// Write delivers rows, and none when the agent gives up: those of the open windows
// would be of a part of their events, which are all in the channel.
func (e markedEnd) Write(ctx context.Context, lines []byte) error {
	if err := e.ctx.Err(); err != nil {
		return err
	}
	return e.Sink.Write(ctx, lines)
}

// Control implements stream.ControlSink.
func (e markedEnd) Control(c *stream.Control) error {
	if c.Kind == stream.ControlMark {
		e.k.passed(c)
	}
	return nil
}

// KeepWhere tells whether the sink is the only one of a channel that retains events.
func (s *Sink) KeepWhere(alone bool) { s.alone = alone }

// Keeps reports whether the sink leaves events in their channel until the rows of
// their windows are out.
func (s *Sink) Keeps() bool { return s.alone && s.CanKeep() }

// CanKeep reports whether the sink would do so, alone at a channel that retains
// events.
func (s *Sink) CanKeep() bool {
	p, problems := s.check()
	return p != nil && len(problems) == 0 && resumes(p)
}

// KeepIn names the channel.
func (s *Sink) KeepIn(c flume.Retaining) {
	s.keeping = &keeping{channel: c, command: s.sum(), every: markEvery, logf: func(format string, args ...any) { s.env.Logf(format, args...) },
		out: func(n int64) { s.counts.Delivered.Add(n) }}
}

// Pending is how many events stay in the channel.
func (s *Sink) Pending() int64 {
	if s.keeping == nil {
		return 0
	}
	return s.keeping.pending.Load()
}

// Keep leaves the events of a batch in their channel, and puts a mark behind them
// where one is due.
func (s *Sink) Keep(ctx context.Context, tx flume.Transaction) error {
	k := s.keeping
	if err := k.retain(tx, s.refusedLast); err != nil {
		return err
	}
	if !k.due() {
		return nil
	}
	_ = s.run.send(ctx, k.mark(false)) // a run that has ended says so to the next Write
	return nil
}

// Settle ends the pipeline and commits the events whose rows are out then.
func (s *Sink) Settle(ctx context.Context) error {
	if s.run == nil || s.keeping == nil {
		return nil
	}
	r := s.run
	s.run = nil
	defer s.keeping.channel.ReturnRetained()
	if ctx.Err() != nil || s.broken {
		r.giveUp() // rows would have events that are not retained, or would not come out
		return r.close()
	}
	stop := context.AfterFunc(ctx, r.giveUp)
	defer stop()
	_ = r.send(ctx, s.keeping.mark(true)) // without it nothing is committed
	return r.close()
}
