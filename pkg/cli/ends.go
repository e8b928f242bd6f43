package cli

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"time"

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

// out is the sink of the run.
func (e *ends) out() stream.Sink {
	if early, ok := e.sink.(stream.Early); ok {
		return earlyEnds{e, early}
	}
	return e
}

// Close closes the sink.
func (e *ends) Close(ctx context.Context) error { return e.sink.Close(ctx) }

// open opens the sink, so that what is wrong with it is told before anybody
// types a record, and then the source.
func (a *App) open(ctx context.Context, j Job, files []string, env *stream.Env) (*ends, error) {
	e := &ends{sink: &controlled{stdout: stdout{a.Out}}}
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
// what the sink has to say. The engine has closed the sink; result is the run's.
func (e *ends) end(a *App, result error) error {
	var err error
	if e.held && !e.failed && (result == nil || fault.CodeOf(result) == fault.Rejected) {
		e.source.(catalog.Holder).Release()
	}
	if w, ok := e.source.(catalog.Awaiter); ok && !e.failed && result == nil {
		err = a.await(w, e.sink)
	}
	if c, ok := e.source.(io.Closer); ok {
		err = errors.Join(err, c.Close())
	}
	if l, ok := e.sink.(catalog.Ledgered); ok {
		err = errors.Join(err, a.ledger(l))
	}
	if s, ok := e.sink.(catalog.Summarizer); ok && !a.Shared.Quiet && (a.Shared.Verbose || a.ErrTerminal || s.Incomplete()) {
		a.Say("%s", s.Summary())
	}
	return err
}

// await waits, for the grace at most, until the records are acknowledged by who
// reads standard output, for whom it ends now.
func (a *App) await(w catalog.Awaiter, sink stream.Sink) error {
	if f, ok := a.Out.(*os.File); ok && isPipe(f) {
		if _, ours := sink.(*controlled); ours {
			f.Close() // what is written is with the reader; there is nothing else to lose
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Duration(a.grace.Load()))
	defer cancel()
	return w.Await(ctx)
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
		return fault.With(fault.Rejected, errors.New("--strict: the commands of the pipe have not read what the ones before them have written"))
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
	return ctx, func() {
		watching()
		cancel()
	}
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
