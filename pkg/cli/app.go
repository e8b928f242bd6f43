package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/logpipe/logpipe/pkg/fault"
	"github.com/logpipe/logpipe/pkg/stream"
)

// App is one call of the program. Command is set by who finds out which
// command it is, before anything else is printed.
type App struct {
	*Streams
	Shared  Shared // flags that all streaming commands have
	Log     *slog.Logger
	Environ func(name string) (string, bool) // os.LookupEnv

	Variables func() []string // os.Environ

	command atomic.Pointer[string]
	mu      sync.Mutex // of Err and of what follows
	drawn   bool       // a progress line stands on the terminal
	leaving []*func()  // what AtLeave was told
	state   atomic.Pointer[func() string]
	grace   atomic.Int64
	passing atomic.Bool   // signals are a child's
	passed  atomic.Bool   // they were
	release chan struct{} // guard takes the signals back; made by it
	unheard chan struct{} // closed when it does not any more
	closing atomic.Int64
	sparing sync.Once    // Spare
	drawing atomic.Bool  // a stage draws on the terminal
	misses  sync.Map     // variables and files that have no effect, as was told
	broken  atomic.Int64 // inputs that were not read to their end
}

// DefaultGrace is how long a command may drain after the first signal.
const DefaultGrace = 10 * time.Second

// New makes an App on the given streams.
func New(s *Streams) *App {
	a := &App{Streams: s, Environ: os.LookupEnv, Variables: os.Environ}
	a.grace.Store(int64(DefaultGrace))
	a.SetCommand("")
	a.Log = slog.New(&lineHandler{app: a, level: slog.LevelWarn})
	return a
}

// SetCommand names the command in messages; "" is the program itself.
func (a *App) SetCommand(name string) { a.command.Store(&name) }

// Begin takes over the shared flags once they have been read.
func (a *App) Begin() {
	a.grace.Store(int64(a.Shared.Grace))
	if a.Shared.Verbose {
		a.Log = slog.New(&lineHandler{app: a, level: slog.LevelDebug})
	}
}

// Closing is for a command that ends its draining by itself when the grace is
// over: it gets d more to close what it holds and to tell what remains.
func (a *App) Closing(d time.Duration) { a.closing.Store(int64(d)) }

// Say prints a line on standard error: `logpipe <command>: …`.
func (a *App) Say(format string, args ...any) { a.print(fmt.Sprintf(format, args...)) }

// Hint prints a hint line on standard error.
func (a *App) Hint(format string, args ...any) {
	a.write("hint: " + fault.VisibleLines(fmt.Sprintf(format, args...)) + "\n")
}

func (a *App) print(text string) {
	name := "logpipe"
	if c := *a.command.Load(); c != "" {
		name += " " + c
	}
	a.write(name + ": " + fault.VisibleLines(strings.TrimRight(text, "\n")) + "\n")
}

// write puts whole lines on standard error, over a line of progress.
func (a *App) write(text string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.drawn {
		text = eraseLine + text
		a.drawn = false
	}
	fmt.Fprint(a.Err, text) // nobody is left to be told that nobody can be told
}

// errUsage ends a command whose help has been printed.
var errUsage = errors.New("usage")

// ErrHelpShown ends a command with exit code 2 without a message: its help has
// been printed instead.
var ErrHelpShown = fault.With(fault.Usage, errUsage)

// exit prints err, once, and returns its exit code.
func (a *App) exit(err error) int {
	if err == nil || errors.Is(err, stream.ErrStop) || brokenPipe(err) {
		return int(fault.Done)
	}
	if errors.Is(err, errUsage) {
		return int(fault.Usage)
	}
	var s *signalled
	if errors.As(err, &s) {
		return int(s.code)
	}
	var child ExitStatus
	if errors.As(err, &child) {
		return int(child)
	}
	var p *fs.PathError
	if errors.As(err, &p) && p.Op == "write" && p.Path == os.Stdout.Name() { // text that is no stream of records
		err = stdoutError(err)
	}
	a.print(strings.TrimPrefix(err.Error(), *a.command.Load()+": ")) // a stage names itself
	if hint := fault.HintOf(err); hint != "" {
		a.Hint("%s", hint)
	}
	return int(fault.CodeOf(err))
}

// ExitStatus is an exit code without a message: of a child that a command ends
// with, as `broker -- CMD` does, or where everything has been told.
type ExitStatus int

func (e ExitStatus) Error() string { return fmt.Sprintf("exit status %d", int(e)) }

// Main runs f and returns the exit code of the process. ctx ends with the first
// SIGINT or SIGTERM; the second, or the end of the grace, ends Main at once.
func (a *App) Main(f func(ctx context.Context) error) int {
	return a.exit(a.guard(context.Background(), f))
}
