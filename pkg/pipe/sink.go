package pipe

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
	"unicode/utf8"

	"github.com/logpipe/logpipe/pkg/catalog"
	"github.com/logpipe/logpipe/pkg/flume"
	"github.com/logpipe/logpipe/pkg/record"
	"github.com/logpipe/logpipe/pkg/sink"
	"github.com/logpipe/logpipe/pkg/sink/counts"
	"github.com/logpipe/logpipe/pkg/stream"
)

// closeLimit is how long the last rows may take to be delivered at the end.
const closeLimit = 10 * time.Second

// Sink runs a pipeline over the events of its channel. One run lasts as long as
// the sink: windows go over batches.
//
// A batch is delivered when its records are through the pipeline: what the
// stages made of them then is where the pipeline's own sink says that it is
// durable (produce: acknowledged), or on stdout. What a stage holds for later (an
// open window, sort, top) is in memory: the end of the agent delivers it. A kill
// loses it, but for windows of event time: their events stay in a channel that is a
// flume.Retaining until their rows are delivered, where the sink is alone there.
// Where the pipeline's sink fails, the pipeline waits and tries again with all that
// it holds, and the channel fills.
type Sink struct {
	text
	batch int
	alone bool // at a channel that retains events

	env      flume.Env
	counts   counts.Sink
	refused  *atomic.Int64
	late     *atomic.Int64
	pipeline *catalog.Pipeline
	lines    int64    // that were given to the pipeline
	run      *run     // nil before the first batch
	keeping  *keeping // nil where events are not retained

	refusedLast int  // of the last batch, by stages
	broken      bool // the pipeline has a batch, or a part of it, that Write has failed for
}

// NewSink describes and makes a pipe sink.
func NewSink(p *flume.Properties) sink.Sink {
	s := &Sink{}
	s.describe(p)
	p.Int(&s.batch, "batchSize", 100, 1, "most events in one transaction").In("events")
	return s
}

// Batch is the batchSize.
func (s *Sink) Batch() (string, int) { return "batchSize", s.batch }

// Check finds what is wrong with the pipeline, with its place in the text.
func (s *Sink) Check() []flume.Problem {
	_, all := s.check()
	return all
}

// Guarantee tells what the sink promises.
func (s *Sink) Guarantee() string {
	p, problems := s.check()
	switch {
	case len(problems) > 0 || p == nil:
		return "nothing: the pipeline cannot run"
	case s.Keeps():
		return "at least once: a batch is gone from its channel when the rows of all windows that it is in are delivered; these come twice, as they were, after a kill -9 in between; windows that hold more events than the channel has capacity lose what is beyond by a kill -9"
	case p.Holds():
		return "at most once where stages hold events: a batch is gone from its channel when the pipeline has read it; what stages hold (open windows, sort, top) is in memory: delivered when the agent ends, lost by a kill -9"
	}
	return "at least once: a batch is gone from its channel when all that the pipeline made of it is delivered; it comes twice after a kill -9 in between"
}

// Held is a stage that holds events which their channel does not have any more.
type Held struct {
	Stage  string // its name
	What   string // what it holds
	Offset int    // of the stage in the command, in characters
}

// Held tells which stages of the command hold events, and what a kill loses.
func (s *Sink) Held() (all []Held) {
	p, problems := s.check()
	if p == nil || len(problems) > 0 || s.Keeps() {
		return nil
	}
	windows := false // they are told apart from there on
	for _, part := range p.Parts {
		windows = windows || slices.ContainsFunc(part.Words, func(word string) bool { return strings.HasPrefix(word, "--window") })
		what := "all that came since the agent began"
		switch name := part.Command.Name; {
		case !part.Holds() || name == "table" && printsRows(part.Words):
			continue
		case windows && (name == "aggregate" || name == "top"):
			what = "the open windows"
		}
		all = append(all, Held{part.Command.Name, what, utf8.RuneCountInString(s.command[:part.At])})
	}
	return all
}

