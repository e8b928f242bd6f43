// Package demo shows the whole system in one process and one temporary folder:
// a web server's log that grows, an agent that follows it into a topic of an
// embedded broker, and a pipeline that reads the topic and ranks what it counts.
//
// Nothing in it is made for the demonstration: the log is that of `logpipe gen`,
// the agent runs a property file of Flume, and the pipeline is the text that
// `logpipe run` takes. Commands lists the shell commands that do the same.
package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/logpipe/logpipe/pkg/agent"
	"github.com/logpipe/logpipe/pkg/broker"
	"github.com/logpipe/logpipe/pkg/catalog"
	"github.com/logpipe/logpipe/pkg/fault"
	"github.com/logpipe/logpipe/pkg/gen"
	"github.com/logpipe/logpipe/pkg/kafka"
)

const (
	topic     = "access"
	agentName = "demo"
	logName   = "access.log"
	confName  = "demo.conf"
	brokerDir = "broker"
	prefix    = "logpipe-demo-" // of the folder

	// catchUp is how long the lines that were written last may take through
	// agent and topic before the demo ends without them: on a busy machine the
	// command that follows the log takes seconds to begin. With drain it is less than
	// the grace behind a signal.
	catchUp = 8 * time.Second
	// contact is how long the demo's own broker may take to answer: it is there, so that
	// only a busy machine keeps it from that.
	contact = 30 * time.Second
	// drain is how long the agent's channel may drain.
	drain = 4 * time.Second
)

// pipeline reads what consume gives.
const pipeline = `parse access --extract 'path=/course/{course:int}.html' | enrich | where course` +
	` | aggregate --window 2s --by course,country,browser count | top 10`

// Options of a run.
type Options struct {
	For  time.Duration // how long lines are written; 0 = until ctx ends
	Rate float64       // lines per second

	// Compute runs a pipeline until its input or ctx ends; then what has been
	// read is counted. Its rows are the demo's output.
	Compute  func(ctx context.Context, p *catalog.Pipeline) error
	Settings catalog.Settings // of the stages; may be nil
	Messages io.Writer        // what the agent tells
	Quietly  bool             // the output is a live table: messages wait until it has ended
	Log      *slog.Logger     // of the broker; nil = nowhere

	// AtLeave, where set, is told how to remove the demo's folder if the process
	// ends before Run does; forget takes it back.
	AtLeave func(remove func()) (forget func())
}

// Ledger counts the records of a run.
type Ledger struct {
	Written int64 // lines in the log
	Read    int64 // records that the pipeline has read from the topic
}

// Check refuses options that nothing can follow; its errors are of usage.
func (o Options) Check() error {
	if !(o.Rate > 0) {
		return fault.Usagef("--rate: want more than 0 lines per second, not %v", o.Rate)
	}
	if o.For < 0 {
		return fault.Usagef("--for: want a duration, not %v", o.For)
	}
	_, err := o.generator()
	return err
}

func (o Options) generator() (*gen.Generator, error) {
	return gen.New("access", gen.Options{Rate: o.Rate})
}

