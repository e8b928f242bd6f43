package cli

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync/atomic"
	"time"

	"github.com/logpipe/logpipe/pkg/catalog"
	"github.com/logpipe/logpipe/pkg/fault"
	"github.com/logpipe/logpipe/pkg/op"
	"github.com/logpipe/logpipe/pkg/stream"
)

// Job is a pipeline with the files that it is to read; without any it reads
// standard input.
type Job struct {
	Pipeline *catalog.Pipeline
	Files    []string
	Typed    bool   // records typed on a terminal are welcome
	Help     func() // prints the help of the command
	Fixed    bool   // the command has none of the stages' flags: they are not recommended
}

// Run runs a job with the shared settings and reports on it.
func (a *App) Run(ctx context.Context, j Job) error {
	a.Begin()
	p := j.Pipeline
	if answer := p.Parts[0].Answer; len(p.Parts) == 1 && p.Parts[0].Answered {
		return stdout{a.Out}.Write(ctx, []byte(answer))
	}
	files, err := a.files(j)
	if err != nil {
		return err
	}
	if a.Shared.Workers < 0 {
		return fault.Usagef("--workers: want a number of cores, not %d", a.Shared.Workers)
	}
	loc, err := a.Shared.location()
	if err != nil {
		return err
	}
	if a.Shared.Explain {
		return a.explain(p, files)
	}
	side := &sideFiles{}
	env := &stream.Env{Now: time.Now, Location: loc, Log: a.Log, Stdout: a.Out, Terminal: a.OutTerminal,
		Live: a.live(p, files), Files: side, Keeps: strings.HasPrefix(a.Shared.OnError, "file=")}
	ends, err := a.open(ctx, j, files, env)
	if err != nil {
		return err
	}
	signal := ctx
	ctx, release := ends.drain.context(ctx)
	defer release()
	ctx, forget := a.whileRead(ctx, p, env)
	defer forget()
	source := ends.source
	lag := lagOf(source)
	if f := stream.FramerOf(p.Stages()); f != nil && p.Source() != nil {
		source = stream.Framed(source, f)
	}
	err = a.stream(ctx, stream.Pipeline{Source: source, Stages: p.Stages(), Sink: ends.out()}, env, j.Fixed, lag)
	forget() // a watched descriptor stays open: who reads it would see no end
	if other := errors.Join(ends.end(signal, a, err), side.Close()); other != nil {
		return errors.Join(err, other)
	}
	return a.unread(err, len(files))
}

// files lists what the job reads; with none it reads standard input.
func (a *App) files(j Job) ([]string, error) {
	names := append(append([]string(nil), j.Pipeline.Files()...), j.Files...)
	if j.Pipeline.Source() != nil && len(names) > 0 {
		first := j.Pipeline.Parts[0].Command.Name
		return nil, fault.Hint(fault.Usagef("%s brings its own records in and reads no file", first),
			"leave out %s", names[0])
	}
	return ExpandFiles(names)
}

func (a *App) live(p *catalog.Pipeline, files []string) bool {
	if s := p.Source(); s != nil {
		return s.Live()
	}
	return len(files) == 0 && a.InWaits
}

func (a *App) explain(p *catalog.Pipeline, files []string) error {
	input := "standard input"
	if len(files) == 1 {
		input = files[0]
	} else if len(files) > 1 {
		input = fmt.Sprintf("%d files, one after the other: %s, …", len(files), files[0])
	}
	workers := a.Shared.Workers
	if workers == 0 {
		workers = runtime.GOMAXPROCS(0)
	}
	return stdout{a.Out}.Write(context.Background(), []byte(p.Explain(input, "standard output", workers)))
}

// source opens what the job reads.
func (a *App) source(ctx context.Context, j Job, files []string, env *stream.Env) (stream.Source, *drain, error) {
	if s := j.Pipeline.Source(); s != nil {
		source, err := s.Open(ctx, env)
		return source, nil, err
	}
	if len(files) == 0 {
		if a.InTerminal {
			if !j.Typed {
				a.Say("reads records from standard input, which is a terminal")
				if j.Help != nil {
					j.Help()
				}
				return nil, nil, ErrHelpShown
			}
			if !a.Shared.Quiet {
				a.Say("type records, Ctrl-D ends")
			}
		}
		files = []string{"-"}
	}
	long, err := longTaker(j.Pipeline, env)
	if err != nil {
		return nil, nil, err
	}
	d := a.newDrain(ctx, files)
	return a.openFiles(files, stream.FramerOf(j.Pipeline.Stages()), long, d), d, nil
}

