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

	"github.com/logpipe/logpipe/pkg/fault"
	"github.com/logpipe/logpipe/pkg/flume"
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
	texts, err := r.firstFiles(ctx)
	if err != nil || texts == nil {
		return err
	}
	report, err := r.check(texts)
	switch {
	case errors.Is(err, context.Canceled):
		return nil
	case err != nil:
		return err
	}
	r.left = report.plan.left
	metrics, err := r.serveMetrics(ctx)
	if err != nil {
		return err
	}
	defer metrics.Close()
	return r.run(ctx, report.plan, texts)
}

// check checks texts, prints what there is to say, and makes the components. The
// error is that of r.reading where the agent ends meanwhile.
func (r *running) check(texts []propertyFile) (Report, error) {
	why := purpose{starting: true, asking: r.reading, runs: r.fingerprints()}
	report, err := check(r.options, texts, why)
	if err == nil && report.plan.asks {
		why.live = true
		report, err = check(r.options, texts, why)
	}
	if ended := r.reading.Err(); why.live && ended != nil {
		return report, ended // what programs did not say is no mistake
	}
	shown := report
	if !r.options.All {
		shown = report.Brief()
	}
	for _, f := range shown.Findings {
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

	drained chan struct{} // closed when no more events come into any channel
	parted  chan struct{} // tells that a parting is over

	telling sync.Once // prints the ledger
	ahead   ahead     // of a reload under way

	mu       sync.Mutex // guards what follows, which a reload changes
	left     []leftOut
	refused  string // the first mistake of the last edit, by which the agent does not run; "" = it does
	channels []*liveChannel
	sources  []*liveSource
	runners  []*liveRunner
	partings []*parting               // of channels that a reload has dropped
	past     ledger                   // of components that a reload has stopped
	waiting  map[string][]flume.Event // of memory channels that are replaced, by name
}

// ledger is what components did.
type ledger struct{ received, delivered, dead, filtered, unrouted, lost int64 }

func (l *ledger) add(m ledger) {
	l.received += m.received
	l.delivered += m.delivered
	l.dead += m.dead
	l.filtered += m.filtered
	l.unrouted += m.unrouted
	l.lost += m.lost
}

// text is the ledger in words, with what is left.
func (sum *ledger) text(left int64) string {
	text := fmt.Sprintf("%d received, %d delivered, %d left", sum.received, sum.delivered, left)
	if sum.filtered > 0 {
		text += fmt.Sprintf(", %d dropped by interceptors", sum.filtered)
	}
	if sum.unrouted > 0 {
		text += fmt.Sprintf(", %d without a channel by the selector", sum.unrouted)
	}
	if sum.dead > 0 {
		text += fmt.Sprintf(", %d kept as undeliverable", sum.dead)
	}
	return text
}

func newRunning(o Options) *running {
	return &running{options: o, parted: make(chan struct{}, 1), messages: &lockedWriter{w: orDefault(o.Stderr, os.Stderr)},
		stdout: &lockedWriter{w: orDefault(o.Stdout, os.Stdout)}}
}

// logf tells people something.
func (r *running) logf(format string, args ...any) {
	fmt.Fprintf(r.messages, "logpipe agent: %s\n", fault.VisibleLines(fmt.Sprintf(format, args...)))
}

func (r *running) env(what, name string) flume.Env {
	return flume.Env{Name: name, Agent: r.options.Name, Stdout: r.stdout, Counters: new(flume.Counters), Logf: func(format string, args ...any) {
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
	r.hard, r.reading, r.drained = hard, reading, make(chan struct{})
	r.fail = func(err error) {
		stopReading(err)
		giveUp()
	}

	if r.options.AtLeave != nil {
		defer r.options.AtLeave(r.leave)()
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
	// The grace begins with the end, also where a reload is under way then.
	defer context.AfterFunc(reading, func() {
		flume.Pause(hard, max(0, r.options.Grace))
		giveUp()
	})()
	r.follow(p, texts)
	r.stopAll()
	r.telling.Do(r.tell)
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
	for _, p := range r.partings {
		<-p.done
	}
	r.tellPartings()
	for _, c := range r.channels {
		if !c.settle() {
			continue
		}
		if c.feed != nil {
			<-c.feed.done
			c.feed.left.Store(0)
			r.addPast(ledger{lost: int64(len(c.feed.rest))})
		}
		c.channel().Drain()
	}
	close(r.drained)
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
	text := r.options.Name + " runs:" + strings.Join(hops, ",")
	if waiting := r.waits(); len(waiting) > 0 {
		text += "; not yet: " + strings.Join(waiting, ", ")
	}
	return text
}

// tell prints the ledger of the agent: what came in is what went out, what was
// dropped by interceptors or had no channel, and what is left.
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
		if n := c.refused.kept(); n > 0 {
			sum.dead += n
			r.logf("channel %s: %s could not be stored, kept in %s", c.node.name, plural(int(n), "event"), c.refused.file.Path())
		}
		if n := c.save(); n > 0 {
			left += int64(n)
			r.logf("channel %s: %s", c.node.name, c.remains(n))
		}
	}
	r.logf("%s stopped: %s", r.options.Name, sum.text(left))
}
