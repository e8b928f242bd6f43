package cli

import (
	"context"
	"errors"
	"os"
	"os/signal"
	"slices"
	"syscall"
	"time"

	"github.com/logpipe/logpipe/pkg/fault"
	"github.com/logpipe/logpipe/pkg/option"
)

// signalled is the end by a signal.
type signalled struct{ code fault.Code }

func (s *signalled) Error() string {
	if s.code == fault.Interrupted {
		return "interrupted"
	}
	return "terminated"
}

// Signalled returns the cause of ctx's end if it was a signal.
func Signalled(ctx context.Context) bool {
	_, ok := context.Cause(ctx).(*signalled)
	return ok
}

// Together is how close to the first signal others count as the same one:
// `timeout` signals its command and then the command's whole group, a service
// manager may do so too, and nobody presses Ctrl-C twice so fast in earnest.
const Together = 250 * time.Millisecond

// guard runs f until it ends, a second signal comes, or the grace is over.
//
// SIGPIPE is caught, not ignored: writing to a closed pipe then fails with
// EPIPE instead of killing the process, and children that are started still
// die of it as they should.
func (a *App) guard(ctx context.Context, f func(ctx context.Context) error) error {
	pipe := make(chan os.Signal, 1)
	signal.Notify(pipe, syscall.SIGPIPE)
	defer signal.Stop(pipe)
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM)

	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	done := make(chan error, 1)
	a.release, a.unheard = make(chan struct{}), make(chan struct{})
	defer close(a.unheard)
	go func() { done <- f(ctx) }()
	var end *signalled
	var first time.Time
	var over <-chan time.Time
	for {
		select {
		case err := <-done:
			if end == nil {
				return a.endedWith(signals, err)
			}
			// Signals stay caught: a further one must not change the exit code.
			return a.ended(err, end)
		case a.release <- struct{}{}:
			a.takeBack(signals)
		case sig := <-signals:
			if a.passing.Load() {
				continue // it is the child's
			}
			if end != nil && time.Since(first) < Together {
				continue
			}
			if end != nil {
				a.left("left at once")
				return &signalled{codeOf(sig)}
			}
			end, first = &signalled{codeOf(sig)}, time.Now()
			cancel(end)
			over = a.drain(end)
		case <-over:
			a.left("not drained within " + option.FormatDuration(time.Duration(a.grace.Load())))
			return end
		}
	}
}

// drain tells that the command has the grace to end in, and returns its end.
func (a *App) drain(end *signalled) (over <-chan time.Time) {
	grace := time.Duration(a.grace.Load())
	over = time.After(grace + time.Duration(a.closing.Load()))
	if a.ErrTerminal && !a.Shared.Quiet && !a.drawing.Load() {
		a.Say("%s, draining for up to %s; again to leave at once", end.Error(), option.FormatDuration(grace))
	}
	return over
}

// endedWith tells how a command ended that no signal was seen for: what ended its
// input may have come with one.
func (a *App) endedWith(signals chan os.Signal, err error) error {
	signal.Stop(signals)
	select {
	case sig := <-signals:
		if !a.passed.Load() {
			return a.ended(err, &signalled{codeOf(sig)})
		}
	default:
	}
	return err
}

// PassSignals leaves SIGINT and SIGTERM to the command, which hands them to a
// child and ends when that does. release takes them back.
func (a *App) PassSignals() (release func()) {
	a.passing.Store(true)
	a.passed.Store(true)
	return func() {
		for range 2 { // the second time they are ours
			select {
			case <-a.release:
			case <-a.unheard:
			}
		}
	}
}

// takeBack has the signals that come from now on be ours; those that have come are
// the child's.
func (a *App) takeBack(signals <-chan os.Signal) {
	for {
		select {
		case <-signals:
		default:
			a.passing.Store(false)
			a.release <- struct{}{}
			return
		}
	}
}

// AtLeave has f called where Main ends without waiting for the command: at a
// second signal, and when the grace is over. It is for what must not stay behind,
// such as a temporary folder, and has to be quick. forget takes it back.
func (a *App) AtLeave(f func()) (forget func()) {
	a.mu.Lock()
	defer a.mu.Unlock()
	at := &f
	a.leaving = append(a.leaving, at)
	return func() {
		a.mu.Lock()
		defer a.mu.Unlock()
		a.leaving = slices.DeleteFunc(a.leaving, func(o *func()) bool { return o == at })
	}
}

// ended turns the result of a command that a signal has ended into its exit code.
func (a *App) ended(err error, end *signalled) error {
	if err != nil && !errors.Is(err, context.Canceled) && !errors.As(err, new(*signalled)) && !brokenPipe(err) {
		a.print(err.Error())
	}
	return end
}

// left tells what remains where a command had to leave before its end, and does
// what AtLeave was told.
func (a *App) left(why string) {
	a.mu.Lock()
	leaving := slices.Clone(a.leaving)
	a.mu.Unlock()
	for _, f := range leaving {
		(*f)()
	}
	if state := a.state.Load(); state != nil {
		a.Say("%s; %s", why, (*state)())
		return
	}
	a.Say("%s", why)
}

func codeOf(sig os.Signal) fault.Code {
	if sig == syscall.SIGTERM {
		return fault.Terminated
	}
	return fault.Interrupted
}