// printsRows reports whether a table of these words prints each row as it comes:
// its columns are named, and none is as wide as its longest value.
func printsRows(words []string) bool {
	columns := func(word string) bool { return !strings.HasPrefix(word, "-") }
	return (slices.Contains(words, "--csv") || slices.Contains(words, "--tsv")) && slices.ContainsFunc(words, columns)
}

// Open makes the stages. The pipeline's own sink is opened for the first batch.
func (s *Sink) Open(env flume.Env) error {
	s.env = env
	if env.Logf == nil {
		s.env.Logf = func(string, ...any) {}
	}
	s.counts, s.refused, s.late = counts.New(env), env.Counter("EventRejectedCount"), env.Counter("EventLateCount")
	var err error
	s.pipeline, err = catalog.Parse("", s.command, nil)
	return err
}

// Close ends the pipeline: what its stages hold comes out.
func (s *Sink) Close() error {
	if s.run == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), closeLimit)
	defer cancel()
	if s.keeping != nil {
		return s.Settle(ctx)
	}
	r := s.run
	s.run = nil
	defer context.AfterFunc(ctx, r.giveUp)()
	return r.close()
}

// Write gives the batch to the pipeline and waits until it is through.
func (s *Sink) Write(ctx context.Context, batch []flume.Event) error {
	s.counts.Attempt(len(batch), s.batch)
	if s.run == nil {
		r, err := s.start(ctx)
		if err != nil {
			s.counts.Failed.Add(1)
			return err
		}
		s.run = r
	}
	rejected, err := s.run.put(ctx, s.blocks(batch))
	if err != nil {
		s.broken = true
		s.counts.Failed.Add(1)
		return err
	}
	s.refusedLast = len(rejected)
	if s.keeping == nil {
		s.counts.Delivered.Add(int64(len(batch) - len(rejected)))
	}
	if len(rejected) > 0 {
		s.refused.Add(int64(len(rejected)))
		return &sink.RejectedError{Events: rejected} // the agent keeps them in a file
	}
	return nil
}

// blocks makes lines of the bodies. Where records are not lines (CSV with line
// ends in quotes) each body is a block, so that none runs into the next.
func (s *Sink) blocks(batch []flume.Event) []*block {
	apart := stream.FramerOf(s.pipeline.Stages()) != nil
	var all []*block
	var b *block
	size := 0
	for i := range batch {
		size += len(batch[i].Body) + 1
	}
	for i := range batch {
		if b == nil || apart {
			b = &block{first: s.lines + 1}
			b.Data = make([]byte, 0, size+record.Padding)
			b.Line, b.Time = b.first, time.Now()
			all = append(all, b)
		}
		n := bytes.Count(batch[i].Body, []byte{'\n'}) + 1
		b.Data = append(append(b.Data, batch[i].Body...), '\n')
		meta := metaOf(batch[i].Headers)
		for range n {
			b.events, b.Meta = append(b.events, i), append(b.Meta, meta)
		}
		s.lines += int64(n)
	}
	return all
}

// start opens the pipeline's own sink and begins to run.
func (s *Sink) start(ctx context.Context) (*run, error) {
	location, err := s.location()
	if err != nil {
		return nil, err
	}
	r := &run{sink: s, blocks: make(chan *stream.Block), ended: make(chan struct{}), files: &stream.SideFiles{}}
	r.ctx, r.giveUp = context.WithCancel(context.WithoutCancel(ctx))
	env := &stream.Env{Now: time.Now, Location: location, Log: logger(s.env.Logf), Stdout: s.env.Stdout, Live: true, Files: r.files}
	out := stream.Sink(printer{s.env.Stdout})
	if own := s.pipeline.Sink(); own != nil {
		patient := &patient{ctx: r.ctx, logf: s.env.Logf, open: func(ctx context.Context) (stream.Sink, error) { return own.Open(ctx, env) }}
		// Stages ask the opened sink what it takes.
		if patient.now, err = own.Open(ctx, env); err != nil {
			r.giveUp()
			return nil, err
		}
		out = patient
	}
	if s.keeping != nil {
		out = markedEnd{out, s.keeping, r.ctx}
	}
	go func() {
		defer close(r.ended)
		_, err := stream.Run(r.ctx, stream.Pipeline{Source: r, Stages: s.pipeline.Stages(), Sink: out},
			stream.Options{Workers: 1, Env: env, OnReject: r.reject, OnHold: func(text string) { s.env.Logf("%s", text) }})
		r.err = errors.Join(err, r.files.Close())
	}()
	if s.keeping != nil {
		if err := r.send(ctx, s.keeping.begin()); err != nil {
			return nil, errors.Join(err, r.close())
		}
	}
	return r, nil
}

