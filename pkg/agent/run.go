package agent

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/logpipe/logpipe/pkg/fault"
	"github.com/logpipe/logpipe/pkg/flume"
	"github.com/logpipe/logpipe/pkg/sink"
	"github.com/logpipe/logpipe/pkg/source"
)

// retryPause is how long a source that failed while the agent runs waits
// before it is opened again, as in Flume.
const retryPause = 3 * time.Second

// Run checks the files, prints errors and warnings, and runs the agent until ctx ends.
// Then the sources stop at once, the channels drain for at most Options.Grace,
// and what remains is counted on stderr; that is no error. Run returns an error
// when something is wrong with the files (exit code of wrong usage), when a
// component cannot be started, or when the events of a logger sink cannot be
// printed. No goroutine and no child process outlives it.
func Run(ctx context.Context, o Options) error {
	messages := &lockedWriter{w: orDefault(o.Stderr, os.Stderr)}
	texts, err := readFiles(o.Files)
	if err != nil {
		return err
	}
	report, err := check(o, texts, false)
	if err == nil && report.plan.asks {
		report, err = check(o, texts, true)
	}
	for _, f := range report.Findings {
		if f.Level > Note { // notes are for those who ask with Check
			fmt.Fprintf(messages, "logpipe agent: %s\n", f)
		}
	}
	if err != nil {
		return err
	}
	if n := report.Count(Error); n > 0 {
		fmt.Fprintf(messages, "logpipe agent: %s, and --lenient: the agent runs what is left\n", plural(n, "error"))
	}
	r := newRunning(o, report.plan, messages)
	if err := r.open(); err != nil {
		return errors.Join(err, r.close())
	}
	err = r.run(ctx)
	return errors.Join(err, r.close())
}

func orDefault(w io.Writer, other io.Writer) io.Writer {
	if w == nil {
		return other
	}
	return w
}

// lockedWriter lets several components print whole lines.
type lockedWriter struct {
	mu sync.Mutex
	w  io.Writer
}

func (l *lockedWriter) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.w.Write(p)
}

// running is an agent that runs.
type running struct {
	options  Options
	plan     *plan
	messages io.Writer
	stdout   io.Writer
	opened   []openComponent // in the order of opening
	outputs  []*source.Output
	runners  []*sink.Runner
}

type openComponent struct {
	what  string
	close func() error
}

func newRunning(o Options, p *plan, messages io.Writer) *running {
	return &running{options: o, plan: p, messages: messages,
		stdout: &lockedWriter{w: orDefault(o.Stdout, os.Stdout)}}
}

// logf tells people something.
func (r *running) logf(format string, args ...any) {
	fmt.Fprintf(r.messages, "logpipe agent: %s\n", fault.VisibleLines(fmt.Sprintf(format, args...)))
}

func (r *running) env(what, name string) flume.Env {
	return flume.Env{Name: name, Stdout: r.stdout, Logf: func(format string, args ...any) {
		r.logf("%s %s: %s", what, name, fmt.Sprintf(format, args...))
	}}
}

type opener interface {
	Open(flume.Env) error
	Close() error
}

// open opens channels, then sinks, then sources, so that whatever comes in can
// go on.
func (r *running) open() error {
	for _, c := range r.plan.channels {
		if err := r.openOne("channel", c.name, c.built); err != nil {
			return err
		}
	}
	for _, n := range r.plan.sinks {
		if err := r.openOne("sink", n.name, n.built); err != nil {
			return err
		}
	}
	for _, n := range r.plan.sources {
		for _, i := range n.interceptors {
			if err := i.built.Open(r.env("interceptor", i.name)); err != nil {
				return fmt.Errorf("interceptor %s: %w", i.name, err)
			}
		}
		if err := r.openOne("source", n.name, n.built); err != nil {
			return err
		}
	}
	return nil
}

func (r *running) openOne(what, name string, c opener) error {
	if err := c.Open(r.env(what, name)); err != nil {
		return fmt.Errorf("%s %s: %w", what, name, err)
	}
	r.opened = append(r.opened, openComponent{what + " " + name, c.Close})
	return nil
}

// close closes what is open, last things first.
func (r *running) close() error {
	var all error
	for _, c := range slices.Backward(r.opened) {
		if err := c.close(); err != nil {
			all = errors.Join(all, fmt.Errorf("close %s: %w", c.what, err))
		}
	}
	r.opened = nil
	return all
}

