package agent

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/logpipe/logpipe/pkg/fault"
	"github.com/logpipe/logpipe/pkg/flume"
	"github.com/logpipe/logpipe/pkg/sink"
	"github.com/logpipe/logpipe/pkg/source"
)

// Run checks the files, prints errors and warnings, and runs the agent until ctx ends.
// Then the sources stop at once, the channels drain for at most Options.Grace,
// and what remains is counted on stderr; that is no error. While it runs, the
// files may be changed: see Options.Poll. Run returns an error when something is
// wrong with the files (exit code of wrong usage), when a component cannot be
// started, or when the events of a logger sink cannot be printed. No goroutine
// and no child process outlives it.
func Run(ctx context.Context, o Options) error {
	r := newRunning(o)
	texts, err := readFiles(o.Files)
	if err != nil {
		return err
	}
	report, err := r.check(texts)
	if err != nil {
		return err
	}
	metrics, err := r.serveMetrics()
	if err != nil {
		return err
	}
	defer metrics.Close()
	return r.run(ctx, report.plan, texts)
}

// check checks texts, prints what there is to say, and makes the components.
func (r *running) check(texts []propertyFile) (Report, error) {
	report, err := check(r.options, texts, false)
	if err == nil && report.plan.asks {
		report, err = check(r.options, texts, true)
	}
	for _, f := range report.Findings {
		if f.Level > Note { // notes are for those who ask with Check
			r.logf("%s", f)
		}
	}
	if n := report.Count(Error); n > 0 && err == nil {
		r.logf("%s, and --lenient: the agent runs what is left", plural(n, "error"))
	}
	return report, err
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
	messages io.Writer
	stdout   io.Writer

	hard    context.Context // putting and taking go on until it ends
	reading context.Context // sources read until it ends
	fail    func(error)     // ends the agent

	mu       sync.Mutex // guards the lists, which a reload changes
	channels []*liveChannel
	sources  []*liveSource
	runners  []*liveRunner
	past     ledger                   // of components that a reload has stopped
	waiting  map[string][]flume.Event // of memory channels that are replaced, by name
}

// ledger is what components did.
type ledger struct{ received, delivered, dead, filtered, lost int64 }

func (l *ledger) add(m ledger) {
	l.received += m.received
	l.delivered += m.delivered
	l.dead += m.dead
	l.filtered += m.filtered
	l.lost += m.lost
}

func newRunning(o Options) *running {
	return &running{options: o, messages: &lockedWriter{w: orDefault(o.Stderr, os.Stderr)},
		stdout: &lockedWriter{w: orDefault(o.Stdout, os.Stdout)}}
}

// logf tells people something.
func (r *running) logf(format string, args ...any) {
	fmt.Fprintf(r.messages, "logpipe agent: %s\n", fault.VisibleLines(fmt.Sprintf(format, args...)))
}

func (r *running) env(what, name string) flume.Env {
	return flume.Env{Name: name, Stdout: r.stdout, Counters: new(flume.Counters), Logf: func(format string, args ...any) {
		r.logf("%s %s: %s", what, name, fmt.Sprintf(format, args...))
	}}
}

// run moves events until ctx ends or a sink says that it makes no sense.
func (r *running) run(ctx context.Context, p *plan, texts []propertyFile) error {
	// Three ends: sources stop with reading, then with ctx; putting and taking
	// go on until hard, which ends with the grace.
	hard, giveUp := context.WithCancel(context.WithoutCancel(ctx))
	defer giveUp()
	reading, stopReading := context.WithCancelCause(ctx)
	defer stopReading(nil)
	r.hard, r.reading = hard, reading
	r.fail = func(err error) {
		stopReading(err)
		giveUp()
	}

	if err := r.start(p); err != nil {
		r.fail(err)
		r.stopAll()
		return errors.Join(err, r.closeAll())
	}
	r.logf("%s", r.describe())
	if r.options.Ready != nil {
		r.options.Ready()
	}
	r.follow(p, texts)

	grace := time.AfterFunc(max(0, r.options.Grace), giveUp)
	defer grace.Stop()
	r.stopAll()
	r.tell()
	err := r.closeAll()
	if ctx.Err() == nil {
		err = errors.Join(context.Cause(reading), err)
	}
	return err
}