// block is a block with the numbers of the events that its lines are of.
type block struct {
	stream.Block
	first  int64 // number of its first line among all
	events []int
}

// run is a pipeline that runs.
type run struct {
	sink   *Sink
	ctx    context.Context
	giveUp context.CancelFunc
	blocks chan *stream.Block
	files  *stream.SideFiles
	ended  chan struct{}
	err    error // once ended

	mu       sync.Mutex
	current  []*block
	rejected map[int]error // by event of the batch
}

// Read is the pipeline's input.
func (r *run) Read(ctx context.Context) (*stream.Block, error) {
	select {
	case b, open := <-r.blocks:
		if !open {
			return nil, errEnd
		}
		return b, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// send gives one block to the pipeline.
func (r *run) send(ctx context.Context, b *stream.Block) error {
	select {
	case r.blocks <- b:
		return nil
	case <-r.ended:
		return r.over()
	case <-ctx.Done():
		return ctx.Err()
	}
}

// put gives blocks to the pipeline and waits until all are through.
func (r *run) put(ctx context.Context, blocks []*block) ([]sink.Rejection, error) {
	r.mu.Lock()
	r.current, r.rejected = blocks, map[int]error{}
	r.mu.Unlock()
	done := make(chan error, len(blocks))
	for _, b := range blocks {
		b.Ack = func(err error) { done <- err }
		if err := r.send(ctx, &b.Block); err != nil {
			return nil, err
		}
	}
	for range blocks {
		select {
		case err := <-done:
			if err != nil {
				<-r.ended // it has failed, and says why
				return nil, r.over()
			}
		case <-r.ended:
			return nil, r.over()
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	var list []sink.Rejection
	last := 0
	for _, b := range blocks {
		last = max(last, b.events[len(b.events)-1])
	}
	for i := 0; i <= last && len(r.rejected) > 0; i++ {
		if err := r.rejected[i]; err != nil {
			list = append(list, sink.Rejection{Index: i, Err: err})
		}
	}
	return list, nil
}

// over is why the run has ended by itself. Nothing is tried again: it ends only
// where that would not help.
func (r *run) over() error {
	if r.err == nil {
		return &flume.FatalError{Err: errors.New("the pipeline wants no more records")}
	}
	return &flume.FatalError{Err: r.err}
}

// reject notes what a stage has refused.
func (r *run) reject(j stream.Rejection) error {
	if j.Late {
		r.sink.late.Add(1)
		return nil
	}
	reason := j.Err
	if j.Stage != "" {
		reason = fmt.Errorf("%s: %w", j.Stage, j.Err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, b := range r.current {
		if n := j.Num - b.first; n >= 0 && n < int64(len(b.events)) {
			r.rejected[b.events[n]] = reason
			return nil
		}
	}
	// A row that was made of many records: it has no event.
	r.sink.refused.Add(1)
	r.sink.env.Logf("%v: %s", reason, excerpt(j.Line))
	return nil
}

// close ends the input and waits for what comes out.
func (r *run) close() error {
	defer r.giveUp()
	close(r.blocks)
	<-r.ended
	if r.err != nil && r.ctx.Err() != nil {
		return fmt.Errorf("what the pipeline held at its end could not be delivered: %w", r.err)
	}
	return r.err
}