// run moves events until ctx ends or a sink says that it makes no sense.
func (r *running) run(ctx context.Context) error {
	// Three ends: sources stop with reading, then with ctx; putting and taking
	// go on until hard, which ends with the grace.
	hard, giveUp := context.WithCancel(context.WithoutCancel(ctx))
	defer giveUp()
	reading, stopReading := context.WithCancelCause(ctx)
	defer stopReading(nil)

	var sinking, sourcing sync.WaitGroup
	for _, n := range r.plan.sinks {
		runner := sink.NewRunner(n.built, n.channel.built, r.env("sink", n.name).Logf)
		r.runners = append(r.runners, runner)
		sinking.Go(func() {
			if err := runner.Run(hard); err != nil {
				stopReading(fmt.Errorf("sink %s: %w", n.name, err))
				giveUp()
			}
		})
	}
	for _, n := range r.plan.sources {
		env := r.env("source", n.name)
		out := source.NewOutput(hard, outputConfig(n, env))
		r.outputs = append(r.outputs, out)
		sourcing.Go(func() { supervise(reading, n.built, out, env) })
	}
	r.logf("%s", r.describe())
	if r.options.Ready != nil {
		r.options.Ready()
	}

	<-reading.Done()
	grace := time.AfterFunc(max(0, r.options.Grace), giveUp)
	defer grace.Stop()
	sourcing.Wait()
	for _, c := range r.plan.channels {
		c.built.Drain()
	}
	sinking.Wait()
	r.tell()
	if ctx.Err() == nil {
		return context.Cause(reading)
	}
	return nil
}

func outputConfig(n *sourceNode, env flume.Env) source.OutputConfig {
	cfg := source.OutputConfig{Logf: env.Logf}
	for _, i := range n.interceptors {
		cfg.Interceptors = append(cfg.Interceptors, i.built)
	}
	for _, c := range n.required {
		cfg.Required = append(cfg.Required, c.built)
	}
	for _, c := range n.optional {
		cfg.Optional = append(cfg.Optional, c.built)
	}
	return cfg
}

// supervise runs an opened source, and opens it again when it fails.
func supervise(ctx context.Context, s source.Source, out *source.Output, env flume.Env) {
	for open := true; ; {
		var err error
		if open {
			err = s.Run(ctx, out)
		}
		if err == nil && open || ctx.Err() != nil {
			return
		}
		if open {
			env.Logf("failed, starts again in %v: %v", retryPause, errors.Join(err, s.Close()))
		}
		timer := time.NewTimer(retryPause)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return
		}
		err = s.Open(env)
		if err != nil && open {
			env.Logf("cannot start: %v", err)
		}
		open = err == nil
	}
}

// describe is the agent in one line.
func (r *running) describe() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s runs:", r.options.Name)
	for i, n := range r.plan.sources {
		var to []string
		for _, c := range append(slices.Clone(n.required), n.optional...) {
			to = append(to, c.name)
		}
		fmt.Fprintf(&b, "%s %s (%s) -> %s", comma(i), n.name, n.typ.Name(), strings.Join(to, " "))
	}
	for i, n := range r.plan.sinks {
		fmt.Fprintf(&b, "%s %s -> %s (%s)", comma(i+len(r.plan.sources)), n.channel.name, n.name, n.typ.Name())
	}
	return b.String()
}

func comma(i int) string {
	if i == 0 {
		return ""
	}
	return ","
}

// tell prints the ledger of the agent: what came in is what went out and what
// is left.
func (r *running) tell() {
	var received, delivered, left int64
	for i, out := range r.outputs {
		received += out.Received()
		if n := out.Lost(); n > 0 {
			left += n
			r.logf("source %s: %s found no space", r.plan.sources[i].name, plural(int(n), "event"))
		}
		if n := out.Skipped(); n > 0 {
			r.logf("source %s: %s left out of optional channels", r.plan.sources[i].name, plural(int(n), "event"))
		}
	}
	for _, runner := range r.runners {
		delivered += runner.Delivered()
	}
	for _, c := range r.plan.channels {
		if n := c.built.Size(); n > 0 {
			left += int64(n)
			r.logf("channel %s: %s not delivered and lost with the %s channel", c.name, plural(n, "event"), c.typ.Name())
		}
	}
	r.logf("%s stopped: %d received, %d delivered, %d left", r.options.Name, received, delivered, left)
}