// Run runs the demo until Options.For is over, ctx ends or the pipeline wants no
// more. Then the log ends, and agent and pipeline work off what is in it. No
// process, file or port outlives Run.
func Run(ctx context.Context, o Options) (l Ledger, err error) {
	if err := o.Check(); err != nil {
		return l, err
	}
	dir, err := o.folder()
	if err != nil {
		return l, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	if o.AtLeave != nil {
		defer o.AtLeave(func() { os.RemoveAll(dir) })()
	}
	b, err := broker.Start(context.WithoutCancel(ctx),
		broker.Config{Listen: "127.0.0.1:0", Dir: filepath.Join(dir, brokerDir), Logger: o.Log})
	if err != nil {
		return l, err
	}
	defer func() { err = errors.Join(err, b.Close()) }()
	addr := b.Addr()[0]
	if err := createTopic(ctx, addr); err != nil {
		return l, err
	}
	r := &running{options: o, messages: &messages{w: o.Messages}, failed: b.Failed()}
	err = r.run(ctx, dir, addr)
	r.messages.release()
	return Ledger{r.written.Load(), r.read.Load()}, err
}

// folder makes the folder of a demo, and removes those of demos that were killed.
func (o Options) folder() (string, error) {
	log := o.Log
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	broker.RemoveDead(prefix, brokerDir, log)
	dir, err := os.MkdirTemp("", prefix)
	if err != nil {
		return "", fmt.Errorf("folder of the demo: %w", err)
	}
	return dir, nil
}

func createTopic(ctx context.Context, addr string) error {
	admin, err := kafka.NewAdmin(ctx, kafka.Config{Brokers: []string{addr}, Wait: contact})
	if err != nil {
		return err
	}
	return errors.Join(admin.CreateTopic(ctx, topic, 1, 1, nil), admin.Close())
}

// running is a demo that runs.
type running struct {
	options  Options
	messages *messages
	written  atomic.Int64
	read     atomic.Int64
	moved    chan struct{}   // something was read
	failed   <-chan struct{} // the broker could not write
}

// part is one of the things that run side by side.
type part struct {
	stop  context.CancelFunc
	ended chan struct{} // closed when it has ended, with err
	err   error
}

// begin runs f, which ends when its context does. What the demo runs ends in
// order, so that no context here is that of the caller.
func begin(ctx context.Context, what string, f func(ctx context.Context) error) *part {
	ctx, stop := context.WithCancel(context.WithoutCancel(ctx))
	p := &part{stop: stop, ended: make(chan struct{})}
	go func() {
		defer close(p.ended)
		if err := f(ctx); err != nil && !errors.Is(err, context.Canceled) {
			p.err = fmt.Errorf("%s: %w", what, err)
		}
	}()
	return p
}

// end stops the part and waits for it.
func (p *part) end() error {
	p.stop()
	<-p.ended
	return p.err
}

// run writes the log, follows it and computes, until something ends; then it
// ends the parts in the order in which records flow.
func (r *running) run(ctx context.Context, dir, addr string) error {
	logFile := filepath.Join(dir, logName)
	f, err := os.Create(logFile)
	if err != nil {
		return err
	}
	defer f.Close()
	p, err := r.pipeline(addr)
	if err != nil {
		return err
	}
	conf, err := writeConf(dir, logFile, addr)
	if err != nil {
		return err
	}
	ready := make(chan struct{})
	collect := begin(ctx, "agent", func(ctx context.Context) error {
		return agent.Run(ctx, agent.Options{Name: agentName, Files: []string{conf}, Grace: drain, NoReload: true,
			Stdout: r.messages, Stderr: r.messages, Ready: sync.OnceFunc(func() { close(ready) })})
	})
	select {
	case <-ready:
	case <-collect.ended:
		return collect.end()
	}
	if r.options.Quietly {
		r.messages.hold()
	}
	write := begin(ctx, logName, func(ctx context.Context) error { return r.write(ctx, f) })
	compute := begin(ctx, "pipeline", func(ctx context.Context) error { return r.options.Compute(ctx, p) })

	r.wait(ctx, write, collect, compute)
	err = write.end()
	r.catchUp(collect, compute)
	return errors.Join(err, collect.end(), compute.end())
}

// wait returns when it is time to end.
func (r *running) wait(ctx context.Context, parts ...*part) {
	var over <-chan time.Time
	if r.options.For > 0 {
		timer := time.NewTimer(r.options.For)
		defer timer.Stop()
		over = timer.C
	}
	select {
	case <-ctx.Done():
	case <-over:
	case <-r.failed:
	case <-parts[0].ended:
	case <-parts[1].ended:
	case <-parts[2].ended:
	}
}

// catchUp waits until the pipeline has read all lines of the log.
func (r *running) catchUp(collect, compute *part) {
	patience := time.NewTimer(catchUp)
	defer patience.Stop()
	for r.read.Load() < r.written.Load() {
		select {
		case <-r.moved:
		case <-patience.C:
			return
		case <-r.failed:
			return
		case <-collect.ended:
			return
		case <-compute.ended:
			return
		}
	}
}

// write lets the log grow.
func (r *running) write(ctx context.Context, f *os.File) error {
	g, err := r.options.generator()
	if err != nil {
		return err
	}
	return g.Run(ctx, &lineCounter{w: f, lines: &r.written})
}

// pipeline is the text with its source: the topic from its beginning.
func (r *running) pipeline(addr string) (*catalog.Pipeline, error) {
	p, err := catalog.Parse("", consume("-b "+addr+" --wait "+contact.String()), r.options.Settings)
	if err != nil {
		return nil, err
	}
	r.moved = make(chan struct{}, 1)
	p.Parts[0].Source = countedSource{p.Parts[0].Source, r}
	return p, nil
}

// consume is the pipeline's text; options are those of its source.
func consume(options string) string {
	return "consume " + topic + " -o beginning " + options + " | " + pipeline
}
