package cli

import (
	"context"
	"os"
	"time"

	"github.com/logpipe/logpipe/pkg/catalog"
	"github.com/logpipe/logpipe/pkg/stream"
)

// lookEvery is how often it is looked whether a pipe is still read.
const lookEvery = 100 * time.Millisecond

// ownPipe is standard output where it is a pipe that a stream with control lines is
// written to; nil else.
func (a *App) ownPipe(sink stream.Sink) *os.File {
	c, ours := sink.(*controlled)
	if f, ok := a.Out.(*os.File); ok && ours && c.token != "" && isPipe(f) {
		return f
	}
	return nil
}

// await waits until the records are acknowledged by who reads standard output, for
// whom it ends now: as long as anybody reads it that can come, however slow they
// are. A reader that has said that it stays until nobody reads from itself leaves
// nobody behind; another one that ends may have handed on to a slower one, which has
// the grace. So has everything behind a signal, where it cannot be known who reads,
// and where the reader sees no end because a shell has the pipe open too.
func (a *App) await(signal context.Context, w catalog.Awaiter, sink stream.Sink) error {
	ctx, cancel := context.WithCancelCause(context.Background())
	defer cancel(nil)
	late := func() { time.AfterFunc(time.Duration(a.grace.Load()), func() { cancel(context.DeadlineExceeded) }) }
	defer context.AfterFunc(signal, late)()
	var reader *follower
	if f := a.ownPipe(sink); f != nil {
		reader = follow(f)
		f.Close() // what is written is with the reader; there is nothing else to lose
	}
	if reader == nil || reader.shared() {
		late()
		return w.Await(ctx)
	}
	go func() {
		if reader.gone(ctx, func(bool) {}) {
			cancel(catalog.ErrPipeEnded)
			return
		}
		late()
	}()
	return w.Await(ctx)
}

// doubts is how many looks long a reader that has said that it stays, and whose lock
// is free, may be on its way out: a process loses its locks before its pipes.
const doubts = 5

// gone waits until nobody reads, and reports whether the reader had stayed to the
// end of the pipe. now is told at the begin, and when it changes, whether it does.
func (f *follower) gone(ctx context.Context, now func(bool)) bool {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	last, free := false, 0
	for first := true; ; first = false {
		said := f.stayed() // before the look: who has said it has the lock until it ends
		alive, stays := f.look()
		switch {
		case !alive: // it may have come since the last look
			stays = last || free < doubts && f.stayed()
		case said && !stays && free < doubts:
			free++
			stays = true
		}
		if first || stays != last {
			now(stays)
		}
		if last = stays; !alive || ctx.Err() != nil {
			return !alive && stays
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
		}
	}
}

// stays tells who writes standard input whether this process stays to the end of the
// pipe.
func (a *App) stays(whether bool) {
	if f, ok := a.In.(*os.File); ok && isPipe(f) {
		staying(f, whether)
	}
}

// stay waits until nobody reads standard output, for whom it ends now, where it is
// part of a stream with control lines: consume at its head waits for the end of the
// pipe, and sees by its own reader that somebody may still commit. Where a foreign
// program reads, this command knows the end of the pipe as little as consume does
// there, and says so.
func (a *App) stay(signal context.Context, sink stream.Sink) {
	f := a.ownPipe(sink)
	if f == nil {
		return
	}
	reader := follow(f)
	f.Close()
	if reader == nil || reader.shared() {
		a.stays(false)
	} else if reader.gone(signal, a.stays) {
		return
	}
	select { // who looks has to see it
	case <-time.After(3 * lookEvery):
	case <-signal.Done():
	}
}