// stopAll waits for the sources, drains the channels and waits for the sinks.
func (r *running) stopAll() {
	for _, s := range r.sources {
		<-s.done
	}
	for _, c := range r.channels {
		if c.feed != nil {
			<-c.feed.done
			r.past.lost += int64(len(c.feed.rest))
		}
		c.channel().Drain()
	}
	for _, l := range r.runners {
		<-l.done
	}
}

// closeAll closes what is open, last things first.
func (r *running) closeAll() error {
	var all error
	for _, s := range slices.Backward(r.sources) {
		all = errors.Join(all, s.close())
	}
	for _, l := range slices.Backward(r.runners) {
		all = errors.Join(all, l.close())
	}
	for _, c := range slices.Backward(r.channels) {
		all = errors.Join(all, c.close())
	}
	return all
}

// describe is the agent in one line.
func (r *running) describe() string {
	var hops []string
	for _, s := range r.sources {
		var to []string
		for _, c := range slices.Concat(s.node.required, s.node.optional) {
			to = append(to, c.name)
		}
		hops = append(hops, fmt.Sprintf(" %s (%s) -> %s", s.node.name, s.node.typ.Name(), strings.Join(to, " ")))
	}
	for _, l := range r.runners {
		var names []string
		for _, n := range l.node.members {
			names = append(names, fmt.Sprintf("%s (%s)", n.name, n.typ.Name()))
		}
		hops = append(hops, fmt.Sprintf(" %s -> %s", l.node.members[0].channel.name, strings.Join(names, " or ")))
	}
	return r.options.Name + " runs:" + strings.Join(hops, ",")
}

// tell prints the ledger of the agent: what came in is what went out, what was
// dropped by interceptors, and what is left.
func (r *running) tell() {
	sum := r.past
	for _, s := range r.sources {
		sum.add(s.ledger())
		s.tell()
	}
	left := sum.lost
	for _, l := range r.runners {
		sum.add(l.ledger())
		for _, m := range l.members {
			if n := m.DeadLetters(); n > 0 {
				r.logf("sink %s: %s could not be delivered, kept in %s", m.Name, plural(int(n), "event"), m.Dead.Path())
			}
		}
	}
	for name, events := range r.waiting {
		left += int64(len(events))
		r.logf("channel %s: %s lost with the channel that could not be replaced", name, plural(len(events), "event"))
	}
	for _, c := range r.channels {
		if n := c.channel().Size(); n > 0 {
			left += int64(n)
			r.logf("channel %s: %s", c.node.name, c.remains(n))
		}
	}
	text := fmt.Sprintf("%s stopped: %d received, %d delivered, %d left", r.options.Name, sum.received, sum.delivered, left)
	if sum.filtered > 0 {
		text += fmt.Sprintf(", %d dropped by interceptors", sum.filtered)
	}
	if sum.dead > 0 {
		text += fmt.Sprintf(", %d kept as undeliverable", sum.dead)
	}
	r.logf("%s", text)
}

// deadLetters is the file for events that a sink can never deliver.
func (r *running) deadLetters(n *sinkNode) *sink.DeadLetters {
	path := filepath.Join(r.options.State, r.options.Name+"-"+n.name+".dead.ndjson")
	if e := n.part.get(deadLetter); e != nil {
		path = e.value
	}
	return sink.NewDeadLetters(path, r.options.Name, n.name)
}

// retryPause is how long a component that failed while the agent runs waits
// before it is opened again, as in Flume.
const retryPause = 3 * time.Second

// supervise runs a source, and opens it again when it fails. Open says that it
// is open now, the result whether it is in the end; working tells others.
func supervise(ctx context.Context, s source.Source, out *source.Output, env flume.Env, open bool, working *atomic.Bool) (stillOpen bool) {
	before, alike := "", 0 // what it failed with, and how often in a row
	for told := false; ; {
		working.Store(open)
		if open {
			told = false
			begun := time.Now()
			err := s.Run(ctx, out)
			if err == nil || ctx.Err() != nil {
				return true
			}
			working.Store(false)
			err = errors.Join(err, s.Close())
			if alike++; err.Error() != before || time.Since(begun) > time.Minute {
				before, alike = err.Error(), 1
			}
			if alike&(alike-1) == 0 { // the first, second, fourth, eighth … of the same
				env.Logf("failed, starts again in %v: %s", retryPause, fault.Line(err))
			}
		}
		if !flume.Pause(ctx, retryPause) {
			return false
		}
		err := s.Open(env)
		if open = err == nil; err != nil && !told {
			env.Logf("cannot start: %s", fault.Line(err))
			told = true
		}
	}
}
