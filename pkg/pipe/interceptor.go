package pipe

import (
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/logpipe/logpipe/pkg/catalog"
	"github.com/logpipe/logpipe/pkg/flume"
	"github.com/logpipe/logpipe/pkg/record"
	"github.com/logpipe/logpipe/pkg/source"
	"github.com/logpipe/logpipe/pkg/stream"
)

// Interceptor replaces events by what a pipeline makes of them: each by none, one
// or several, with the headers of the event that they come from. Its stages keep
// nothing between events: what they hold could not be given back to a source that
// sends an event again.
type Interceptor struct {
	text
	onReject string

	env     flume.Env
	refused *atomic.Int64

	mu    sync.Mutex // guards all below: sources may call from several goroutines
	chain *stream.Chain
	files *stream.SideFiles
}

// NewInterceptor describes and makes a pipe interceptor.
func NewInterceptor(p *flume.Properties) source.Interceptor {
	i := &Interceptor{}
	i.describe(p)
	p.Choice(&i.onReject, "onReject", "pass", []string{"pass", "drop"}, "an event that a stage refuses is passed on as it is, or left out")
	return i
}

// Check finds what is wrong with the pipeline, with its place in the text.
func (i *Interceptor) Check() []flume.Problem {
	p, all := i.check()
	if p == nil || len(all) > 0 {
		return all
	}
	for _, part := range p.Parts {
		_, parallel := part.Stage.(stream.Parallel)
		switch {
		case part.Sink != nil:
			all = append(all, flume.Problem{Property: "command", Message: part.Command.Name + " takes records out, and an interceptor's go on to the channels",
				Fix: "use it in a sink of type pipe"})
		case !parallel:
			all = append(all, flume.Problem{Property: "command", Message: part.Command.Name + " keeps records back, and an interceptor cannot hold events of a source",
				Fix: "use it in a sink of type pipe"})
		}
	}
	return all
}

// Open makes the stages.
func (i *Interceptor) Open(env flume.Env) error {
	i.env = env
	if env.Logf == nil {
		i.env.Logf = func(string, ...any) {}
	}
	i.refused = env.Counter("PipeRejectedCount")
	p, err := catalog.Parse("", i.command, nil)
	if err != nil {
		return err
	}
	location, err := i.location()
	if err != nil {
		return err
	}
	i.files = &stream.SideFiles{}
	i.chain, err = stream.NewChain(p.Stages(), &stream.Env{Now: time.Now, Location: location, Stdout: env.Stdout, Live: true, Files: i.files})
	return err
}

// Intercept runs the pipeline over the events. Headers that an event is left
// with are its own.
func (i *Interceptor) Intercept(events []flume.Event) []flume.Event {
	i.mu.Lock()
	defer i.mu.Unlock()
	type made struct {
		from  int
		event flume.Event
	}
	out := make([]made, 0, len(events))
	used := make([]bool, len(events))
	rejected, err := i.chain.Run(len(events), func(n int) ([]byte, *record.Meta) {
		return events[n].Body, metaOf(events[n].Headers)
	}, func(b *stream.Batch) error {
		for _, r := range b.Records {
			n := int(r.Pos)
			e := flume.Event{Headers: events[n].Headers, Body: r.AppendJSON(nil)}
			if used[n] { // several of one event: a channel may change the headers of each
				e.Headers = e.Headers.Clone()
			}
			used[n] = true
			out = append(out, made{n, e})
		}
		return nil
	})
	for _, r := range rejected {
		n := int(r.Pos)
		if count := i.refused.Add(1); count&(count-1) == 0 {
			what := "passed on as it is"
			if i.onReject == "drop" {
				what = "left out"
			}
			i.env.Logf("an event is %s: %v: %s (%d so far)", what, r.Err, excerpt(events[n].Body), count)
		}
		if i.onReject == "pass" && !used[n] {
			used[n] = true
			out = append(out, made{n, events[n]})
		}
	}
	if err != nil { // a stage is broken: no event is lost for it
		i.env.Logf("events are passed on as they are: %v", fmt.Errorf("pipeline: %w", err))
		return events
	}
	slices.SortStableFunc(out, func(a, b made) int { return a.from - b.from })
	list := make([]flume.Event, len(out))
	for n := range out {
		list[n] = out[n].event
	}
	return list
}
