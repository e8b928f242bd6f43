package pipe

import (
	"context"
	"errors"
	"io"
	"time"

	"github.com/logpipe/logpipe/pkg/fault"
	"github.com/logpipe/logpipe/pkg/flume"
	"github.com/logpipe/logpipe/pkg/stream"
)

var errEnd = io.EOF

// printer is the end of a pipeline without a sink: the agent's stdout.
type printer struct{ w io.Writer }

// Write prints. Where stdout cannot be written there is nobody to print for.
func (p printer) Write(_ context.Context, lines []byte) error {
	if _, err := p.w.Write(lines); err != nil {
		return &flume.FatalError{Err: err}
	}
	return nil
}

func (p printer) Close(context.Context) error { return nil }

// patient is a pipeline's own sink that is opened again, and given the same lines
// again, for as long as it fails: the stages before it hold what no channel has
// any more.
type patient struct {
	ctx  context.Context // ends when the agent gives up
	logf func(string, ...any)
	open func(context.Context) (stream.Sink, error)
	now  stream.Sink // nil after a failure
}

const (
	pauseStep = time.Second
	pauseMost = 5 * time.Second
)

func (p *patient) Write(ctx context.Context, lines []byte) error {
	for failures := 0; ; {
		err := p.once(ctx, lines)
		if err == nil {
			if failures > 0 {
				p.logf("the pipeline delivers again")
			}
			return nil
		}
		if p.ctx.Err() != nil || fault.CodeOf(err) == fault.Usage {
			return err
		}
		failures++
		pause := min(time.Duration(failures)*pauseStep, pauseMost)
		if failures&(failures-1) == 0 { // the first, second, fourth, eighth …
			p.logf("the pipeline cannot deliver (attempt %d), tries again in %v: %v", failures, pause, err)
		}
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-p.ctx.Done():
			timer.Stop()
			return err
		}
	}
}

func (p *patient) once(ctx context.Context, lines []byte) error {
	if p.now == nil {
		var err error
		if p.now, err = p.open(p.ctx); err != nil {
			return err
		}
	}
	// The sink of a pipeline waits for its servers whatever becomes of its
	// context: the end of the agent closes it.
	done := make(chan error, 1)
	now := p.now
	go func() { done <- stream.WriteDurably(ctx, now, lines) }()
	var err error
	select {
	case err = <-done:
	case <-p.ctx.Done():
		err = errors.Join(p.ctx.Err(), now.Close(p.ctx)) // it waits for nothing more
		<-done
		p.now = nil
		return err
	}
	if err != nil {
		p.now = nil
		err = errors.Join(err, now.Close(ctx))
	}
	return err
}

// Close closes the sink.
func (p *patient) Close(ctx context.Context) error {
	if p.now == nil {
		return nil
	}
	return p.now.Close(ctx)
}
