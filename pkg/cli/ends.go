package cli

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"

	"github.com/logpipe/logpipe/pkg/catalog"
	"github.com/logpipe/logpipe/pkg/stream"
)

// ends are the two ends of a job.
type ends struct {
	source stream.Source
	sink   stream.Sink
}

// open opens the sink, so that what is wrong with it is told before anybody
// types a record, and then the source.
func (a *App) open(ctx context.Context, j Job, files []string, env *stream.Env) (*ends, error) {
	e := &ends{sink: stdout{a.Out}}
	var err error
	own := j.Pipeline.Sink()
	if own != nil {
		if e.sink, err = own.Open(ctx, env); err != nil {
			return nil, err
		}
	}
	if e.source, err = a.source(ctx, j, files, env); err != nil {
		return nil, errors.Join(err, e.sink.Close(context.WithoutCancel(ctx)))
	}
	if n, ok := e.source.(catalog.PipeNoter); ok && own == nil && isPipe(a.Out) && !a.Shared.Quiet {
		if note := n.PipeNote(); note != "" {
			a.Say("%s", note)
		}
	}
	return e, nil
}

// close closes the source, which may have to store how far it was read, and
// says what the sink has to say. The engine has closed the sink.
func (e *ends) close(a *App) error {
	var err error
	if c, ok := e.source.(io.Closer); ok {
		err = c.Close()
	}
	if s, ok := e.sink.(catalog.Summarizer); ok && !a.Shared.Quiet && (a.Shared.Verbose || a.ErrTerminal || s.Incomplete()) {
		a.Say("%s", s.Summary())
	}
	return err
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
