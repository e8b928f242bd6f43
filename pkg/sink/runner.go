package sink

import (
	"context"
	"errors"
	"io"
	"sync/atomic"
	"time"

	"github.com/logpipe/logpipe/pkg/flume"
)

// Flume's sink runner pauses one second more after each failure in a row, up
// to five.
const (
	backoffStep = time.Second
	backoffMost = 5 * time.Second
)

// Runner moves events from one channel into one sink (Flume's sink runner with
// the default processor).
type Runner struct {
	sink    Sink
	channel flume.Channel
	logf    func(string, ...any)

	delivered atomic.Int64
}

// NewRunner returns the runner of an opened sink.
func NewRunner(s Sink, c flume.Channel, logf func(format string, args ...any)) *Runner {
	return &Runner{sink: s, channel: c, logf: logf}
}

// Delivered is the number of events that the sink has taken over.
func (r *Runner) Delivered() int64 { return r.delivered.Load() }

// Run delivers until the channel is drained, or until ctx ends; both are no
// errors. An open batch goes back into the channel then.
func (r *Runner) Run(ctx context.Context) error {
	most := defaultBatch
	if b, ok := r.sink.(flume.Batcher); ok {
		_, most = b.Batch()
	}
	for failures := 0; ; {
		err := r.step(ctx, most)
		var fatal *flume.FatalError
		switch {
		case err == nil:
			if failures > 0 {
				r.logf("delivers again")
			}
			failures = 0
			continue
		case errors.Is(err, io.EOF) || ctx.Err() != nil:
			return nil
		case errors.As(err, &fatal):
			return err
		}
		failures++
		pause := min(time.Duration(failures)*backoffStep, backoffMost)
		if failures&(failures-1) == 0 { // the first, second, fourth, eighth …
			r.logf("cannot deliver (attempt %d), tries again in %v: %v", failures, pause, err)
		}
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return nil
		}
	}
}

// step is one transaction. io.EOF is the end of the channel alone.
func (r *Runner) step(ctx context.Context, most int) error {
	tx, err := r.channel.Take(ctx, most)
	if err != nil {
		return err
	}
	n := len(tx.Events())
	if err := r.sink.Write(ctx, tx.Events()); err != nil {
		if errors.Is(err, io.EOF) {
			err = errors.New(err.Error())
		}
		return errors.Join(err, tx.Rollback())
	}
	if err := tx.Commit(); err != nil {
		return err
	}
	r.delivered.Add(int64(n))
	return nil
}