// longTaker is what takes lines that are too long to be read: the sink, where no other
// stage reads them.
func longTaker(p *catalog.Pipeline, env *stream.Env) (stream.LongTaker, error) {
	if t, ok := p.Sink().(catalog.LongTaker); ok && len(p.Stages()) == 1 {
		return t.Long(env)
	}
	return nil, nil
}

// lagOf is what asks a source how far behind it is; nil where it cannot be.
func lagOf(source stream.Source) func() int64 {
	if l, ok := source.(catalog.Lagger); ok {
		return l.Lag
	}
	return nil
}

// stream runs a pipeline and reports what it rejects, counts and, unless it is
// fixed, holds.
func (a *App) stream(ctx context.Context, p stream.Pipeline, env *stream.Env, fixed bool, lag func() int64) error {
	rejected, err := newRejects(a, env.Files)
	if err != nil {
		return err
	}
	begun := time.Now()
	bar := &progress{app: a, begun: begun, lag: lag}
	var counts atomic.Pointer[stream.Ledger]
	counts.Store(&stream.Ledger{})
	state := func() string { return reached(counts.Load(), p.Sink) }
	a.state.Store(&state)
	o := stream.Options{Name: *a.command.Load(), Workers: a.Shared.Workers, Env: env, OnReject: rejected.add, Stop: rejected.stop,
		OnBlock: func(l stream.Ledger) {
			a.Spare()
			counts.Store(&l)
		},
		OnCount: func(l stream.Ledger) {
			if a.ErrTerminal && !a.OutTerminal && !a.Shared.Quiet {
				bar.draw(l)
			}
		}}
	if drawn := a.conclude(p.Stages); env.Live && !a.Shared.Quiet && !drawn && !fixed {
		o.OnHold = func(text string) { a.Say("%s", text) }
	}
	ledger, err := stream.Run(ctx, p, o)
	bar.clear()
	rejected.summary()
	if !a.Shared.Quiet && (ledger.Rejected > 0 || ledger.Late > 0 || a.Shared.Verbose || !bar.last.IsZero()) {
		a.Say("in %s out %s rejected %s late %s%s %s", Count(ledger.In), Count(ledger.Out),
			Count(ledger.Rejected), Count(ledger.Late), accounts(ledger.Account), Elapsed(time.Since(begun)))
	}
	if ledger.Gaps != "" && !a.Shared.Quiet {
		a.Say("the records do not add up: %s", ledger.Gaps)
	}
	if ledger.Values > 0 && !a.Shared.Quiet {
		a.Say("%s values of a type that the aggregate cannot use were left out", Count(ledger.Values))
	}
	if err == nil && a.Shared.Strict {
		err = strict(ledger)
	}
	if err == nil && ledger.Refused > 0 && !a.Shared.chosen {
		err = fault.Hint(fmt.Errorf("%s of %s records were refused: they are not in the topic", Count(ledger.Refused), Count(ledger.In)),
			"--on-error file=F keeps them, --on-error skip goes without them")
	}
	return err
}

// reached says how far a run is that is left in the middle.
func reached(l *stream.Ledger, sink stream.Sink) string {
	if s, ok := sink.(interface{ leave() string }); ok {
		if text := s.leave(); text != "" {
			return fmt.Sprintf("at least %s records read; %s", Count(l.In), text)
		}
	}
	return fmt.Sprintf("at least %s records read, %s written", Count(l.In), Count(l.Out))
}

// conclude lets the last stage draw on a terminal itself, and reports whether
// it may: lines of ours would then stand in its drawing.
func (a *App) conclude(stages []stream.Stage) bool {
	if !a.draws(stages) {
		return false
	}
	stages[len(stages)-1].(op.Concluder).Conclude()
	a.drawing.Store(true)
	return true
}

// draws reports whether the last stage is to draw on a terminal.
func (a *App) draws(stages []stream.Stage) bool {
	if len(stages) == 0 || !a.OutTerminal {
		return false
	}
	_, ok := stages[len(stages)-1].(op.Concluder)
	return ok
}
