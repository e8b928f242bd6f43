package cli

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"time"

	"github.com/logpipe/logpipe/pkg/option"
)

// errReadingEnded is the end of a pipe that is read no more while its writer has
// it open.
var errReadingEnded = errors.New("reading was ended")

// drain reads pipes to their end when a signal ends the command. Ctrl-C goes to
// every process of a shell pipe: the first one stops reading, and what it has
// read is on its way through the others, where it would be lost if they stopped
// too. A writer that does not end is waited for half of the grace; the other half
// is for what was read.
type drain struct {
	app    *App
	signal context.Context // ends with the signal
	wake   *wake           // ends the reading of pipes; nil where that cannot be
}

// newDrain returns nil where none of the files is a pipe.
func (a *App) newDrain(signal context.Context, files []string) *drain {
	for _, name := range files {
		if a.isFed(name) {
			d := &drain{app: a, signal: signal}
			d.wake, _ = newWake() // without one the run ends, as with other inputs
			return d
		}
	}
	return nil
}

// isFed reports whether the input of that name has a writer who ends it.
func (a *App) isFed(name string) bool {
	var st fs.FileInfo
	var err error
	if name != "-" {
		st, err = os.Stat(name)
	} else if f, ok := a.In.(*os.File); ok {
		st, err = f.Stat()
	}
	return err == nil && st != nil && st.Mode()&(fs.ModeNamedPipe|fs.ModeSocket) != 0
}

// ended reports whether a signal has come.
func (d *drain) ended() bool { return d != nil && d.signal.Err() != nil }

// reader reads a pipe until it or the patience with it ends; other input passes.
func (d *drain) reader(in io.Reader, fed bool) io.Reader {
	if f, ok := in.(*os.File); ok && fed && d.wake != nil {
		return d.wake.reader(f)
	}
	return in
}

// context is that of the run: while pipes are read it outlasts the signal.
func (d *drain) context(ctx context.Context) (run context.Context, release func()) {
	if d == nil {
		return ctx, func() {}
	}
	run, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() {
		if Signalled(ctx) {
			patience := time.Duration(d.app.grace.Load()) / 2
			select {
			case <-time.After(patience):
			case <-run.Done():
				return
			}
			d.app.Say("the writer of the input has not ended within %s: what comes now is not read", option.FormatDuration(patience))
		}
		if d.wake == nil || !Signalled(ctx) {
			cancel(context.Cause(ctx))
		} else {
			d.wake.up()
		}
	})
	return run, func() {
		stop()
		cancel(nil)
	}
}
