package cli

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"sync"

	"github.com/logpipe/logpipe/pkg/catalog"
	"github.com/logpipe/logpipe/pkg/fault"
	"github.com/logpipe/logpipe/pkg/stream"
)

// ends are the two ends of a job.
type ends struct {
	source stream.Source
	sink   stream.Sink
	held   bool // the source stores how far it was read only when all is written
	failed bool // a write has failed, be it because nobody reads
	drain  *drain
}

// Write hands lines to the sink and notes whether it took them.
func (e *ends) Write(ctx context.Context, lines []byte) error {
	err := e.sink.Write(ctx, lines)
	e.failed = e.failed || err != nil
	return err
}

// Control hands a control to a sink that takes them.
func (e *ends) Control(c *stream.Control) error {
	s, ok := e.sink.(stream.ControlSink)
	if !ok {
		return nil
	}
	err := s.Control(c)
	e.failed = e.failed || err != nil
	return err
}

// earlyEnds are ends whose sink takes lines before they are durable.
type earlyEnds struct {
	*ends
	early stream.Early
}

// After passes on when what was written is durable.
func (e earlyEnds) After(done func(error)) { e.early.After(done) }

// refusedEnds are those of a sink that is told later which records are refused.
type refusedEnds struct {
	earlyEnds
	refuser stream.Refuser
}

// Place passes on where the next lines come from.
func (e refusedEnds) Place(at stream.Places) { e.refuser.Place(at) }

// Refused returns what was refused since the last call.
func (e refusedEnds) Refused() []stream.Rejection { return e.refuser.Refused() }

// out is the sink of the run.
func (e *ends) out() stream.Sink {
	early, ok := e.sink.(stream.Early)
	if !ok {
		return e
	}
	if refuser, ok := e.sink.(stream.Refuser); ok {
		return refusedEnds{earlyEnds{e, early}, refuser}
	}
	return earlyEnds{e, early}
}

// leave leaves the sink in the middle and tells what has arrived, "" where it does not
// know.
func (e *ends) leave() string {
	if l, ok := e.sink.(catalog.Leaver); ok {
		return l.Leave()
	}
	return ""
}

// Close closes the sink.
func (e *ends) Close(ctx context.Context) error { return e.sink.Close(ctx) }

// open opens the sink, so that what is wrong with it is told before anybody
// types a record, and then the source.
func (a *App) open(ctx context.Context, j Job, files []string, env *stream.Env) (*ends, error) {
	a.stays(true)
	e := &ends{sink: &controlled{stdout: stdout{a.Out}, say: func(text string) { a.Say("%s", text) }}}
	var err error
	own := j.Pipeline.Sink()
	if a.draws(j.Pipeline.Stages()) {
		e.sink = catalog.CommitOnly(env)
	}
	if own != nil {
		if e.sink, err = own.Open(ctx, env); err != nil {
			return nil, err
		}
	}
	if e.source, e.drain, err = a.source(ctx, j, files, env); err != nil {
		return nil, errors.Join(err, e.sink.Close(context.WithoutCancel(ctx)))
	}
	if h, ok := e.source.(catalog.Holder); ok && j.Pipeline.Holds() {
		e.held = true
		h.Hold()
	}
	if n, ok := e.source.(catalog.PipeNoter); ok && own == nil && isPipe(a.Out) && !a.Shared.Quiet {
		if note := n.PipeNote(); note != "" {
			a.Say("%s", note)
		}
	}
	return e, nil
}

// end closes the source, which may have to store how far it was read, and says
// what the sink has to say. The engine has closed the sink; result is the run's. ctx
// ends with a signal.
func (e *ends) end(ctx context.Context, a *App, result error) error {
	if s, ok := e.sink.(catalog.Settler); ok {
		s.Settle(result)
	}
	var err error
	if e.held && !e.failed && (result == nil || fault.CodeOf(result) == fault.Rejected) {
		e.source.(catalog.Holder).Release()
	}
	if w, ok := e.source.(catalog.Awaiter); ok && !e.failed && result == nil {
		err = a.await(ctx, w, e.sink)
	}
	if c, ok := e.source.(io.Closer); ok {
		err = errors.Join(err, c.Close())
	}
	if l, ok := e.sink.(catalog.Ledgered); ok {
		err = errors.Join(err, a.ledger(l))
	}
	if s, ok := e.sink.(catalog.Summarizer); ok && !a.Shared.Quiet && (a.Shared.Verbose || a.ErrTerminal || s.Incomplete() || Signalled(ctx)) {
		a.Say("%s", s.Summary())
	}
	if _, ok := e.source.(catalog.Awaiter); !ok {
		a.stay(ctx, e.sink)
	}
	return err
}

// ledger tells the sum of a pipe.
func (a *App) ledger(l catalog.Ledgered) error {
	text, whole := l.Ledger()
	if text == "" {
		return nil
	}
	if !a.Shared.Quiet {
		a.Say("the pipe: %s", text)
	}
	if !whole && a.Shared.Strict {
		return fault.With(fault.Rejected, errors.New("--strict: the records of the pipe do not add up"))
	}
	return nil
}

// whileRead ends the context when standard output is a pipe that nobody reads
// any more: input that waits for its next record would not notice.
func (a *App) whileRead(ctx context.Context, p *catalog.Pipeline, env *stream.Env) (context.Context, func()) {
	if p.Sink() != nil || !env.Live || !isPipe(a.Out) {
		return ctx, func() {}
	}
	ctx, cancel := context.WithCancel(ctx)
	watching := watchReader(a.Out.(*os.File), cancel)
	return ctx, sync.OnceFunc(func() {
		watching()
		cancel()
	})
}

// isPipe reports whether w is a pipe.
func isPipe(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	st, err := f.Stat()
	return err == nil && st.Mode()&fs.ModeNamedPipe != 0
}
